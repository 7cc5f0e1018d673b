//! An OCI registry in this process, on a free loopback port; dropped is stopped.
//!
//! It does what the OCI distribution specification asks of pulling and pushing, keeps everything in
//! memory, and remembers each request with its answer's status. It can be told to misbehave in one
//! way at a time ([`Fault`]); that is also the list of what a puller must survive.

mod auth;
mod body;
mod content;
mod fault;
mod serve;

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Instant;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_rustls::TlsAcceptor;

use crate::PATIENCE;
use crate::artifact::{self, Artifact, Blob};
use crate::authority::Authority;
use content::Content;

pub use auth::{Auth, IDENTITY, PASSWORD, USER, base64, basic};
pub use fault::Fault;
pub use serve::Seen;

/// What a registry will be.
pub struct Builder {
    auth: Auth,
    tls: Option<TlsAcceptor>,
    refused_config: Option<&'static str>,
}

/// A registry that serves.
pub struct Registry {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What connections and the test share.
struct Shared {
    auth: Auth,
    /// `http://ADDRESS` or `https://ADDRESS`, as it says about itself.
    base: String,
    refused_config: Option<&'static str>,
    state: Mutex<State>,
    grown: Condvar,
    /// Counts up when the registry is healed: what stalls then goes on.
    healed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    content: Content,
    tokens: auth::Tokens,
    seen: Vec<Seen>,
    /// How it misbehaves, and how many answers yet.
    fault: Option<(Fault, usize)>,
    /// How many answers the fault concerned.
    concerned: usize,
    /// Where it redirects to.
    elsewhere: String,
}

// === impl Builder ===

impl Builder {
    /// Asks for credentials.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Speaks TLS only, with a certificate of this authority.
    #[must_use]
    pub fn tls(mut self, authority: &Authority) -> Self {
        self.tls = Some(authority.identity().server().into());
        self
    }

    /// Refuses manifests whose configuration is of this type, as some registries do.
    #[must_use]
    pub const fn refusing_config(mut self, media_type: &'static str) -> Self {
        self.refused_config = Some(media_type);
        self
    }

