//! What is counted of guests, whoever they are.

use std::sync::{Arc, Weak};
use std::time::Duration;

use prometheus::{Histogram, HistogramOpts, PullingGauge, Registry};

use super::{Budget, Executor};

/// From an instance that is warm in the pool to one that has to be faulted in; in seconds.
const INSTANTIATION_BUCKETS: [f64; 10] = [
    0.000_005, 0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1,
];

/// What is counted of guests.
#[derive(Clone, Debug)]
pub struct Metrics {
    instantiation: Histogram,
}

// === impl Metrics ===

impl Metrics {
    /// Registers what is counted as it happens.
    ///
    /// # Errors
    ///
    /// When it is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let opts = HistogramOpts::new(
            "wagi_guest_instantiation_seconds",
            "Making a guest of a program, start function included, in seconds.",
        );
        let instantiation = Histogram::with_opts(opts.buckets(INSTANTIATION_BUCKETS.to_vec()))?;
        registry.register(Box::new(instantiation.clone()))?;
        Ok(Self { instantiation })
    }

    pub(super) fn instantiated(&self, took: Duration) {
        self.instantiation.observe(took.as_secs_f64());
    }
}

/// Registers what is looked up when somebody asks.
///
/// # Errors
///
/// When it is registered already.
pub fn register_gauges(
    registry: &Registry,
    executor: &Arc<Executor>,
    budget: &Budget,
) -> prometheus::Result<()> {
    let gauge = |name: &str, help: &str, read: Box<dyn Fn() -> f64 + Send + Sync>| {
        registry.register(Box::new(PullingGauge::new(name, help, read)?))
    };
    // The registry must not keep the executor's threads.
    let executor: Weak<Executor> = Arc::downgrade(executor);
    gauge(
        "wagi_guests",
        "Guests that run, those that are asked for their routes included.",
        Box::new(move || {
            executor
                .upgrade()
                .map_or(0.0, |executor| number(executor.active()))
        }),
    )?;
    let held = budget.clone();
    gauge(
        "wagi_guest_memory_bytes",
        "Memory and tables that all guests hold, in bytes.",
        Box::new(move || number(held.held_bytes())),
    )?;
    let total = budget.total_bytes();
    gauge(
        "wagi_guest_memory_limit_bytes",
        "Memory and tables that all guests may hold, in bytes (--guest-memory).",
        Box::new(move || number(total)),
    )
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floating point numbers"
)]
const fn number(count: usize) -> f64 {
    count as f64
}
