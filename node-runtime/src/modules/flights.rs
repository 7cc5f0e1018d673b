//! Work by what it is for: who comes second joins the first, and failures are remembered until it
//! is time to try again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::error::Failure;

/// More failures than anyone looks at; beyond, the old ones are forgotten and tried again.
const MOST_FAILURES: usize = 4096;

/// A failure that only the one who asked hears of.
pub(super) struct Unremembered(pub(super) Failure);

/// Work by key.
pub(super) struct Flights<K, V>(Mutex<HashMap<K, Flight<V>>>);

struct Flight<V> {
    cell: Arc<OnceCell<Result<V, Failure>>>,
    /// How often it failed before.
    attempts: usize,
}

// === impl Flights ===

impl<K: Eq + Hash, V: Clone> Flights<K, V> {
    /// The result of the work for `key`; `work` is done by the first who asks.
    pub(super) async fn run(
        &self,
        key: K,
        work: impl AsyncFnOnce() -> Result<V, Failure>,
    ) -> Result<V, Failure> {
        self.try_run(key, async || Ok(work().await)).await
    }

    /// As [`Self::run`]; where `work` ends with [`Unremembered`], the next who waits does its own.
    pub(super) async fn try_run(
        &self,
        key: K,
        work: impl AsyncFnOnce() -> Result<Result<V, Failure>, Unremembered>,
    ) -> Result<V, Failure> {
        let (cell, attempts) = self.join(key);
        let done = cell
            .get_or_try_init(async || {
                let done = work().await?;
                Ok(done.map_err(|failure| failure.timed(attempts)))
            })
            .await;
        match done {
            Ok(done) => done.clone(),
            Err(Unremembered(failure)) => Err(failure),
        }
    }

    /// Makes a success a failure; when it is to be tried again, says the failure itself.
    pub(super) fn fail(&self, key: &K, failure: &Failure) {
        let mut flights = self.lock();
        let Some(flight) = flights.get_mut(key) else {
            return;
        };
        // Only a success is replaced: others saw the same failure.
        if matches!(flight.cell.get(), Some(Ok(_))) {
            let failure = failure.clone().timed(flight.attempts);
            flight.cell = Arc::new(OnceCell::new_with(Some(Err(failure))));
        }
    }

    /// Forgets successes that are not kept. Failures stay until their time, work that is under way
    /// until its end: somebody waits for it.
    pub(super) fn retain(&self, is_kept: impl Fn(&K) -> bool) {
        let mut flights = self.lock();
        let mut failures = 0;
        flights.retain(|key, flight| match flight.cell.get() {
            None => true,
            Some(Ok(_)) => is_kept(key),
            Some(Err(failure)) => {
                failures += 1;
                failure.is_remembered() && failures <= MOST_FAILURES
            }
        });
    }

    fn join(&self, key: K) -> (Arc<OnceCell<Result<V, Failure>>>, usize) {
        let mut flights = self.lock();
        let flight = flights.entry(key).or_default();
        if let Some(Err(failure)) = flight.cell.get()
            && failure.is_due(Instant::now())
        {
            flight.cell = Arc::default();
            flight.attempts = flight.attempts.saturating_add(1);
        }
        (Arc::clone(&flight.cell), flight.attempts)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Flight<V>>> {
        // Nothing panics while it holds the lock, and a map is whole at every moment anyway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

// === impl Flight ===

impl<V> Default for Flight<V> {
    fn default() -> Self {
        Self {
            cell: Arc::default(),
            attempts: 0,
        }
    }
}
