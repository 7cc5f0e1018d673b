//! Who we are to a registry: nobody, or what Docker's configuration says for its host.
//!
//! A [`Credentials`] is looked up anew for every host that is spoken to, mirrors included, so that what is
//! meant for one host is never sent to another. Helpers are programs: they run only for a
//! configuration from a file of the person who runs us, never for text that a tenant wrote.
//! Knows no HTTP.

mod docker_config;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use docker_config::Key;

/// Longer configurations are refused.
const LARGEST: usize = 1 << 20;

/// Who we are to registries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// Nobody.
    #[default]
    Anonymous,
    /// What Docker's configuration says.
    DockerConfig(DockerConfig),
}

/// Docker's configuration: `config.json`, or the text of a Secret of type `kubernetes.io/dockerconfigjson`.
///
/// Equal ones have the same rights: a file is its path, a text its digest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DockerConfig(Kind);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Kind {
    /// Read at every look-up: who logs in need not restart us. One that is not there says nothing.
    File(Arc<PathBuf>),
    Text(Arc<Text>),
}

#[derive(PartialEq, Eq, Hash)]
struct Text {
    digest: [u8; 32],
    text: String,
}

/// What is sent to one registry.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Login {
    Anonymous,
    Password {
        name: String,
        password: String,
    },
    /// To be exchanged for a token (Docker's `identitytoken`).
    Identity(String),
}

/// No credentials can be had, though there may be some.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// The file cannot be read.
    #[error("registry credentials {}: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is not what `docker login` writes.
    #[error("registry credentials {place}: {reason}; write what docker login writes")]
    Malformed {
        /// Which file or text.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The entry for a host is broken.
    #[error("registry credentials {place} for {host}: {reason}")]
    Entry {
        /// Which file or text.
        place: String,
        /// Whose entry.
        host: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The helper did not end.
    #[error("credential helper for {host} did not answer within {} s", .after.as_secs())]
    HelperTimeout {
        /// For whom it was asked.
        host: String,
        /// How long it was waited for.
        after: Duration,
    },
}

// === impl Credentials ===

impl Credentials {
    /// What to send to a host for a repository.
    ///
    /// # Cancellation
    ///
    /// A helper that runs is left to its own end.
    pub(crate) async fn look_up(
        &self,
        host: &str,
        repository: &str,
        patience: Duration,
    ) -> Result<Login, CredentialsError> {
        let Self::DockerConfig(config) = self else {
            return Ok(Login::Anonymous);
        };
        let Some(text) = config.text()? else {
            return Ok(Login::Anonymous);
        };
        let place = config.place();
        let key = docker_config::find(&text, host, repository, config.may_run_helpers()).map_err(
            |reason| CredentialsError::Malformed {
                place: place.clone(),
                reason,
            },
        )?;
        let entry = |reason| CredentialsError::Entry {
            place: place.clone(),
            host: host.to_owned(),
            reason,
        };
        match key {
            None => Ok(Login::Anonymous),
            Some(key @ Key::Written { .. }) => key.read().map_err(entry),
            // The helper is another program and may hang, as one that asks a person does.
            Some(key @ Key::Helper { .. }) => {
                let asked = tokio::task::spawn_blocking(move || key.read());
                match tokio::time::timeout(patience, asked).await {
                    Ok(Ok(login)) => login.map_err(entry),
                    Ok(Err(_panic)) => Err(entry("the helper's answer broke us".to_owned())),
                    Err(_) => Err(CredentialsError::HelperTimeout {
                        host: host.to_owned(),
                        after: patience,
                    }),
                }
            }
        }
    }
}

// === impl DockerConfig ===

impl DockerConfig {
    /// A file like `~/.docker/config.json`, read whenever it is needed, helpers included.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Kind::File(Arc::new(path.into())))
    }

    /// The text of a `dockerconfigjson`; helpers that it names are not run.
    ///
    /// # Errors
    ///
    /// When it is not what `docker login` writes.
    pub fn from_text(text: impl Into<String>) -> Result<Self, CredentialsError> {
        let text = text.into();
        if let Err(reason) = docker_config::check(&text) {
            return Err(CredentialsError::Malformed {
                place: "of the Secret".to_owned(),
                reason,
            });
        }
        let digest = Sha256::digest(text.as_bytes()).into();
        Ok(Self(Kind::Text(Arc::new(Text { digest, text }))))
    }

    /// Several such texts as one: of entries with one key the first counts.
    ///
    /// # Errors
    ///
    /// When one of them is not what `docker login` writes.
    pub fn from_texts<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, CredentialsError> {
        let merged = docker_config::merge(texts).map_err(|reason| CredentialsError::Malformed {
            place: "of the Secret".to_owned(),
            reason,
        })?;
        Self::from_text(merged)
    }

    fn text(&self) -> Result<Option<String>, CredentialsError> {
        let path = match &self.0 {
            Kind::Text(text) => return Ok(Some(text.text.clone())),
            Kind::File(path) => path,
        };
        let read = std::fs::File::open(path.as_path()).and_then(|file| {
            let mut text = String::new();
            std::io::Read::read_to_string(
                &mut std::io::Read::take(file, LARGEST as u64 + 1),
                &mut text,
            )?;
            Ok(text)
        });
        match read {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(CredentialsError::Unreadable {
                path: path.to_path_buf(),
                source,
            }),
        }
    }

    fn place(&self) -> String {
        match &self.0 {
            Kind::File(path) => path.display().to_string(),
            Kind::Text(_) => "of the Secret".to_owned(),
        }
    }

    fn may_run_helpers(&self) -> bool {
        matches!(self.0, Kind::File(_))
    }
}

/// Never prints a secret.
impl fmt::Debug for DockerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::File(path) => write!(f, "DockerConfig({})", path.display()),
            Kind::Text(_) => f.write_str("DockerConfig(text)"),
        }
    }
}

// === impl Login ===

impl Login {
    /// A name for the login that does not give it away.
    pub(crate) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        match self {
            Self::Anonymous => {}
            Self::Password { name, password } => {
                // Lengths, so that no two pairs run together to the same bytes.
                hash.update(name.len().to_le_bytes());
                hash.update(name);
                hash.update(password);
            }
            Self::Identity(token) => {
                hash.update(usize::MAX.to_le_bytes());
                hash.update(token);
            }
        }
        hash.finalize().into()
    }
}

/// Never prints a secret.
impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Anonymous => f.write_str("Anonymous"),
            Self::Password { name, .. } => write!(f, "Password({name:?})"),
            Self::Identity(_) => f.write_str("Identity"),
        }
    }
}

#[cfg(test)]
mod tests;
