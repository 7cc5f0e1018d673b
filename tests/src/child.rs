//! Processes that end with this one, however it ends.
//!
//! The kernel sends each a signal when the *thread* that started it ends (`PR_SET_PDEATHSIG`, here by
//! `setpriv`), and the threads of tests end early. So all are started by one thread that never ends.
//! Each leads a process group of its own: a terminal's Ctrl-C is for this process alone.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{OnceLock, mpsc};
use std::thread;

/// How much of a log is shown of a program that failed.
const TAIL: usize = 4 << 10;

/// A process with its log; dropped is killed.
pub struct Child {
    process: std::process::Child,
    log: PathBuf,
}

type Reply = mpsc::Sender<io::Result<std::process::Child>>;

/// Starts a command as a process that is killed when this one ends.
///
/// # Errors
///
/// When `setpriv` cannot be run.
///
/// # Panics
///
/// Never: the thread that starts processes does not end.
pub fn spawn(command: Command) -> io::Result<std::process::Child> {
    static STARTER: OnceLock<mpsc::Sender<(Command, Reply)>> = OnceLock::new();
    let starter = STARTER.get_or_init(|| {
        let (send, commands) = mpsc::channel::<(Command, Reply)>();
        thread::spawn(move || {
            for (mut command, reply) in commands {
                // Who asked waits for it.
                let _ = reply.send(command.spawn());
            }
        });
        send
    });
    let (reply, started) = mpsc::channel();
    let sent = starter.send((command, reply));
    sent.expect("the starter does not end");
    started.recv().expect("the starter does not end")
}

/// The same command, of a process that is killed when the thread that starts it ends.
#[must_use]
pub fn tied(command: &Command) -> Command {
    let mut tied = Command::new("setpriv");
    tied.args(["--pdeathsig", "KILL", "--"]);
    tied.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => tied.env(name, value),
            None => tied.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        tied.current_dir(folder);
    }
    tied.stdin(Stdio::null()).process_group(0);
    tied
}

// === impl Child ===

impl Child {
    /// Starts a program whose output is appended to a file.
    ///
    /// # Panics
    ///
    /// When the file cannot be opened, or `setpriv` (of util-linux) cannot be run.
    #[must_use]
    pub fn start(command: &Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log);
        let file = file.expect("a log in a folder that is there");
        let mut command = tied(command);
        command.stdout(file.try_clone().expect("a second handle"));
        command.stderr(file);
        Self {
            process: spawn(command).expect("setpriv runs (Debian: util-linux)"),
            log: log.to_owned(),
        }
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// How it ended, if it did.
    ///
    /// # Panics
    ///
    /// When the kernel does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("it was started")
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When the kernel does not say.
    pub fn wait(&mut self) -> ExitStatus {
        self.process.wait().expect("it was started")
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When it cannot be told.
    pub fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let told = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(told.expect("kill runs").success());
    }

    /// Where it logs.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The last lines that it logged, with the name of the file.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log).unwrap_or_default();
        let tail = &text[text.len().saturating_sub(TAIL)..];
        format!("{}:\n{}", self.log.display(), String::from_utf8_lossy(tail))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Over already when it ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
