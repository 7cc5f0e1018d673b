//! The log: text for people, JSON for collectors, always on stderr.
//!
//! What is logged below `info` is chosen with `RUST_LOG`. Compilers' own warnings are left out: a
//! guest can cause as many of them as it likes.
//! Lines leave through one bounded queue ([`Lines`]), in the order in which they were said: who
//! logs never waits for who reads.

mod lines;
mod time;

use std::io::{IsTerminal, Write, stderr};
use std::sync::OnceLock;
use std::time::Duration;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

pub use self::lines::{Kind, Lines};
pub use self::time::write_now;

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where lines go, and how they look.
#[derive(Clone, Debug)]
pub struct Log {
    /// Where they go.
    pub lines: Lines,
    /// How they look.
    pub format: LogFormat,
}

/// Writes what is still on its way when dropped: held by whoever ends the process.
#[must_use]
pub struct Flush(());

const DEFAULT_FILTER: &str =
    "info,wasmtime=error,wasmtime_wasi=error,cranelift_codegen=error,hyper=warn,h2=warn";

/// How long the end of the process waits for whoever reads the log: a reader that takes nothing
/// for so long will not.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same for a thread that breaks down: others may want its guests' places.
const PATIENCE_OF_PANICS: Duration = Duration::from_millis(100);

static LOG: OnceLock<Log> = OnceLock::new();

// === impl LogFormat ===

impl LogFormat {
    /// Text on a terminal, else JSON.
    #[must_use]
    pub fn for_stderr() -> Self {
        if stderr().is_terminal() {
            Self::Text
        } else {
            Self::Json
        }
    }
}

/// Sends the log to stderr from now on, panics included.
///
/// # Errors
/// When it goes somewhere already.
pub fn init(format: LogFormat) -> Result<Flush, TryInitError> {
    let log = LOG.get_or_init(|| Log {
        lines: Lines::new(stderr(), format),
        format,
    });
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(log.lines.clone())
        .with_target(false);
    match format {
        LogFormat::Text => builder
            .with_ansi(stderr().is_terminal())
            .finish()
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    }?;
    log_panics();
    Ok(Flush(()))
}

/// The log of this process, once [`init`] has begun it.
#[must_use]
pub fn log() -> Option<&'static Log> {
    LOG.get()
}

/// Waits a little until all that was logged is written: before something else is written to
/// stderr, and before the process ends.
pub fn flush() {
    flush_within(PATIENCE);
}

fn flush_within(patience: Duration) {
    if let Some(log) = LOG.get() {
        log.lines.flush(patience);
    }
}

/// The usual hook writes to stderr itself, and so would wait for a reader that has stalled.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let thread = thread.name().unwrap_or("unnamed");
        // Empty unless RUST_BACKTRACE asks for it.
        let backtrace = std::backtrace::Backtrace::capture();
        match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => {
                tracing::error!(thread, %backtrace, "{panic}");
            }
            _ => tracing::error!(thread, "{panic}"),
        }
        flush_within(PATIENCE_OF_PANICS);
    }));
}

// === impl Flush ===

impl Drop for Flush {
    fn drop(&mut self) {
        flush();
    }
}

// === impl Lines ===

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Event;

    fn make_writer(&'a self) -> Event {
        Event(self.clone())
    }
}

/// Takes one event of tracing, which writes it in one piece.
#[derive(Debug)]
pub struct Event(Lines);

impl Write for Event {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.push(Kind::Log, bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
