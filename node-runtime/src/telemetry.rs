//! The log: text for people, JSON for collectors, always on stderr.
//!
//! What is logged below `info` is chosen with `RUST_LOG`. Compilers' own warnings are left out: a
//! guest can cause as many of them as it likes.

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

const DEFAULT_FILTER: &str =
    "info,wasmtime=error,wasmtime_wasi=error,cranelift_codegen=error,hyper=warn,h2=warn";

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

/// Sends the log to stderr from now on.
///
/// # Errors
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
    }
}
