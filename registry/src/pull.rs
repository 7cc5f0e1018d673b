//! From a reference to a module's bytes: manifest, then blob, each checked against its digest.
//!
//! Mirrors are tried in their order and then the registry itself; what passes in seconds is tried again.
//! What a mirror cannot give is never the caller's error while the registry can.
//! Knows nothing of what becomes of the bytes.

mod blob;

use std::collections::BTreeMap;
use std::io;

use crds::digest::Digest;
use crds::module_reference::RegistryReference;
use sha2::{Digest as _, Sha256};

use crate::artifact::{self, ArtifactError, Manifest, Module};
use crate::auth::{Response, Scope};
use crate::client::Inner;
use crate::credentials::Credentials;
use crate::error::{Problem, Refused, What};
use crate::mirror::{self, Endpoint};
use crate::retry::Patience;
use crate::transport::{Answer, Request};

/// Larger manifests are refused: what `docker-registry` takes, and a thousand times what a module's has.
const LARGEST_MANIFEST: usize = 4 << 20;

/// What a reference is at this moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Digest of the manifest or index that the reference names.
    pub manifest: Digest,
    /// Digest of the module.
    pub module: Digest,
    /// The module's size in bytes.
    pub size: u64,
    /// The layer's media type.
    pub media_type: String,
    /// The manifest's annotations.
    pub annotations: BTreeMap<String, String>,
}

/// What takes a module's bytes as they come.
pub trait Sink {
    /// Takes some bytes, which follow those before. May block.
    ///
    /// # Errors
    ///
    /// Ends the pull with this error.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Forgets all bytes: they come again, from the first.
    ///
    /// Whatever cannot do it is not pulled again after its first byte.
    ///
    /// # Errors
    ///
    /// Ends the pull with the error that made it begin anew.
    fn restart(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Sink for Vec<u8> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn restart(&mut self) -> io::Result<()> {
        self.clear();
        Ok(())
    }
}

pub(crate) async fn resolve(
    client: &Inner,
    reference: &RegistryReference,
    credentials: &Credentials,
) -> Result<Resolved, Problem> {
    let mut patience = Patience::new();
    'again: loop {
        for endpoint in mirror::mirrors(&client.mirrors, reference) {
            match resolve_at(client, &endpoint, reference, credentials).await {
                Ok(resolved) => return Ok(resolved),
                Err(problem) => pass_by(&endpoint, &problem),
            }
        }
        let endpoint = match mirror::registry(&client.transport, reference).await {
            Ok(endpoint) => endpoint,
            Err(problem) => {
                patience.outlast(problem.into()).await?;
                continue 'again;
            }
        };
        match resolve_at(client, &endpoint, reference, credentials).await {
            Ok(resolved) => return Ok(resolved),
            Err(problem) => patience.outlast(problem).await?,
        }
    }
}

pub(crate) async fn pull(
    client: &Inner,
    reference: &RegistryReference,
    resolved: &Resolved,
    credentials: &Credentials,
    limit: u64,
    sink: &mut (dyn Sink + Send),
) -> Result<(), Problem> {
    if resolved.size > limit {
        return Err(Problem::TooLarge {
            size: resolved.size,
            limit,
        });
    }
    let mut sink = blob::Restartable::new(sink);
    let mut patience = Patience::new();
    'again: loop {
        for endpoint in mirror::mirrors(&client.mirrors, reference) {
            match pull_at(client, &endpoint, resolved, credentials, &mut sink).await {
                Ok(()) => return Ok(()),
                Err(problem) => {
                    let problem = sink.restart(problem)?;
                    pass_by(&endpoint, &problem);
                }
            }
        }
        let endpoint = match mirror::registry(&client.transport, reference).await {
            Ok(endpoint) => endpoint,
            Err(problem) => {
                patience.outlast(problem.into()).await?;
                continue 'again;
            }
        };
        match pull_at(client, &endpoint, resolved, credentials, &mut sink).await {
            Ok(()) => return Ok(()),
            Err(problem) => patience.outlast(sink.restart(problem)?).await?,
        }
    }
}

fn pass_by(mirror: &Endpoint, problem: &Problem) {
    tracing::info!(mirror = %mirror.host, %problem, "a mirror did not help");
}

