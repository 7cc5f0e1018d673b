//! Storing a module as an OCI artifact.
//!
//! The upload is `oci-client`'s; who we are is settled by [`crate::auth`] before, so that only what was
//! made for this registry leaves us. A client is made for each push: `oci-client` keeps the first
//! credentials that it sees for everybody. The same module and annotations give the same digest.

mod artifact;

use std::collections::BTreeMap;

use bytes::Bytes;
use crds::digest::Digest;
use crds::module_reference::RegistryReference;
use http::{HeaderValue, StatusCode};
use oci_distribution::Reference;
use oci_distribution::client::{
    Certificate, CertificateEncoding, Client, ClientConfig, ClientProtocol,
};
use oci_distribution::errors::{OciDistributionError, OciErrorCode};
use oci_distribution::manifest::OCI_IMAGE_MEDIA_TYPE;
use oci_distribution::secrets::RegistryAuth;

use crate::auth::{Response, Scope};
use crate::client::Inner;
use crate::credentials::{Credentials, Login};
use crate::error::{Problem, Refused, What};
use crate::mirror::{self, Endpoint};
use crate::retry::Patience;
use crate::transport::{Request, TransportError, authority, is_loopback};
use artifact::{Artifact, Types};

/// What is written on a manifest, as `org.opencontainers.image.title`.
pub type Annotations = BTreeMap<String, String>;

/// What was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Digest of the manifest.
    pub manifest: Digest,
    /// Digest of the module.
    pub module: Digest,
    /// The layer's media type: another than `application/wasm` where a registry refuses that.
    pub media_type: &'static str,
}

/// A registry does not take a module.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// A digest follows from what is pushed.
    #[error("a digest cannot be chosen; push to a tag, as in {0}:1.0")]
    ToDigest(String),
    /// The module is empty.
    #[error("the module is empty")]
    Empty,
    /// Neither kind of artifact is taken.
    #[error("{host} takes neither kind of WebAssembly artifact: {cncf}; and {legacy}")]
    NeitherKind {
        /// Who refuses.
        host: String,
        /// Why the CNCF's.
        cncf: String,
        /// Why wasm-to-oci's.
        legacy: String,
    },
    /// Something else.
    #[error("{host} did not take it: {reason}")]
    Other {
        /// Who refuses.
        host: String,
        /// Why.
        reason: String,
    },
}

/// One push to one registry.
struct Upload<'a> {
    inner: &'a Inner,
    client: Client,
    image: Reference,
    host: String,
}

/// A manifest was not taken.
enum Refusal {
    /// Because of its types, by what the answer says.
    Type(String),
    Other(Problem),
}

pub(crate) async fn push(
    inner: &Inner,
    reference: &RegistryReference,
    credentials: &Credentials,
    module: Bytes,
    annotations: Annotations,
) -> Result<Pushed, Problem> {
    if reference.digest.is_some() {
        let name = format!("{}/{}", reference.registry, reference.repository);
        return Err(PushError::ToDigest(name).into());
    }
    if module.is_empty() {
        return Err(PushError::Empty.into());
    }
    let mut patience = Patience::new();
    loop {
        match push_once(inner, reference, credentials, &module, &annotations).await {
            Ok(pushed) => return Ok(pushed),
            Err(problem) => patience.outlast(problem).await?,
        }
    }
}

