//! Why nothing came of it, as a sentence for people.
//!
//! An [`Error`] names the reference; its [`Problem`] names the host and says what to do.
//! What it means for trying again is decided in [`crate::retry`] only.

use std::time::Duration;

use crds::digest::Digest;
use crds::module_reference::RegistryReference;
use http::StatusCode;

use crate::artifact::ArtifactError;
use crate::auth::AuthError;
use crate::credentials::CredentialsError;
use crate::push::PushError;
use crate::retry::{self, Retry};
use crate::transport::{Answer, TransportError};

/// What a registry says of itself is cut there.
const LONGEST_SAID: usize = 200;
/// What is read of an answer that is an error.
const MOST_OF_ERROR: usize = 16 * 1024;

/// Something could not be done with a reference.
#[derive(Debug, thiserror::Error)]
#[error("{reference}: {problem}")]
pub struct Error {
    reference: RegistryReference,
    problem: Problem,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// No answer came, or it broke off.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// There is no way to say who we are.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// No credentials can be had.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The registry says no.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// It is no module.
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    /// The manifest is not the one that was asked for.
    #[error("{host} sent a manifest with digest {actual} where {expected} is expected")]
    ManifestDigest {
        /// Who sent it.
        host: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The module is not the one that the manifest names.
    #[error("{host} sent a module with digest {actual} where {expected} is expected")]
    Digest {
        /// Who sent it.
        host: String,
        /// What it should be.
        expected: Digest,
        /// What it is.
        actual: Digest,
    },
    /// The module has another size than its manifest says.
    #[error("{host} sent {actual} bytes where the manifest promises {expected}")]
    Size {
        /// Who sent it.
        host: String,
        /// What the manifest says.
        expected: u64,
        /// What came, or was announced.
        actual: u64,
    },
    /// The module is larger than is taken.
    #[error(
        "its module has {size} bytes, and at most {limit} are taken; make it smaller, or raise --max-module-size"
    )]
    TooLarge {
        /// Its size.
        size: u64,
        /// The limit.
        limit: u64,
    },
    /// Whoever wanted the module could not take it.
    #[error("cannot keep the module: {0}")]
    Sink(std::io::Error),
    /// The registry does not take it.
    #[error(transparent)]
    Push(#[from] PushError),
}

/// A registry, or whoever gives tokens for it, answered with a status that is an error.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused {
    /// Who answered.
    pub host: String,
    /// What was asked for.
    pub what: What,
    /// The answer.
    pub status: StatusCode,
    /// When it wants to be asked again (RFC 9110, section 10.2.3).
    pub retry_after: Option<Duration>,
    /// What it says of itself.
    pub said: Option<String>,
}

/// What a registry was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A manifest.
    Manifest,
    /// A module's bytes.
    Module,
    /// A token.
    Token,
    /// Whether we may push.
    Push,
}

// === impl Error ===

impl Error {
    /// A problem with a reference.
    pub fn new(reference: &RegistryReference, problem: Problem) -> Self {
        Self {
            reference: reference.clone(),
            problem,
        }
    }

    /// What could not be had.
    pub fn reference(&self) -> &RegistryReference {
        &self.reference
    }

    /// What went wrong.
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// Whether it is worth trying again, and when.
    pub fn retry(&self) -> Retry {
        retry::of(&self.problem)
    }

    /// Whether the registry does not let these credentials read it.
    ///
    /// Many say that there is no such thing (404) in place of that these may not see it.
    pub fn is_not_permitted(&self) -> bool {
        matches!(&self.problem, Problem::Refused(refused) if matches!(refused.status.as_u16(), 401 | 403))
    }
}

// === impl Refused ===

impl std::error::Error for Refused {}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            host, what, status, ..
        } = self;
        let code = status.as_u16();
        match code {
            401 => write!(
                f,
                "{host} asks who wants {what} ({code}): credentials for it are missing or wrong; docker login {host} helps"
            )?,
            403 => write!(
                f,
                "{host} does not allow {what} with these credentials ({code})"
            )?,
            404 => write!(
                f,
                "{host} does not know it ({code}); was it pushed, and may these credentials see it?"
            )?,
            429 => write!(
                f,
                "{host} was asked too often ({code}); it is asked again later"
            )?,
            500..=599 => write!(f, "{host} failed to give {what} ({code})")?,
            _ => write!(f, "{host} answered {status} where {what} is expected")?,
        }
        match &self.said {
            Some(said) => write!(f, "; it says: {said}"),
            None => Ok(()),
        }
    }
}

impl Refused {
    /// Reads what an answer says.
    pub(crate) async fn read(mut answer: Answer, what: What) -> Self {
        let now = std::time::SystemTime::now();
        let retry_after = answer
            .header(http::header::RETRY_AFTER)
            .and_then(|text| retry::parse_retry_after(text, now));
        // Best effort: what went wrong is known, and the body only explains it.
        let body = answer.body(MOST_OF_ERROR).await.unwrap_or_default();
        Self {
            status: answer.status(),
            host: answer.host,
            what,
            retry_after,
            said: said(&body),
        }
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Manifest => "the manifest",
            Self::Module => "the module",
            Self::Token => "a token",
            Self::Push => "a push",
        })
    }
}

/// OCI distribution specification, "Error Codes".
fn said(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Envelope {
        errors: Vec<Entry>,
    }
    #[derive(serde::Deserialize)]
    struct Entry {
        code: String,
        #[serde(default)]
        message: String,
    }
    let envelope: Envelope = serde_json::from_slice(body).ok()?;
    let entry = envelope.errors.into_iter().next()?;
    let text = format!("{} {}", entry.code, entry.message);
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    Some(
        text.trim()
            .chars()
            .map(printable)
            .take(LONGEST_SAID)
            .collect(),
    )
}
