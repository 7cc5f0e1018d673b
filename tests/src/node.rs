//! A runtime on a free loopback port that follows a folder of manifests; dropped is stopped.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use node_runtime::admin;
use node_runtime::app::{self, ModuleConfig, Runtime};
use node_runtime::guest::{EngineConfig, ExecutorConfig, Reset};
use node_runtime::http::{self, server};
use node_runtime::modules::Bounds;
use node_runtime::source::Manifests;
use node_runtime::volumes::Volumes;
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::client::{Connection, Response};
use crate::guests::Guest;
use crate::{PATIENCE, log, wagi};

/// What a node will be.
pub struct Builder {
    folder: TempDir,
    config: app::Config,
}

/// A node that serves.
pub struct Node {
    address: SocketAddr,
    admin: Option<SocketAddr>,
    folder: TempDir,
    changes: Mutex<Changes>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Changes {
    coming: mpsc::Receiver<String>,
    /// Seen by who waited for another one.
    passed: Vec<String>,
}

// === impl Builder ===

impl Builder {
    /// Serves a guest on `/NAME/...` with default settings.
    #[must_use]
    pub fn guest(self, guest: Guest) -> Self {
        self.guest_with(guest, "")
    }

    /// Serves a guest on `/NAME/...`; `spec` is YAML beneath `spec:`, without indentation. It may
    /// bring a `path:` of its own.
    #[must_use]
    pub fn guest_with(self, guest: Guest, spec: &str) -> Self {
        self.route(guest.name, guest, spec)
    }

    /// As [`Self::guest_with`], for a route of another name.
    #[must_use]
    pub fn route(self, name: &str, guest: Guest, spec: &str) -> Self {
        self.file(&format!("{}.wat", guest.name), guest.wat)
            .file(&format!("{name}.yaml"), &manifest(name, guest, spec))
    }

    /// Puts any file into the folder.
    #[must_use]
    pub fn file(self, name: &str, text: &str) -> Self {
        let path = self.folder.path().join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder in a temporary folder");
        }
        std::fs::write(path, text).expect("a file in a temporary folder");
        self
    }

    /// Can be looked at, on a port of its own.
    #[must_use]
    pub fn admin(self) -> Self {
        self.config(|config| {
            config.admin = Some(admin::Config {
                listen: ([127, 0, 0, 1], 0).into(),
                token_file: None,
            });
        })
    }

