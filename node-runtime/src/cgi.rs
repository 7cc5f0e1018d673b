//! The CGI protocol as WAGI speaks it, pure: RFC 3875 with the departures of WAGI 0.8.1.
//!
//! A request becomes variables ([`environment`]) and arguments ([`arguments`]); what the guest
//! prints becomes a response head ([`head`]). Bytes of guests and of clients are hostile: whatever
//! they are, nothing here panics, and the work is linear in their number.
//! The room does no I/O and knows neither guests nor connections; which status answers an error is
//! decided where HTTP is spoken.

use std::net::IpAddr;

use crds::path::PathPattern;
use http::{HeaderMap, Method, Version};

use crate::routing::RequestPath;

pub mod arguments;
pub mod environment;
pub mod head;

/// What a guest may know of its request.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// The request's method.
    pub method: &'a Method,
    /// The scheme by which the client spoke to us.
    pub scheme: Scheme,
    /// The authority of the request target (`:authority`, absolute form), if it has one: it takes
    /// the place of the `Host` field (RFC 9112, 3.2.2; RFC 9113, 8.3.1).
    pub authority: Option<&'a str>,
    /// The path of the request target.
    pub path: &'a RequestPath<'a>,
    /// What follows the first `?` of the request target, if there is one.
    pub query: Option<&'a str>,
    /// The protocol version of the request.
    pub version: Version,
    /// The request's fields.
    pub headers: &'a HeaderMap,
    /// The host the request is for, without port.
    pub server_name: &'a str,
    /// The port the request is for.
    pub server_port: u16,
    /// Where the request comes from.
    pub peer: IpAddr,
    /// The request's id, received or made.
    pub request_id: &'a str,
    /// The path of the route, or of the part of it, that answers; it matches the request's path.
    pub pattern: &'a PathPattern,
    /// How long the request's body is.
    pub content_length: ContentLength,
}

/// The scheme of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Without TLS.
    Http,
    /// With TLS.
    Https,
}

/// How long a request's body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentLength {
    /// There is no body.
    None,
    /// The client said how long it is.
    Known(u64),
    /// There is a body, and its end shows when it comes.
    Chunked,
}

/// Strings as WASI hands them to a guest: one after the other, each ended by a NUL byte.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The strings with their NUL bytes.
    pub bytes: Vec<u8>,
    /// How many strings there are.
    pub count: usize,
}

// === impl Scheme ===

impl Scheme {
    /// The scheme as URLs have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

// === impl Block ===

impl Block {
    /// An empty block with room for so many bytes.
    fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            count: 0,
        }
    }

    /// Adds a variable; its name comes with the equals sign.
    fn set(&mut self, name: &[u8], value: &[u8]) {
        self.push(name);
        self.push(value);
        self.end();
    }

    /// Adds to the string that is being written.
    fn push(&mut self, part: &[u8]) {
        self.bytes.extend_from_slice(part);
    }

    /// Ends the string that is being written.
    fn end(&mut self) {
        self.bytes.push(0);
        self.count += 1;
    }

    /// The strings, without their NUL bytes.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.bytes
            .split_inclusive(|&byte| byte == 0)
            .map(|string| string.strip_suffix(&[0]).unwrap_or(string))
    }
}
