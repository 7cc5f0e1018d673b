//! Work that a connection does beside hyper: HTTP/2 streams, drains, run-on guests.
//!
//! All of it is polled in the connection's own task and dropped with it, so that
//! a client that goes takes everything it started along, at once and in order.
//! It does not know what the work is.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::FutureExt;
use futures::stream::{FuturesUnordered, Stream};

/// One piece of work.
pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Work handed in and not yet taken up.
#[derive(Default)]
pub(super) struct Inbox {
    any: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    tasks: Vec<Task>,
    closed: bool,
}

/// The work under way.
pub(super) struct Crew {
    running: FuturesUnordered<Task>,
}

// === impl Inbox ===

impl Inbox {
    /// Hands work in; after [`close`](Self::close) it is dropped instead.
    pub(super) fn push(&self, task: impl Future<Output = ()> + Send + 'static) {
        // A panic in one stream must not end the others.
        let task: Task = Box::pin(AssertUnwindSafe(task).catch_unwind().map(|outcome| {
            if outcome.is_err() {
                tracing::error!("a request's task panicked; its stream is reset");
            }
        }));
        let mut state = self.lock();
        if state.closed {
            drop(state);
            drop(task);
            return;
        }
        state.tasks.push(task);
        self.any.store(true, Ordering::Release);
    }

    /// Drops what was not taken up, and whatever comes later.
    pub(super) fn close(&self) {
        let tasks = {
            let mut state = self.lock();
            state.closed = true;
            std::mem::take(&mut state.tasks)
        };
        drop(tasks);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Tasks are dropped outside the lock: nothing under it can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Crew ===

impl Crew {
    pub(super) fn new() -> Self {
        Crew {
            running: FuturesUnordered::new(),
        }
    }

    /// Has everything polled once more: something changed that wakes nobody by itself.
    pub(super) fn wake_all(&mut self) {
        let running = std::mem::take(&mut self.running);
        self.running.extend(running);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Drops all work.
    pub(super) fn clear(&mut self) {
        self.running.clear();
    }

    /// Takes up what was handed in and polls what is ready; true when nothing is left.
    pub(super) fn poll(&mut self, inbox: &Inbox, context: &mut Context<'_>) -> bool {
        loop {
            if inbox.any.swap(false, Ordering::Acquire) {
                let tasks = std::mem::take(&mut inbox.lock().tasks);
                self.running.extend(tasks);
            }
            if self.running.is_empty() {
                return true;
            }
            match Pin::new(&mut self.running).poll_next(context) {
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) => return true,
                Poll::Pending if inbox.any.load(Ordering::Relaxed) => {}
                Poll::Pending => return false,
            }
        }
    }
}
