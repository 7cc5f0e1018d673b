//! What a [`crate::Client`] is told: plain HTTP, private authorities, mirrors, patience.
//!
//! Everything is checked when the client is made, so that a mistake is said before the first pull.
//! Knows no network.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Url;

/// What a client is told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Hosts, as `HOST` (every port) or `HOST:PORT`, that may be spoken to without TLS.
    /// Loopback addresses may always be.
    pub plain_http: Vec<String>,
    /// PEM files with authorities that are trusted beside those of the system.
    pub ca_files: Vec<PathBuf>,
    /// Where to look first, in this order.
    pub mirrors: Vec<Mirror>,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

/// `REGISTRY=URL`: look at the URL before the registry itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    /// The registry as references name it, as in `docker.io`.
    pub registry: String,
    /// Where its mirror is; a path is put before the repository's name.
    pub url: Url,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection, TLS included.
    pub connect: Duration,
    /// From sending a request to the end of the answer's head.
    pub head: Duration,
    /// Between two pieces of a body.
    pub stall: Duration,
    /// For a whole body: what drips must not hold a place for ever.
    pub body: Duration,
    /// For a credential helper of Docker's.
    pub helper: Duration,
}

/// The settings contradict themselves or name something unusable.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No `HOST[:PORT]`.
    #[error("plain HTTP for {0:?}: write HOST or HOST:PORT, without a scheme")]
    PlainHttp(String),
    /// The file of an authority cannot be read.
    #[error("certificate authority {}: {source}", .path.display())]
    CaUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file of an authority holds none.
    #[error(
        "certificate authority {}: {reason}; write PEM text with at least one BEGIN CERTIFICATE",
        .path.display()
    )]
    CaGarbage {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// A mirror speaks plain HTTP, which was not allowed.
    #[error(
        "mirror {url} for {registry}: plain HTTP is not allowed for {host}; write https://, or allow it with --plain-http {host}"
    )]
    MirrorPlain {
        /// Whose mirror.
        registry: String,
        /// Where it is.
        url: String,
        /// Its host and port.
        host: String,
    },
    /// The HTTP client cannot be made.
    #[error("no HTTP client: {0}")]
    Client(String),
}

/// The text is no `REGISTRY=URL`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} {reason}; write REGISTRY=URL, as in docker.io=https://mirror.example")]
pub struct MirrorError {
    text: String,
    reason: &'static str,
}

// === impl Timeouts ===

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            head: Duration::from_secs(30),
            stall: Duration::from_secs(30),
            body: Duration::from_secs(900),
            helper: Duration::from_secs(30),
        }
    }
}

// === impl Mirror ===

impl FromStr for Mirror {
    type Err = MirrorError;

    fn from_str(text: &str) -> Result<Self, MirrorError> {
        let refuse = |reason| MirrorError {
            text: text.to_owned(),
            reason,
        };
        let (registry, url) = text
            .split_once('=')
            .ok_or_else(|| refuse("has no equals sign"))?;
        if registry.is_empty() || registry.contains(['/', ' ']) {
            return Err(refuse("does not begin with a registry's host"));
        }
        let url = Url::parse(url).map_err(|_| refuse("has no valid URL"))?;
        if !matches!(url.scheme(), "https" | "http") || !url.has_host() {
            return Err(refuse("is neither https:// nor http://"));
        }
        // Credentials come from the Docker config, where they are looked after; not from a flag.
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("has credentials in its URL"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("has more than a host and a path"));
        }
        Ok(Self {
            registry: registry.to_ascii_lowercase(),
            url,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        match (text.parse::<Mirror>(), expected) {
            (Ok(mirror), Ok((registry, url))) => {
                assert_eq!(
                    (mirror.registry.as_str(), mirror.url.as_str()),
                    (registry, url)
                );
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (read, _) => panic!("{text}: {read:?}"),
        }
    }

    #[test]
    fn a_mirror_is_a_registry_and_a_url() {
        check(
            "docker.io=https://mirror.example",
            Ok(("docker.io", "https://mirror.example/")),
        );
        check(
            "R.example:5000=http://localhost:5001/cache",
            Ok(("r.example:5000", "http://localhost:5001/cache")),
        );
        check("docker.io", Err("no equals sign"));
        check("=https://mirror.example", Err("a registry's host"));
        check("docker.io=mirror.example", Err("no valid URL"));
        check("docker.io=ftp://mirror.example", Err("neither https://"));
        check("docker.io=https://a:b@mirror.example", Err("credentials"));
        check("docker.io=https://mirror.example/?a", Err("more than"));
    }
}
