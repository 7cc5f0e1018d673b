use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use registry::Settings;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use super::*;
use crate::testing::reference;

/// A registry of a few lines, which answers when it may; it ends with the test's runtime.
struct Registry {
    authority: String,
    state: Arc<State>,
}

struct State {
    /// The paths that were asked for.
    asked: Mutex<Vec<String>>,
    news: Notify,
    /// How many may be answered still.
    may_answer: Semaphore,
    under_way: AtomicUsize,
    most: AtomicUsize,
}

/// Modules are known there; nothing is answered before [`Registry::answers`].
async fn registry() -> Registry {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let authority = listener.local_addr().expect("an address").to_string();
    let state = Arc::new(State {
        asked: Mutex::default(),
        news: Notify::new(),
        may_answer: Semaphore::new(0),
        under_way: AtomicUsize::new(0),
        most: AtomicUsize::new(0),
    });
    let own = Arc::clone(&state);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let own = Arc::clone(&own);
            let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                let own = Arc::clone(&own);
                async move { Ok::<_, Infallible>(own.answer(request.uri().path()).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            tokio::spawn(connection.serve_connection(TokioIo::new(socket), service));
        }
    });
    Registry { authority, state }
}

// === impl State ===

impl State {
    async fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        self.asked.lock().expect("the log").push(path.to_owned());
        let now = self.under_way.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        self.news.notify_one();
        self.may_answer.acquire().await.expect("open").forget();
        self.under_way.fetch_sub(1, Ordering::SeqCst);
        if path.contains("missing") {
            let mut response = Response::new(Full::default());
            *response.status_mut() = http::StatusCode::NOT_FOUND;
            return response;
        }
        // Every tag is a module of its own.
        let manifest = format!(
            r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "annotations": {{"path": "{path}"}},
            "config": {{"mediaType": "application/vnd.wasm.config.v0+json", "size": 2,
                "digest": "sha256:{zeros}"}},
            "layers": [{{"mediaType": "application/wasm", "size": 8,
                "digest": "sha256:{zeros}"}}]}}"#,
            zeros = "0".repeat(64)
        );
        Response::new(Full::from(manifest))
    }
}

// === impl Registry ===

impl Registry {
    fn answers(&self, count: usize) {
        self.state.may_answer.add_permits(count);
    }

    fn asked(&self) -> usize {
        self.state.asked.lock().expect("the log").len()
    }

    async fn until_asked(&self, count: usize) {
        while self.asked() < count {
            self.state.news.notified().await;
        }
    }

    fn reference(&self, rest: &str) -> RegistryReference {
        reference(&format!("{}/{rest}", self.authority))
    }
}

fn lookups() -> Lookups {
    counted(&prometheus::Registry::new())
}

fn counted(registry: &prometheus::Registry) -> Lookups {
    let client = Client::new(Settings::default()).expect("settings");
    let metrics = Metrics::register(registry).expect("a new registry has room");
    Lookups::new(client, Credentials::default(), metrics)
}

#[tokio::test]
async fn all_who_wanted_it_before_it_was_asked_for_share_an_answer() {
    let (registry, lookups) = (registry().await, lookups());
    let (hello, since) = (registry.reference("hello:1"), Instant::now());
    registry.answers(9);
    let answers = tokio::join!(
        lookups.digest(&hello, None, since),
        lookups.digest(&hello, None, since)
    );
    let digest = answers.0.expect("a digest");
    assert!(digest.starts_with("sha256:"), "{digest}");
    assert_eq!(answers.1.expect("a digest"), digest);
    assert_eq!(
        lookups.digest(&hello, None, since).await.expect("a digest"),
        digest
    );
    assert_eq!(registry.asked(), 1);
}

#[tokio::test]
async fn nobody_who_came_later_is_given_an_older_answer() {
    let (registry, lookups) = (registry().await, lookups());
    let hello = registry.reference("hello:1");
    registry.answers(9);
    let since = Instant::now();
    lookups.digest(&hello, None, since).await.expect("a digest");
    let later = Instant::now();
    lookups.digest(&hello, None, later).await.expect("a digest");
    assert_eq!(registry.asked(), 2);
    lookups.digest(&hello, None, since).await.expect("a digest");
    assert_eq!(registry.asked(), 2, "a newer one is as good");
}

