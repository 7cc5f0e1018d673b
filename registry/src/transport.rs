//! GET requests to registries, with patience that ends and redirects that are looked at.
//!
//! Credentials go to the host that they were meant for and to no other; nothing is sent without TLS
//! but to loopback and to hosts that were listed. A host given by a registry (a redirect, a token's realm)
//! is held to the same rules. Knows no OCI.

mod clients;
mod hosts;

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use http::{Method, StatusCode};
use reqwest::{Response, Url};
use tokio::time::timeout;

use crate::settings::{Settings, SettingsError, Timeouts};
use clients::Clients;
pub(crate) use hosts::{PlainHttp, is_loopback};

/// A blob is often with an object store, behind one redirect or two.
const MOST_REDIRECTS: usize = 5;

/// Speaks HTTP to registries.
pub(crate) struct Transport {
    clients: Clients,
    pub(crate) plain: PlainHttp,
    pub(crate) timeouts: Timeouts,
}

/// What to send.
pub(crate) struct Request<'a> {
    pub(crate) url: Url,
    pub(crate) accept: &'a str,
    pub(crate) authorization: Option<HeaderValue>,
    /// A form to POST, as `a=b&c=d`; a GET without.
    pub(crate) form: Option<String>,
}

/// The head of an answer; its body comes on request.
pub(crate) struct Answer {
    response: Response,
    /// `HOST[:PORT]` that answered.
    pub(crate) host: String,
    /// Whether that is whom we asked, and not where it sent us.
    pub(crate) is_own: bool,
    stall: Duration,
}

/// No answer, or no whole one.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection.
    #[error("no connection to {host}: {reason}")]
    Connect {
        /// Whom.
        host: String,
        /// Why.
        reason: String,
    },
    /// TLS failed.
    #[error("no trust in {host}: {reason}; is its authority given by --registry-ca?")]
    Untrusted {
        /// Whom.
        host: String,
        /// Why.
        reason: String,
    },
    /// The other side speaks no TLS.
    #[error("{host} speaks no TLS; allow plain HTTP with --plain-http {host}")]
    SpeaksPlain {
        /// Whom.
        host: String,
    },
    /// It took too long.
    #[error("{host} {what} within {} s", .after.as_secs())]
    Timeout {
        /// Whom.
        host: String,
        /// What did not happen.
        what: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The connection ended in mid-answer, or what came is no HTTP.
    #[error("the answer of {host} broke off: {reason}")]
    Broken {
        /// Whose.
        host: String,
        /// Why.
        reason: String,
    },
    /// It was sent on to somewhere that we do not go.
    #[error("{host} redirects to {to}, {reason}")]
    Redirect {
        /// Who redirects.
        host: String,
        /// Where to, without what may be secret in it.
        to: String,
        /// What speaks against it.
        reason: &'static str,
    },
    /// A body is longer than what can be expected.
    #[error("{host} sent more than {limit} bytes where fewer are expected")]
    TooLong {
        /// Who.
        host: String,
        /// How many are accepted.
        limit: usize,
    },
    /// No client can be made.
    #[error("no TLS: {0}; are ca-certificates installed?")]
    NoTls(String),
}

// === impl Transport ===

