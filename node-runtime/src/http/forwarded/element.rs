//! One value of a forwarded request: an address, a scheme, a host, a port. `None` is malformed.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::host;
use crate::cgi::Scheme;

/// Longer than any address, host or port.
const MAX_BYTES: usize = 300;

/// An address, with or without a port: `192.0.2.7`, `192.0.2.7:1234`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:1234`. Not `unknown`, nor RFC 7239's obfuscated names.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let address = if let Ok(address) = text.parse::<IpAddr>() {
        address
    } else if let Ok(address) = text.parse::<SocketAddr>() {
        address.ip()
    } else {
        let text = text.strip_prefix('[')?.strip_suffix(']')?;
        text.parse::<Ipv6Addr>().ok()?.into()
    };
    Some(address.to_canonical())
}

/// `http` or `https`, or those of a WebSocket.
pub(super) fn scheme(text: &str) -> Option<Scheme> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    if is("https") || is("wss") {
        Some(Scheme::Https)
    } else if is("http") || is("ws") {
        Some(Scheme::Http)
    } else {
        None
    }
}

/// A host as the Host field may have it.
pub(super) fn host(text: &str) -> Option<(Cow<'_, str>, Option<u16>)> {
    if text.len() > MAX_BYTES {
        return None;
    }
    let (name, port) = host::parse_named(text).ok()?;
    Some((name, port.filter(|port| *port != 0)))
}

pub(super) fn port(text: &str) -> Option<u16> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| is_number && *port != 0)
}
