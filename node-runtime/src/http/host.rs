//! Which host a request is for, and which requests are refused before that.
//!
//! What RFC 9112 says a server must reject and hyper lets through is rejected
//! here, once, before anything else looks at the request. It does not know
//! routes: a host that nobody serves is somebody else's 404.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use http::header::{HOST, TRANSFER_ENCODING};
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Version};

/// Longer request targets are refused.
const URI: usize = 16 * 1024;
/// More fields are refused. hyper has this number for HTTP/1; HTTP/2 bounds bytes only.
const FIELDS: usize = 100;

/// The host a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    /// In lower case, without a final dot; an IPv6 address keeps its brackets.
    pub name: Cow<'a, str>,
    /// As the client wrote it, else ours.
    pub port: u16,
    /// Whether the client wrote a port.
    pub names_port: bool,
}

/// Why a request is not served. On HTTP/1 its answer closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// RFC 9112 section 3.2.
    #[error("the Host field is missing")]
    NoHost,
    /// RFC 9112 section 3.2.
    #[error("more than one Host field")]
    ManyHosts,
    /// RFC 9112 section 3.2, RFC 9110 section 4.2.4.
    #[error("the host is not valid")]
    InvalidHost,
    /// RFC 9113 section 8.3.1.
    #[error("the Host field contradicts :authority")]
    HostContradicts,
    /// RFC 9112 section 3.2.
    #[error("the request target has no form that its method allows")]
    InvalidTarget,
    /// RFC 9112 section 6.1: chunked more than once.
    #[error("the body is chunked twice")]
    InvalidCoding,
    /// The request target.
    #[error("the request target is too long")]
    UriTooLong,
    /// The number of fields.
    #[error("too many header fields")]
    TooManyFields,
    /// CONNECT, and OPTIONS for the server as a whole.
    #[error("the method is not offered")]
    MethodNotOffered,
    /// RFC 9112 section 6.1: a transfer coding other than chunked.
    #[error("the transfer coding is not known")]
    UnknownCoding,
}

/// Judges a request, and says which host it is for.
///
/// # Errors
///
/// A [`Refusal`] knows its status.
pub fn check(parts: &Parts, local: SocketAddr) -> Result<Authority<'_>, Refusal> {
    if parts.headers.len() > FIELDS {
        return Err(Refusal::TooManyFields);
    }
    let target = &parts.uri;
    let target_length = target.path().len() + target.query().map_or(0, |query| query.len() + 1);
    if target_length > URI {
        return Err(Refusal::UriTooLong);
    }
    if parts.method == Method::CONNECT {
        return Err(Refusal::MethodNotOffered);
    }
    let is_http2 = parts.version >= Version::HTTP_2;
    if !is_http2 {
        check_coding(&parts.headers)?;
    }
    let field = host_field(&parts.headers, local)?;
    if target.path() == "*" {
        return Err(if parts.method == Method::OPTIONS {
            Refusal::MethodNotOffered
        } else {
            Refusal::InvalidTarget
        });
    }
    if !target.path().starts_with('/') {
        return Err(Refusal::InvalidTarget);
    }
    match (target.authority(), field) {
        (Some(named), field) => {
            // Authority-form is CONNECT's alone (RFC 9112 section 3.2.3).
            if !matches!(target.scheme_str(), Some("http" | "https")) {
                return Err(Refusal::InvalidTarget);
            }
            let named = parse(named.as_str(), local)?;
            let differs =
                |field: Authority<'_>| field.name != named.name || field.port != named.port;
            if is_http2 && field.is_some_and(differs) {
                return Err(Refusal::HostContradicts);
            }
            if !is_http2 && field_is_due(parts) && !parts.headers.contains_key(HOST) {
                return Err(Refusal::NoHost);
            }
            // RFC 9112 section 3.2.2: an absolute-form target overrides the field.
            Ok(named)
        }
        (None, Some(field)) => Ok(field),
        (None, None) if field_is_due(parts) && !parts.headers.contains_key(HOST) => {
            Err(Refusal::NoHost)
        }
        // HTTP/1.0, or an empty field: the target names nobody but us.
        (None, None) => Ok(of_address(local)),
    }
}