async fn push_once(
    inner: &Inner,
    reference: &RegistryReference,
    credentials: &Credentials,
    module: &Bytes,
    annotations: &Annotations,
) -> Result<Pushed, Problem> {
    let endpoint = mirror::registry(&inner.transport, reference).await?;
    let auth = log_in(inner, &endpoint, credentials).await?;
    let upload = Upload::new(inner, &endpoint, reference, &auth).await?;
    let cncf = Artifact::new(Types::Cncf, module, annotations);
    let legacy = Artifact::new(Types::Legacy, module, annotations);
    upload.blob(module, &cncf.layer).await?;
    let first = match upload.artifact(&cncf).await {
        Ok(()) => return Ok(cncf.pushed()),
        Err(Refusal::Other(problem)) => return Err(problem),
        Err(Refusal::Type(reason)) => reason,
    };
    tracing::info!(host = %upload.host, %first, "pushing with the types of wasm-to-oci");
    match upload.artifact(&legacy).await {
        Ok(()) => Ok(legacy.pushed()),
        Err(Refusal::Other(problem)) => Err(problem),
        Err(Refusal::Type(second)) => Err(PushError::NeitherKind {
            host: upload.host,
            cncf: first,
            legacy: second,
        }
        .into()),
    }
}

/// Settles who we are, with our own rules for realms and hosts.
async fn log_in(
    inner: &Inner,
    endpoint: &Endpoint,
    credentials: &Credentials,
) -> Result<RegistryAuth, Problem> {
    let helper = inner.transport.timeouts.helper;
    let login = credentials
        .look_up(&endpoint.host, &endpoint.repository, helper)
        .await?;
    let scope = Scope::push(&endpoint.base, &endpoint.repository, &login);
    let mut url = endpoint.base.clone();
    url.set_path("/v2/");
    let answer = inner
        .transport
        .send(Request {
            url: url.clone(),
            accept: "application/json",
            authorization: None,
            form: None,
        })
        .await?;
    match answer.status() {
        StatusCode::UNAUTHORIZED if answer.is_own => {}
        // Nobody asks, so nothing is said.
        status if status.is_success() => return Ok(RegistryAuth::Anonymous),
        _ => return Err(Refused::read(answer, What::Push).await.into()),
    }
    let response = inner
        .tokens
        .answer(&inner.transport, &url, answer.headers(), &scope, &login)
        .await?;
    match (response, login) {
        (Response::Refused(refused), _) => Err(refused.into()),
        (Response::Nothing, _) => Err(Refused::read(answer, What::Push).await.into()),
        (Response::Authorization(value), login) => {
            let text = value.to_str().unwrap_or_default();
            Ok(match (text.strip_prefix("Bearer "), login) {
                (Some(token), _) => RegistryAuth::Bearer(token.to_owned()),
                (None, Login::Password { name, password }) => RegistryAuth::Basic(name, password),
                (None, Login::Anonymous | Login::Identity(_)) => RegistryAuth::Anonymous,
            })
        }
    }
}

// === impl Upload ===

impl<'a> Upload<'a> {
    async fn new(
        inner: &'a Inner,
        endpoint: &Endpoint,
        reference: &RegistryReference,
        auth: &RegistryAuth,
    ) -> Result<Self, Problem> {
        let place = authority(&endpoint.base);
        let tag = reference.tag.as_deref().unwrap_or("latest");
        let image = Reference::with_tag(place.clone(), endpoint.repository.clone(), tag.to_owned());
        let config = client_config(inner, endpoint, &place);
        let client =
            Client::try_from(config).map_err(|error| TransportError::NoTls(error.to_string()))?;
        client
            .store_auth_if_needed(image.resolve_registry(), auth)
            .await;
        Ok(Self {
            inner,
            client,
            image,
            host: place,
        })
    }

    /// Uploads what is not there yet.
    async fn blob(&self, bytes: &Bytes, digest: &Digest) -> Result<(), Problem> {
        let digest = digest.to_string();
        if let Ok(true) = self.client.blob_exists(&self.image, &digest).await {
            return Ok(());
        }
        match self
            .client
            .push_blob(&self.image, bytes.clone(), &digest)
            .await
        {
            Ok(_) => Ok(()),
            Err(error) => Err(self.problem(error)),
        }
    }

