//! What the control story counts, in the names that dashboards for controllers know.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// What the story counts. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Metrics {
    writes: IntCounterVec,
    lookups: IntCounterVec,
    relists: IntCounterVec,
    kept: IntGauge,
    published: Histogram,
    applied: Histogram,
    queues: Queues,
}

#[derive(Clone, Debug)]
struct Queues {
    depth: IntGaugeVec,
    adds: IntCounterVec,
    queued: HistogramVec,
    worked: HistogramVec,
    retries: IntCounterVec,
}

/// What one queue counts.
#[derive(Clone, Debug)]
pub struct QueueMetrics {
    depth: IntGauge,
    adds: IntCounter,
    queued: Histogram,
    worked: Histogram,
    retries: IntCounter,
}

/// From a millisecond to a minute and a half: a write takes milliseconds, a pull of a module seconds.
fn buckets() -> Vec<f64> {
    vec![
        0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 90.0,
    ]
}

// === impl Metrics ===

impl Metrics {
    /// Registers everything.
    ///
    /// # Errors
    ///
    /// When something of these names is there already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            prometheus::Result::Ok(counter)
        };
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            let options = HistogramOpts::new(name, help).buckets(buckets());
            let histogram = HistogramVec::new(options, labels)?;
            registry.register(Box::new(histogram.clone()))?;
            prometheus::Result::Ok(histogram)
        };
        let lag = |name: &str, help: &str| {
            let histogram =
                Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets()))?;
            registry.register(Box::new(histogram.clone()))?;
            prometheus::Result::Ok(histogram)
        };
        let depth = IntGaugeVec::new(
            Opts::new("workqueue_depth", "Keys that wait to be worked on."),
            &["name"],
        )?;
        registry.register(Box::new(depth.clone()))?;
        let kept = IntGauge::new(
            "wagi_operator_documents_kept",
            "Documents that are kept although a list lacked their routes, until that is allowed.",
        )?;
        registry.register(Box::new(kept.clone()))?;
        Ok(Self {
            writes: counter(
                "wagi_operator_writes_total",
                "Writes to the API server, by kind of object, what was done and how it ended.",
                &["kind", "verb", "outcome"],
            )?,
            lookups: counter(
                "wagi_operator_lookups_total",
                "Modules looked up in registries, by how it ended.",
                &["outcome"],
            )?,
            relists: counter(
                "wagi_operator_relists_total",
                "Complete lists of objects, the first included, by kind.",
                &["kind"],
            )?,
            kept,
            published: lag(
                "wagi_operator_published_seconds",
                "From seeing a version of a route to its published document.",
            )?,
            applied: lag(
                "wagi_operator_applied_seconds",
                "From publishing a document to the report of the last ready runtime that it serves it.",
            )?,
            queues: Queues {
                depth,
                adds: counter("workqueue_adds_total", "Keys that were added.", &["name"])?,
                queued: histogram(
                    "workqueue_queue_duration_seconds",
                    "How long keys wait before they are worked on.",
                    &["name"],
                )?,
                worked: histogram(
                    "workqueue_work_duration_seconds",
                    "How long keys are worked on.",
                    &["name"],
                )?,
                retries: counter(
                    "workqueue_retries_total",
                    "Keys that were tried again.",
                    &["name"],
                )?,
            },
        })
    }

    /// How many documents are kept although a list lacked their routes.
    #[must_use]
    pub fn kept(&self) -> IntGauge {
        self.kept.clone()
    }

    /// What a queue of this name counts.
    #[must_use]
    pub fn queue(&self, name: &str) -> QueueMetrics {
        let Queues {
            depth,
            adds,
            queued,
            worked,
            retries,
        } = &self.queues;
        QueueMetrics {
            depth: depth.with_label_values(&[name]),
            adds: adds.with_label_values(&[name]),
            queued: queued.with_label_values(&[name]),
            worked: worked.with_label_values(&[name]),
            retries: retries.with_label_values(&[name]),
        }
    }

    pub(crate) fn wrote(&self, kind: &str, verb: &str, outcome: &str) {
        self.writes.with_label_values(&[kind, verb, outcome]).inc();
    }

    pub(crate) fn looked_up(&self, outcome: &str) {
        self.lookups.with_label_values(&[outcome]).inc();
    }

    pub(crate) fn relisted(&self, kind: &str) {
        self.relists.with_label_values(&[kind]).inc();
    }

    pub(crate) fn published(&self, after: Duration) {
        self.published.observe(after.as_secs_f64());
    }

    pub(crate) fn applied(&self, after: Duration) {
        self.applied.observe(after.as_secs_f64());
    }
}

// === impl QueueMetrics ===

impl QueueMetrics {
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let metrics = Metrics::register(&Registry::new()).expect("a new registry has room");
        metrics.queue("test")
    }

    pub(crate) fn added(&self, keys: usize, depth: usize) {
        self.adds.inc_by(keys as u64);
        self.depth.set(depth as i64);
    }

    pub(crate) fn taken(&self, waited: Duration, depth: usize) {
        self.queued.observe(waited.as_secs_f64());
        self.depth.set(depth as i64);
    }

    pub(crate) fn worked(&self, after: Duration) {
        self.worked.observe(after.as_secs_f64());
    }

    pub(crate) fn retried(&self) {
        self.retries.inc();
    }
}
