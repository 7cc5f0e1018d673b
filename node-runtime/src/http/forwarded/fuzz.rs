//! What must hold of forwarded requests whatever their fields say.
//!
//! Called by property tests and by a coverage-guided fuzzer; a broken promise is a panic.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderName, HeaderValue};

use super::{FORWARDED, Origin, TrustedProxies, X_FORWARDED_FOR, X_FORWARDED_HOST};
use super::{X_FORWARDED_PORT, X_FORWARDED_PROTO};
use crate::cgi::Scheme;
use crate::http::host::{Authority, parse_named};

const PROXY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 7));

/// Lines of `N: value`, where `N` chooses the field; others are left out.
fn fields(data: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some((which, value)) = line.split_first() else {
            continue;
        };
        let Ok(value) = HeaderValue::from_bytes(value) else {
            continue;
        };
        headers.append(name(*which), value);
    }
    headers
}

fn name(which: u8) -> HeaderName {
    match which % 5 {
        0 => FORWARDED,
        1 => X_FORWARDED_FOR,
        2 => X_FORWARDED_HOST,
        3 => X_FORWARDED_PORT,
        _ => X_FORWARDED_PROTO,
    }
}

fn seen() -> Origin<'static> {
    Origin {
        client: PROXY,
        scheme: Scheme::Http,
        authority: Authority {
            name: Cow::Borrowed("seen.example"),
            port: 8080,
            names_port: false,
        },
    }
}

/// Hosts are hosts, ports are ports, nobody untrusted is heard, and nothing that a client sends
/// changes who a trusted proxy says it is.
///
/// # Panics
///
/// When a promise is broken.
pub fn fuzz_forwarded(data: &[u8]) {
    let trusted = TrustedProxies::new(&["10.0.0.0/8".parse().expect("a network")]);
    let mut headers = fields(data);
    let nobody = TrustedProxies::default();
    assert_eq!(nobody.correct(&headers, seen()), seen());

    let origin = trusted.correct(&headers, seen());
    let name = &origin.authority.name;
    let (again, port) = parse_named(name).expect("a host is one");
    assert_eq!((&again, port), (name, None));
    assert_ne!(origin.authority.port, 0);

    // A proxy adds whom it heard: as a value of its own, and behind the client's.
    headers.append(X_FORWARDED_FOR, HeaderValue::from_static("203.0.113.7"));
    assert_eq!(trusted.correct(&headers, seen()).client, CLIENT);
    let mut joined = HeaderMap::new();
    for field in headers.get_all(X_FORWARDED_FOR) {
        let together = [field.as_bytes(), b", 203.0.113.7"].concat();
        let together = HeaderValue::from_bytes(&together).expect("still a value");
        joined.insert(X_FORWARDED_FOR, together);
    }
    let client = trusted.correct(&joined, seen()).client;
    assert!(client == CLIENT || client == PROXY, "{client}");

    // In `Forwarded` a quotation that the client did not close hides the proxy's word, and then
    // nothing counts.
    let mut joined = HeaderMap::new();
    for field in headers.get_all(FORWARDED) {
        let added = b", for=203.0.113.7;host=true.example";
        let together = [field.as_bytes(), added].concat();
        let together = HeaderValue::from_bytes(&together).expect("still a value");
        joined.insert(FORWARDED, together);
    }
    let origin = trusted.correct(&joined, seen());
    assert!(
        (origin.client, &*origin.authority.name) == (CLIENT, "true.example") || origin == seen(),
        "{origin:?}"
    );
}
