//! What is counted of each route's requests.
//!
//! A route's series are made with its first request, so that a route that nobody asks for costs no
//! memory and no line of an exposition; each request then adds to them and to nothing else. They are
//! shared by all versions of the route, and go when the last is gone, with its last request. Series of
//! rare outcomes are made when they first occur.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use prometheus::{
    Counter, CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec,
    IntGauge, IntGaugeVec, Opts, Registry,
};

use super::Outcome;

/// From what a small guest takes to what is worth waiting for; in seconds.
const HEAD_BUCKETS: [f64; 12] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0,
];
/// The same, up to the length of streams; in seconds.
const END_BUCKETS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 10.0, 60.0, 600.0,
];

/// What is counted of requests, by route.
#[derive(Clone)]
pub struct Metrics {
    shared: Arc<Shared>,
}

struct Shared {
    families: Families,
    /// Of the routes that there are.
    routes: Mutex<HashMap<String, Weak<Series>>>,
}

struct Families {
    requests: IntCounterVec,
    in_flight: IntGaugeVec,
    head: HistogramVec,
    end: HistogramVec,
    bytes_in: IntCounterVec,
    bytes_out: IntCounterVec,
    cpu: CounterVec,
}

/// What is counted of one route's requests, once there was one.
pub struct LazySeries {
    metrics: Metrics,
    made: OnceLock<Arc<Series>>,
}

/// What is counted of one route's requests.
pub struct Series {
    name: String,
    families: Arc<Shared>,
    outcomes: [OnceLock<IntCounter>; Outcome::ALL.len()],
    in_flight: IntGauge,
    times: OnceLock<Times>,
    bytes_in: IntCounter,
    bytes_out: IntCounter,
    cpu: Counter,
}

struct Times {
    head: Histogram,
    end: Histogram,
}

/// One request, once it is over.
#[derive(Clone, Copy, Debug)]
pub struct Request {
    /// What became of it.
    pub outcome: Outcome,
    /// From its head to its answer's, if it was answered.
    pub head: Option<Duration>,
    /// From its head to the end of its guest and its answer.
    pub total: Duration,
    /// Of its body, as far as its guest took it.
    pub bytes_in: u64,
    /// Of its answer's body.
    pub bytes_out: u64,
    /// What its guest used.
    pub cpu: Duration,
}

// === impl Metrics ===

impl Metrics {
    /// Registers the families.
    ///
    /// # Errors
    ///
    /// When they are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            shared: Arc::new(Shared {
                families: Families::register(registry)?,
                routes: Mutex::default(),
            }),
        })
    }

    /// The series of a version of a route: those that its other versions have, if there are any.
    #[must_use]
    pub fn route(&self, name: &str) -> LazySeries {
        let known = self.shared.routes().get(name).and_then(Weak::upgrade);
        LazySeries {
            metrics: self.clone(),
            made: known.map(OnceLock::from).unwrap_or_default(),
        }
    }

    /// The series of requests that no route answers: their label is empty.
    #[must_use]
    pub fn nowhere(&self) -> Arc<Series> {
        self.series("")
    }

    fn series(&self, name: &str) -> Arc<Series> {
        let mut routes = self.shared.routes();
        if let Some(series) = routes.get(name).and_then(Weak::upgrade) {
            return series;
        }
        let series = Arc::new(Series::new(name, &self.shared));
        routes.insert(name.to_owned(), Arc::downgrade(&series));
        series
    }
}

// === impl Shared ===

