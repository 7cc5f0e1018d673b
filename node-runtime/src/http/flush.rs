//! Counts a connection's completed flushes, and wakes who waits for the next.
//!
//! hyper and h2 flush the socket only after their own buffers are written out,
//! so a flush that completes after bytes were handed over proves that these
//! bytes are with the kernel. It knows neither bodies nor sockets.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// How often a connection's buffers were written out.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    count: AtomicU64,
    waiting: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

// === impl Flushes ===

impl Flushes {
    /// Flushes completed so far.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// One more flush is complete.
    pub(super) fn completed(&self) {
        self.count.fetch_add(1, Ordering::SeqCst);
        // A waiter sets the flag before it looks at the count again, so that
        // either it sees this flush or we see it.
        if self.waiting.load(Ordering::SeqCst) {
            let wakers = {
                let mut wakers = self.lock();
                self.waiting.store(false, Ordering::SeqCst);
                std::mem::take(&mut *wakers)
            };
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Waits until more than `since` flushes are complete.
    pub(super) fn poll_past(&self, since: u64, context: &mut Context<'_>) -> Poll<()> {
        if self.count() > since {
            return Poll::Ready(());
        }
        let mut wakers = self.lock();
        if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            wakers.push(context.waker().clone());
        }
        self.waiting.store(true, Ordering::SeqCst);
        if self.count() > since {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Waker>> {
        // Nothing under this lock can panic half way.
        self.wakers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn every_waiter_is_woken_by_the_next_flush_and_none_by_an_earlier_one() {
        let flushes = Flushes::default();
        flushes.completed();
        let woken = [Arc::new(Woken::default()), Arc::new(Woken::default())];
        for woken in &woken {
            let waker = Waker::from(woken.clone());
            let mut context = Context::from_waker(&waker);
            assert!(flushes.poll_past(0, &mut context).is_ready());
            assert!(flushes.poll_past(1, &mut context).is_pending());
        }
        assert!(woken.iter().all(|woken| !woken.0.load(Ordering::SeqCst)));
        flushes.completed();
        assert!(woken.iter().all(|woken| woken.0.load(Ordering::SeqCst)));
    }
}
