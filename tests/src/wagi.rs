//! The real binary `wagi`, as a person or a script runs it.
//!
//! It is the one that `cargo build --workspace --bins` puts beside the tests; killed when dropped.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{OnceLock, mpsc};
use std::thread::JoinHandle;

use node_runtime::compile::{self, CompileConfig};
use node_runtime::guest::{Engine, Program};

use crate::PATIENCE;
use crate::client::{Connection, Response};
use crate::node::get;

/// A `wagi up` that serves.
pub struct Wagi {
    child: Child,
    address: SocketAddr,
    lines: mpsc::Receiver<String>,
    readers: Vec<JoinHandle<()>>,
    printed: mpsc::Receiver<String>,
}

/// One that has ended.
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// What it printed after it was ready.
    pub stdout: Vec<String>,
    /// What it logged and nobody waited for.
    pub stderr: Vec<String>,
}

/// A command that runs the binary, with no setting of the caller's environment, and with a cache
/// folder that nobody else uses.
///
/// # Panics
///
/// When it was not built.
#[must_use]
pub fn command(arguments: &[&str]) -> Command {
    command_of("wagi", arguments)
}

/// A command that runs another of our binaries, like [`command`].
///
/// # Panics
///
/// When it was not built.
#[must_use]
pub fn command_of(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary_of(program));
    command.args(arguments).stdin(Stdio::null());
    command.env("XDG_CACHE_HOME", cache());
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("WAGI_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    command
}

/// Runs the binary to its end.
///
/// # Panics
///
/// When it cannot be run.
#[must_use]
pub fn run(arguments: &[&str]) -> Output {
    command(arguments).output().expect("wagi runs")
}

/// A folder or file of the repository.
#[must_use]
pub fn repository(path: &str) -> String {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tests.parent().expect("the crate is in the workspace");
    root.join(path).display().to_string()
}

/// How a node in the test's process has modules compiled: by the binary.
#[must_use]
pub fn compile_config() -> CompileConfig {
    CompileConfig {
        program: binary(),
        timeout: PATIENCE,
        memory_bytes: 2 << 30,
        wasm_exceptions: false,
    }
}

/// A module compiled by the binary, and mapped.
///
/// # Panics
///
/// When it does not compile.
#[must_use]
pub fn program(engine: &Engine, module: &[u8]) -> Program {
    let compiling = async {
        let mut file = compile::memory_file()?;
        file.write_all(module)?;
        let code = compile::memory_file()?;
        compile::compile(&compile_config(), file, code.try_clone()?).await?;
        Ok::<_, anyhow::Error>(Program::map(engine, &code)?)
    };
    let tokio = tokio::runtime::Builder::new_current_thread().build();
    let program = tokio.expect("a tokio runtime").block_on(compiling);
    program.expect("the module compiles")
}

/// A folder of one's own below the build's, where those of processes that are gone are cleared away.
fn cache() -> PathBuf {
    static ALL: OnceLock<PathBuf> = OnceLock::new();
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let all = ALL.get_or_init(|| {
        let all = binary().with_file_name("wagi-caches");
        let own = all.join(std::process::id().to_string());
        for older in std::fs::read_dir(&all).into_iter().flatten().flatten() {
            // Another process of tests may run beside this one, named like its folder.
            if !Path::new("/proc").join(older.file_name()).exists() {
                let _ = std::fs::remove_dir_all(older.path());
            }
        }
        std::fs::create_dir_all(&own).expect("a folder below the build");
        own
    });
    all.join(NEXT.fetch_add(1, Ordering::Relaxed).to_string())
}

fn binary() -> PathBuf {
    binary_of("wagi")
}

/// It is beside what runs, or beside the folder of tests.
fn binary_of(program: &str) -> PathBuf {
    let this = std::env::current_exe().expect("a process knows what it runs");
    let mut folders = this.ancestors().skip(1).take(2);
    let binary = folders.find_map(|folder| {
        let binary = folder.join(program);
        binary.is_file().then_some(binary)
    });
    binary.unwrap_or_else(|| {
        panic!("{program} is not there: run cargo build --workspace --bins, or make test")
    })
}

