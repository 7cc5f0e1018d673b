//! The head that a guest prints, parsed as it arrives (RFC 3875, 6; WAGI 0.8.1).
//!
//! Lines end at a line feed, carriage returns are dropped, and the first empty line ends the head;
//! what follows it is not looked at. However the bytes are cut into chunks the result is the same,
//! and every byte is looked at once. A line that HTTP could not carry is skipped and noted.
//! The parser knows neither a request nor what status an error is answered with.

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
    },
};

#[doc(hidden)]
pub mod fuzz;

/// How many notes are kept of one head: a hostile guest could make one a line.
const MAX_NOTES: usize = 16;
/// How much of a bad status an error repeats, in bytes.
const MAX_EXCERPT_BYTES: usize = 64;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// A whole head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// From `Status`, else 302 if there is a `Location`, else 200.
    pub status: StatusCode,
    /// The fields to send, those of one name in the order in which they were printed; without
    /// hop-by-hop fields (RFC 9110, 7.6.1) and without `Content-Length`.
    pub headers: HeaderMap,
    /// How long the guest says its body is, if it says so once and clearly.
    pub content_length: Option<u64>,
    /// What was skipped, for the log: the first few.
    pub notes: Vec<Note>,
}

/// A line that was not taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the head: {reason}")]
pub struct Note {
    /// The line's number, from 1.
    pub line: usize,
    /// What was wrong with it.
    pub reason: Reason,
}

/// Why a line was not taken as it stands.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is no colon in it.
    #[error("no colon")]
    NoColon,
    /// What stands before the colon is not a field's name.
    #[error("not a field name")]
    Name,
    /// The value holds bytes that HTTP forbids.
    #[error("the value of {0} holds bytes that HTTP forbids")]
    Value(HeaderName),
    /// A field that HTTP has once replaces the one printed before.
    #[error("{0} is printed again; the last one counts")]
    Again(HeaderName),
    /// The length is not a number, or not the one printed before.
    #[error("Content-Length is not one number, and left out")]
    Length,
}

/// Why what a guest printed is not a head.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The head is longer than its limit.
    #[error("the head is longer than {limit_bytes} bytes")]
    TooLarge {
        /// The limit.
        limit_bytes: usize,
    },
    /// The status is not a number that a final response can have.
    #[error("{0:?} is not a status from 200 to 599")]
    BadStatus(String),
    /// The status is 1xx: more would have to follow, and 101 would change the protocol.
    #[error("{0} is not the status of a final response")]
    Informational(u16),
    /// The guest ended within its head.
    #[error("the guest ended before the empty line that ends its head")]
    NoBlankLine,
    /// The head has no field that a CGI response must have.
    #[error("the head has none of Content-Type, Status and Location")]
    NoRequiredField,
}

/// How far the parser is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The empty line has not come yet.
    NeedMore,
    /// The head is whole.
    Complete {
        /// The head.
        head: Head,
        /// How many bytes of this chunk belong to it: the rest is the body's.
        consumed: usize,
    },
}

/// Takes a head apart while it arrives. Done with once it has given a head or an error.
#[derive(Debug)]
pub struct Parser {
    limit_bytes: usize,
    seen_bytes: usize,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    fields: Fields,
}

/// What the lines said so far.
#[derive(Debug, Default)]
struct Fields {
    line: usize,
    status: Option<StatusCode>,
    headers: HeaderMap,
    length: Length,
    connection: Vec<HeaderValue>,
    has_transfer_encoding: bool,
    has_content_type: bool,
    has_location: bool,
    notes: Vec<Note>,
}

#[derive(Clone, Copy, Debug, Default)]
enum Length {
    #[default]
    Absent,
    Bytes(u64),
    Unclear,
}

// === impl Parser ===

impl Parser {
    /// A parser for a head of at most so many bytes, its empty line included.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            seen_bytes: 0,
            partial: Vec::new(),
            fields: Fields::default(),
        }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    ///
    /// What was printed is not a head; it is known at the byte that makes it so.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<Progress, Error> {
        let too_large = Error::TooLarge {
            limit_bytes: self.limit_bytes,
        };
        let left = self.limit_bytes - self.seen_bytes;
        let allowed = &chunk[..chunk.len().min(left)];
        let mut at = 0;
        while let Some(length) = allowed[at..].iter().position(|&byte| byte == b'\n') {
            let line = &allowed[at..at + length];
            at += length + 1;
            let is_end = if self.partial.is_empty() {
                self.fields.take_line(line)
            } else {
                self.partial.extend_from_slice(line);
                let whole = self.fields.take_line(&self.partial);
                self.partial.clear();
                whole
            };
            match is_end.map_err(|failure| failure.into_error(self.limit_bytes))? {
                Line::Field => {}
                Line::End => {
                    self.seen_bytes += at;
                    let head = std::mem::take(&mut self.fields).finish()?;
                    return Ok(Progress::Complete { head, consumed: at });
                }
            }
        }
        if chunk.len() > left {
            return Err(too_large);
        }
        self.partial.extend_from_slice(&allowed[at..]);
        self.seen_bytes += chunk.len();
        Ok(Progress::NeedMore)
    }

    /// The guest ended, and its head is not whole.
    #[must_use]
    pub fn end(self) -> Error {
        Error::NoBlankLine
    }
}

/// What a line was.
enum Line {
    Field,
    End,
}

