//! One line a request, in the log's own form.
//!
//! What clients send is escaped and cut to a length: whatever they send, a line stays one line with
//! the fields that it has. Queries are left out, since they carry secrets. Lines are made by hand
//! into a buffer that each thread keeps: a line costs less than a microsecond.

mod text;

use std::cell::RefCell;
use std::time::Duration;

use crds::digest::Digest;

use self::text::{digit, digits, escape, hex, is_plain};
use crate::route::Request;
use crate::telemetry::{self, Kind, Log, LogFormat};

/// Longer text is cut.
const MAX_TEXT_BYTES: usize = 1024;
/// Bytes of a module's digest that tell it from all others of a process; the whole one is in the
/// log line that says that the route is served.
const DIGEST_BYTES: usize = 6;

/// Where the lines go.
#[derive(Clone, Debug)]
pub struct AccessLog {
    log: Log,
}

/// What a line says.
pub(super) struct Entry<'a> {
    pub(super) request_id: &'a [u8],
    pub(super) method: &'a str,
    pub(super) host: Option<&'a [u8]>,
    pub(super) path: &'a str,
    pub(super) route: Option<&'a str>,
    pub(super) digest: Option<&'a Digest>,
    /// 0 is none: the client left before there was an answer.
    pub(super) status: u16,
    pub(super) summary: &'a Request,
}

/// A line that is being made.
struct Line<'a> {
    text: &'a mut Vec<u8>,
    format: LogFormat,
}

/// What stands before a field's value, in each form of the log: one piece, since every piece that is
/// added to a line costs about as much as its bytes.
struct Label {
    json: &'static str,
    text: &'static str,
}

/// The label of a string, with the quote that begins it.
macro_rules! string {
    ($name:literal) => {
        Label {
            json: concat!(",\"", $name, "\":\""),
            text: concat!(" ", $name, "="),
        }
    };
}

/// The label of a number.
macro_rules! number {
    ($name:literal) => {
        Label {
            json: concat!(",\"", $name, "\":"),
            text: concat!(" ", $name, "="),
        }
    };
}

thread_local! {
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

// === impl AccessLog ===

impl AccessLog {
    /// Lines go where the log goes.
    #[must_use]
    pub const fn new(log: Log) -> Self {
        Self { log }
    }

    pub(super) fn write(&self, entry: &Entry<'_>) {
        BUFFER.with_borrow_mut(|text| {
            text.clear();
            let format = self.log.format;
            Line { text, format }.entry(entry);
            self.log.lines.push(Kind::Access, text);
        });
    }
}

// === impl Line ===

impl Line<'_> {
    fn entry(mut self, entry: &Entry<'_>) {
        let summary = entry.summary;
        self.begin();
        // A token of HTTP (RFC 9110, 5.6.2) has nothing that is escaped.
        self.plain(&string!("method"), entry.method);
        if let Some(host) = entry.host {
            self.foreign(&string!("host"), host);
        }
        self.foreign(&string!("path"), entry.path.as_bytes());
        if entry.status > 0 {
            self.number(&number!("status"), u64::from(entry.status));
        }
        self.plain(&string!("ending"), summary.outcome.word());
        if let Some(route) = entry.route {
            self.plain(&string!("route"), route);
        }
        if let Some(digest) = entry.digest {
            self.digest(&string!("digest"), digest);
        }
        self.number(&number!("bytes_in"), summary.bytes_in);
        self.number(&number!("bytes_out"), summary.bytes_out);
        if let Some(head) = summary.head {
            self.milliseconds(&number!("head_ms"), head);
        }
        self.milliseconds(&number!("total_ms"), summary.total);
        self.milliseconds(&number!("cpu_ms"), summary.cpu);
        self.foreign(&string!("request_id"), entry.request_id);
        self.add(match self.format {
            LogFormat::Json => b"}\n",
            LogFormat::Text => b"\n",
        });
    }

    fn begin(&mut self) {
        match self.format {
            LogFormat::Json => {
                self.add(b"{\"timestamp\":\"");
                telemetry::write_now(self.text);
                self.add(b"\",\"level\":\"INFO\",\"message\":\"request\"");
            }
            LogFormat::Text => {
                telemetry::write_now(self.text);
                self.add(b"  INFO request");
            }
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    fn label(&mut self, label: &Label) {
        self.add(match self.format {
            LogFormat::Json => label.json.as_bytes(),
            LogFormat::Text => label.text.as_bytes(),
        });
    }

    /// Text needs no quotes: what could end a value is escaped.
    fn end_string(&mut self) {
        if self.format == LogFormat::Json {
            self.text.push(b'"');
        }
    }

    /// A string that has nothing to escape.
    fn plain(&mut self, label: &Label, value: &str) {
        debug_assert!(value.bytes().all(is_plain), "{value:?}");
        self.label(label);
        let (cut, mark) = cut(value.as_bytes());
        self.add(cut);
        self.add(mark);
        self.end_string();
    }

    /// A string that came from a client.
    fn foreign(&mut self, label: &Label, value: &[u8]) {
        self.label(label);
        let (cut, mark) = cut(value);
        escape(self.text, cut);
        self.add(mark);
        self.end_string();
    }

    fn number(&mut self, label: &Label, value: u64) {
        self.label(label);
        digits(self.text, value);
    }

    fn milliseconds(&mut self, label: &Label, value: Duration) {
        self.label(label);
        let whole = value.as_secs().saturating_mul(1000);
        digits(
            self.text,
            whole.saturating_add(u64::from(value.subsec_millis())),
        );
        let rest = u64::from(value.subsec_micros());
        self.add(&[b'.', digit(rest / 100), digit(rest / 10), digit(rest)]);
    }

    fn digest(&mut self, label: &Label, digest: &Digest) {
        self.label(label);
        self.add(b"sha256:");
        for byte in &digest.as_bytes()[..DIGEST_BYTES] {
            self.add(&[hex(byte >> 4), hex(byte & 15)]);
        }
        self.end_string();
    }
}

/// What there is room for, and the ellipsis of what is more.
fn cut(value: &[u8]) -> (&[u8], &'static [u8]) {
    match value.get(..MAX_TEXT_BYTES) {
        Some(cut) if cut.len() < value.len() => (cut, b"\\u2026"),
        _ => (value, b""),
    }
}

#[cfg(test)]
mod tests;
