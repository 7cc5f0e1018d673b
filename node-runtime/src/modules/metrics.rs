//! What is counted on a module's way from a registry to a program.

use std::time::Duration;

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

/// From a module that is near to the slowest that is waited for; in seconds.
const BUCKETS: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 20.0, 60.0, 120.0];

/// What is counted of modules.
#[derive(Clone, Debug)]
pub struct Metrics {
    pulls: IntCounterVec,
    pull_seconds: Histogram,
    pulled_bytes: IntCounter,
    compiles: IntCounterVec,
    compile_seconds: Histogram,
}

/// How a pull ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulled {
    /// All of it is here.
    Ok,
    /// It is not; what is tried again counts again.
    Failed,
}

/// How a compile ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compiled {
    /// There is code.
    Ok,
    /// The module is not one that can be served.
    Refused,
    /// It took longer than it may.
    Timeout,
    /// It took more memory than it may.
    Memory,
    /// Anything else.
    Failed,
}

// === impl Pulled ===

impl Pulled {
    const ALL: [Self; 2] = [Self::Ok, Self::Failed];

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Failed => "failed",
        }
    }
}

// === impl Compiled ===

impl Compiled {
    const ALL: [Self; 5] = [
        Self::Ok,
        Self::Refused,
        Self::Timeout,
        Self::Memory,
        Self::Failed,
    ];

    const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Memory => "memory",
            Self::Failed => "failed",
        }
    }
}

// === impl Metrics ===

impl Metrics {
    /// Registers what is counted as it happens.
    ///
    /// # Errors
    ///
    /// When it is registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counters = |name: &str, help: &str| {
            let family = IntCounterVec::new(Opts::new(name, help), &["outcome"])?;
            registry.register(Box::new(family.clone()))?;
            prometheus::Result::Ok(family)
        };
        let histogram = |name: &str, help: &str| {
            let opts = HistogramOpts::new(name, help).buckets(BUCKETS.to_vec());
            let histogram = Histogram::with_opts(opts)?;
            registry.register(Box::new(histogram.clone()))?;
            prometheus::Result::Ok(histogram)
        };
        let pulled_bytes = IntCounter::new(
            "wagi_module_pulled_bytes_total",
            "Bytes of modules that were pulled whole.",
        )?;
        registry.register(Box::new(pulled_bytes.clone()))?;
        let metrics = Self {
            pulls: counters(
                "wagi_module_pulls_total",
                "Pulls of modules from registries, by how they ended.",
            )?,
            pull_seconds: histogram(
                "wagi_module_pull_seconds",
                "How long pulls took that ended well, in seconds.",
            )?,
            pulled_bytes,
            compiles: counters(
                "wagi_module_compiles_total",
                "Compiles of modules, by how they ended.",
            )?,
            compile_seconds: histogram(
                "wagi_module_compile_seconds",
                "How long compiles took that ended well, in seconds.",
            )?,
        };
        // A rate needs the 0 that comes before the first one.
        for outcome in Pulled::ALL {
            metrics.pulls.with_label_values(&[outcome.word()]);
        }
        for outcome in Compiled::ALL {
            metrics.compiles.with_label_values(&[outcome.word()]);
        }
        Ok(metrics)
    }

    /// A pull is over.
    pub fn pulled(&self, outcome: Pulled, took: Duration, bytes: u64) {
        self.pulls.with_label_values(&[outcome.word()]).inc();
        if outcome == Pulled::Ok {
            self.pull_seconds.observe(took.as_secs_f64());
            self.pulled_bytes.inc_by(bytes);
        }
    }

    /// A compile is over.
    pub fn compiled(&self, outcome: Compiled, took: Duration) {
        self.compiles.with_label_values(&[outcome.word()]).inc();
        if outcome == Compiled::Ok {
            self.compile_seconds.observe(took.as_secs_f64());
        }
    }
}

/// What a store says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreUsage {
    /// Modules in it.
    pub blobs: u64,
    /// Compiled code in it, in files.
    pub compiled: u64,
    /// All of it.
    pub bytes: u64,
    /// What it may hold.
    pub capacity_bytes: u64,
    /// What was thrown out to make room, in files, since the start.
    pub evictions: u64,
    /// What was looked for and there, since the start.
    pub hits: u64,
    /// What was looked for and not there, since the start.
    pub misses: u64,
    /// What was there and not what its name says, since the start.
    pub damaged: u64,
}

/// A store's metrics, looked up when somebody asks.
struct Store {
    usage: Box<dyn Fn() -> StoreUsage + Send + Sync>,
    entries: IntGaugeVec,
    bytes: IntGauge,
    capacity: IntGauge,
    evictions: IntCounter,
    hits: IntCounter,
    misses: IntCounter,
    damaged: IntCounter,
}

/// Registers a store.
///
/// # Errors
///
/// When one is registered already.
pub fn register_store(
    registry: &Registry,
    usage: impl Fn() -> StoreUsage + Send + Sync + 'static,
) -> prometheus::Result<()> {
    let entries = Opts::new("wagi_store_entries", "Files in the store.");
    registry.register(Box::new(Store {
        usage: Box::new(usage),
        entries: IntGaugeVec::new(entries, &["kind"])?,
        bytes: IntGauge::new("wagi_store_bytes", "Bytes in the store.")?,
        capacity: IntGauge::new(
            "wagi_store_capacity_bytes",
            "Bytes that the store may hold (--store-size).",
        )?,
        evictions: IntCounter::new(
            "wagi_store_evictions_total",
            "Files that were thrown out of the store to make room.",
        )?,
        hits: IntCounter::new(
            "wagi_store_hits_total",
            "Files that were looked for in the store and there.",
        )?,
        misses: IntCounter::new(
            "wagi_store_misses_total",
            "Files that were looked for in the store and not there.",
        )?,
        damaged: IntCounter::new(
            "wagi_store_damaged_total",
            "Files in the store that were not what their names say, and were removed.",
        )?,
    }))
}

impl Store {
    fn all(&self) -> [&dyn Collector; 7] {
        [
            &self.entries,
            &self.bytes,
            &self.capacity,
            &self.evictions,
            &self.hits,
            &self.misses,
            &self.damaged,
        ]
    }
}

impl Collector for Store {
    fn desc(&self) -> Vec<&Desc> {
        self.all().into_iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let usage = (self.usage)();
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        for (kind, count) in [("blob", usage.blobs), ("compiled", usage.compiled)] {
            self.entries.with_label_values(&[kind]).set(number(count));
        }
        self.bytes.set(number(usage.bytes));
        self.capacity.set(number(usage.capacity_bytes));
        for (counter, count) in [
            (&self.evictions, usage.evictions),
            (&self.hits, usage.hits),
            (&self.misses, usage.misses),
            (&self.damaged, usage.damaged),
        ] {
            counter.reset();
            counter.inc_by(count);
        }
        let all = self.all().into_iter();
        all.flat_map(Collector::collect).collect()
    }
}
