//! What is counted of requests of the whole process, and who may run at once.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, PullingGauge, Registry,
};

use crate::gate::Gate;
use crate::route::Route;
use crate::routing::live::Routes;

/// Up to the longest queue that is usual; in seconds.
const QUEUE_BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0];

/// What is counted of requests of the whole process.
#[derive(Clone)]
pub struct Metrics {
    queue: Histogram,
    room_waits: IntCounter,
    input_waits: IntCounter,
    client_waits: IntCounter,
}

/// The permits of each route that is served now.
struct RoutePermits {
    routes: Routes<Arc<Route>>,
    in_use: IntGaugeVec,
    limit: IntGaugeVec,
}

// === impl Metrics ===

impl Metrics {
    /// Registers what is counted as it happens.
    ///
    /// # Errors
    ///
    /// When it is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let queue = HistogramOpts::new(
            "wagi_queue_wait_seconds",
            "How long requests waited that did not run at once, in seconds.",
        );
        let queue = Histogram::with_opts(queue.buckets(QUEUE_BUCKETS.to_vec()))?;
        registry.register(Box::new(queue.clone()))?;
        let waits = Opts::new(
            "wagi_bridge_waits_total",
            "How often a guest waited for its client, or a client for its guest.",
        );
        let waits = IntCounterVec::new(waits, &["wait"])?;
        registry.register(Box::new(waits.clone()))?;
        Ok(Self {
            queue,
            room_waits: waits.with_label_values(&["guest_for_room"]),
            input_waits: waits.with_label_values(&["guest_for_input"]),
            client_waits: waits.with_label_values(&["client_for_output"]),
        })
    }

    /// Of requests that wait for their turn.
    #[must_use]
    pub const fn queue(&self) -> &Histogram {
        &self.queue
    }

    pub(super) fn waited(&self, room: u64, input: u64, client: u64) {
        for (counter, count) in [
            (&self.room_waits, room),
            (&self.input_waits, input),
            (&self.client_waits, client),
        ] {
            if count > 0 {
                counter.inc_by(count);
            }
        }
    }
}

/// Registers what is looked up when somebody asks: permits of the process and of its routes.
///
/// # Errors
///
/// When it is registered already.
pub fn register_permits(
    registry: &Registry,
    all: &Arc<Gate>,
    routes: Routes<Arc<Route>>,
) -> prometheus::Result<()> {
    let gauge = |name: &str, help: &str, read: fn(&Gate) -> usize| {
        let gate = Arc::clone(all);
        let read = Box::new(move || number(read(&gate)));
        registry.register(Box::new(PullingGauge::new(name, help, read)?))
    };
    gauge("wagi_permits_in_use", "Requests that run.", Gate::passed)?;
    gauge(
        "wagi_permits_limit",
        "Requests that may run at once (--max-requests).",
        Gate::capacity,
    )?;
    gauge(
        "wagi_queue_length",
        "Requests that wait for a permit of the process.",
        Gate::waiting,
    )?;
    let of_routes = |name: &str, help: &str| IntGaugeVec::new(Opts::new(name, help), &["route"]);
    registry.register(Box::new(RoutePermits {
        routes,
        in_use: of_routes("wagi_route_permits_in_use", "Requests of a route that run.")?,
        limit: of_routes(
            "wagi_route_permits_limit",
            "Requests of a route that may run at once (limits.concurrency).",
        )?,
    }))
}

impl Collector for RoutePermits {
    fn desc(&self) -> Vec<&Desc> {
        let mut all = self.in_use.desc();
        all.extend(self.limit.desc());
        all
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.in_use.reset();
        self.limit.reset();
        for route in self.routes.current().targets() {
            let Some(handler) = &route.handler else {
                continue;
            };
            let set = |family: &IntGaugeVec, count: usize| {
                let count = i64::try_from(count).unwrap_or(i64::MAX);
                family.with_label_values(&[&route.name]).set(count);
            };
            set(&self.in_use, handler.gate.passed());
            set(&self.limit, handler.gate.capacity());
        }
        let mut all = self.in_use.collect();
        all.extend(self.limit.collect());
        all
    }
}

#[allow(
    clippy::cast_precision_loss,
    reason = "metrics are floating point numbers"
)]
const fn number(count: usize) -> f64 {
    count as f64
}
