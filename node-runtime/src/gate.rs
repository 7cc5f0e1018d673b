//! How many may run at once, and how many may wait for that.
//!
//! A gate lets through as many as it has permits; at most as many again may wait, in order of
//! arrival. It does not know who passes, nor how long they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bounded number of permits with a bounded queue before them.
#[derive(Debug)]
pub struct Gate {
    permits: Arc<Semaphore>,
    waiting: AtomicUsize,
    capacity: usize,
}

/// Leave to run; it goes back when dropped.
pub type Permit = OwnedSemaphorePermit;

/// A place in the queue of a gate.
#[derive(Debug)]
pub struct Place<'a> {
    gate: &'a Gate,
}

// === impl Gate ===

impl Gate {
    /// A gate for `capacity` at once.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(capacity.min(Semaphore::MAX_PERMITS))),
            waiting: AtomicUsize::new(0),
            capacity,
        }
    }

    /// How many at once.
    #[must_use]
    pub const fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many hold a permit now.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.capacity
            .saturating_sub(self.permits.available_permits())
    }

    /// How many wait for one.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// A permit, if one is free now.
    #[must_use]
    pub fn try_pass(&self) -> Option<Permit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// How many permits are out.
    #[must_use]
    pub fn taken(&self) -> usize {
        self.size().saturating_sub(self.permits.available_permits())
    }

    /// Waits until all permits are back; nobody passes meanwhile.
    ///
    /// # Cancellation
    ///
    /// Safe: the gate is as it was.
    pub async fn idle(&self) {
        let all = u32::try_from(self.size()).unwrap_or(u32::MAX);
        let all = self.permits.acquire_many(all).await;
        drop(all.expect("a gate's semaphore is never closed"));
    }

    fn size(&self) -> usize {
        self.capacity.min(Semaphore::MAX_PERMITS)
    }

    /// A place in the queue, if as many wait as may run there is none.
    #[must_use]
    pub fn queue(&self) -> Option<Place<'_>> {
        let before = self.waiting.fetch_add(1, Ordering::AcqRel);
        let place = Place { gate: self };
        (before < self.capacity).then_some(place)
    }
}

// === impl Place ===

impl Place<'_> {
    /// Waits for a permit.
    ///
    /// # Cancellation
    ///
    /// Safe: the turn is lost, nothing else.
    pub async fn pass(&self) -> Permit {
        Arc::clone(&self.gate.permits)
            .acquire_owned()
            .await
            .expect("a gate's semaphore is never closed")
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.gate.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn as_many_wait_as_may_run() {
        let gate = Gate::new(1);
        let running = gate.try_pass();
        assert!(running.is_some());
        assert!(gate.try_pass().is_none());
        assert_eq!((gate.passed(), gate.capacity()), (1, 1));
        let waiting = gate.queue();
        assert!(waiting.is_some());
        assert!(gate.queue().is_none());
        drop(waiting);
        assert!(gate.queue().is_some());
        assert_eq!(gate.taken(), 1);
        assert!(gate.idle().now_or_never().is_none());
        drop(running);
        assert!(gate.idle().now_or_never().is_some());
        assert!(gate.try_pass().is_some());
    }
}
