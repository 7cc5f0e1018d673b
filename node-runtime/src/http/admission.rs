//! Who may start a guest now, who waits, and who is turned away.
//!
//! Three things must be free: a place among the route's guests, one among all, and memory for
//! the module to begin with. What was admitted holds a [`Permit`] until its guest is gone.

use std::sync::Arc;
use std::time::{Duration, Instant};

use prometheus::Histogram;

use crate::gate::{self, Gate};
use crate::guest::{Budget, Reservation};

/// The places of the whole process.
#[derive(Debug)]
pub struct Admission {
    all: Arc<Gate>,
    budget: Budget,
    waits: Option<Histogram>,
}

/// Leave to run one guest. It belongs to the invocation, not to the answer.
#[derive(Debug)]
pub struct Permit {
    _route: gate::Permit,
    _all: gate::Permit,
}

/// No leave to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// As many wait as may.
    #[error("as many requests wait as may run")]
    QueueFull,
    /// It waited as long as it may.
    #[error("no place became free in time")]
    QueueTimeout,
}

// === impl Admission ===

impl Admission {
    /// Places for `max_requests` guests, with memory from `budget`.
    #[must_use]
    pub fn new(max_requests: usize, budget: Budget) -> Self {
        Self {
            all: Arc::new(Gate::new(max_requests)),
            budget,
            waits: None,
        }
    }

    /// As it is; how long requests wait is counted.
    #[must_use]
    pub fn counting(mut self, waits: Histogram) -> Self {
        self.waits = Some(waits);
        self
    }

    /// The places of the process.
    #[must_use]
    pub const fn all(&self) -> &Arc<Gate> {
        &self.all
    }

    /// Waits at most `queue` for leave to run a guest that begins with `initial_bytes`.
    ///
    /// # Errors
    ///
    /// [`Refused`] when too many wait, or none leaves in time.
    pub async fn admit(
        &self,
        route: &Gate,
        initial_bytes: usize,
        queue: Duration,
    ) -> Result<(Permit, Reservation), Refused> {
        if let Some(admitted) = self.try_admit(route, initial_bytes) {
            return Ok(admitted);
        }
        let at_route = route.queue().ok_or(Refused::QueueFull)?;
        let at_all = self.all.queue().ok_or(Refused::QueueFull)?;
        let began = Instant::now();
        let admitted = tokio::time::timeout(queue, async {
            let permit = Permit {
                _route: at_route.pass().await,
                _all: at_all.pass().await,
            };
            (permit, self.budget.reserve(initial_bytes).await)
        });
        let admitted = admitted.await;
        if let Some(waits) = &self.waits {
            waits.observe(began.elapsed().as_secs_f64());
        }
        admitted.map_err(|_elapsed| Refused::QueueTimeout)
    }

    /// Waits until everyone who was admitted has left; who comes meanwhile waits behind.
    pub async fn idle(&self) {
        self.all.idle().await;
    }

    /// How many were admitted and have not left.
    #[must_use]
    pub fn running(&self) -> usize {
        self.all.taken()
    }

    fn try_admit(&self, route: &Gate, initial_bytes: usize) -> Option<(Permit, Reservation)> {
        let permit = Permit {
            _route: route.try_pass()?,
            _all: self.all.try_pass()?,
        };
        Some((permit, self.budget.try_reserve(initial_bytes)?))
    }
}