async fn resolve_at(
    client: &Inner,
    endpoint: &Endpoint,
    reference: &RegistryReference,
    credentials: &Credentials,
) -> Result<Resolved, Problem> {
    let (top, mut found) = match reference.digest {
        Some(digest) => {
            manifest(
                client,
                endpoint,
                &digest.to_string(),
                Some(digest),
                credentials,
            )
            .await?
        }
        None => {
            let tag = reference.tag.as_deref().unwrap_or("latest");
            manifest(client, endpoint, tag, None, credentials).await?
        }
    };
    if let Manifest::Index(digest) = found {
        (_, found) = manifest(
            client,
            endpoint,
            &digest.to_string(),
            Some(digest),
            credentials,
        )
        .await?;
    }
    match found {
        Manifest::Module(Module {
            digest,
            size,
            media_type,
            annotations,
        }) => Ok(Resolved {
            manifest: top,
            module: digest,
            size,
            media_type,
            annotations,
        }),
        Manifest::Index(_) => Err(ArtifactError::IndexOfIndexes(
            "one that its index calls a manifest".to_owned(),
        )
        .into()),
    }
}

async fn manifest(
    client: &Inner,
    endpoint: &Endpoint,
    name: &str,
    asked: Option<Digest>,
    credentials: &Credentials,
) -> Result<(Digest, Manifest), Problem> {
    let url_kind = "manifests";
    let mut answer = get(
        client,
        endpoint,
        (url_kind, name),
        credentials,
        What::Manifest,
    )
    .await?;
    let promised = answer
        .header("docker-content-digest")
        .and_then(|text| Digest::parse(text).ok());
    let content_type = answer.header(http::header::CONTENT_TYPE).map(str::to_owned);
    let bytes = answer.body(LARGEST_MANIFEST).await?;
    let actual = Digest::from_bytes(Sha256::digest(&bytes).into());
    // The digest that was asked for is the one that counts; the header only tells of bytes lost on the way.
    if let Some(expected) = asked.or(promised).filter(|&expected| expected != actual) {
        return Err(Problem::ManifestDigest {
            host: answer.host,
            expected,
            actual,
        });
    }
    Ok((actual, artifact::read(content_type.as_deref(), &bytes)?))
}

async fn pull_at(
    client: &Inner,
    endpoint: &Endpoint,
    resolved: &Resolved,
    credentials: &Credentials,
    sink: &mut blob::Restartable<'_>,
) -> Result<(), Problem> {
    let name = resolved.module.to_string();
    let answer = get(
        client,
        endpoint,
        ("blobs", &name),
        credentials,
        What::Module,
    )
    .await?;
    let body = client.transport.timeouts.body;
    let host = answer.host.clone();
    match tokio::time::timeout(body, blob::receive(answer, resolved, sink)).await {
        Ok(received) => received,
        Err(_) => Err(crate::transport::TransportError::Timeout {
            host,
            what: "did not send the whole module",
            after: body,
        }
        .into()),
    }
}

/// Asks an endpoint, and says who we are when it wants to know.
async fn get(
    client: &Inner,
    endpoint: &Endpoint,
    (kind, name): (&str, &str),
    credentials: &Credentials,
    what: What,
) -> Result<Answer, Problem> {
    let helper = client.transport.timeouts.helper;
    let login = credentials
        .look_up(&endpoint.host, &endpoint.repository, helper)
        .await?;
    let scope = Scope::pull(&endpoint.base, &endpoint.repository, &login);
    let url = endpoint.url(kind, name);
    let ask = |authorization| {
        client.transport.send(Request {
            url: url.clone(),
            accept: artifact::ACCEPT,
            authorization,
            form: None,
        })
    };
    let mut answer = ask(client.tokens.get(&scope)).await?;
    if answer.status() == http::StatusCode::UNAUTHORIZED && answer.is_own {
        client.tokens.forget(&scope);
        let response = client
            .tokens
            .answer(&client.transport, &url, answer.headers(), &scope, &login)
            .await?;
        match response {
            Response::Authorization(authorization) => answer = ask(Some(authorization)).await?,
            Response::Refused(refused) => return Err(refused.into()),
            Response::Nothing => {}
        }
    }
    if answer.status().is_success() {
        return Ok(answer);
    }
    if answer.status() == http::StatusCode::UNAUTHORIZED {
        client.tokens.forget(&scope);
    }
    Err(Refused::read(answer, what).await.into())
}
