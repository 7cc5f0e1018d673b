//! Ends guests whose time is over.
//!
//! It looks after guests that outlive their first slice, and sleeps until the earliest moment at
//! which one of their limits can be over: deadlines only ever move away, and a limit that has not
//! begun is over no sooner than its whole length from now. So what it finds then is either over
//! or has a later moment.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Stop;
use super::executor::Task;

/// It never looks more often: a thousand guests with short limits cost it nothing then, and a
/// guest past its limit is gone well within 100 ms.
const GRAIN: Duration = Duration::from_millis(20);

/// A list shorter than this is not worth pruning.
const PRUNE_AT: usize = 256;

/// What a guest's limits say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before this moment.
    At(Instant),
    /// Its time is over.
    Now(Stop),
    /// It has no limits any more.
    Over,
    /// It has none yet.
    Never,
}

/// The guests that are looked after.
#[derive(Default)]
pub(in crate::guest) struct Watch {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    tasks: Vec<Arc<Task>>,
    /// At so many tasks those that are over are thrown out, without waiting for their deadlines.
    prune_at: usize,
    /// When it looks next; `None` while there is nobody.
    next: Option<Instant>,
    closed: bool,
}

// === impl Due ===

impl Due {
    /// Takes another limit into account: `limit` after `since`, or, if that has not begun, no
    /// sooner than `limit` from now.
    #[must_use]
    pub(super) fn sooner(
        self,
        now: Instant,
        since: Option<Instant>,
        limit: Duration,
        stop: Stop,
    ) -> Self {
        let at = since.unwrap_or(now) + limit;
        match self {
            Self::Now(_) | Self::Over => self,
            _ if at <= now && since.is_some() => Self::Now(stop),
            Self::At(sooner) if sooner <= at => self,
            Self::At(_) | Self::Never => Self::At(at),
        }
    }
}

// === impl Watch ===

impl Watch {
    /// Begins to look after a guest.
    pub(super) fn add(&self, task: Arc<Task>) {
        let now = Instant::now();
        let due = match task.due(now) {
            Due::At(at) => at,
            Due::Now(_) | Due::Never => now,
            Due::Over => return,
        };
        let mut state = self.lock();
        state.prune();
        state.tasks.push(task);
        if state.next.is_none_or(|next| due < next) {
            state.next = Some(due);
            self.wake.notify_one();
        }
    }

    pub(super) fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let now = Instant::now();
            match state.next {
                None => {
                    state = self
                        .wake
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner);
                }
                Some(next) if next > now => {
                    let slept = self.wake.wait_timeout(state, next - now);
                    state = slept.unwrap_or_else(PoisonError::into_inner).0;
                }
                Some(_) => {
                    let expired = state.sweep(now);
                    drop(state);
                    for (task, stop) in expired {
                        Task::expire(&task, stop);
                    }
                    state = self.lock();
                }
            }
        }
        // What is left refers to the executor that refers to this.
        state.tasks.clear();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl State ===

impl State {
    /// Keeps the list within twice what is alive: deadlines are minutes away, guests many.
    fn prune(&mut self) {
        if self.tasks.len() < self.prune_at.max(PRUNE_AT) {
            return;
        }
        self.tasks.retain(|task| !task.is_over());
        self.prune_at = 2 * self.tasks.len();
    }

    /// Forgets those that are over, and names those whose time is.
    fn sweep(&mut self, now: Instant) -> Vec<(Arc<Task>, Stop)> {
        let mut expired = Vec::new();
        let mut next: Option<Instant> = None;
        let mut look_at = |at: Instant| next = Some(next.map_or(at, |next| next.min(at)));
        self.tasks.retain(|task| match task.due(now) {
            Due::Over => false,
            Due::Never => true,
            Due::At(at) => {
                look_at(at);
                true
            }
            Due::Now(stop) => {
                expired.push((Arc::clone(task), stop));
                // It stays until it is gone and what it wrote is taken.
                look_at(now);
                true
            }
        });
        self.next = next.map(|next| next.max(now + GRAIN));
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_that_may_begin_at_any_time_is_looked_at_in_time() {
        let now = Instant::now();
        let (short, long) = (Duration::from_secs(1), Duration::from_secs(60));
        let due = Due::Never
            .sooner(now, Some(now), long, Stop::TotalTimeout)
            .sooner(now, None, short, Stop::ClientStalled);
        assert_eq!(due, Due::At(now + short));
        let nothing = Due::Never.sooner(now, None, Duration::ZERO, Stop::ClientStalled);
        assert_eq!(nothing, Due::At(now));
    }
}