#[tokio::test]
async fn each_tag_is_asked_for_by_itself() {
    let (registry, lookups) = (registry().await, lookups());
    registry.answers(9);
    let since = Instant::now();
    let one = lookups
        .digest(&registry.reference("hello:1"), None, since)
        .await;
    let two = lookups
        .digest(&registry.reference("hello:2"), None, since)
        .await;
    assert_ne!(one.expect("a digest"), two.expect("a digest"));
}

#[tokio::test]
async fn a_refusal_is_an_answer_too_and_both_are_counted() {
    let metrics = prometheus::Registry::new();
    let (registry, lookups) = (registry().await, counted(&metrics));
    registry.answers(9);
    let (missing, since) = (registry.reference("missing:1"), Instant::now());
    for _ in 0..2 {
        let error = lookups
            .digest(&missing, None, since)
            .await
            .expect_err("refused");
        assert!(error.to_string().contains("does not know it"), "{error}");
    }
    assert_eq!(registry.asked(), 1);
    let hello = registry.reference("hello:1");
    lookups.digest(&hello, None, since).await.expect("a digest");
    let text = prometheus::TextEncoder::new()
        .encode_to_string(&metrics.gather())
        .expect("text");
    for line in [
        r#"wagi_operator_lookups_total{outcome="not_found"} 1"#,
        r#"wagi_operator_lookups_total{outcome="ok"} 1"#,
    ] {
        assert!(text.contains(line), "{text}");
    }
}

#[tokio::test]
async fn who_waits_no_longer_takes_the_answer_from_nobody() {
    let (registry, lookups) = (registry().await, lookups());
    let (hello, since) = (registry.reference("hello:1"), Instant::now());
    let mut first = Box::pin(lookups.digest(&hello, None, since));
    tokio::select! {
        answer = &mut first => panic!("{answer:?}"),
        () = registry.until_asked(1) => {}
    }
    let mut second = Box::pin(lookups.digest(&hello, None, since));
    assert!((&mut second).now_or_never().is_none());
    drop(first);
    registry.answers(1);
    second.await.expect("a digest");
    assert_eq!(registry.asked(), 1);
}

#[tokio::test]
async fn a_registry_that_hangs_is_asked_a_few_things_at_once_and_holds_up_no_other() {
    let (hangs, other) = (registry().await, registry().await);
    let (lookups, since) = (Arc::new(lookups()), Instant::now());
    let mut waiting = tokio::task::JoinSet::new();
    for n in 0..20 {
        let (lookups, module) = (Arc::clone(&lookups), hangs.reference(&format!("m{n}:1")));
        waiting.spawn(async move { lookups.digest(&module, None, since).await });
    }
    hangs.until_asked(MOST_PER_REGISTRY).await;
    other.answers(1);
    let module = other.reference("hello:1");
    lookups
        .digest(&module, None, since)
        .await
        .expect("a digest");
    hangs.answers(20);
    while let Some(answer) = waiting.join_next().await {
        answer.expect("no panic").expect("a digest");
    }
    assert_eq!(hangs.asked(), 20);
    let most = hangs.state.most.load(Ordering::SeqCst);
    assert_eq!(most, MOST_PER_REGISTRY);
}

#[tokio::test]
async fn the_oldest_answers_are_forgotten_and_what_is_under_way_is_not() {
    let (registry, slow, lookups) = (registry().await, registry().await, lookups());
    let since = Instant::now();
    let under_way = slow.reference("slow:1");
    let mut waits = Box::pin(lookups.digest(&under_way, None, since));
    tokio::select! {
        answer = &mut waits => panic!("{answer:?}"),
        () = slow.until_asked(1) => {}
    }
    registry.answers(2 * MOST_ANSWERS);
    let module = |n: usize| registry.reference(&format!("m:{n}"));
    for n in 0..MOST_ANSWERS {
        lookups
            .digest(&module(n), None, since)
            .await
            .expect("a digest");
    }
    let asked = registry.asked();
    lookups
        .digest(&module(1), None, since)
        .await
        .expect("a digest");
    assert_eq!(registry.asked(), asked, "it is remembered");
    lookups
        .digest(&module(0), None, since)
        .await
        .expect("a digest");
    assert_eq!(registry.asked(), asked + 1, "it is forgotten");
    slow.answers(1);
    let same = lookups.digest(&under_way, None, since);
    tokio::join!(waits, same).1.expect("a digest");
    assert_eq!(slow.asked(), 1);
}
