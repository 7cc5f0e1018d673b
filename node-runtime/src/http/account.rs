//! What is said of a request once it is over.
//!
//! Whoever takes part in a request holds its account and writes down what it sees: the handler,
//! the guest, the answer's body. When the last lets go, the invocation and the answer are both
//! over, and it is said once: in the metrics and in the access log. A request whose client leaves
//! is no exception, since everything that belongs to it is dropped.
//! Where nothing is said, an account is empty and costs nothing.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use http::header::HOST;
use http::request::Parts;
use http::{HeaderValue, Method, StatusCode, Uri};

use super::access_log::{AccessLog, Entry};
use super::metrics::Metrics;
use crate::guest::{Ending, Used};
use crate::route::{Outcome, Request, Route, Series};

/// Who hears of requests that are over.
pub struct Reports {
    /// One line each.
    pub access_log: Option<AccessLog>,
    /// Counted.
    pub metrics: Option<Counted>,
}

/// What is counted of requests.
pub struct Counted {
    /// By the whole process.
    pub http: Metrics,
    /// Of requests that no route answers.
    pub nowhere: Arc<Series>,
}

/// One request's account; clones are of the same request.
#[derive(Clone, Default)]
pub struct Account {
    record: Option<Arc<Record>>,
}

struct Record {
    reports: Arc<Reports>,
    began: Instant,
    method: Method,
    uri: Uri,
    host: Option<HeaderValue>,
    request_id: HeaderValue,
    route: OnceLock<Arc<Route>>,
    // Each is written by one thread at a time; the last to let go sees what all wrote.
    status: AtomicU16,
    head_micros: AtomicU64,
    refusal: AtomicU8,
    ending: AtomicU8,
    delivery: AtomicU8,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    cpu_nanos: AtomicU64,
    client_waits: AtomicU64,
    room_waits: AtomicU64,
    input_waits: AtomicU64,
}

/// No [`Outcome`]'s number.
const NOT_SAID: u8 = u8::MAX;

/// How far an answer's body came.
mod delivery {
    pub(super) const UNDER_WAY: u8 = 0;
    pub(super) const WHOLE: u8 = 1;
    pub(super) const SHORT: u8 = 2;
}

// === impl Reports ===

impl Reports {
    /// The account of a request that has just come.
    #[must_use]
    pub fn open(self: &Arc<Self>, parts: &Parts, request_id: &HeaderValue) -> Account {
        let host = match parts.uri.authority() {
            Some(_) => None,
            None => parts.headers.get(HOST).cloned(),
        };
        Account {
            record: Some(Arc::new(Record {
                reports: Arc::clone(self),
                began: Instant::now(),
                method: parts.method.clone(),
                uri: parts.uri.clone(),
                host,
                request_id: request_id.clone(),
                route: OnceLock::new(),
                status: AtomicU16::new(0),
                head_micros: AtomicU64::new(0),
                refusal: AtomicU8::new(NOT_SAID),
                ending: AtomicU8::new(NOT_SAID),
                delivery: AtomicU8::new(delivery::UNDER_WAY),
                bytes_in: AtomicU64::new(0),
                bytes_out: AtomicU64::new(0),
                cpu_nanos: AtomicU64::new(0),
                client_waits: AtomicU64::new(0),
                room_waits: AtomicU64::new(0),
                input_waits: AtomicU64::new(0),
            })),
        }
    }
}

// === impl Account ===

impl Account {
    /// This route answers.
    pub fn route(&self, route: &Arc<Route>) {
        let Some(record) = &self.record else { return };
        let is_first = record.route.set(Arc::clone(route)).is_ok();
        if let (true, Some(series), Some(_)) = (is_first, &route.series, &record.reports.metrics) {
            series.get(&route.name).begin();
        }
    }

    /// It is not answered by its guest.
    pub fn refused(&self, outcome: Outcome) {
        if let Some(record) = &self.record {
            record.refusal.store(outcome as u8, Ordering::Relaxed);
        }
    }

    /// The answer's head is made.
    pub fn head(&self, status: StatusCode) {
        if let Some(record) = &self.record {
            record.status.store(status.as_u16(), Ordering::Relaxed);
            let micros = u64::try_from(record.began.elapsed().as_micros()).unwrap_or(u64::MAX);
            record.head_micros.store(micros, Ordering::Relaxed);
        }
    }