/// Why a line ends the parsing.
enum Failure {
    Status(Error),
    TooMany,
}

impl Failure {
    fn into_error(self, limit_bytes: usize) -> Error {
        match self {
            Self::Status(error) => error,
            Self::TooMany => Error::TooLarge { limit_bytes },
        }
    }
}

// === impl Fields ===

impl Fields {
    fn take_line(&mut self, line: &[u8]) -> Result<Line, Failure> {
        self.line += 1;
        // The one at the end is the common one, and costs no copy.
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.contains(&b'\r') {
            let kept: Vec<u8> = line.iter().copied().filter(|&byte| byte != b'\r').collect();
            self.take_field(&kept)
        } else {
            self.take_field(line)
        }
    }

    fn take_field(&mut self, line: &[u8]) -> Result<Line, Failure> {
        if line.is_empty() {
            return Ok(Line::End);
        }
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            self.note(Reason::NoColon);
            return Ok(Line::Field);
        };
        let name = line[..colon].trim_ascii();
        let value = line[colon + 1..].trim_ascii();
        if name.eq_ignore_ascii_case(b"status") {
            self.status = Some(parse_status(value).map_err(Failure::Status)?);
            return Ok(Line::Field);
        }
        let Ok(name) = HeaderName::from_bytes(name) else {
            self.note(Reason::Name);
            return Ok(Line::Field);
        };
        if name == CONTENT_LENGTH {
            self.take_length(value);
            return Ok(Line::Field);
        }
        // Before its value is: a guest that frames its body itself must not be given a length.
        self.has_transfer_encoding |= name == TRANSFER_ENCODING;
        let Ok(value) = HeaderValue::from_bytes(value) else {
            self.note(Reason::Value(name));
            return Ok(Line::Field);
        };
        if name == CONNECTION {
            self.connection.push(value);
        } else if !is_hop_by_hop(&name) {
            self.keep(name, value)?;
        }
        Ok(Line::Field)
    }

    fn keep(&mut self, name: HeaderName, value: HeaderValue) -> Result<(), Failure> {
        self.has_content_type |= name == CONTENT_TYPE;
        self.has_location |= name == LOCATION;
        // A response has one of each, and a client would choose between two.
        let is_single = name == CONTENT_TYPE || name == LOCATION;
        if is_single && self.headers.contains_key(&name) {
            self.note(Reason::Again(name.clone()));
            self.headers.remove(&name);
        }
        // The map holds some ten thousand names, whatever the limit in bytes is.
        match self.headers.try_append(name, value) {
            Ok(_) => Ok(()),
            Err(_full) => Err(Failure::TooMany),
        }
    }

    fn take_length(&mut self, value: &[u8]) {
        self.length = match (parse_length(value), self.length) {
            (Some(length), Length::Absent) => Length::Bytes(length),
            (Some(length), Length::Bytes(before)) if length == before => Length::Bytes(length),
            _ => {
                self.note(Reason::Length);
                Length::Unclear
            }
        };
    }

    fn note(&mut self, reason: Reason) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(Note {
                line: self.line,
                reason,
            });
        }
    }

    fn finish(mut self) -> Result<Head, Error> {
        if !self.has_content_type && !self.has_location && self.status.is_none() {
            return Err(Error::NoRequiredField);
        }
        let mut content_length = match self.length {
            Length::Bytes(length) if !self.has_transfer_encoding => Some(length),
            _ => None,
        };
        // What a connection field names is for the next hop only, wherever it stands.
        for value in &self.connection {
            for name in value.as_bytes().split(|&byte| byte == b',') {
                if let Ok(name) = HeaderName::from_bytes(name.trim_ascii()) {
                    self.headers.remove(&name);
                    if name == CONTENT_LENGTH {
                        content_length = None;
                    }
                }
            }
        }
        let implied = if self.has_location {
            StatusCode::FOUND
        } else {
            StatusCode::OK
        };
        Ok(Head {
            status: self.status.unwrap_or(implied),
            headers: self.headers,
            content_length,
            notes: self.notes,
        })
    }
}

/// Parses `CODE [reason]`.
///
/// Codes from 600 on are no HTTP (RFC 9110, 15), and a client would take them for a 5xx.
fn parse_status(value: &[u8]) -> Result<StatusCode, Error> {
    let code = value
        .split(u8::is_ascii_whitespace)
        .next()
        .unwrap_or_default();
    let number = match code {
        [a, b, c] if code.iter().all(u8::is_ascii_digit) => [a, b, c]
            .iter()
            .fold(0, |sum, digit| sum * 10 + u16::from(*digit - b'0')),
        _ => 0,
    };
    match (number, StatusCode::from_u16(number)) {
        (100..=199, _) => Err(Error::Informational(number)),
        (200..=599, Ok(status)) => Ok(status),
        _ => {
            let excerpt = &value[..value.len().min(MAX_EXCERPT_BYTES)];
            Err(Error::BadStatus(
                String::from_utf8_lossy(excerpt).into_owned(),
            ))
        }
    }
}

/// Parses digits and nothing else (RFC 9110, 8.6).
fn parse_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |length, &byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        length.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether a field is for one connection only (RFC 9110, 7.6.1).
fn is_hop_by_hop(name: &HeaderName) -> bool {
    [
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
        KEEP_ALIVE,
        PROXY_CONNECTION,
    ]
    .contains(name)
}

#[cfg(test)]
mod tests;
