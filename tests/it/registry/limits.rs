//! No wait without an end, no size without a bound.

use std::io;
use std::time::Duration;

use registry::{Credentials, Resolved, Settings, Sink, Timeouts};
use tests::artifact::{Artifact, Blob, module};
use tests::registry::{Auth, Fault, Registry};

use super::{LIMIT, client, client_with, pull, reference, refused};

fn with_module(bytes: &[u8]) -> (Registry, String) {
    let registry = Registry::start();
    registry.tag("shop/hello", "1", &Artifact::cncf(bytes));
    let text = registry.reference("shop/hello:1");
    (registry, text)
}

async fn resolved(text: &str) -> Resolved {
    let resolved = client()
        .resolve(&reference(text), &Credentials::Anonymous)
        .await;
    resolved.expect("it is there")
}

#[tokio::test]
async fn a_module_above_the_limit_is_not_even_asked_for() {
    let bytes = vec![0; 1001];
    let (registry, text) = with_module(&bytes);
    let resolved = resolved(&text).await;
    let mut sink = Vec::new();
    let nobody = Credentials::Anonymous;
    let reference = reference(&text);
    let client = client();
    refused(
        client
            .pull(&reference, &resolved, &nobody, 1000, &mut sink)
            .await,
        &[
            "its module has 1001 bytes, and at most 1000 are taken",
            "raise --max-module-size",
        ],
    );
    assert_eq!(registry.count("/blobs/"), 0);
    client
        .pull(&reference, &resolved, &nobody, 1001, &mut sink)
        .await
        .expect("just as large as is taken");
    assert_eq!(sink, bytes);
}

#[tokio::test]
async fn a_size_that_is_a_lie_does_not_help() {
    let small = Blob::new("application/wasm", &module("small"));
    let large = vec![0; 64 << 10];
    let mut artifact = Artifact::cncf(&small.bytes);
    // The manifest names the large one with the size of the small one.
    let text = String::from_utf8(artifact.manifest).expect("JSON");
    let named = tests::artifact::digest(&small.bytes).to_string();
    let other = tests::artifact::digest(&large).to_string();
    artifact.manifest = text.replace(&named, &other).into_bytes();
    artifact.blobs.push(Blob::new("application/wasm", &large));
    let registry = Registry::start();
    registry.tag("shop/hello", "1", &artifact);
    let outcome = pull(&client(), &registry.reference("shop/hello:1")).await;
    refused(outcome, &["bytes where the manifest promises"]);
}

/// Counts what it is given, and keeps nothing.
#[derive(Default)]
struct Counted {
    bytes: usize,
    restarts: usize,
}

impl Sink for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len();
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        self.restarts += 1;
        self.bytes = 0;
        Ok(())
    }
}

#[tokio::test]
async fn a_body_without_end_is_left_after_as_many_bytes_as_were_promised() {
    let bytes = vec![1; 256 << 10];
    let (registry, text) = with_module(&bytes);
    let resolved = resolved(&text).await;
    registry.fail(Fault::EndlessBody);
    let mut sink = Counted::default();
    let nobody = Credentials::Anonymous;
    let outcome = client()
        .pull(&reference(&text), &resolved, &nobody, LIMIT, &mut sink)
        .await;
    refused(outcome, &["bytes where the manifest promises 262144"]);
    assert!(sink.bytes <= bytes.len(), "{}", sink.bytes);
}

#[tokio::test]
async fn a_transfer_that_stalls_is_ended_and_begun_anew() {
    let bytes = vec![2; 64 << 10];
    let (registry, text) = with_module(&bytes);
    let resolved = resolved(&text).await;
    registry.fail_times(Fault::StallInMidBlob, 2);
    let client = client_with(Settings {
        timeouts: Timeouts {
            stall: Duration::from_secs(1),
            ..Timeouts::default()
        },
        ..Settings::default()
    });
    let mut sink = Counted::default();
    let nobody = Credentials::Anonymous;
    client
        .pull(&reference(&text), &resolved, &nobody, LIMIT, &mut sink)
        .await
        .expect("the third time it does not stall");
    assert_eq!(sink.bytes, bytes.len());
    assert_eq!(sink.restarts, 2);
    assert_eq!(registry.count("/blobs/"), 3);
}

#[tokio::test]
async fn a_transfer_that_never_stalls_for_long_has_an_end_too() {
    let bytes = vec![3; 64 << 10];
    let (registry, text) = with_module(&bytes);
    let resolved = resolved(&text).await;
    registry.fail(Fault::StallInMidBlob);
    let client = client_with(Settings {
        timeouts: Timeouts {
            body: Duration::from_millis(100),
            ..Timeouts::default()
        },
        ..Settings::default()
    });
    let nobody = Credentials::Anonymous;
    let mut sink = Counted::default();
    let outcome = client
        .pull(&reference(&text), &resolved, &nobody, LIMIT, &mut sink)
        .await;
    refused(outcome, &["did not send the whole module within"]);
}

/// A disk that is full after some bytes.
struct Full;

impl Sink for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_the_registry_is_not_asked_again() {
    let (registry, text) = with_module(&[4; 1000]);
    let resolved = resolved(&text).await;
    let nobody = Credentials::Anonymous;
    let outcome = client()
        .pull(&reference(&text), &resolved, &nobody, LIMIT, &mut Full)
        .await;
    refused(outcome, &["cannot keep the module: no storage space"]);
    assert_eq!(registry.count("/blobs/"), 1);
}

#[tokio::test]
async fn a_pull_that_is_given_up_hangs_up() {
    let (registry, text) = with_module(&[5; 64 << 10]);
    registry.fail(Fault::StallInMidBlob);
    let pulling = tokio::spawn(async move { pull(&client(), &text).await.map(drop) });
    while registry.count("/blobs/") == 0 {
        tokio::task::yield_now().await;
    }
    pulling.abort();
    assert!(pulling.await.is_err_and(|error| error.is_cancelled()));
}

#[tokio::test]
async fn a_digest_that_is_wrong_is_never_a_module() {
    // Of any size: of one piece, and of many.
    for size in [8, 1 << 20] {
        let (registry, text) = with_module(&vec![6; size]);
        registry.fail(Fault::WrongDigest);
        let outcome = pull(&client(), &text).await;
        refused(outcome, &["sent a module with digest", "is expected"]);
        assert_eq!(registry.count("/blobs/"), 1);
    }
}

#[tokio::test]
async fn a_challenge_without_an_end_is_not_followed_for_ever() {
    let registry = Registry::builder().auth(Auth::Token).start();
    let text = registry.reference("shop/hello:1");
    // A token for nobody is good for nothing here, and the second refusal is the last.
    refused(pull(&client(), &text).await, &["(401)"]);
    assert_eq!(registry.lines().len(), 3, "{:?}", registry.lines());
}