    /// Its guest took so much of its body.
    pub fn took(&self, bytes: usize) {
        if let Some(record) = &self.record {
            add(&record.bytes_in, bytes as u64);
        }
    }

    /// So much of the answer's body was handed to the connection.
    pub fn gave(&self, bytes: usize) {
        if let Some(record) = &self.record {
            add(&record.bytes_out, bytes as u64);
        }
    }

    /// All of the answer's body was.
    pub fn delivered(&self) {
        self.deliver(delivery::WHOLE);
    }

    /// There is less of the body than its head promised.
    pub fn fell_short(&self) {
        self.deliver(delivery::SHORT);
    }

    fn deliver(&self, how: u8) {
        if let Some(record) = &self.record {
            record.delivery.store(how, Ordering::Relaxed);
        }
    }

    /// The client waits for the guest.
    pub fn client_waits(&self) {
        if let Some(record) = &self.record {
            add(&record.client_waits, 1);
        }
    }

    /// Its guest is gone.
    pub fn ended(&self, ending: &Ending, used: &Used) {
        let Some(record) = &self.record else { return };
        let outcome = Outcome::of(ending);
        record.ending.store(outcome as u8, Ordering::Relaxed);
        let nanos = u64::try_from(used.cpu.as_nanos()).unwrap_or(u64::MAX);
        record.cpu_nanos.store(nanos, Ordering::Relaxed);
        let (room, input) = (used.room_waits, used.input_waits);
        record.room_waits.store(u64::from(room), Ordering::Relaxed);
        record
            .input_waits
            .store(u64::from(input), Ordering::Relaxed);
    }
}

/// Of what one thread writes at a time: a load and a store take a fraction of a `fetch_add`.
fn add(to: &AtomicU64, count: u64) {
    to.store(to.load(Ordering::Relaxed) + count, Ordering::Relaxed);
}

// === impl Record ===

impl Record {
    /// What comes first counts: why there is no answer of the guest's, what became of the guest,
    /// what became of the answer.
    fn outcome(&self) -> Outcome {
        let said = |code: &AtomicU8| Outcome::from_code(code.load(Ordering::Relaxed));
        if let Some(refusal) = said(&self.refusal) {
            return refusal;
        }
        match said(&self.ending) {
            Some(Outcome::Completed) => match self.delivery.load(Ordering::Relaxed) {
                delivery::WHOLE => Outcome::Completed,
                delivery::SHORT => Outcome::ShortBody,
                _ => Outcome::ClientGone,
            },
            Some(ending) => ending,
            // Dropped while it waited.
            None => Outcome::ClientGone,
        }
    }

    fn summary(&self) -> Request {
        let is_answered = self.status.load(Ordering::Relaxed) != 0;
        let head = Duration::from_micros(self.head_micros.load(Ordering::Relaxed));
        Request {
            outcome: self.outcome(),
            head: is_answered.then_some(head),
            total: self.began.elapsed(),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
            cpu: Duration::from_nanos(self.cpu_nanos.load(Ordering::Relaxed)),
        }
    }

    fn count(&self, counted: &Counted, summary: &Request) {
        match self.route.get().map(Arc::as_ref) {
            Some(Route {
                name,
                series: Some(series),
                ..
            }) => series.get(name).end(summary),
            _ => counted.nowhere.count(summary),
        }
        counted.http.waited(
            self.room_waits.load(Ordering::Relaxed),
            self.input_waits.load(Ordering::Relaxed),
            self.client_waits.load(Ordering::Relaxed),
        );
    }

    fn log(&self, log: &AccessLog, summary: &Request) {
        let route = self.route.get();
        let authority = self.uri.authority().map(|host| host.as_str().as_bytes());
        let handler = route.and_then(|route| route.handler.as_ref());
        log.write(&Entry {
            request_id: self.request_id.as_bytes(),
            method: self.method.as_str(),
            host: authority.or_else(|| self.host.as_ref().map(HeaderValue::as_bytes)),
            path: self.uri.path(),
            route: route.map(|route| &*route.name),
            digest: handler.map(|handler| &handler.digest),
            status: self.status.load(Ordering::Relaxed),
            summary,
        });
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let summary = self.summary();
        if let Some(counted) = &self.reports.metrics {
            self.count(counted, &summary);
        }
        if let Some(log) = &self.reports.access_log {
            self.log(log, &summary);
        }
    }
}