fn field_is_due(parts: &Parts) -> bool {
    parts.version > Version::HTTP_10
}

/// The host field's value; `None` when there is none, or an empty one.
fn host_field(headers: &HeaderMap, local: SocketAddr) -> Result<Option<Authority<'_>>, Refusal> {
    let mut fields = headers.get_all(HOST).iter();
    let Some(field) = fields.next() else {
        return Ok(None);
    };
    if fields.next().is_some() {
        return Err(Refusal::ManyHosts);
    }
    let field = field.to_str().map_err(|_| Refusal::InvalidHost)?;
    if field.is_empty() {
        return Ok(None);
    }
    parse(field, local).map(Some)
}

fn parse(text: &str, local: SocketAddr) -> Result<Authority<'_>, Refusal> {
    let (name, port) = parse_named(text)?;
    Ok(Authority {
        name,
        port: port.unwrap_or_else(|| local.port()),
        names_port: port.is_some(),
    })
}

/// RFC 3986 section 3.2 without userinfo: `host [":" port]`.
pub(super) fn parse_named(text: &str) -> Result<(Cow<'_, str>, Option<u16>), Refusal> {
    let (name, port) = match text.rfind(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some(colon) if !text[colon..].contains(']') => (&text[..colon], &text[colon + 1..]),
        _ => (text, ""),
    };
    let port = match port {
        "" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse().map_err(|_| Refusal::InvalidHost)?)
        }
        _ => return Err(Refusal::InvalidHost),
    };
    let is_valid = match name.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => is_registered_name(name),
    };
    if !is_valid {
        return Err(Refusal::InvalidHost);
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    // One dot at the end is the root's; an empty label before it is nobody's.
    if name.is_empty() || name.ends_with('.') {
        return Err(Refusal::InvalidHost);
    }
    let name = if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    };
    Ok((name, port))
}

/// RFC 3986's reg-name, less the comma: that is two hosts an intermediary joined.
fn is_registered_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.iter().enumerate().all(|(at, byte)| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => true,
        b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b';' | b'=' => true,
        b'%' => {
            matches!(bytes.get(at + 1..at + 3), Some(hex) if hex.iter().all(u8::is_ascii_hexdigit))
        }
        _ => false,
    })
}

fn of_address(local: SocketAddr) -> Authority<'static> {
    let name = match local.ip() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    };
    Authority {
        name: Cow::Owned(name),
        port: local.port(),
        names_port: false,
    }
}

/// hyper takes any list of codings that ends in chunked, and undoes that one only.
fn check_coding(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut chunked = 0;
    let fields = headers.get_all(TRANSFER_ENCODING).iter();
    for coding in fields.flat_map(|field| field.as_bytes().split(|byte| *byte == b',')) {
        match coding.trim_ascii() {
            // RFC 9110 section 5.6.1: empty elements of a list do not count.
            b"" => {}
            coding if coding.eq_ignore_ascii_case(b"chunked") => chunked += 1,
            _ => return Err(Refusal::UnknownCoding),
        }
    }
    if chunked > 1 {
        return Err(Refusal::InvalidCoding);
    }
    Ok(())
}

// === impl Refusal ===

impl Refusal {
    /// The status that says so.
    pub fn status(self) -> StatusCode {
        match self {
            Refusal::NoHost
            | Refusal::ManyHosts
            | Refusal::InvalidHost
            | Refusal::HostContradicts
            | Refusal::InvalidTarget
            | Refusal::InvalidCoding => StatusCode::BAD_REQUEST,
            Refusal::UriTooLong => StatusCode::URI_TOO_LONG,
            Refusal::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Refusal::MethodNotOffered | Refusal::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
        }
    }
}

#[cfg(test)]
mod tests;
