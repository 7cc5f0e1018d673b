//! What guests print to standard error, on its way to the log.
//!
//! Guests are many and hostile, the log is one: a route has a rate, a line a length, the channel
//! a bound, and control characters are escaped. What is dropped is said.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

/// Lines that wait for the log; more are dropped and counted.
const CHANNEL_LINES: usize = 1024;
/// How many lines at once beyond the rate.
const BURST_SECONDS: u32 = 10;
/// How long after the first dropped line the number of them is said.
const REPORT_AFTER: Duration = Duration::from_secs(1);

/// The guests' way to the log.
pub struct StderrLog {
    lines: mpsc::Sender<Message>,
    rate: u32,
}

/// Takes the lines out; owned by whoever runs the server.
pub struct StderrWriter {
    lines: mpsc::Receiver<Message>,
}

/// What one route may still say.
pub struct RouteLog {
    route: String,
    bucket: Mutex<Bucket>,
    dropped: AtomicU64,
}

struct Bucket {
    lines: f64,
    filled: Instant,
}

enum Message {
    Line {
        route: Arc<RouteLog>,
        request_id: String,
        text: String,
    },
    Dropping(Arc<RouteLog>),
    /// All before it is on the log when its other end is dropped.
    Flush(oneshot::Sender<()>),
}

/// Makes both ends; `rate` is lines per second of one route.
#[must_use]
pub fn channel(rate: u32) -> (StderrLog, StderrWriter) {
    let (sender, receiver) = mpsc::channel(CHANNEL_LINES);
    (
        StderrLog {
            lines: sender,
            rate,
        },
        StderrWriter { lines: receiver },
    )
}

// === impl StderrLog ===

impl StderrLog {
    /// Waits until what was said so far is on the log, or nobody writes it any more.
    pub async fn flush(&self) {
        let (flushing, flushed) = oneshot::channel();
        if self.lines.send(Message::Flush(flushing)).await.is_ok() {
            // It is dropped, and never sent.
            let _ = flushed.await;
        }
    }

    /// Takes one line; never waits.
    pub fn line(&self, route: &Arc<RouteLog>, request_id: &str, line: &[u8]) {
        if !route.may_speak(self.rate, Instant::now()) {
            return self.dropped(route);
        }
        let message = Message::Line {
            route: Arc::clone(route),
            request_id: request_id.to_owned(),
            text: escape(line),
        };
        if self.lines.try_send(message).is_err() {
            self.dropped(route);
        }
    }

    fn dropped(&self, route: &Arc<RouteLog>) {
        if route.dropped.fetch_add(1, Ordering::AcqRel) > 0 {
            return;
        }
        // When even this finds no room, the next dropped line tries again.
        let told = self.lines.try_send(Message::Dropping(Arc::clone(route)));
        if told.is_err() {
            route.dropped.store(0, Ordering::Release);
        }
    }
}

// === impl StderrWriter ===

impl StderrWriter {
    /// Writes lines until every [`StderrLog`] is gone.
    pub async fn run(mut self) {
        let mut dropping: Vec<Arc<RouteLog>> = Vec::new();
        let mut report_at = tokio::time::Instant::now();
        loop {
            let message = if dropping.is_empty() {
                self.lines.recv().await
            } else {
                match tokio::time::timeout_at(report_at, self.lines.recv()).await {
                    Ok(message) => message,
                    Err(_elapsed) => {
                        dropping.drain(..).for_each(|route| route.report());
                        continue;
                    }
                }
            };
            match message {
                None => break,
                Some(Message::Flush(flushed)) => drop(flushed),
                Some(Message::Dropping(route)) => {
                    if dropping.is_empty() {
                        report_at = tokio::time::Instant::now() + REPORT_AFTER;
                    }
                    dropping.push(route);
                }
                Some(Message::Line {
                    route,
                    request_id,
                    text,
                }) => {
                    let route = &route.route;
                    tracing::info!(target: "guest", route, request_id, "{text}");
                }
            }
        }
        dropping.drain(..).for_each(|route| route.report());
    }
}

// === impl RouteLog ===

impl RouteLog {
    /// A route that has said nothing yet.
    #[must_use]
    pub fn new(route: String) -> Self {
        Self {
            route,
            bucket: Mutex::new(Bucket {
                lines: f64::INFINITY,
                filled: Instant::now(),
            }),
            dropped: AtomicU64::new(0),
        }
    }

    fn may_speak(&self, rate: u32, now: Instant) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.saturating_duration_since(bucket.filled).as_secs_f64();
        let burst = f64::from(rate.saturating_mul(BURST_SECONDS));
        bucket.lines = (bucket.lines + since * f64::from(rate)).min(burst);
        bucket.filled = now;
        if bucket.lines < 1.0 {
            return false;
        }
        bucket.lines -= 1.0;
        true
    }

    fn report(&self) {
        let count = self.dropped.swap(0, Ordering::AcqRel);
        if count > 0 {
            let route = &self.route;
            tracing::warn!(target: "guest", route, "{count} lines of standard error were dropped");
        }
    }
}

/// Text without control characters: what a guest prints may not move a terminal's cursor, nor
/// look like a line of ours.
fn escape(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && character != '\t' {
            let _ = write!(escaped, "{}", character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(
            escape(b"a\x1b[31mb\r\x00c\td\xff"),
            "a\\u{1b}[31mb\\r\\u{0}c\td\u{fffd}"
        );
        assert_eq!(escape("\u{85}\u{9b}ü".as_bytes()), "\\u{85}\\u{9b}ü");
    }

    #[test]
    fn a_route_may_burst_and_then_has_its_rate() {
        let log = RouteLog::new("default/x".to_owned());
        let start = Instant::now();
        let said = (0..5000).filter(|_| log.may_speak(100, start)).count();
        assert_eq!(said, 1000);
        let later = start + Duration::from_secs(1);
        let said = (0..5000).filter(|_| log.may_speak(100, later)).count();
        assert_eq!(said, 100);
    }

    #[test]
    fn what_is_dropped_is_counted_and_said_once() {
        let (log, mut writer) = channel(1);
        let route = Arc::new(RouteLog::new("default/x".to_owned()));
        for _ in 0..30 {
            log.line(&route, "id", b"line");
        }
        let mut lines = 0;
        let mut notices = 0;
        while let Ok(message) = writer.lines.try_recv() {
            match message {
                Message::Line { .. } => lines += 1,
                Message::Flush(_) => {}
                Message::Dropping(route) => {
                    notices += 1;
                    assert_eq!(route.dropped.load(Ordering::Relaxed), 20);
                }
            }
        }
        assert_eq!((lines, notices), (10, 1));
    }
}
