//! Whether the process is ready: to write, or to take over.
//!
//! It is when what it watches was listed once and the lease was read once; it stays so whatever
//! becomes of the API server, since a restart would help nobody. Ending ends it for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use process_shell::admin::Readiness;
use tokio_util::sync::CancellationToken;

/// Whether the process is ready; clones are of the same process.
#[derive(Clone, Debug)]
pub struct Health {
    state: Arc<State>,
    ending: CancellationToken,
}

#[derive(Debug, Default)]
struct State {
    lease_read: AtomicBool,
    listed: AtomicBool,
}

// === impl Health ===

impl Health {
    /// Not ready yet, and not any more from `ending` on.
    #[must_use]
    pub fn new(ending: CancellationToken) -> Self {
        Self {
            state: Arc::default(),
            ending,
        }
    }

    /// The lease was read: the API server answers, and lets us.
    pub fn lease_read(&self) {
        self.state.lease_read.store(true, Ordering::Release);
    }

    /// All that is watched was listed once.
    pub fn listed(&self) {
        self.state.listed.store(true, Ordering::Release);
    }

    /// Why not, one line each; none is ready.
    #[must_use]
    pub fn reasons(&self) -> Vec<&'static str> {
        let lacks = |done: &AtomicBool| !done.load(Ordering::Acquire);
        let reasons = [
            (
                lacks(&self.state.lease_read),
                "starting: the lease was not read yet",
            ),
            (
                lacks(&self.state.listed),
                "starting: routes, documents, runtimes and their reports were not all listed yet",
            ),
            (
                self.ending.is_cancelled(),
                "ending: the process is about to end",
            ),
        ];
        let applying = reasons.into_iter().filter(|(applies, _)| *applies);
        applying.map(|(_, reason)| reason).collect()
    }
}

impl Readiness for Health {
    fn means(&self) -> &'static str {
        "it writes or could take over"
    }

    fn reasons(&self) -> Vec<String> {
        let reasons = Self::reasons(self).into_iter();
        reasons.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_all_was_listed_and_the_lease_was_read_until_it_ends() {
        let ending = CancellationToken::new();
        let health = Health::new(ending.clone());
        assert_eq!(health.reasons().len(), 2);
        health.lease_read();
        let [listing] = health.reasons()[..] else {
            panic!("one reason is left");
        };
        assert!(listing.contains("not all listed yet"), "{listing}");
        health.listed();
        assert_eq!(health.reasons(), [""; 0]);
        ending.cancel();
        assert_eq!(health.reasons(), ["ending: the process is about to end"]);
    }
}
