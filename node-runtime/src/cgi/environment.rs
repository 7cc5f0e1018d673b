//! A request as CGI variables (RFC 3875, 4.1; WAGI 0.8.1).
//!
//! What is the same for all requests of a route is rendered once, into [`StaticVariables`]; a
//! request then costs one allocation, made large enough at the start. A name the server sets cannot
//! be overridden by a route, and no client can set a variable that is not its own: fields whose
//! names would become another's variable, or one that programs trust, are left out.

use std::{io::Write, net::IpAddr, ops::Range};

use http::{
    HeaderName, Version,
    header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION},
};
use percent_encoding::percent_decode_str;

use super::{Block, ContentLength, RequestFacts, Scheme};

mod fixed;

pub use fixed::{StaticVariables, is_server_name};

/// What stands for a field whose value is not printable ASCII (WAGI 0.8.1).
const CORRUPT_VALUE: &[u8] = b"CORRUPT VALUE";

/// Would become `HTTP_PROXY`, which HTTP clients in guests take for their proxy ("httpoxy").
const PROXY: HeaderName = HeaderName::from_static("proxy");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Renders the variables of one request.
#[must_use]
pub fn variables(facts: &RequestFacts<'_>, fixed: &StaticVariables) -> Block {
    let most = most_bytes(facts, fixed);
    let mut block = Block::with_capacity(most);
    fixed.push(&mut block, facts);
    push_request(&mut block, facts);
    push_path(&mut block, facts);
    push_server(&mut block, facts);
    push_peer(&mut block, facts.peer);
    push_body(&mut block, facts);
    debug_assert!(block.bytes.len() <= most, "the block was allocated twice");
    block
}

/// A bound on the length of the block: too much is given back soon, too little is copied.
fn most_bytes(facts: &RequestFacts<'_>, fixed: &StaticVariables) -> usize {
    // Names, punctuation, two addresses, two lengths, two ports and what cannot be longer.
    const REST: usize = 640;
    let fields: usize = facts
        .headers
        .iter()
        .map(|(name, value)| {
            "HTTP_=; ".len() + name.as_str().len() + value.len().max(CORRUPT_VALUE.len()) + 1
        })
        .sum();
    // CONTENT_TYPE repeats its field; it cannot be longer than all fields.
    let content_type: usize = facts
        .headers
        .get_all(CONTENT_TYPE)
        .iter()
        .map(|value| value.len().max(CORRUPT_VALUE.len()) + 2)
        .sum();
    REST + fixed.len()
        + fields
        + content_type
        + facts.method.as_str().len()
        + 5 * facts.path.raw().len()
        + 3 * facts.query.map_or(0, |query| query.len() + 1)
        + 2 * facts.pattern.as_str().len()
        + 2 * facts.server_name.len()
        + facts.authority.map_or(0, str::len)
        + facts.request_id.len()
}

fn push_request(block: &mut Block, facts: &RequestFacts<'_>) {
    block.set(b"REQUEST_METHOD=", facts.method.as_str().as_bytes());
    block.set(b"QUERY_STRING=", facts.query.unwrap_or_default().as_bytes());
    block.push(b"REQUEST_URI=");
    push_target(block, facts);
    block.end();
    block.set(b"REQUEST_SCHEME=", facts.scheme.as_str().as_bytes());
    if facts.scheme == Scheme::Https {
        block.set(b"HTTPS=", b"on");
    }
    block.set(b"HTTP_X_REQUEST_ID=", facts.request_id.as_bytes());
}

/// The path and the query as they came.
fn push_target(block: &mut Block, facts: &RequestFacts<'_>) {
    block.push(facts.path.raw().as_bytes());
    if let Some(query) = facts.query {
        block.push(b"?");
        block.push(query.as_bytes());
    }
}

fn push_path(block: &mut Block, facts: &RequestFacts<'_>) {
    let raw = facts.path.after(facts.pattern);
    block.set(b"SCRIPT_NAME=", facts.pattern.script_name().as_bytes());
    block.set(b"X_MATCHED_ROUTE=", facts.pattern.as_str().as_bytes());
    block.set(b"X_RAW_PATH_INFO=", raw.as_bytes());
    block.push(b"PATH_INFO=");
    let decoded = push_decoded(block, raw);
    block.end();
    block.push(b"PATH_TRANSLATED=");
    block.bytes.extend_from_within(decoded);
    block.end();
}

/// Writes a path decoded, and says where it stands.
///
/// What is not UTF-8 once decoded is replaced: most languages' environments are text, and a guest
/// in Rust would trap when it looks. `X_RAW_PATH_INFO` has what came.
fn push_decoded(block: &mut Block, raw: &str) -> Range<usize> {
    let start = block.bytes.len();
    if raw.contains('%') {
        block.bytes.extend(percent_decode_str(raw));
        if let Err(_not_text) = std::str::from_utf8(&block.bytes[start..]) {
            let text = String::from_utf8_lossy(&block.bytes[start..]).into_owned();
            block.bytes.truncate(start);
            block.push(text.as_bytes());
        }
    } else {
        block.push(raw.as_bytes());
    }
    start..block.bytes.len()
}