    /// Starts it.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[must_use]
    pub fn start(self) -> Registry {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let shared = Arc::new(Shared {
            auth: self.auth,
            base: format!("{scheme}://{address}"),
            refused_config: self.refused_config,
            state: Mutex::default(),
            grown: Condvar::new(),
            healed: watch::Sender::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let (started, is_started) = mpsc::channel();
        let served = Arc::clone(&shared);
        let tls = self.tls;
        let thread = std::thread::spawn(move || {
            // One thread, so that requests are seen in the order in which they came.
            let tokio = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a tokio runtime");
            tokio.block_on(async {
                listener.set_nonblocking(true).expect("a socket");
                let listener = TcpListener::from_std(listener).expect("a runtime");
                let _ = started.send(());
                tokio::select! {
                    () = accept(&listener, tls.as_ref(), &served) => {}
                    // A dropped sender is an order to stop, too.
                    _ = stopped => {}
                }
            });
            // Dropped with the runtime: what still stalls, and every open connection.
        });
        is_started.recv().expect("the thread serves");
        Registry {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

async fn accept(listener: &TcpListener, tls: Option<&TlsAcceptor>, shared: &Arc<Shared>) {
    loop {
        // Whoever hung up before it was accepted is nobody's concern.
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let shared = Arc::clone(shared);
        let tls = tls.cloned();
        tokio::spawn(async move {
            match tls {
                None => converse(stream, shared).await,
                Some(tls) => {
                    // A client that does not trust us ends here.
                    if let Ok(stream) = tls.accept(stream).await {
                        converse(stream, shared).await;
                    }
                }
            }
        });
    }
}

async fn converse<S>(stream: S, shared: Arc<Shared>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| {
        let shared = Arc::clone(&shared);
        async move { serve::answer(&shared, request).await }
    });
    // Broken connections are what half of the faults are about.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

// === impl Registry ===

impl Registry {
    /// An open registry over plain HTTP.
    #[must_use]
    pub fn start() -> Self {
        Self::builder().start()
    }

    /// One with settings.
    #[must_use]
    pub fn builder() -> Builder {
        crate::install_crypto();
        Builder {
            auth: Auth::Open,
            tls: None,
            refused_config: None,
        }
    }

    /// Where it listens, as a reference begins: `127.0.0.1:PORT`.
    #[must_use]
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Its port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.address.port()
    }

    /// Its URL, without a path.
    #[must_use]
    pub fn url(&self) -> String {
        self.shared.base.clone()
    }

    /// The text of a reference to something in it.
    #[must_use]
    pub fn reference(&self, rest: &str) -> String {
        format!("{}/{rest}", self.address)
    }

    /// Keeps an artifact under a tag; what an index points to comes first, by [`Self::keep`].
    pub fn tag(&self, repository: &str, tag: &str, artifact: &Artifact) {
        self.keep(repository, artifact);
        let mut state = self.shared.lock();
        state
            .content
            .tag(repository, tag, artifact::digest(&artifact.manifest));
    }

    /// Keeps an artifact that is known by its digest only.
    pub fn keep(&self, repository: &str, artifact: &Artifact) {
        let mut state = self.shared.lock();
        for blob in &artifact.blobs {
            state.content.put_blob(repository, &blob.bytes);
        }
        let manifest = Blob::new(&artifact.media_type, &artifact.manifest);
        state.content.put_manifest(repository, manifest);
    }

    /// The manifest under a tag or a digest: its media type and bytes.
    #[must_use]
    pub fn manifest(&self, repository: &str, name: &str) -> Option<Blob> {
        let state = self.shared.lock();
        state.content.manifest(repository, name).cloned()
    }

    /// A blob's bytes.
    #[must_use]
    pub fn blob(&self, repository: &str, digest: &str) -> Option<Vec<u8>> {
        let state = self.shared.lock();
        let blob = state.content.blob(repository, digest);
        blob.map(|blob| blob.to_vec())
    }

    /// Misbehaves from now on.
    pub fn fail(&self, fault: Fault) {
        self.fail_times(fault, usize::MAX);
    }

    /// Misbehaves for the next `times` answers that the fault concerns.
    pub fn fail_times(&self, fault: Fault, times: usize) {
        let mut state = self.shared.lock();
        state.fault = Some((fault, times));
        state.concerned = 0;
    }

    /// How many answers the last fault concerned.
    #[must_use]
    pub fn times_failed(&self) -> usize {
        self.shared.lock().concerned
    }

    /// Behaves again; what stalled goes on.
    pub fn heal(&self) {
        self.shared.lock().fault = None;
        self.shared.healed.send_modify(|healed| *healed += 1);
    }

    /// Redirects of [`Fault::RedirectToAnotherHost`] and its like go to this URL, the path appended.
    pub fn redirect_to(&self, base: &str) {
        base.clone_into(&mut self.shared.lock().elsewhere);
    }

    /// Takes back every token that it gave.
    pub fn forget_tokens(&self) {
        self.shared.lock().tokens = auth::Tokens::default();
    }

    /// What was asked so far, in order.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// The same as lines, as in `GET /v2/shop/hello/manifests/1 200`.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        self.seen().iter().map(ToString::to_string).collect()
    }

    /// How many requests were for something whose path contains `text`.
    #[must_use]
    pub fn count(&self, text: &str) -> usize {
        let state = self.shared.lock();
        let seen = state.seen.iter();
        seen.filter(|seen| seen.path.contains(text)).count()
    }

    /// Waits until `count` requests were for something whose path contains `text`.
    ///
    /// # Panics
    ///
    /// When they do not come.
    pub fn wait_for(&self, text: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        let mut state = self.shared.lock();
        while state
            .seen
            .iter()
            .filter(|seen| seen.path.contains(text))
            .count()
            < count
        {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(
                !left.is_zero(),
                "{text:?} was not asked for {count} times: {:?}",
                state.seen
            );
            let (grown, _) = self
                .shared
                .grown
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner);
            state = grown;
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("the registry's thread ends well");
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
