//! What clients that never read cost.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use tests::guests;

use crate::client::{calm, connect, get};
use crate::plan::Plan;
use crate::report::{Report, Target};
use crate::rounds::Series;
use crate::server::{Server, Site};

const CLIENTS: usize = 200;

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::new()?;
    site.wat("forever", guests::print_forever.wat, "")?;
    let bare = Server::bare()?;
    let clients = plan.count(CLIENTS);
    let http1 = Series::measure(
        plan.rounds,
        || calm(&bare),
        || {
            let wagi = Server::wagi(&site)?;
            let idle = wagi.memory_kib()?;
            let held = stalled_http1(wagi.address(), clients)?;
            let each = (settled(&wagi)? - idle) / clients as f64;
            drop(held);
            Ok(each)
        },
    )?;
    let http2 = Series::measure(
        plan.rounds,
        || calm(&bare),
        || {
            let wagi = Server::wagi(&site)?;
            let idle = wagi.memory_kib()?;
            let held = stalled_http2(wagi.address(), clients)?;
            let each = (settled(&wagi)? - idle) / clients as f64;
            drop(held);
            Ok(each)
        },
    )?;
    for (name, series) in [("HTTP/1", http1), ("HTTP/2", http2)] {
        report.figure(
            &format!("memory per stalled client, {name}"),
            Target::AtMost(300.0),
            "KiB",
            series.ours(|kib| *kib),
            series.noise(|ms| *ms),
        );
    }
    report.section(
        "Stalled clients",
        &format!(
            "{clients} clients, each on a connection of its own, ask for a guest that prints for \
             ever and never read (HTTP/2: default windows, no capacity released). Memory of the \
             process, once it no longer changes, less what it was before any client; a fresh \
             process a round."
        ),
    );
    Ok(())
}

/// Memory once it rests, or after 10 s: four readings in a row, 250 ms apart, lie within 1 %.
pub fn settled(server: &Server) -> anyhow::Result<f64> {
    let mut last = server.memory_kib()?;
    let mut calm = 0;
    for _ in 0..40 {
        if calm == 4 {
            break;
        }
        thread::sleep(Duration::from_millis(250));
        let now = server.memory_kib()?;
        calm = if (now - last).abs() < last / 100.0 {
            calm + 1
        } else {
            0
        };
        last = now;
    }
    Ok(last)
}

fn stalled_http1(address: SocketAddr, clients: usize) -> anyhow::Result<Vec<TcpStream>> {
    let clients = (0..clients).map(|_| {
        let mut stream = connect(address)?;
        stream.write_all(get("/forever").as_bytes())?;
        Ok(stream)
    });
    clients.collect()
}

/// Holds the clients' connections; dropped closes them all.
struct Http2Clients {
    _tokio: tokio::runtime::Runtime,
    _answers: Vec<(h2::client::SendRequest<bytes::Bytes>, h2::RecvStream)>,
}

fn stalled_http2(address: SocketAddr, clients: usize) -> anyhow::Result<Http2Clients> {
    // A worker of its own, so that connections are served while this thread only waits.
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let answers = tokio.block_on(async {
        let mut answers = Vec::with_capacity(clients);
        for _ in 0..clients {
            let stream = tokio::net::TcpStream::connect(address).await?;
            let (sender, connection) = h2::client::handshake(stream).await?;
            tokio::spawn(connection);
            let mut sender = sender.ready().await?;
            let uri = format!("http://{address}/forever");
            let request = http::Request::get(uri).body(())?;
            let (answer, _) = sender.send_request(request, true)?;
            answers.push((sender, answer.await?.into_body()));
        }
        anyhow::Ok(answers)
    })?;
    Ok(Http2Clients {
        _tokio: tokio,
        _answers: answers,
    })
}
