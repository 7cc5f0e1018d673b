//! What a child's end means.

use std::io;
use std::os::unix::process::ExitStatusExt;

use rustix::process::Signal;

use super::CompileConfig;
use super::child::Ended;

/// What a child's exit code means; a signal, or any other code, is a break-down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The code is whole.
    Compiled = 0,
    /// The module is at fault; the sentence is on stderr.
    Refused = 1,
    /// There was not enough memory.
    Memory = 2,
    /// A file could not be read or written; the error's number is on stderr.
    Io = 3,
}

/// Why there is no code.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// The module is at fault: another try says the same.
    #[error("{0}")]
    Refused(String),
    /// It took too long.
    #[error("the module does not compile within {seconds} s; --compile-timeout raises the limit")]
    Timeout {
        /// The limit.
        seconds: f64,
    },
    /// It took too much memory.
    #[error(
        "the module does not compile within {mebibytes} MiB of memory; --compile-memory raises \
         the limit"
    )]
    Memory {
        /// The limit.
        mebibytes: u64,
    },
    /// Somebody else killed the compiler: a person, or the kernel for want of memory.
    #[error(
        "the compiler was killed by signal {signal} amid the module; if nobody did that, memory is \
         short: --compile-memory lowers what it takes"
    )]
    Killed {
        /// By which signal.
        signal: i32,
    },
    /// The compiler has a fault, or the module found one.
    #[error("the compiler broke down on the module: {0}")]
    Broken(String),
    /// The code could not be written, or the module read.
    #[error("cannot write the compiled module: {0}")]
    Io(#[source] io::Error),
    /// There is no child.
    #[error("cannot start the compiler: {0}")]
    Start(#[source] io::Error),
}

pub(super) fn of(ended: Ended, config: &CompileConfig) -> Result<(), CompileError> {
    let timeout = || CompileError::Timeout {
        seconds: config.timeout.as_secs_f64(),
    };
    let memory = || CompileError::Memory {
        mebibytes: config.memory_bytes >> 20,
    };
    if ended.is_late {
        return Err(timeout());
    }
    let text = sentence(&ended.message);
    if let Some(signal) = ended.status.signal() {
        return Err(match signal {
            _ if signal == Signal::XCPU.as_raw() => timeout(),
            _ if is_memory(&text) => memory(),
            _ if text.is_empty() => CompileError::Killed { signal },
            _ => CompileError::Broken(text),
        });
    }
    let code = ended.status.code().and_then(|code| u8::try_from(code).ok());
    Err(match code.and_then(Exit::from_code) {
        Some(Exit::Compiled) => return Ok(()),
        Some(Exit::Refused) if !text.is_empty() => CompileError::Refused(text),
        Some(Exit::Memory) => memory(),
        Some(Exit::Io) => CompileError::Io(io_error(&text)),
        _ if is_memory(&text) => memory(),
        _ => CompileError::Broken(text),
    })
}

/// What Rust's allocator and the kernel say; a thread that cannot be started has no memory for its
/// stack. None of it is an error that could be handled where it happens.
fn is_memory(text: &str) -> bool {
    let signs = [
        "memory allocation of ",
        "memory allocation failed",
        "Cannot allocate memory",
        "Resource temporarily unavailable",
    ];
    signs.iter().any(|sign| text.contains(sign))
}

/// One line without control characters: the child read a stranger's module.
fn sentence(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let line = lines.collect::<Vec<_>>().join("; ");
    line.chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .collect()
}

fn io_error(text: &str) -> io::Error {
    match text.parse() {
        Ok(number) => io::Error::from_raw_os_error(number),
        Err(_) => io::Error::other(text.to_owned()),
    }
}

// === impl CompileError ===

impl CompileError {
    /// Whether another try may end otherwise, with the same module and the same settings: not when
    /// the module is at fault.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }

    /// Whether the file for the code is on a full disk: then [`super::memory_file`] still works.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io(error) if matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
        ))
    }
}

// === impl Exit ===

impl Exit {
    fn from_code(code: u8) -> Option<Self> {
        [Self::Compiled, Self::Refused, Self::Memory, Self::Io]
            .into_iter()
            .find(|exit| *exit as u8 == code)
    }
}
