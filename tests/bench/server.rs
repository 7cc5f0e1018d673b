//! The servers as processes, and what `/proc` says of them.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context as _, bail};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tempfile::TempDir;

/// Linux counts a process's time for user space in this many ticks a second on every architecture.
const TICKS_PER_SECOND: f64 = 100.0;

/// A folder of manifests.
pub struct Site(TempDir);

/// A server process; dropped is killed.
pub struct Server {
    child: Child,
    address: SocketAddr,
    /// Held, so that the process can go on writing.
    _stdout: BufReader<ChildStdout>,
    /// Its own store, so that no run finds what another one left.
    _store: Option<TempDir>,
}

/// CPU time of a process so far, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Cpu {
    /// In user space.
    pub user: f64,
    /// In the kernel.
    pub system: f64,
}

// === impl Site ===

impl Site {
    /// A folder with nothing in it.
    pub fn new() -> anyhow::Result<Self> {
        Ok(Self(TempDir::new()?))
    }

    /// Serves a module's text on `/NAME/...`; `limits` is YAML in one line.
    pub fn wat(&self, name: &str, text: &str, limits: &str) -> anyhow::Result<()> {
        fs::write(self.0.path().join(format!("{name}.wat")), text)?;
        self.manifest(name, "wat", limits)
    }

    /// Serves a module that `make examples` built.
    pub fn example(&self, name: &str) -> anyhow::Result<()> {
        let module = example(&format!("{name}/{name}.wasm"));
        fs::copy(&module, self.0.path().join(format!("{name}.wasm")))
            .with_context(|| format!("{}: run `make examples`", module.display()))?;
        self.manifest(name, "wasm", "")
    }

    /// Serves a module's bytes.
    pub fn wasm(&self, name: &str, module: &[u8]) -> anyhow::Result<()> {
        fs::write(self.0.path().join(format!("{name}.wasm")), module)?;
        self.manifest(name, "wasm", "")
    }

    /// Where the manifests are.
    pub fn folder(&self) -> &Path {
        self.0.path()
    }

    fn manifest(&self, name: &str, kind: &str, limits: &str) -> anyhow::Result<()> {
        self.route(name, &format!("file:{name}.{kind}"), limits)
    }

    /// Serves what a reference leads to on `/NAME/...`.
    pub fn route(&self, name: &str, image: &str, limits: &str) -> anyhow::Result<()> {
        let resource = name.replace('_', "-");
        let text = format!(
            "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {resource}}}\nspec:\n  \
             path: /{name}/...\n  module: {{image: \"{image}\"}}\n  limits: {{{limits}}}\n"
        );
        Ok(fs::write(self.0.path().join(format!("{name}.yaml")), text)?)
    }
}

fn wagi() -> Command {
    let wagi = Path::new(env!("CARGO_BIN_EXE_bare")).with_file_name("wagi");
    let mut command = Command::new(wagi);
    command.args(["up", "--listen", "127.0.0.1:0"]);
    command
}

/// A file of the examples.
pub fn example(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(name)
}

// === impl Server ===

impl Server {
    /// Starts bare hyper.
    pub fn bare() -> anyhow::Result<Self> {
        Self::start(&mut Command::new(env!("CARGO_BIN_EXE_bare")))
    }

    /// Starts `wagi up` on a folder, without an access log: bare has none.
    pub fn wagi(site: &Site) -> anyhow::Result<Self> {
        Self::wagi_with(site, &["--access-log=false"])
    }

    /// As [`Self::wagi`], with these arguments in place of those that say what is logged.
    pub fn wagi_with(site: &Site, arguments: &[&str]) -> anyhow::Result<Self> {
        let store = TempDir::new()?;
        let mut command = wagi();
        command
            .args(["--max-requests", "2000", "--store"])
            .arg(store.path())
            .args(arguments)
            .arg(site.folder());
        Self::start_with(&mut command, Some(store))
    }

    /// Starts `wagi up` as it is by default, without an access log, on a folder and with a store
    /// that others had before.
    pub fn wagi_on(store: &Path, site: &Site) -> anyhow::Result<Self> {
        let mut command = wagi();
        command.arg("--access-log=false").arg("--store").arg(store);
        Self::start(command.arg(site.folder()))
    }

    fn start(command: &mut Command) -> anyhow::Result<Self> {
        Self::start_with(command, None)
    }

    fn start_with(command: &mut Command, store: Option<TempDir>) -> anyhow::Result<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("{command:?}"))?;
        let mut stderr = child.stderr.take().context("its stderr is a pipe")?;
        // Ends with the server.
        std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
        let stdout = child.stdout.take().context("its stdout is a pipe")?;
        let mut stdout = BufReader::new(stdout);
        let mut ready = String::new();
        stdout.read_line(&mut ready)?;
        let Some((_, address)) = ready.trim_end().rsplit_once("http://") else {
            bail!("{command:?} said {ready:?} and not that it is ready");
        };
        Ok(Self {
            address: address.parse()?,
            child,
            _stdout: stdout,
            _store: store,
        })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// CPU time of all its threads, those that ended included.
    pub fn cpu(&self) -> anyhow::Result<Cpu> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field, a name in parentheses, may hold anything.
        let (_, fields) = stat.rsplit_once(") ").context("stat has a name")?;
        let mut ticks = fields.split(' ').skip(11).map(str::parse::<f64>);
        let mut next = || anyhow::Ok(ticks.next().context("stat has times")??);
        Ok(Cpu {
            user: next()? / TICKS_PER_SECOND,
            system: next()? / TICKS_PER_SECOND,
        })
    }

    /// Resident memory and page tables, in KiB.
    pub fn memory_kib(&self) -> anyhow::Result<f64> {
        Ok(self.status("VmRSS")? + self.status("VmPTE")?)
    }

    /// The most that was ever resident, in KiB.
    pub fn peak_kib(&self) -> anyhow::Result<f64> {
        self.status("VmHWM")
    }

    /// Its threads.
    pub fn threads(&self) -> anyhow::Result<f64> {
        self.status("Threads")
    }

    fn status(&self, field: &str) -> anyhow::Result<f64> {
        status(self.child.id(), field)
    }
}

/// A number of what the kernel says of a process.
pub fn status(pid: u32, field: &str) -> anyhow::Result<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))
        .and_then(|rest| rest.split_whitespace().next())
        .with_context(|| format!("status has {field}"))?;
    Ok(value.parse()?)
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// === impl Cpu ===

impl Cpu {
    /// User and system time.
    pub const fn total(self) -> f64 {
        self.user + self.system
    }
}

/// Lets this process, and the servers it starts, open as many sockets as the machine allows.
pub fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Without it the case with most connections says what is missing.
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    );
}
