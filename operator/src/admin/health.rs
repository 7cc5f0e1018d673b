//! Whether the process is ready: to write, or to take over.
//!
//! It is when what it watches was listed once and the lease was read once; it stays so whatever
//! becomes of the API server, since a restart would help nobody. Ending ends it for good.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Whether the process is ready; clones are of the same process.
#[derive(Clone, Debug, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    lease_read: bool,
    /// What was not listed yet.
    listing: Vec<&'static str>,
    listed: bool,
    ending: bool,
}

// === impl Health ===

impl Health {
    /// The lease was read: the API server answers, and lets us.
    pub fn lease_read(&self) {
        self.lock().lease_read = true;
    }

    /// These were not listed yet; none is left when all were, which is never taken back.
    pub fn listing(&self, kinds: Vec<&'static str>) {
        let mut state = self.lock();
        state.listed |= kinds.is_empty();
        state.listing = kinds;
    }

    /// The process is about to end.
    pub fn ending(&self) {
        self.lock().ending = true;
    }

    /// Why not, one line each; none is ready.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let state = self.lock();
        let mut reasons = Vec::new();
        if !state.lease_read {
            reasons.push("starting: the lease was not read yet".to_owned());
        }
        if !state.listed && state.listing.is_empty() {
            reasons.push("starting: nothing was listed yet".to_owned());
        } else if !state.listed {
            reasons.push(format!(
                "starting: not listed yet: {}",
                state.listing.join(", ")
            ));
        }
        if state.ending {
            reasons.push("ending: the process is about to end".to_owned());
        }
        reasons
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_when_all_was_listed_and_the_lease_was_read_until_it_ends() {
        let health = Health::default();
        assert_eq!(
            health.reasons(),
            [
                "starting: the lease was not read yet",
                "starting: nothing was listed yet"
            ]
        );
        health.lease_read();
        health.listing(vec!["WagiRoutes", "documents"]);
        assert_eq!(
            health.reasons(),
            ["starting: not listed yet: WagiRoutes, documents"]
        );
        health.listing(Vec::new());
        assert_eq!(health.reasons(), [""; 0]);
        health.listing(vec!["WagiRoutes"]);
        assert_eq!(health.reasons(), [""; 0]);
        health.ending();
        assert_eq!(health.reasons(), ["ending: the process is about to end"]);
    }
}
