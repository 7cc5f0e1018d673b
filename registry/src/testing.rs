//! A registry of a few lines for unit tests: each request is answered by a closure, and remembered.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use crds::digest::Digest;
use crds::module_reference::{ModuleReference, RegistryReference};
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_util::rt::TokioIo;
use sha2::{Digest as _, Sha256};
use tokio::net::TcpListener;

use crate::{Client, Settings, Timeouts};

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A server that ends with the test's runtime.
pub(crate) struct Server {
    /// `127.0.0.1:PORT`.
    pub(crate) authority: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

/// What a request said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) target: String,
    pub(crate) authorization: Option<String>,
}

impl Server {
    pub(crate) async fn start(
        answer: impl Fn(&Request<Incoming>) -> Response<Body> + Clone + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let (answer, log) = (answer.clone(), Arc::clone(&log));
                let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                    log.lock().unwrap().push(Seen::of(&request));
                    let response = answer(&request);
                    async move { Ok::<_, Infallible>(response) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), service),
                );
            }
        });
        Self { authority, seen }
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn reference(&self, rest: &str) -> RegistryReference {
        reference(&format!("{}/{rest}", self.authority))
    }
}

impl Seen {
    fn of(request: &Request<Incoming>) -> Self {
        Self {
            target: request.uri().to_string(),
            authorization: request
                .headers()
                .get("authorization")
                .map(|value| value.to_str().unwrap().to_owned()),
        }
    }
}

pub(crate) fn reference(text: &str) -> RegistryReference {
    match ModuleReference::parse(text) {
        Ok(ModuleReference::Registry(reference)) => reference,
        other => panic!("{other:?}"),
    }
}

/// A client whose patience is a test's.
pub(crate) fn client() -> Client {
    client_with(&[])
}

pub(crate) fn client_with(mirrors: &[String]) -> Client {
    Client::new(Settings {
        mirrors: mirrors.iter().map(|text| text.parse().unwrap()).collect(),
        timeouts: Timeouts {
            connect: Duration::from_secs(5),
            head: Duration::from_secs(5),
            stall: Duration::from_millis(200),
            ..Timeouts::default()
        },
        ..Settings::default()
    })
    .unwrap()
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The manifest of a module, as the CNCF has it.
pub(crate) fn manifest(module: &[u8]) -> String {
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": {"mediaType": "application/vnd.wasm.config.v0+json", "size": 2,
            "digest": digest(b"{}").to_string()},
        "layers": [{"mediaType": "application/wasm", "size": module.len(),
            "digest": digest(module).to_string()}],
    })
    .to_string()
}

pub(crate) fn answer(status: u16, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed_unsync());
    *response.status_mut() = status.try_into().unwrap();
    response
}

/// With a header.
pub(crate) fn with(
    mut response: Response<Body>,
    name: &'static str,
    value: &str,
) -> Response<Body> {
    response.headers_mut().insert(name, value.parse().unwrap());
    response
}

/// A body that begins, and does not go on.
pub(crate) fn stalling(length: usize, beginning: &'static [u8]) -> Response<Body> {
    use futures::StreamExt as _;
    let first =
        futures::stream::once(async move { Ok(Frame::data(Bytes::from_static(beginning))) });
    let body = StreamBody::new(first.chain(futures::stream::pending()));
    with(
        Response::new(body.boxed_unsync()),
        "content-length",
        &length.to_string(),
    )
}