impl Shared {
    fn routes(&self) -> MutexGuard<'_, HashMap<String, Weak<Series>>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Families ===

impl Families {
    fn register(registry: &Registry) -> prometheus::Result<Self> {
        let opts = |name: &str, help: &str| Opts::new(name, help);
        let counters = |name: &str, help: &str, labels: &[&str]| {
            let family = IntCounterVec::new(opts(name, help), labels)?;
            registry.register(Box::new(family.clone()))?;
            prometheus::Result::Ok(family)
        };
        let histograms = |name: &str, help: &str, buckets: &[f64]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let family = HistogramVec::new(opts, &["route"])?;
            registry.register(Box::new(family.clone()))?;
            prometheus::Result::Ok(family)
        };
        let in_flight = IntGaugeVec::new(
            opts(
                "wagi_requests_in_flight",
                "Requests that a route has begun to answer and not ended.",
            ),
            &["route"],
        )?;
        registry.register(Box::new(in_flight.clone()))?;
        let cpu = CounterVec::new(
            opts(
                "wagi_guest_cpu_seconds_total",
                "CPU that guests used, in seconds.",
            ),
            &["route"],
        )?;
        registry.register(Box::new(cpu.clone()))?;
        Ok(Self {
            requests: counters(
                "wagi_requests_total",
                "Requests that are over, by what became of them.",
                &["route", "outcome"],
            )?,
            in_flight,
            head: histograms(
                "wagi_request_head_seconds",
                "From a request's head to its answer's, in seconds.",
                &HEAD_BUCKETS,
            )?,
            end: histograms(
                "wagi_request_seconds",
                "From a request's head to the end of its answer and its guest, in seconds.",
                &END_BUCKETS,
            )?,
            bytes_in: counters(
                "wagi_request_body_bytes_total",
                "Bytes of requests' bodies that guests took.",
                &["route"],
            )?,
            bytes_out: counters(
                "wagi_response_body_bytes_total",
                "Bytes of answers' bodies that were handed to connections.",
                &["route"],
            )?,
            cpu,
        })
    }

    fn requests(&self, route: &str, outcome: Outcome) -> IntCounter {
        self.requests.with_label_values(&[route, outcome.word()])
    }

    fn times(&self, route: &str) -> Times {
        Times {
            head: self.head.with_label_values(&[route]),
            end: self.end.with_label_values(&[route]),
        }
    }

    /// What was never made cannot be removed: none of these failures means anything.
    fn remove(&self, route: &str) {
        for outcome in Outcome::ALL {
            let _ = self.requests.remove_label_values(&[route, outcome.word()]);
        }
        let route = [route];
        let _ = self.in_flight.remove_label_values(&route);
        let _ = self.head.remove_label_values(&route);
        let _ = self.end.remove_label_values(&route);
        let _ = self.bytes_in.remove_label_values(&route);
        let _ = self.bytes_out.remove_label_values(&route);
        let _ = self.cpu.remove_label_values(&route);
    }
}

// === impl LazySeries ===

impl LazySeries {
    /// The series, which are of this name if they have to be made.
    pub fn get(&self, name: &str) -> &Series {
        self.made.get_or_init(|| self.metrics.series(name))
    }
}

// === impl Series ===

impl Series {
    fn new(name: &str, shared: &Arc<Shared>) -> Self {
        let families = &shared.families;
        let route = [name];
        let series = Self {
            outcomes: [const { OnceLock::new() }; Outcome::ALL.len()],
            in_flight: families.in_flight.with_label_values(&route),
            times: OnceLock::new(),
            bytes_in: families.bytes_in.with_label_values(&route),
            bytes_out: families.bytes_out.with_label_values(&route),
            cpu: families.cpu.with_label_values(&route),
            name: name.to_owned(),
            families: Arc::clone(shared),
        };
        // A rate needs the 0 that comes before the first one.
        series.outcome(Outcome::Completed);
        series
    }

    /// A request has been given to the route.
    pub fn begin(&self) {
        self.in_flight.inc();
    }

    /// A request that was begun is over.
    pub fn end(&self, request: &Request) {
        self.in_flight.dec();
        self.count(request);
    }

    /// Counts a request that is over.
    pub fn count(&self, request: &Request) {
        self.outcome(request.outcome).inc();
        let times = self
            .times
            .get_or_init(|| self.families.families.times(&self.name));
        if let Some(head) = request.head {
            times.head.observe(head.as_secs_f64());
        }
        times.end.observe(request.total.as_secs_f64());
        if request.bytes_in > 0 {
            self.bytes_in.inc_by(request.bytes_in);
        }
        if request.bytes_out > 0 {
            self.bytes_out.inc_by(request.bytes_out);
        }
        if !request.cpu.is_zero() {
            self.cpu.inc_by(request.cpu.as_secs_f64());
        }
    }

