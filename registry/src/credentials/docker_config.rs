//! Which entry of Docker's configuration is for a registry and a repository.
//!
//! Keys are hosts, URLs (as Docker Hub's `https://index.docker.io/v1/`), hosts with a path, and hosts
//! with `*` for a label, as the kubelet reads them; the longest that matches wins. The crate
//! `docker_credential` reads the entry, and runs helpers.

use std::collections::BTreeMap;

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use serde::Deserialize;

use super::{LARGEST, Login};

/// What Docker's own tools call Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    #[serde(default)]
    auths: BTreeMap<String, serde_json::Value>,
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

/// Where the login is.
pub(super) enum Key {
    /// In the configuration itself.
    Written {
        key: String,
        entry: serde_json::Value,
    },
    /// With a program, asked for this address.
    Helper { helper: String, address: String },
}

struct Target<'a> {
    host: &'a str,
    repository: &'a str,
}

pub(super) fn check(text: &str) -> Result<(), String> {
    parse(text).map(drop)
}

/// The entries of several texts; of those with one key the first.
pub(super) fn merge<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<String, String> {
    let mut auths: BTreeMap<String, serde_json::Value> = BTreeMap::new();
    for text in texts {
        for (key, entry) in parse(text)?.auths {
            auths.entry(key).or_insert(entry);
        }
    }
    Ok(serde_json::json!({ "auths": auths }).to_string())
}

/// Finds the entry for a host and a repository.
pub(super) fn find(
    text: &str,
    host: &str,
    repository: &str,
    may_run_helpers: bool,
) -> Result<Option<Key>, String> {
    let config = parse(text)?;
    let target = Target { host, repository };
    if may_run_helpers && let Some((key, helper)) = target.best(&config.cred_helpers) {
        return helper_key(helper, key).map(Some);
    }
    let written = target.best(&config.auths);
    // `docker login` leaves an empty entry beside what it gave to the store.
    if let Some((key, entry)) = written
        && entry.as_object().is_some_and(|entry| !entry.is_empty())
    {
        return Ok(Some(Key::Written {
            key: key.to_owned(),
            entry: entry.clone(),
        }));
    }
    match config.creds_store {
        Some(store) if may_run_helpers && !store.is_empty() => {
            let address = match written {
                Some((key, _)) => key,
                None if is_docker_hub(host) => DOCKER_HUB,
                None => host,
            };
            helper_key(&store, address).map(Some)
        }
        _ => Ok(None),
    }
}

fn parse(text: &str) -> Result<Config, String> {
    if text.len() > LARGEST {
        return Err(format!("more than {LARGEST} bytes"));
    }
    // Not the text of the error: it may repeat a secret.
    serde_json::from_str(text).map_err(|error| {
        format!(
            "not the JSON that it should be, line {} column {}",
            error.line(),
            error.column()
        )
    })
}

fn helper_key(helper: &str, address: &str) -> Result<Key, String> {
    // It becomes the end of a program's name, which a slash would make a path.
    if helper.contains('/') {
        return Err(format!("the credential helper {helper:?} is no name"));
    }
    Ok(Key::Helper {
        helper: helper.to_owned(),
        address: address.to_owned(),
    })
}

fn is_docker_hub(host: &str) -> bool {
    matches!(
        host,
        "docker.io" | "index.docker.io" | "registry-1.docker.io"
    )
}

/// `*.example` for `a.example`: as many labels, each equal or matched, and the same port.
fn matches_labels(pattern: &str, host: &str) -> bool {
    let (pattern, port) = pattern.split_once(':').unwrap_or((pattern, ""));
    let (host, host_port) = host.split_once(':').unwrap_or((host, ""));
    if !pattern.contains('*') || port != host_port {
        return false;
    }
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    pattern.split('.').count() == host.split('.').count()
        && pattern
            .split('.')
            .zip(host.split('.'))
            .all(|(pattern, label)| match pattern.split_once('*') {
                None => pattern == label,
                Some((before, after)) => {
                    label.len() >= before.len() + after.len()
                        && label.starts_with(before)
                        && label.ends_with(after)
                }
            })
}

// === impl Target ===

impl Target<'_> {
    fn best<'a, T>(&self, entries: &'a BTreeMap<String, T>) -> Option<(&'a str, &'a T)> {
        entries
            .iter()
            .filter_map(|(key, value)| Some((self.rank(key)?, key.as_str(), value)))
            .max_by_key(|(rank, ..)| *rank)
            .map(|(_, key, value)| (key, value))
    }

    /// How well a key matches: the path's length, then whether the host is exact.
    fn rank(&self, key: &str) -> Option<(usize, bool)> {
        let bare = key
            .strip_prefix("https://")
            .or_else(|| key.strip_prefix("http://"))
            .unwrap_or(key)
            .trim_end_matches('/');
        let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
        // `/v1/` and `/v2/` are versions of the protocol and name no repository.
        let path = if matches!(path, "v1" | "v2") {
            ""
        } else {
            path
        };
        let is_exact = host.eq_ignore_ascii_case(self.host)
            || (is_docker_hub(host) && is_docker_hub(self.host));
        if !is_exact && !matches_labels(host, self.host) {
            return None;
        }
        let below = self.repository.strip_prefix(path)?;
        let is_whole = path.is_empty() || below.is_empty() || below.starts_with('/');
        is_whole.then_some((path.len(), is_exact))
    }
}

// === impl Key ===

impl Key {
    /// Reads the entry, or asks the helper and waits for it.
    pub(super) fn read(self) -> Result<Login, String> {
        // A configuration of nothing but what was found, so that no other rule can find something else.
        let (reduced, address) = match self {
            Self::Written { key, entry } => (serde_json::json!({ "auths": { &key: entry } }), key),
            Self::Helper { helper, address } => (
                serde_json::json!({ "credHelpers": { &address: helper } }),
                address,
            ),
        };
        match get_credential_from_reader(reduced.to_string().as_bytes(), &address) {
            Ok(DockerCredential::UsernamePassword(name, password)) => {
                Ok(Login::Password { name, password })
            }
            Ok(DockerCredential::IdentityToken(token)) => Ok(Login::Identity(token)),
            Err(CredentialRetrievalError::NoCredentialConfigured) => Ok(Login::Anonymous),
            // What Docker's own helpers print when they know nothing of a host.
            Err(CredentialRetrievalError::HelperFailure { stdout, .. })
                if stdout.contains("credentials not found") =>
            {
                Ok(Login::Anonymous)
            }
            Err(CredentialRetrievalError::HelperFailure {
                helper,
                stderr,
                stdout,
            }) => {
                // A helper that fails says why on either; never more than a line of it.
                let said = [stderr, stdout].join("\n");
                let line = said.lines().find(|line| !line.trim().is_empty());
                let line: String = line.unwrap_or_default().escape_debug().take(200).collect();
                Err(format!("{helper} failed: {line}"))
            }
            Err(CredentialRetrievalError::HelperCommunicationError) => {
                Err("the credential helper cannot be run; is it installed?".to_owned())
            }
            Err(CredentialRetrievalError::ConfigReadError) => {
                Err("it is not what docker login writes".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}
