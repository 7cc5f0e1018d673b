//! One child, and the thread that belongs to it.
//!
//! The thread starts the child, waits for its end, ends it when time is up or nobody waits any
//! more, and reaps it, whatever becomes of the async runtime. It lives as long as the child because
//! the kernel takes the end of the *thread* that started a child for the end of its parent: a thread
//! of a pool that is no longer needed would take the child with it.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read, pipe};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use tokio::sync::oneshot;

use super::{COMMAND, CompileConfig};

/// What is kept of what a child says.
const MESSAGE_BYTES: usize = 8 * 1024;

/// A child that runs; dropped is killed.
pub(super) struct Running {
    ended: oneshot::Receiver<io::Result<Ended>>,
    /// Held open by whoever waits; its closing is what the thread sees.
    _waits: PipeWriter,
}

/// How a child ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    /// Whether it was killed because its time was up.
    pub(super) is_late: bool,
    /// The first of what it said.
    pub(super) message: Vec<u8>,
}

/// Starts a child and its thread.
pub(super) fn start(config: &CompileConfig, module: File, code: File) -> io::Result<Running> {
    let (stop, waits) = pipe()?;
    let (tell, ended) = oneshot::channel();
    let command = command(config, module, code);
    let timeout = config.timeout;
    thread::Builder::new()
        .name("wagi-compile".to_owned())
        .spawn(move || {
            // Nobody listens when nobody waits any more.
            let _ = tell.send(run(command, &stop, timeout));
        })?;
    Ok(Running {
        ended,
        _waits: waits,
    })
}

fn command(config: &CompileConfig, module: File, code: File) -> Command {
    let mut command = Command::new(&config.program);
    command
        .arg0("wagi")
        .arg(COMMAND)
        .arg(config.memory_bytes.to_string())
        .arg(config.timeout.as_secs_f64().ceil().to_string())
        .arg(std::process::id().to_string())
        .arg(config.wasm_exceptions.to_string())
        .env_clear()
        .envs(allocator(config.memory_bytes))
        .stdin(module)
        .stdout(code)
        .stderr(Stdio::piped());
    command
}

/// glibc's allocator reserves 64 MiB of address space for each arena, and as many arenas as eight
/// times the cores: that alone could be all the child may have. So it gets few, and few threads.
fn allocator(memory_bytes: u64) -> [(&'static str, String); 2] {
    const BYTES_PER_THREAD: u64 = 256 << 20;
    let cores = thread::available_parallelism().map_or(1, usize::from) as u64;
    let threads = (memory_bytes / BYTES_PER_THREAD).clamp(1, cores);
    [
        ("MALLOC_ARENA_MAX", threads.to_string()),
        ("RAYON_NUM_THREADS", threads.to_string()),
    ]
}

fn run(mut command: Command, stop: &PipeReader, timeout: Duration) -> io::Result<Ended> {
    let deadline = Instant::now() + timeout;
    let mut child = command.spawn()?;
    drop(command);
    let Some(mut stderr) = child.stderr.take() else {
        return end(&mut child, false, Vec::new());
    };
    let mut message = Vec::new();
    loop {
        let mut fds = [
            PollFd::new(&stderr, PollFlags::IN),
            PollFd::new(stop, PollFlags::IN),
        ];
        let left = deadline.saturating_duration_since(Instant::now());
        match poll(&mut fds, Some(&timespec(left))) {
            Ok(0) => return end(&mut child, true, message),
            Ok(_) if !fds[1].revents().is_empty() => return end(&mut child, false, message),
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => {
                end(&mut child, false, message)?;
                return Err(error.into());
            }
        }
        let mut some = [0; 1024];
        match stderr.read(&mut some) {
            // It has ended: nothing else has this pipe's other end.
            Ok(0) => {
                return Ok(Ended {
                    status: child.wait()?,
                    is_late: false,
                    message,
                });
            }
            Ok(read) => {
                let room = MESSAGE_BYTES - message.len();
                message.extend_from_slice(&some[..read.min(room)]);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                end(&mut child, false, message)?;
                return Err(error);
            }
        }
    }
}

fn end(child: &mut Child, is_late: bool, message: Vec<u8>) -> io::Result<Ended> {
    child.kill()?;
    Ok(Ended {
        status: child.wait()?,
        is_late,
        message,
    })
}

fn timespec(duration: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: duration.subsec_nanos().into(),
    }
}

// === impl Running ===

impl Running {
    pub(super) async fn ended(self) -> io::Result<Ended> {
        let Self { ended, _waits } = self;
        ended
            .await
            .unwrap_or_else(|_| Err(io::Error::other("the thread of a compile broke down")))
    }
}
