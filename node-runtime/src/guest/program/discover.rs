//! Asks a module which routes it divides its own into (`_routes`), at load.
//!
//! It runs without environment, arguments, volumes or input, within 5 s of CPU and 64 KiB of
//! output, on the same threads as any guest.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::super::host::{Host, Strings, Used};
use super::super::{Ending, Executor, Full, Start, Timeouts};
use super::Program;
use crate::bridge::Bounds;

/// The export that prints sub-routes.
pub const ROUTES: &str = "_routes";

const CPU: Duration = Duration::from_secs(5);
/// A guest that sleeps uses no CPU; it must end all the same.
const TOTAL: Duration = Duration::from_secs(10);
const OUTPUT_BYTES: usize = 64 * 1024;
/// What one such run may hold; the default of a route's `limits.memory`.
const MEMORY_BYTES: usize = 128 * 1024 * 1024;

/// Why a module's routes are not known.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DiscoverError {
    /// Too many guests run.
    #[error("{ROUTES} could not run: {0}")]
    Full(#[from] Full),
    /// Memory for it is not free.
    #[error("{ROUTES} could not run: all guests together hold too much memory")]
    Memory,
    /// It did not come to a good end.
    #[error("{ROUTES} failed: {0}")]
    Failed(Ending),
    /// It printed too much.
    #[error("{ROUTES} printed more than {OUTPUT_BYTES} bytes")]
    TooLong,
    /// It printed something that is not text.
    #[error("{ROUTES} printed what is not UTF-8")]
    NotText,
}

/// Gives nothing and keeps the ending.
#[derive(Default)]
struct Nobody {
    last_line: Mutex<String>,
}

impl Host for Nobody {
    fn environment(&self) -> Strings {
        Strings::default()
    }

    fn arguments(&self) -> Strings {
        Strings::default()
    }

    fn stderr(&self, line: &[u8]) {
        let mut last = self
            .last_line
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *last = String::from_utf8_lossy(line).into_owned();
    }

    fn cut(&self) {}

    fn ended(&self, ending: &Ending, _used: &Used) {
        if !matches!(ending, Ending::Exited(0)) {
            let last = self
                .last_line
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            tracing::debug!(%ending, stderr = %last.escape_debug(), "{ROUTES} failed");
        }
    }
}

/// What is known of one program: it prints the same each time, having nothing else to go by.
#[derive(Default)]
pub(super) struct Known(OnceCell<Result<Option<Arc<str>>, DiscoverError>>);

impl Program {
    /// What `_routes` prints; `None` when the module has no such export. It runs once, however many
    /// routes ask, and again only when there was no place for it.
    ///
    /// # Errors
    ///
    /// [`DiscoverError`] when it fails, prints too much or what is not text.
    pub async fn discover(
        self: &Arc<Self>,
        executor: &Executor,
    ) -> Result<Option<Arc<str>>, DiscoverError> {
        let known = self.known.0.get_or_try_init(|| async {
            match self.run_routes(executor).await {
                Err(error) if error.may_pass() => Err(error),
                output => Ok(output.map(|text| text.map(Arc::from))),
            }
        });
        known.await?.clone()
    }

    async fn run_routes(
        self: &Arc<Self>,
        executor: &Executor,
    ) -> Result<Option<String>, DiscoverError> {
        let Ok(entry) = self.entry(ROUTES) else {
            return Ok(None);
        };
        let reservation = self
            .engine
            .budget()
            .try_reserve(self.initial_bytes())
            .ok_or(DiscoverError::Memory)?;
        let (invocation, mut output) = executor.start(Start {
            program: Arc::clone(self),
            entry,
            host: Arc::new(Nobody::default()),
            stdin: None,
            files: Arc::new([]),
            memory_limit_bytes: MEMORY_BYTES.max(self.initial_bytes()),
            reservation,
            timeouts: Timeouts {
                head: TOTAL,
                idle: TOTAL,
                client: TOTAL,
                total: TOTAL,
                cpu: CPU,
            },
            route: 0,
            output: Bounds::RESPONSE,
            began: Instant::now(),
        })?;
        let mut text = Vec::new();
        loop {
            let received = output.receive().await;
            text.extend_from_slice(&received.bytes);
            if text.len() > OUTPUT_BYTES {
                return Err(DiscoverError::TooLong);
            }
            if received.end.is_some() {
                break;
            }
        }
        match invocation.ending() {
            Some(Ending::Exited(0)) => {}
            Some(other) => return Err(DiscoverError::Failed(other.clone())),
            None => return Err(DiscoverError::Failed(Ending::Exited(-1))),
        }
        String::from_utf8(text)
            .map(Some)
            .map_err(|_| DiscoverError::NotText)
    }
}

// === impl DiscoverError ===

impl DiscoverError {
    /// Whether it says something of the moment and nothing of the module.
    const fn may_pass(&self) -> bool {
        matches!(self, Self::Full(_) | Self::Memory)
    }
}