impl Transport {
    pub(crate) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            clients: Clients::new(&settings.ca_files, settings.timeouts.connect)?,
            plain: PlainHttp::parse(&settings.plain_http)?,
            timeouts: settings.timeouts,
        })
    }

    /// Authorities that are trusted beside the system's, as DER.
    pub(crate) fn authorities(&self) -> &[Vec<u8>] {
        self.clients.authorities()
    }

    /// Where a registry is, as a URL without a path.
    pub(crate) async fn base(&self, authority: &str) -> Result<Url, TransportError> {
        let parse = |scheme: &str| {
            Url::parse(&format!("{scheme}://{authority}")).map_err(|error| {
                TransportError::Connect {
                    host: authority.to_owned(),
                    reason: error.to_string(),
                }
            })
        };
        let (secure, plain) = (parse("https")?, parse("http")?);
        if self.plain.is_listed(&plain) {
            return Ok(plain);
        }
        if !hosts::is_loopback(&secure) {
            return Ok(secure);
        }
        // No public authority vouches for loopback: without a private one there is no TLS to be had.
        if !self.clients.has_private_authority() || self.speaks_plain(&secure).await {
            return Ok(plain);
        }
        Ok(secure)
    }

    async fn speaks_plain(&self, secure: &Url) -> bool {
        let request = Request {
            url: secure.clone(),
            accept: "*/*",
            authorization: None,
            form: None,
        };
        matches!(
            self.once(&request, &request.url).await,
            Err(TransportError::SpeaksPlain { .. })
        )
    }

    /// Sends, and follows where it is sent to.
    ///
    /// # Errors
    ///
    /// When no head of an answer comes; its status may be any but a redirect.
    pub(crate) async fn send(&self, request: Request<'_>) -> Result<Answer, TransportError> {
        let asked = request.url.origin();
        let mut url = request.url.clone();
        for _ in 0..=MOST_REDIRECTS {
            let response = self.once(&request, &url).await?;
            if !is_redirect(response.status()) || request.form.is_some() {
                return Ok(Answer {
                    host: authority(&url),
                    is_own: url.origin() == asked,
                    stall: self.timeouts.stall,
                    response,
                });
            }
            url = self.next(&url, response.headers())?;
        }
        Err(TransportError::Redirect {
            host: authority(&request.url),
            to: authority(&url),
            reason: "and so on without an end",
        })
    }

    /// One request without redirects. `url` may be another's than the one that was asked for.
    async fn once(&self, request: &Request<'_>, url: &Url) -> Result<Response, TransportError> {
        let client = self.clients.client_for(url)?;
        let method = if request.form.is_some() {
            Method::POST
        } else {
            Method::GET
        };
        let mut builder = client
            .request(method, url.clone())
            .header(ACCEPT, request.accept);
        // RFC 9110, section 15.4: whoever is redirected to gets no credentials of ours. A redirect back to
        // whom we asked does.
        if url.origin() == request.url.origin()
            && let Some(authorization) = &request.authorization
        {
            builder = builder.header(AUTHORIZATION, authorization.clone());
        }
        if let Some(form) = &request.form {
            builder = builder
                .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
                .body(form.clone());
        }
        match timeout(self.timeouts.head, builder.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.explain(&authority(url), error)),
            Err(_) => Err(TransportError::Timeout {
                host: authority(url),
                what: "did not answer",
                after: self.timeouts.head,
            }),
        }
    }

    /// Where a redirect leads, if we go there.
    fn next(&self, from: &Url, headers: &HeaderMap) -> Result<Url, TransportError> {
        let refuse = |to: &str, reason| TransportError::Redirect {
            host: authority(from),
            to: to.to_owned(),
            reason,
        };
        let location = headers
            .get(LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| refuse("nowhere", "which is no place"))?;
        let mut to = from
            .join(location)
            .map_err(|_| refuse("no URL", "which is no place"))?;
        // What a URL holds of credentials would be sent as such.
        let _ = to.set_username("");
        let _ = to.set_password(None);
        to.set_fragment(None);
        match self.plain.may_lead(from, &to) {
            Ok(()) => Ok(to),
            Err(reason) => Err(refuse(
                &format!("{}://{}", to.scheme(), authority(&to)),
                reason,
            )),
        }
    }

    pub(crate) fn explain(&self, host: &str, error: reqwest::Error) -> TransportError {
        let host = host.to_owned();
        let reason = root_cause(&error);
        if error.is_timeout() && error.is_connect() {
            return TransportError::Timeout {
                host,
                what: "took no connection",
                after: self.timeouts.connect,
            };
        }
        match tls_error(&error) {
            Some(rustls::Error::InvalidMessage(_)) => TransportError::SpeaksPlain { host },
            Some(error) => TransportError::Untrusted {
                host,
                reason: error.to_string(),
            },
            None if error.is_connect() => TransportError::Connect { host, reason },
            None => TransportError::Broken { host, reason },
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers().get(name)?.to_str().ok()
    }

    pub(crate) fn content_length(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// The next piece of the body; `None` after the last.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, TransportError> {
        match timeout(self.stall, self.response.chunk()).await {
            Ok(Ok(chunk)) => Ok(chunk),
            Ok(Err(error)) => Err(TransportError::Broken {
                host: self.host.clone(),
                reason: root_cause(&error),
            }),
            Err(_) => Err(TransportError::Timeout {
                host: self.host.clone(),
                what: "sent nothing more of its answer",
                after: self.stall,
            }),
        }
    }

    /// The whole body, if it has no more than `limit` bytes.
    pub(crate) async fn body(&mut self, limit: usize) -> Result<Vec<u8>, TransportError> {
        let mut body = Vec::new();
        let too_long = |answer: &Self| TransportError::TooLong {
            host: answer.host.clone(),
            limit,
        };
        if self
            .content_length()
            .is_some_and(|length| length > limit as u64)
        {
            return Err(too_long(self));
        }
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(too_long(self));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// `HOST[:PORT]` of a URL, the port only when it is not the scheme's own.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// The innermost cause: the outer ones say "error sending request" and repeat the URL with its secrets.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn tls_error(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(error);
        }
        // An io::Error names the source of what it was made of as its own, and not that itself; and it
        // may be made of another io::Error.
        cause = match error.downcast_ref::<std::io::Error>() {
            Some(error) => error
                .get_ref()
                .map(|inside| -> &(dyn std::error::Error + 'static) { inside }),
            None => error.source(),
        };
    }
    None
}
