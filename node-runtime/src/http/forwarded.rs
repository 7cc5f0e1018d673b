//! Who a request really comes from and what it asked for, where proxies stand between.
//!
//! Only what trusted networks say counts. Each proxy adds on the right whom it heard, so the way
//! back is walked from the right, from our own peer to the first address that is not trusted:
//! that is the client, and what stands further left is the client's own invention. Both families
//! of fields are read, never mixed: where there is an `X-Forwarded-*`, `Forwarded` (RFC 7239) does
//! not count, since most proxies set the former and let a client's own `Forwarded` pass. What is
//! malformed says nothing. It knows neither routes nor guests, who see the fields as they came.

mod element;
pub mod fuzz;
mod hop;

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use http::header::FORWARDED;
use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

use self::hop::Hop;
use super::host::{self, Authority};
use crate::cgi::Scheme;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// More trusted proxies than that in a row are a loop, or a trick.
const MAX_HOPS: usize = 32;

/// The networks whose word on forwarded requests counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

/// Where a request comes from, and what its client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The client's address.
    pub client: IpAddr,
    /// The scheme by which the client spoke to the first proxy, or to us.
    pub scheme: Scheme,
    /// The host and port it spoke to.
    pub authority: Authority<'a>,
}

/// What proxies said, as far as it counts.
#[derive(Debug, Default)]
struct Said<'a> {
    client: Option<IpAddr>,
    scheme: Option<Scheme>,
    host: Option<(Cow<'a, str>, Option<u16>)>,
    port: Option<u16>,
}

// === impl TrustedProxies ===

impl TrustedProxies {
    /// Trusts these networks.
    #[must_use]
    pub fn new(networks: &[IpNet]) -> Self {
        Self(networks.iter().map(IpNet::trunc).collect())
    }

    fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Corrects what the connection itself shows by what trusted proxies say.
    #[must_use]
    pub fn correct<'a>(&self, headers: &'a HeaderMap, seen: Origin<'a>) -> Origin<'a> {
        if !self.contain(seen.client) {
            return seen;
        }
        let said = if has_any(headers) {
            self.by_x_forwarded(headers)
        } else {
            self.by_forwarded(headers)
        };
        said.into_origin(seen)
    }

    /// RFC 7239: an element a hop, each with what that hop saw.
    fn by_forwarded<'a>(&self, headers: &'a HeaderMap) -> Said<'a> {
        let mut said = Said::default();
        for hop in hop::of_forwarded(headers.get_all(FORWARDED)).take(MAX_HOPS) {
            // Malformed: nobody knows who wrote what stands left of it.
            let Some(Hop { node, scheme, host }) = hop else {
                break;
            };
            said.scheme = scheme.or(said.scheme);
            said.host = host.or(said.host);
            let Some(address) = node else { break };
            said.client = Some(address);
            if !self.contain(address) {
                break;
            }
        }
        said
    }

    /// Addresses a hop; of the others as many values as there were proxies that add theirs, or
    /// one that the first of them set and the others left.
    fn by_x_forwarded<'a>(&self, headers: &'a HeaderMap) -> Said<'a> {
        let mut said = Said::default();
        let mut hops = 0;
        for node in hop::last_first(headers.get_all(X_FORWARDED_FOR)).take(MAX_HOPS) {
            hops += 1;
            let Some(address) = node.and_then(element::address) else {
                break;
            };
            said.client = Some(address);
            if !self.contain(address) {
                break;
            }
        }
        let value = |name| hop::nth_last(headers.get_all(name), hops.max(1));
        said.scheme = value(X_FORWARDED_PROTO).and_then(element::scheme);
        said.host = value(X_FORWARDED_HOST).and_then(element::host);
        said.port = value(X_FORWARDED_PORT).and_then(element::port);
        said
    }
}

fn has_any(headers: &HeaderMap) -> bool {
    [
        X_FORWARDED_FOR,
        X_FORWARDED_PROTO,
        X_FORWARDED_HOST,
        X_FORWARDED_PORT,
    ]
    .iter()
    .any(|name| headers.contains_key(name))
}

// === impl Origin ===

impl<'a> Origin<'a> {
    /// What a connection without TLS shows by itself.
    #[must_use]
    pub fn seen(peer: SocketAddr, authority: Authority<'a>) -> Self {
        Self {
            client: peer.ip().to_canonical(),
            scheme: Scheme::Http,
            authority,
        }
    }
}

// === impl Said ===

impl<'a> Said<'a> {
    /// The port is the one named beside the host, or the scheme's own: ours is not the one that
    /// the client knows.
    fn into_origin(self, seen: Origin<'a>) -> Origin<'a> {
        let scheme = self.scheme.unwrap_or(seen.scheme);
        let is_told = self.scheme.is_some() || self.host.is_some();
        let (name, named_port) = match self.host {
            Some(host) => host,
            None if seen.authority.names_port => (seen.authority.name, Some(seen.authority.port)),
            None => (seen.authority.name, None),
        };
        let otherwise = if is_told {
            default_port(scheme)
        } else {
            seen.authority.port
        };
        let named = self.port.or(named_port);
        Origin {
            client: self.client.unwrap_or(seen.client),
            scheme,
            authority: Authority {
                name,
                port: named.unwrap_or(otherwise),
                names_port: named.is_some(),
            },
        }
    }
}

const fn default_port(scheme: Scheme) -> u16 {
    match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    }
}

#[cfg(test)]
mod tests;