// === impl Wagi ===

impl Wagi {
    /// `wagi up --listen 127.0.0.1:0` with these arguments, once it is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    #[must_use]
    pub fn up(arguments: &[&str]) -> Self {
        let mut all = vec!["up", "--listen", "127.0.0.1:0"];
        all.extend(arguments);
        Self::start(command(&all))
    }

    /// Waits until what the command starts is ready.
    ///
    /// # Panics
    ///
    /// When it does not become ready.
    #[must_use]
    pub fn start(mut command: Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("wagi runs");
        let (stdout, printed) = lines(child.stdout.take().expect("stdout is piped"));
        let (stderr, lines) = lines(child.stderr.take().expect("stderr is piped"));
        let Ok(ready) = printed.recv_timeout(PATIENCE) else {
            let _ = child.kill();
            panic!("not ready: {:?}", lines.iter().collect::<Vec<_>>());
        };
        let address = ready.strip_prefix("Ready: serving on http://");
        let address = address.and_then(|address| address.parse().ok());
        Self {
            child,
            address: address.unwrap_or_else(|| panic!("not the ready line: {ready:?}")),
            lines,
            readers: vec![stdout, stderr],
            printed,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A URL of a path on it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// One GET on a connection of its own.
    #[must_use]
    pub fn get(&self, path: &str) -> Response {
        let mut connection = Connection::open(self.address);
        connection.send(get(path));
        connection.response()
    }

    /// Waits for a line on stderr that contains `text`; the lines up to it and with it.
    ///
    /// # Panics
    ///
    /// When none comes.
    #[must_use]
    pub fn stderr_until(&self, text: &str) -> Vec<String> {
        let mut seen = Vec::new();
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => seen.push(line),
                Err(_) => panic!("no line says {text:?}: {seen:?}"),
            }
            if seen.last().is_some_and(|line| line.contains(text)) {
                return seen;
            }
        }
    }

    /// Asks it to end, and waits; how it ended, and what it printed to stdout after it was ready.
    ///
    /// # Panics
    ///
    /// When it cannot be told.
    #[must_use]
    pub fn stop(self, signal: &str) -> (ExitStatus, Vec<String>) {
        self.signal(signal);
        let Ended { status, stdout, .. } = self.wait();
        (status, stdout)
    }

    /// Sends it a signal, and does not wait.
    ///
    /// # Panics
    ///
    /// When it cannot be told.
    pub fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let told = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(told.expect("kill runs").success());
    }

    /// Stops it from running, until it is sent `CONT`.
    ///
    /// # Panics
    ///
    /// When it cannot be told.
    pub fn pause(&self) {
        self.signal("STOP");
        let threads = format!("/proc/{}/task", self.child.id());
        let is_stopped = |thread: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(thread.expect("a thread").path().join("stat"));
            // The state follows the name, which ends with a bracket.
            stat.is_ok_and(|stat| {
                stat.rsplit_once(") ")
                    .is_some_and(|(_, rest)| rest.starts_with('T'))
            })
        };
        while !std::fs::read_dir(&threads)
            .expect("it runs")
            .all(is_stopped)
        {
            std::thread::yield_now();
        }
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    ///
    /// When it cannot be waited for.
    #[must_use]
    pub fn wait(mut self) -> Ended {
        let status = self.child.wait().expect("it was started");
        for reader in self.readers.drain(..) {
            reader.join().expect("a reader of lines ends");
        }
        Ended {
            status,
            stdout: self.printed.iter().collect(),
            stderr: self.lines.iter().collect(),
        }
    }
}

impl Drop for Wagi {
    fn drop(&mut self) {
        // Over already when it was stopped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come, read by a thread so that the child never waits for us.
fn lines(from: impl std::io::Read + Send + 'static) -> (JoinHandle<()>, mpsc::Receiver<String>) {
    let (send, lines) = mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            if send.send(line).is_err() {
                return;
            }
        }
    });
    (reader, lines)
}
