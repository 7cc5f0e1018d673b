//! Gives each HTTP/2 stream its own [`Cut`], and the connection its streams.
//!
//! hyper calls the service and then hands the stream's future to its executor,
//! in that order and with nothing between: the cut made for the call is left
//! here and goes into the future that follows.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use super::cut::{Cut, Cuttable};
use super::scope::Scope;

/// hyper's executor for one HTTP/2 connection.
#[derive(Clone)]
pub(super) struct Executor {
    scope: Arc<Scope>,
    next: Arc<Mutex<Option<Cut>>>,
}

// === impl Executor ===

impl Executor {
    pub(super) fn new(scope: Arc<Scope>) -> Self {
        scope.stall.has_streams();
        Executor {
            scope,
            next: Arc::default(),
        }
    }

    /// The cut of the request that hyper is giving to the service now.
    pub(super) fn next_cut(&self) -> Cut {
        let cut = Cut::stream();
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(cut.clone());
        cut
    }
}

impl<F: Future<Output = ()> + Send + 'static> hyper::rt::Executor<F> for Executor {
    fn execute(&self, future: F) {
        let cut = self
            .next
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        // The connection's task is the caller: it looks into the inbox next.
        self.scope
            .inbox
            .push(Cuttable::new(future, cut, self.scope.clone()));
    }
}
