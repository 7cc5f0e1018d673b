//! What whoever is paged for the process can see of it.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use prometheus::core::{Collector, Desc};
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGaugeVec, Opts, Registry};
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};

use crate::admin::{Pulse, RouteStatus, State};
use crate::control::{self, RouteState};
use crate::guest::{self, Budget, Executor, Threads};
use crate::http::account::Counted;
use crate::http::admission::Admission;
use crate::http::metrics::register_permits;
use crate::modules::metrics::StoreUsage;
use crate::route::Route;
use crate::routing::live::Routes;
use crate::store::Store;
use crate::telemetry::Lines;
use crate::{http, modules, route};

/// Everything that is counted.
pub struct Metrics {
    /// What it is registered in.
    pub registry: Registry,
    /// Of guests.
    pub guest: guest::metrics::Metrics,
    /// Of routes.
    pub route: route::Metrics,
    /// Of requests.
    pub http: http::metrics::Metrics,
    /// Of modules.
    pub modules: modules::metrics::Metrics,
}

/// Lines of the log that were dropped.
struct LostLines {
    lines: Lines,
    count: IntCounter,
}

// === impl Metrics ===

impl Metrics {
    /// Registers what each room counts.
    ///
    /// # Errors
    ///
    /// Never, as long as names differ.
    pub fn register() -> prometheus::Result<Self> {
        // Names carry their own prefix: one of the registry's would rename the process's, too.
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::for_self()))?;
        register_build(&registry)?;
        Ok(Self {
            guest: guest::metrics::Metrics::register(&registry)?,
            route: route::Metrics::register(&registry)?,
            http: http::metrics::Metrics::register(&registry)?,
            modules: modules::metrics::Metrics::register(&registry)?,
            registry,
        })
    }

    /// Registers what is looked up when somebody asks.
    ///
    /// # Errors
    ///
    /// Never, as long as names differ.
    pub fn watch(
        &self,
        executor: &Arc<Executor>,
        budget: &Budget,
        admission: &Admission,
        routes: Routes<Arc<Route>>,
    ) -> prometheus::Result<()> {
        guest::metrics::register_gauges(&self.registry, executor, budget)?;
        register_permits(&self.registry, admission.all(), routes)
    }

    /// Registers what the log loses.
    ///
    /// # Errors
    ///
    /// Never, as long as names differ.
    pub fn watch_log(&self, lines: &Lines) -> prometheus::Result<()> {
        self.registry.register(Box::new(LostLines {
            lines: lines.clone(),
            count: IntCounter::new(
                "wagi_log_lines_dropped_total",
                "Lines of the log that were dropped because stderr was read too slowly.",
            )?,
        }))
    }

    /// Registers a store.
    ///
    /// # Errors
    ///
    /// Never, as long as names differ.
    pub fn watch_store(&self, store: Store) -> prometheus::Result<()> {
        modules::metrics::register_store(&self.registry, move || {
            let usage = store.usage();
            StoreUsage {
                blobs: usage.blobs,
                compiled: usage.compiled,
                bytes: usage.bytes,
                capacity_bytes: usage.capacity,
                evictions: usage.evictions,
                hits: usage.hits,
                misses: usage.misses,
                damaged: usage.damaged,
            }
        })
    }

    /// What the HTTP front counts.
    #[must_use]
    pub fn counted(&self) -> Counted {
        Counted {
            http: self.http.clone(),
            nowhere: self.route.nowhere(),
        }
    }
}

impl Collector for LostLines {
    fn desc(&self) -> Vec<&Desc> {
        self.count.desc()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.count.reset();
        self.count.inc_by(self.lines.dropped());
        self.count.collect()
    }
}

fn register_build(registry: &Registry) -> prometheus::Result<()> {
    let opts = Opts::new("wagi_build_info", "1, with the version and commit of wagi.");
    let build = IntGaugeVec::new(opts, &["version", "commit"])?;
    build
        .with_label_values(&[env!("CARGO_PKG_VERSION"), env!("WAGI_COMMIT")])
        .set(1);
    registry.register(Box::new(build))
}

/// Who has to answer for the process to be alive.
#[must_use]
pub fn pulses(io: &Handle, executor: &Arc<Executor>) -> Vec<Pulse> {
    let mut pulses = vec![Pulse::of_runtime("the threads of connections", io.clone())];
    for threads in Threads::ALL {
        // Asking must not keep the executor's threads.
        let executor: Weak<Executor> = Arc::downgrade(executor);
        pulses.push(Pulse::new(threads.name(), move || {
            match executor.upgrade() {
                Some(executor) => executor.pulse(threads),
                None => oneshot::channel().1,
            }
        }));
    }
    pulses
}

/// Every route that is wanted, and what becomes of its requests.
#[must_use]
pub fn statuses(
    statuses: &watch::Receiver<Arc<control::Statuses>>,
    routes: &Routes<Arc<Route>>,
) -> Vec<RouteStatus> {
    let table = routes.current();
    let targets: HashMap<&str, &Arc<Route>> = table
        .targets()
        .map(|route| (route.name.as_str(), route))
        .collect();
    let known = Arc::clone(&statuses.borrow());
    let shown = known.routes.iter().map(|known| {
        let route = targets.get(known.document.name().to_string().as_str());
        shown(known, route.and_then(|route| route.handler.as_ref()))
    });
    shown.collect()
}

fn shown(known: &control::RouteStatus, handler: Option<&route::Handler>) -> RouteStatus {
    let route = &known.document.route;
    RouteStatus {
        name: route.name.to_string(),
        hosts: route.hosts.iter().map(ToString::to_string).collect(),
        path: route.path.to_string(),
        digest: known.digest.map(|digest| digest.to_string()),
        state: match known.state {
            RouteState::Serving => State::Serving,
            RouteState::Updating => State::Updating,
            RouteState::Kept => State::Kept,
            RouteState::Loading => State::Loading,
            RouteState::NotLoaded => State::NotLoaded,
            RouteState::Suspended => State::Suspended,
        },
        parts: handler.map_or_else(Vec::new, |handler| {
            handler.parts().map(ToString::to_string).collect()
        }),
        error: known.error.as_ref().map(|(_, reason)| reason.clone()),
        in_flight: handler.map_or(0, |handler| handler.gate.passed()),
    }
}
