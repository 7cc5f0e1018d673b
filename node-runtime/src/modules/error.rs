//! Why a module cannot be served, and when that may change.

use std::time::Duration;

use crds::digest::Digest;
use crds::module_reference::RegistryReference;
use registry::retry::{Class, Retry};
use tokio::time::Instant;

/// Why a module cannot be served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no file {0}")]
    Absent(String),
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file is larger than a module may be.
    #[error("{path} is larger than {limit} bytes (--max-module-size)")]
    TooLarge {
        /// The file.
        path: String,
        /// What it may have.
        limit: u64,
    },
    /// The file is being written; when that is over it is loaded again.
    #[error("{0} changed while it was read")]
    Changing(String),
    /// The registry does not give it.
    #[error("{0}")]
    Image(String),
    /// There are no registries here.
    #[error("modules in registries are not looked at here")]
    NoRegistries,
    /// The compiler has a fault.
    #[error("the compiler broke down on {0}")]
    Broken(Digest),
    /// It does not compile.
    #[error("{0}")]
    Refused(String),
}

/// An error, and when it may have passed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Failure {
    /// What is wrong.
    pub error: LoadError,
    /// When to try again: nothing while it has not been decided, or when only a change helps.
    pub retry_at: Option<Instant>,
    retry: Retry,
}

// === impl LoadError ===

impl LoadError {
    pub(super) fn memory(error: &std::io::Error) -> Self {
        Self::Image(format!("there is no memory for the module: {error}"))
    }

    /// Whether it is a matter of the image, and not of what is in it.
    pub(super) const fn is_of_image(&self) -> bool {
        matches!(self, Self::Image(_))
    }
}

// === impl Failure ===

impl Failure {
    pub(super) fn of_image(error: &(dyn std::error::Error + 'static), retry: Retry) -> Self {
        Self::new(LoadError::Image(chain(error)), retry)
    }

    /// The image is not what it was, and what it was is nowhere any more.
    pub(super) fn moved(image: &RegistryReference, module: &Digest) -> Self {
        let text = format!("{image} is not {module} any more, and the store has lost that");
        Self::new(LoadError::Image(text), retry_soon())
    }

    pub(super) fn of_compiler(error: &(dyn std::error::Error + 'static), retry: Retry) -> Self {
        Self::new(LoadError::Refused(chain(error)), retry)
    }

    fn new(error: LoadError, retry: Retry) -> Self {
        Self {
            error,
            retry_at: None,
            retry,
        }
    }

    /// With the time of the next try, after so many failures before this one.
    pub(super) fn timed(mut self, attempts: usize) -> Self {
        if self.retry_at.is_none() {
            self.retry_at = delay(self.retry, attempts).map(|delay| Instant::now() + delay);
        }
        self
    }

    /// Whether it may be tried again.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.retry_at.is_some_and(|at| at <= now)
    }

    /// Whether asking again should give the same answer without work.
    pub(super) fn is_remembered(&self) -> bool {
        match self.error {
            LoadError::Image(_) | LoadError::Refused(_) | LoadError::Broken(_) => true,
            // Looking at a file costs nothing.
            LoadError::Absent(_)
            | LoadError::Unreadable { .. }
            | LoadError::TooLarge { .. }
            | LoadError::Changing(_)
            | LoadError::NoRegistries => false,
        }
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        let retry = match error {
            // Descriptors and memory come back.
            LoadError::Unreadable { .. } | LoadError::Image(_) => retry_soon(),
            _ => Retry::Never,
        };
        Self::new(error, retry)
    }
}

const fn retry_soon() -> Retry {
    Retry::After {
        at_least: None,
        class: Class::Short,
    }
}

/// How long to wait after so many failures before this one.
fn delay(retry: Retry, attempts: usize) -> Option<Duration> {
    match retry {
        Retry::Never => None,
        Retry::After { at_least, class } => {
            let delay = registry::retry::delay(class, attempts);
            Some(delay.max(at_least.unwrap_or_default()))
        }
    }
}

/// An error and its causes on one line, none of them twice.
fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}