fn push_server(block: &mut Block, facts: &RequestFacts<'_>) {
    let protocol: &[u8] = match facts.version {
        Version::HTTP_09 => b"HTTP/0.9",
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        Version::HTTP_3 => b"HTTP/3.0",
        _ => b"HTTP/1.1",
    };
    block.set(b"SERVER_PROTOCOL=", protocol);
    block.push(b"SERVER_NAME=");
    push_host(block, facts.server_name);
    block.end();
    block.push(b"SERVER_PORT=");
    push_number(block, facts.server_port.into());
    block.end();
    block.push(b"X_FULL_URL=");
    block.push(facts.scheme.as_str().as_bytes());
    block.push(b"://");
    push_host(block, facts.server_name);
    block.push(b":");
    push_number(block, facts.server_port.into());
    push_target(block, facts);
    block.end();
}

/// A host as URLs and RFC 3875, 4.1.14 have it: an IPv6 address in brackets.
fn push_host(block: &mut Block, host: &str) {
    let is_bare_address = host.contains(':') && !host.starts_with('[');
    if is_bare_address {
        block.push(b"[");
    }
    block.push(host.as_bytes());
    if is_bare_address {
        block.push(b"]");
    }
}

fn push_peer(block: &mut Block, peer: IpAddr) {
    block.push(b"REMOTE_ADDR=");
    let start = block.bytes.len();
    // A listener on [::] sees clients of IPv4 as ::ffff:192.0.2.7.
    match peer.to_canonical() {
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                if at > 0 {
                    block.push(b".");
                }
                push_number(block, octet.into());
            }
        }
        IpAddr::V6(address) => {
            // Writing to a Vec cannot fail.
            let _infallible = write!(block.bytes, "{address}");
        }
    }
    let written = start..block.bytes.len();
    block.end();
    block.push(b"REMOTE_HOST=");
    block.bytes.extend_from_within(written);
    block.end();
}

/// The request's fields, and what they say of its body.
fn push_body(block: &mut Block, facts: &RequestFacts<'_>) {
    let content_type = push_fields(block, facts);
    block.push(b"CONTENT_TYPE=");
    block.bytes.extend_from_within(content_type);
    block.end();

    let length = match facts.content_length {
        ContentLength::None => 0,
        ContentLength::Known(length) => length,
        // Its length shows when it ends: none is better than a wrong one.
        ContentLength::Chunked => return,
    };
    block.push(b"CONTENT_LENGTH=");
    push_number(block, length);
    block.end();
    if facts.headers.contains_key(CONTENT_LENGTH) {
        block.push(b"HTTP_CONTENT_LENGTH=");
        push_number(block, length);
        block.end();
    }
}

/// The variable that is being written: more fields of its name may follow.
struct Open<'a> {
    name: &'a HeaderName,
    /// Where its value begins.
    start: usize,
    is_corrupt: bool,
}

/// Writes `HTTP_NAME` for every field, and says where the value of Content-Type stands.
fn push_fields(block: &mut Block, facts: &RequestFacts<'_>) -> Range<usize> {
    let mut content_type = 0..0;
    let mut open: Option<Open<'_>> = None;
    // The map yields fields of one name one after the other, in the order in which they came.
    for (name, value) in facts.headers {
        if open.as_ref().is_none_or(|open| open.name != name) {
            close(block, open.take(), &mut content_type);
            if is_hidden(name, facts) {
                continue;
            }
            block.push(b"HTTP_");
            block.bytes.extend(name.as_str().bytes().map(variable_byte));
            block.push(b"=");
            open = Some(Open {
                name,
                start: block.bytes.len(),
                is_corrupt: false,
            });
        } else {
            // RFC 9110, 5.3; for cookies RFC 9113, 8.2.3.
            let joint: &[u8] = if name == COOKIE { b"; " } else { b", " };
            block.push(joint);
        }
        let Some(open) = &mut open else { continue };
        // One value that cannot be read makes the joined one unreadable.
        open.is_corrupt |= !value.as_bytes().iter().all(|&byte| is_printable(byte));
        if open.is_corrupt {
            block.bytes.truncate(open.start);
            block.push(CORRUPT_VALUE);
        } else {
            block.push(value.as_bytes());
        }
    }
    close(block, open, &mut content_type);
    if let Some(authority) = facts.authority {
        block.set(b"HTTP_HOST=", authority.as_bytes());
    }
    content_type
}

fn close(block: &mut Block, open: Option<Open<'_>>, content_type: &mut Range<usize>) {
    let Some(open) = open else { return };
    if open.name == CONTENT_TYPE {
        *content_type = open.start..block.bytes.len();
    }
    block.end();
}

/// Whether a field is not for the guest, or is written elsewhere.
fn is_hidden(name: &HeaderName, facts: &RequestFacts<'_>) -> bool {
    // `X_User` would become the variable of `X-User`, which a proxy may vouch for.
    name == CONNECTION
        || name == PROXY_AUTHORIZATION
        || name == PROXY
        || name.as_str().contains('_')
        || name == CONTENT_LENGTH
        || name == X_REQUEST_ID
        || (name == HOST && facts.authority.is_some())
}

/// A byte of a field's name as it stands in a variable's.
fn variable_byte(byte: u8) -> u8 {
    match byte {
        b'-' => b'_',
        other => other.to_ascii_uppercase(),
    }
}

fn is_printable(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t')
}

fn push_number(block: &mut Block, mut number: u64) {
    // As many digits as the greatest has.
    let mut digits = [0_u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    block.push(&digits[start..]);
}

#[cfg(test)]
mod tests;