    /// Changes the configuration; its defaults are small, so that tests run beside each other.
    #[must_use]
    pub fn config(mut self, change: impl FnOnce(&mut app::Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// As [`Self::start`], after something was done to its folder.
    #[must_use]
    pub fn start_after(self, change: impl FnOnce(&Path)) -> Node {
        change(self.folder.path());
        self.start()
    }

    /// Starts it and waits until every route was tried.
    #[must_use]
    pub fn start(self) -> Node {
        log::keep();
        let Self { folder, config } = self;
        let (started, addresses) = mpsc::channel();
        let (changed, changes) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let path = folder.path().to_owned();
        let thread = std::thread::spawn(move || serve(config, path, stopped, &started, &changed));
        let (address, admin) = addresses
            .recv_timeout(PATIENCE)
            .expect("a node starts, or its thread says why not");
        Node {
            address,
            admin,
            folder,
            changes: Mutex::new(Changes {
                coming: changes,
                passed: Vec::new(),
            }),
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

fn serve(
    config: app::Config,
    folder: PathBuf,
    stopped: oneshot::Receiver<()>,
    started: &mpsc::Sender<(SocketAddr, Option<SocketAddr>)>,
    changed: &mpsc::Sender<String>,
) {
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a tokio runtime");
    tokio.block_on(async {
        let listener = server::bind(([127, 0, 0, 1], 0).into()).expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let source = Manifests::open(vec![folder]).expect("the folder is there");
        let runtime = Runtime::new(config).expect("an engine and its threads");
        let admin = runtime.admin_address();
        let stop = async {
            // A dropped sender is an order to stop, too.
            let _ = stopped.await;
        };
        runtime
            .serve(source, listener, stop, |applied| {
                for change in applied.changes {
                    // The test may be over.
                    let _ = changed.send(change.to_string());
                }
                if applied.is_first {
                    let _ = started.send((address, admin));
                }
            })
            .await;
    });
    // What still blocks is not ours to wait for.
    tokio.shutdown_background();
}

// === impl Node ===

impl Node {
    /// A node with nothing to serve yet.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            folder: TempDir::new().expect("a temporary folder"),
            config: app::Config {
                http: http::Config {
                    drain_deadline: std::time::Duration::from_millis(100),
                    ..http::Config::default()
                },
                engine: EngineConfig {
                    max_guests: 64,
                    guest_memory_bytes: 1 << 30,
                    wasm_exceptions: false,
                    reset: Reset::default(),
                },
                modules: ModuleConfig {
                    compile: wagi::compile_config(),
                    bounds: Bounds::default(),
                    images: None,
                    store: None,
                },
                volumes: Arc::new(Volumes::temporary()),
                executor: ExecutorConfig {
                    threads_per_level: 2,
                },
                max_requests: 64,
                stderr_rate: 100,
                endings: None,
                admin: None,
                access_log: None,
            },
        }
    }

    /// A node that serves these guests, each on `/NAME/...`.
    #[must_use]
    pub fn with(guests: &[Guest]) -> Self {
        let builder = guests
            .iter()
            .fold(Self::builder(), |builder, guest| builder.guest(*guest));
        builder.start()
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it can be looked at.
    ///
    /// # Panics
    ///
    /// When it cannot.
    #[must_use]
    pub fn admin(&self) -> Connection {
        Connection::open(self.admin.expect("it was made with an admin server"))
    }

    /// What its admin server says.
    #[must_use]
    pub fn ask(&self, path: &str) -> Response {
        let mut connection = self.admin();
        connection.send(get(path));
        connection.response()
    }

    /// The folder it follows.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits for a line about its routes that contains `text`, and returns it, once.
    ///
    /// # Panics
    ///
    /// When none comes.
    #[must_use]
    pub fn wait_for_change(&self, text: &str) -> String {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let is_wanted = |line: &String| line.contains(text);
        if let Some(at) = changes.passed.iter().position(is_wanted) {
            return changes.passed.remove(at);
        }
        loop {
            match changes.coming.recv_timeout(PATIENCE) {
                Ok(line) if is_wanted(&line) => return line,
                Ok(line) => changes.passed.push(line),
                Err(_) => panic!("no change says {text:?}; these came: {:?}", changes.passed),
            }
        }
    }

    /// Waits for a line about its routes that contains `text`; all that came since the last one
    /// that was waited for, and it.
    ///
    /// # Panics
    ///
    /// When none comes.
    #[must_use]
    pub fn changes_until(&self, text: &str) -> Vec<String> {
        let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut seen = std::mem::take(&mut changes.passed);
        loop {
            if let Some(at) = seen.iter().position(|line| line.contains(text)) {
                changes.passed = seen.split_off(at + 1);
                return seen;
            }
            match changes.coming.recv_timeout(PATIENCE) {
                Ok(line) => seen.push(line),
                Err(_) => panic!("no change says {text:?}; these came: {seen:?}"),
            }
        }
    }

    /// A new connection to it.
    #[must_use]
    pub fn connect(&self) -> Connection {
        Connection::open(self.address)
    }

    /// One GET on a connection of its own.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        let mut connection = self.connect();
        connection.send(get(path));
        connection.response()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let ended = thread.join();
            if !std::thread::panicking() {
                ended.expect("the node's thread ends well");
            }
        }
    }
}

/// A request head without a body, for a connection that goes on.
#[must_use]
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: test.example\r\n\r\n")
}

/// A manifest as [`Builder::route`] writes it.
#[must_use]
pub fn manifest(name: &str, guest: Guest, spec: &str) -> String {
    let resource = name.replace('_', "-");
    let mut text = format!(
        "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata:\n  name: {resource}\nspec:\n  \
         module:\n    image: file:{}.wat\n",
        guest.name
    );
    if !spec.lines().any(|line| line.starts_with("path:")) {
        let _ = writeln!(text, "  path: /{name}/...");
    }
    for line in spec.lines() {
        let _ = writeln!(text, "  {line}");
    }
    text
}