    async fn artifact(&self, artifact: &Artifact) -> Result<(), Refusal> {
        self.blob(&artifact.config, &artifact.config_digest)
            .await
            .map_err(Refusal::Other)?;
        let pushed = self
            .client
            .push_manifest_raw(
                &self.image,
                artifact.manifest.clone(),
                HeaderValue::from_static(OCI_IMAGE_MEDIA_TYPE),
            )
            .await;
        match pushed {
            Ok(_) => Ok(()),
            Err(error) => Err(match type_refusal(&error) {
                Some(reason) => Refusal::Type(reason),
                None => Refusal::Other(self.problem(error)),
            }),
        }
    }

    fn problem(&self, error: OciDistributionError) -> Problem {
        let refused = |status, said| {
            Problem::Refused(Refused {
                host: self.host.clone(),
                what: What::Push,
                status,
                retry_after: None,
                said,
            })
        };
        match error {
            OciDistributionError::RequestError(error) => {
                self.inner.transport.explain(&self.host, error).into()
            }
            OciDistributionError::UnauthorizedError { .. } => {
                refused(StatusCode::UNAUTHORIZED, None)
            }
            OciDistributionError::ServerError { code, .. } => refused(
                StatusCode::from_u16(code).unwrap_or(StatusCode::BAD_GATEWAY),
                None,
            ),
            OciDistributionError::RegistryError { envelope, .. } => {
                let said = envelope.errors.first();
                let status = match said.map(|error| &error.code) {
                    Some(OciErrorCode::Unauthorized) => StatusCode::UNAUTHORIZED,
                    Some(OciErrorCode::Denied) => StatusCode::FORBIDDEN,
                    Some(OciErrorCode::Toomanyrequests) => StatusCode::TOO_MANY_REQUESTS,
                    _ => StatusCode::BAD_REQUEST,
                };
                let said = said.map(|error| shown(&format!("{:?} {}", error.code, error.message)));
                refused(status, said)
            }
            // None of these names a URL, which may hold a secret.
            other => PushError::Other {
                host: self.host.clone(),
                reason: shown(&other.to_string()),
            }
            .into(),
        }
    }
}

fn client_config(inner: &Inner, endpoint: &Endpoint, place: &str) -> ClientConfig {
    let authorities = inner.transport.authorities();
    let mut config = ClientConfig {
        protocol: match endpoint.base.scheme() {
            "http" => ClientProtocol::HttpsExcept(vec![place.to_owned()]),
            _ => ClientProtocol::Https,
        },
        extra_root_certificates: authorities
            .iter()
            .map(|der| Certificate {
                encoding: CertificateEncoding::Der,
                data: der.clone(),
            })
            .collect(),
        read_timeout: Some(inner.transport.timeouts.head),
        connect_timeout: Some(inner.transport.timeouts.connect),
        user_agent: concat!("kube-wagi/", env!("CARGO_PKG_VERSION")),
        ..ClientConfig::default()
    };
    if is_loopback(&endpoint.base) {
        // A proxy is another machine, with another loopback. There is no switch for it: a proxy that is for
        // nobody takes the place of the environment's.
        let nobody = Some("http://127.0.0.1:9".to_owned());
        config.http_proxy.clone_from(&nobody);
        config.https_proxy = nobody;
        config.no_proxy = Some("*,127.0.0.0/8,::1".to_owned());
    }
    config
}

/// Whether a manifest was refused for what it is; GitLab's and Docker Hub's registries knew a list of types.
fn type_refusal(error: &OciDistributionError) -> Option<String> {
    match error {
        OciDistributionError::RegistryError { envelope, .. } => envelope
            .errors
            .iter()
            .find(|error| {
                matches!(
                    error.code,
                    OciErrorCode::ManifestInvalid | OciErrorCode::Unsupported
                )
            })
            .map(|error| shown(&format!("{:?} {}", error.code, error.message))),
        OciDistributionError::ServerError { code, .. } if matches!(code, 400 | 415 | 422) => {
            Some(format!("it answered {code}"))
        }
        _ => None,
    }
}

/// A stranger's text in a sentence of ours.
fn shown(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.trim().chars().map(printable).take(200).collect()
}
