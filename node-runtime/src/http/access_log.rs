//! One line a request, in the log's own form.
//!
//! What clients send is escaped and cut to a length: whatever they send, a line stays one line with
//! the fields that it has. Queries are left out, since they carry secrets. Lines are made by hand
//! into a buffer that each thread keeps: a line costs less than a microsecond.

use std::cell::RefCell;
use std::time::Duration;

use crds::digest::Digest;

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
        self.string("method", entry.method.as_bytes());
        if let Some(host) = entry.host {
            self.string("host", host);
        }
        self.string("path", entry.path.as_bytes());
        if entry.status > 0 {
            self.number("status", u64::from(entry.status));
        }
        self.string("ending", summary.outcome.word().as_bytes());
        if let Some(route) = entry.route {
            self.string("route", route.as_bytes());
        }
        if let Some(digest) = entry.digest {
            self.digest(digest);
        }
        self.number("bytes_in", summary.bytes_in);
        self.number("bytes_out", summary.bytes_out);
        if let Some(head) = summary.head {
            self.milliseconds("head_ms", head);
        }
        self.milliseconds("total_ms", summary.total);
        self.milliseconds("cpu_ms", summary.cpu);
        self.string("request_id", entry.request_id);
        self.text.extend_from_slice(match self.format {
            LogFormat::Json => b"}\n",
            LogFormat::Text => b"\n",
        });
    }

    fn begin(&mut self) {
        match self.format {
            LogFormat::Json => {
                self.text.extend_from_slice(b"{\"timestamp\":\"");
                telemetry::write_now(self.text);
                let rest = b"\",\"level\":\"INFO\",\"message\":\"request\"";
                self.text.extend_from_slice(rest);
            }
            LogFormat::Text => {
                telemetry::write_now(self.text);
                self.text.extend_from_slice(b"  INFO request");
            }
        }
    }

    fn name(&mut self, name: &str) {
        let (before, after): (&[u8], &[u8]) = match self.format {
            LogFormat::Json => (b",\"", b"\":"),
            LogFormat::Text => (b" ", b"="),
        };
        self.text.extend_from_slice(before);
        self.text.extend_from_slice(name.as_bytes());
        self.text.extend_from_slice(after);
    }

    fn string(&mut self, name: &str, value: &[u8]) {
        self.name(name);
        self.quote();
        let cut = &value[..value.len().min(MAX_TEXT_BYTES)];
        escape(self.text, cut);
        if cut.len() < value.len() {
            // An ellipsis.
            self.text.extend_from_slice(b"\\u2026");
        }
        self.quote();
    }

    /// Text needs no quotes: what could end a value is escaped.
    fn quote(&mut self) {
        if self.format == LogFormat::Json {
            self.text.push(b'"');
        }
    }

    fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        digits(self.text, value);
    }

    fn milliseconds(&mut self, name: &str, value: Duration) {
        self.name(name);
        let micros = u64::try_from(value.as_micros()).unwrap_or(u64::MAX);
        digits(self.text, micros / 1000);
        let rest = micros % 1000;
        self.text.push(b'.');
        for unit in [100, 10, 1] {
            self.text.push(digit(rest / unit % 10));
        }
    }

    fn digest(&mut self, digest: &Digest) {
        self.name("digest");
        self.quote();
        self.text.extend_from_slice(b"sha256:");
        for byte in &digest.as_bytes()[..DIGEST_BYTES] {
            self.text.push(hex(byte >> 4));
            self.text.push(hex(byte & 15));
        }
        self.quote();
    }
}

/// Printable ASCII without quotes and backslashes as it is, anything else as JSON has it
/// (RFC 8259, 7), which serves text as well.
fn escape(text: &mut Vec<u8>, value: &[u8]) {
    let is_plain = |byte: &u8| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    if value.iter().all(is_plain) {
        return text.extend_from_slice(value);
    }
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match u8::try_from(character) {
                Ok(byte) if is_plain(&byte) => text.push(byte),
                _ => escape_character(text, character),
            }
        }
        if !chunk.invalid().is_empty() {
            escape_character(text, char::REPLACEMENT_CHARACTER);
        }
    }
}

fn escape_character(text: &mut Vec<u8>, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        let [high, low] = unit.to_be_bytes();
        let digits = [high >> 4, high & 15, low >> 4, low & 15].map(hex);
        text.extend_from_slice(b"\\u");
        text.extend_from_slice(&digits);
    }
}

fn digits(text: &mut Vec<u8>, mut number: u64) {
    // As many as the largest has.
    let mut reversed = [0; 20];
    let mut count = 0;
    for place in &mut reversed {
        *place = digit(number);
        number /= 10;
        count += 1;
        if number == 0 {
            break;
        }
    }
    text.extend(reversed[..count].iter().rev());
}

const fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

const fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef"[(nibble & 15) as usize]
}

#[cfg(test)]
mod tests;
