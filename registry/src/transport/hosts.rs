//! Which hosts may be spoken to without TLS, and who may lead us where.
//!
//! Pure. A host's name is compared as it is written: nothing is resolved.

use std::net::{Ipv4Addr, Ipv6Addr};

use reqwest::Url;

use crate::settings::SettingsError;

/// Hosts with plain HTTP.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlainHttp(Vec<Listed>);

#[derive(Clone, Debug)]
struct Listed {
    host: String,
    port: Option<u16>,
}

/// Whether a URL is for this machine itself.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse().is_ok_and(|ip: Ipv4Addr| ip.is_loopback())
        || bare.parse().is_ok_and(|ip: Ipv6Addr| ip.is_loopback())
}

// === impl PlainHttp ===

impl PlainHttp {
    pub(crate) fn parse(written: &[String]) -> Result<Self, SettingsError> {
        let parse = |text: &String| {
            let refuse = || SettingsError::PlainHttp(text.clone());
            let url = Url::parse(&format!("http://{text}")).map_err(|_| refuse())?;
            let is_bare = url.path() == "/" && !text.contains(['/', '@', '?', '#', '*']);
            let host = url.host_str().filter(|_| is_bare).ok_or_else(refuse)?;
            // Port 80 is the scheme's own, and is not kept by the URL.
            let has_port = url.port().is_some() || text.ends_with(":80");
            Ok(Listed {
                host: host.to_owned(),
                port: url.port_or_known_default().filter(|_| has_port),
            })
        };
        written
            .iter()
            .map(parse)
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether the URL's host was listed, whatever its scheme.
    pub(crate) fn is_listed(&self, url: &Url) -> bool {
        self.0.iter().any(|listed| {
            url.host_str() == Some(&listed.host)
                && listed
                    .port
                    .is_none_or(|port| url.port_or_known_default() == Some(port))
        })
    }

    /// Whether plain HTTP may be spoken there.
    pub(crate) fn is_allowed(&self, url: &Url) -> bool {
        is_loopback(url) || self.is_listed(url)
    }

    /// Whether `from` may send us to `to`, by a redirect or as the realm of its tokens.
    ///
    /// # Errors
    ///
    /// What speaks against it.
    pub(crate) fn may_lead(&self, from: &Url, to: &Url) -> Result<(), &'static str> {
        // A registry elsewhere must not make us ask what only listens to this machine.
        if is_loopback(to) && !is_loopback(from) && !self.is_listed(to) {
            return Err("which is this machine itself");
        }
        match to.scheme() {
            "https" => Ok(()),
            "http" if self.is_allowed(to) => Ok(()),
            "http" => Err("which is plain HTTP and was not allowed by --plain-http"),
            _ => Err("which is neither https nor http"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(hosts: &[&str]) -> PlainHttp {
        let hosts: Vec<_> = hosts.iter().map(|&host| host.to_owned()).collect();
        PlainHttp::parse(&hosts).unwrap()
    }

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn plain_http_is_for_loopback_and_what_is_listed() {
        let plain = plain(&[
            "r.example",
            "s.example:5000",
            "t.example:80",
            "[fd00::1]:5000",
        ]);
        for (text, expected) in [
            ("http://127.0.0.1:5000", true),
            ("http://127.9.9.9", true),
            ("http://localhost:1", true),
            ("http://r.localhost", true),
            ("http://[::1]:5000", true),
            ("http://r.example", true),
            ("http://R.example:81", true),
            ("http://s.example:5000", true),
            ("http://s.example", false),
            ("http://t.example", true),
            ("http://t.example:81", false),
            ("http://[fd00::1]:5000", true),
            ("http://q.r.example", false),
            ("http://localhost.example", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(plain.is_allowed(&url(text)), expected, "{text}");
        }
    }

    #[test]
    fn only_hosts_can_be_listed() {
        for text in [
            "",
            "http://r.example",
            "r.example/x",
            "*.example",
            "r:70000",
            "a@b",
        ] {
            assert!(PlainHttp::parse(&[text.to_owned()]).is_err(), "{text}");
        }
    }

    #[test]
    fn nobody_elsewhere_leads_us_to_ourselves_or_off_tls() {
        let plain = plain(&["r.example"]);
        for (from, to, expected) in [
            ("https://a.example", "https://b.example", true),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "http://r.example", true),
            ("https://a.example", "http://127.0.0.1:2", false),
            ("https://a.example", "https://localhost:2", false),
            ("http://127.0.0.1:1", "http://127.0.0.1:2", true),
            ("http://127.0.0.1:1", "http://a.example", false),
            ("https://a.example", "file:///etc/passwd", false),
        ] {
            let is_allowed = plain.may_lead(&url(from), &url(to)).is_ok();
            assert_eq!(is_allowed, expected, "{from} to {to}");
        }
    }
}
