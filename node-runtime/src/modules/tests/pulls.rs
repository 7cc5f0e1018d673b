//! How many modules are pulled at a time.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;

use registry::{Client, Credentials, Resolved, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;

use super::super::images::Pinned;
use super::*;

/// A module in a registry at this address; its digest is known already, so that a pull is all that
/// is missing.
async fn pinned(modules: &Modules<TextCompiler>, at: SocketAddr, text: &str) -> ModuleSource {
    let image = image(&format!("{at}/{text}:1"));
    let digest = digest(text);
    let pin = async || {
        Ok(Pinned {
            module: digest,
            resolved: Some(Resolved {
                manifest: digest,
                module: digest,
                size: text.len() as u64,
                media_type: String::new(),
                annotations: BTreeMap::new(),
            }),
        })
    };
    let pinned = modules.pinned.run(image.clone(), pin).await;
    assert!(pinned.is_ok());
    ModuleSource::Registry(image)
}

fn digest(text: &str) -> Digest {
    use sha2::Digest as _;
    Digest::from_bytes(sha2::Sha256::digest(text).into())
}

/// A client that has asked for a module, on a connection of its own.
async fn asked(registry: &TcpListener) -> (TcpStream, String) {
    let (mut client, _) = registry.accept().await.expect("a client");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.expect("a head"));
    }
    let head = String::from_utf8(head).expect("a head is text");
    let rest = head.strip_prefix("GET /v2/").expect("a pull");
    let (text, _) = rest.split_once("/blobs/").expect("a blob");
    (client, text.to_owned())
}

async fn answer(asked: Option<(TcpStream, String)>) {
    let (mut client, text) = asked.expect("somebody asked");
    let length = text.len();
    let answer =
        format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{text}");
    client
        .write_all(answer.as_bytes())
        .await
        .expect("it listens");
}

/// A pull occupies a thread for what blocks, and such threads take their work in order. With one
/// thread more than there may be pulls, work that comes after all pulls were tried is done at once
/// when none of them waits for a thread or has the last one, and never when one has.
fn no_more_than(pulls: usize) {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(pulls + 1)
        .build();
    tokio.expect("a tokio runtime").block_on(async {
        let registry = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = registry.local_addr().expect("it is bound");
        let client = Client::new(Settings::default()).expect("a client");
        let images = Images::new(client, Credentials::Anonymous, None);
        let bounds = Bounds {
            pulls,
            ..Bounds::default()
        };
        let modules = Modules::new(TextCompiler::default(), bounds, Some(images), None, None);
        let mut sources = Vec::new();
        for number in 0..pulls + 2 {
            sources.push(pinned(&modules, address, &format!("module-{number}")).await);
        }
        let loading = futures::future::join_all(sources.iter().map(|image| modules.load(image)));
        let watching = async {
            let mut under_way = VecDeque::new();
            for _ in 0..pulls {
                under_way.push_back(asked(&registry).await);
            }
            tokio::select! {
                biased;
                (_, text) = asked(&registry) => panic!("{text} is pulled beside {under_way:?}"),
                done = spawn_blocking(|| ()) => done.expect("it does not panic"),
            }
            for _ in pulls..sources.len() {
                answer(under_way.pop_front()).await;
                under_way.push_back(asked(&registry).await);
            }
            while !under_way.is_empty() {
                answer(under_way.pop_front()).await;
            }
        };
        let (loads, ()) = tokio::join!(loading, watching);
        assert!(loads.iter().all(Result::is_ok), "{loads:?}");
    });
}

#[test]
fn no_more_modules_are_pulled_at_a_time_than_may_be() {
    for pulls in [1, 3] {
        no_more_than(pulls);
    }
}