    fn outcome(&self, outcome: Outcome) -> &IntCounter {
        self.outcomes[outcome as usize]
            .get_or_init(|| self.families.families.requests(&self.name, outcome))
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        let mut routes = self.families.routes();
        // A new route of this name may have come meanwhile, and go on with the same series.
        if routes
            .get(&self.name)
            .is_some_and(|series| series.strong_count() == 0)
        {
            routes.remove(&self.name);
            self.families.families.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::TextEncoder;

    use super::*;

    fn text(registry: &Registry) -> String {
        TextEncoder::new()
            .encode_to_string(&registry.gather())
            .expect("metrics are text")
    }

    fn request(outcome: Outcome) -> Request {
        Request {
            outcome,
            head: Some(Duration::from_millis(2)),
            total: Duration::from_millis(3),
            bytes_in: 1,
            bytes_out: 2,
            cpu: Duration::from_millis(1),
        }
    }

    #[test]
    fn versions_of_a_route_share_their_series_which_go_with_the_last() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a new registry");
        let old = metrics.route("default/a");
        let begin_and_end = |version: &LazySeries, outcome| {
            version.get("default/a").begin();
            version.get("default/a").end(&request(outcome));
        };
        begin_and_end(&old, Outcome::Completed);
        let new = metrics.route("default/a");
        drop(old);
        begin_and_end(&new, Outcome::Completed);
        begin_and_end(&new, Outcome::Trap);
        let shown = text(&registry);
        for line in [
            "wagi_requests_total{outcome=\"completed\",route=\"default/a\"} 2",
            "wagi_requests_total{outcome=\"trap\",route=\"default/a\"} 1",
            "wagi_requests_in_flight{route=\"default/a\"} 0",
            "wagi_request_head_seconds_bucket{route=\"default/a\",le=\"0.0025\"} 3",
            "wagi_request_seconds_count{route=\"default/a\"} 3",
            "wagi_request_body_bytes_total{route=\"default/a\"} 3",
            "wagi_response_body_bytes_total{route=\"default/a\"} 6",
        ] {
            assert!(shown.contains(line), "no {line} in {shown}");
        }
        drop(new);
        assert_eq!(text(&registry), "");
    }

    #[test]
    fn a_route_that_nobody_asked_for_has_no_series() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a new registry");
        let idle = metrics.route("default/a");
        assert_eq!(text(&registry), "");
        idle.get("default/a").begin();
        let shown = text(&registry);
        // A rate needs the 0 before the first one.
        for line in [
            "wagi_requests_total{outcome=\"completed\",route=\"default/a\"} 0",
            "wagi_requests_in_flight{route=\"default/a\"} 1",
        ] {
            assert!(shown.contains(line), "no {line} in {shown}");
        }
    }

    #[test]
    fn versions_that_met_before_the_first_request_share_their_series() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a new registry");
        let (old, new) = (metrics.route("default/a"), metrics.route("default/a"));
        for version in [&old, &new] {
            version.get("default/a").count(&request(Outcome::Completed));
        }
        drop(old);
        let line = "wagi_requests_total{outcome=\"completed\",route=\"default/a\"} 2";
        assert!(text(&registry).contains(line));
    }

    #[test]
    fn a_route_that_comes_back_at_once_goes_on_counting() {
        let registry = Registry::new();
        let metrics = Metrics::register(&registry).expect("a new registry");
        for _ in 0..100 {
            let old = metrics.series("default/a");
            let again = metrics.clone();
            let thread = std::thread::spawn(move || again.series("default/a"));
            drop(old);
            let new = thread.join().expect("it does not panic");
            new.count(&request(Outcome::Completed));
            let shown = text(&registry);
            assert!(shown.contains("wagi_requests_total{"), "{shown}");
            drop(new);
            assert_eq!(text(&registry), "");
        }
    }
}
