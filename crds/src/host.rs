//! Which hosts a route answers for.
//!
//! A [`HostPattern`] is an exact host or a wildcard over the names below one; a route that answers
//! for any host has no pattern at all. Patterns are held in the form in which a request's host is
//! looked up, so that a comparison is one of bytes.
//! The room resolves nothing and knows neither ports nor where a request's host comes from.

use std::{borrow::Cow, cmp::Ordering, fmt, net::Ipv6Addr, str::FromStr, sync::Arc};

#[doc(hidden)]
pub mod fuzz;

/// The longest host, in bytes (RFC 1035, 2.3.4, without its length bytes and final dot).
pub const MAX_HOST_BYTES: usize = 253;

/// The longest label of a host name, in bytes (RFC 1035, 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// A host of a route: `shop.example`, `192.0.2.7`, `[2001:db8::7]`, or `*.shop.example`.
///
/// A wildcard stands for one or more labels, as in the Gateway API: `*.shop.example` matches
/// `a.shop.example` and `a.b.shop.example`, not `shop.example`.
///
/// The greater of two patterns is the more specific one: exact over wildcard, then the longer, then
/// by text so that the order is total. A clone shares the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostPattern {
    /// Lower case, with the `*.` of a wildcard; an IPv6 address in brackets, as RFC 5952 prints it.
    text: Arc<str>,
}

/// Why a text is not the host of a route, as a sentence that says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// There is no text.
    #[error("a host cannot be empty: leave it out to answer for any host")]
    Empty,
    /// It is longer than [`MAX_HOST_BYTES`].
    #[error("a host has at most {MAX_HOST_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// It is a URL or has a path.
    #[error("a host has no scheme and no path: write {0:?}")]
    Url(String),
    /// It has a port.
    #[error("a host has no port: write {0:?}")]
    Port(String),
    /// It is a star and nothing else.
    #[error("\"*\" is not a host: leave hosts out to answer for any host")]
    Star,
    /// A star stands elsewhere than in `*.` at the start.
    #[error("\"*\" stands only for whole labels at the start: write \"*.shop.example\"")]
    Wildcard,
    /// A wildcard stands before an address.
    #[error("a wildcard stands before a name, not before the address {0:?}")]
    WildcardAddress(String),
    /// It ends in a dot, or two dots follow each other.
    #[error("a host has no empty labels: leave out the dot at its start or end, or one of two")]
    EmptyLabel,
    /// A label is longer than 63 bytes.
    #[error("the part {0:?} of the host is longer than {MAX_LABEL_BYTES} bytes")]
    LongLabel(String),
    /// A label holds what no host name holds, or begins or ends with a hyphen.
    #[error(
        "the part {0:?} of the host is not a name: letters, digits and, inside, hyphens (other \
         letters as in \"xn--bcher-kva\")"
    )]
    Label(String),
    /// Brackets or colons, but no IPv6 address.
    #[error("{0:?} is not an IPv6 address: write it like \"[2001:db8::7]\"")]
    Address(String),
}

/// Brings a request's host into the form in which it is looked up.
///
/// The host arrives in lower case and without its port. What is left to do is to drop the dot that
/// ends a fully qualified name, and to write an IPv6 address in the one way of RFC 5952, in
/// brackets. Anything else is returned as it is: it merely matches nothing.
#[must_use]
pub fn canonical(host: &str) -> Cow<'_, str> {
    if host.starts_with('[') || host.contains(':') {
        return match address(host) {
            Some(address) => Cow::Owned(format!("[{address}]")),
            None => Cow::Borrowed(host),
        };
    }
    Cow::Borrowed(host.strip_suffix('.').unwrap_or(host))
}

/// An IPv6 address with or without its brackets.
fn address(text: &str) -> Option<Ipv6Addr> {
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']')?,
        None => text,
    };
    bare.parse().ok()
}

// === impl HostPattern ===

impl HostPattern {
    /// Parses a host of a route; letters may be in either case.
    ///
    /// # Errors
    ///
    /// Whatever could never match or would not match what its author expects.
    pub fn parse(text: &str) -> Result<Self, HostError> {
        if text.is_empty() {
            return Err(HostError::Empty);
        }
        if text.len() > MAX_HOST_BYTES {
            return Err(HostError::TooLong(text.len()));
        }
        let lower = text.to_ascii_lowercase();
        if let Some(host) = without_scheme_and_path(&lower) {
            return Err(HostError::Url(host.to_owned()));
        }
        if let Some(host) = without_port(&lower) {
            return Err(HostError::Port(host.to_owned()));
        }
        if lower.contains([':', '[', ']']) {
            // Kubernetes knows no IPv4 addresses in the clothes of IPv6 ones.
            let address = address(&lower)
                .filter(|address| address.to_ipv4_mapped().is_none())
                .ok_or_else(|| HostError::Address(text.to_owned()))?;
            return Ok(Self {
                text: format!("[{address}]").into(),
            });
        }
        if lower == "*" {
            return Err(HostError::Star);
        }
        let name = lower.strip_prefix("*.").unwrap_or(&lower);
        if name.contains('*') {
            return Err(HostError::Wildcard);
        }
        check_name(name)?;
        if name.len() < lower.len() && is_ipv4(name) {
            return Err(HostError::WildcardAddress(name.to_owned()));
        }
        Ok(Self { text: lower.into() })
    }

    /// Whether the pattern stands for the names below a host, not for one host.
    #[must_use]
    pub fn is_wildcard(&self) -> bool {
        self.text.starts_with('*')
    }

    /// The text, with the `*.` of a wildcard.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What every host that a wildcard matches ends with, its dot included; nothing for an exact
    /// host.
    #[must_use]
    pub fn suffix(&self) -> Option<&str> {
        self.text.strip_prefix('*')
    }

    /// Whether the pattern matches a host in [canonical] form.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self.suffix() {
            None => *self.text == *host,
            Some(suffix) => host
                .strip_suffix(suffix)
                .is_some_and(|labels| !labels.is_empty()),
        }
    }
}

/// The host in what looks like a URL or a host with a path, if it does.
fn without_scheme_and_path(text: &str) -> Option<&str> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or(rest);
    (host.len() < text.len()).then_some(host)
}

/// The host in front of what looks like a port, if anything does.
fn without_port(text: &str) -> Option<&str> {
    let (host, port) = text.rsplit_once(':')?;
    let is_host = host.ends_with(']') || !host.contains(':');
    let is_port = port.bytes().all(|byte| byte.is_ascii_digit());
    (is_host && is_port && !host.is_empty()).then_some(host)
}

/// Checks a host name label by label (RFC 1123, 2.1): what Kubernetes calls a DNS subdomain.
fn check_name(name: &str) -> Result<(), HostError> {
    for label in name.split('.') {
        if label.is_empty() {
            return Err(HostError::EmptyLabel);
        }
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if !label.bytes().all(inside) || label.starts_with('-') || label.ends_with('-') {
            return Err(HostError::Label(label.to_owned()));
        }
        if label.len() > MAX_LABEL_BYTES {
            return Err(HostError::LongLabel(label.to_owned()));
        }
    }
    Ok(())
}

/// Whether a name ends as an IPv4 address does: no top-level name is a number.
fn is_ipv4(name: &str) -> bool {
    name.rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()))
}

impl FromStr for HostPattern {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        Self::parse(text)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Ord for HostPattern {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |pattern: &Self| (!pattern.is_wildcard(), pattern.text.len());
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for HostPattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests;
