//! The log: text for people, JSON for collectors, always on stderr.
//!
//! What is logged below `info` is chosen with `RUST_LOG`. Lines are written as they are said: a
//! reader that stalls stalls the operator, whose claim then runs out while a standby works on.

use std::io::{IsTerminal, stderr};

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

/// How lines of the log look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What kube says of calls that failed names neither the call nor its cause; who calls says both.
const DEFAULT_FILTER: &str = "info,kube_client=off,kube_runtime=error,hyper=warn,tower=warn";

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
///
/// When it goes somewhere already.
pub fn init(format: LogFormat) -> Result<(), TryInitError> {
    let filter =
        EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_target(false);
    match format {
        LogFormat::Text => builder
            .with_ansi(stderr().is_terminal())
            .finish()
            .try_init(),
        LogFormat::Json => builder.json().flatten_event(true).finish().try_init(),
    }?;
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
    }));
    Ok(())
}
