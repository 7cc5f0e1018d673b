//! Requests and answers of the OCI distribution specification.

use std::fmt;
use std::io;
use std::pin::Pin;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, RANGE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::{Value, json};

use super::body::{Body, Then};
use super::{Auth, Fault, Shared, State};
use crate::artifact::{self, Blob};

/// A request as it was seen, and what it got.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `GET` and so on.
    pub method: String,
    /// The path, without the query; the end of a tunnel for `CONNECT`.
    pub path: String,
    /// The query, or nothing.
    pub query: String,
    /// What came with it.
    pub headers: HeaderMap,
    /// The answer's status; nothing where the connection was closed instead.
    pub status: Option<u16>,
}

/// What a request is about.
#[derive(Clone, Copy)]
pub(super) enum Asked {
    Manifest,
    Blob,
    Other,
}

/// An answer in the making.
pub(super) struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    pub(super) body: Bytes,
    then: Then,
    /// Waited for before the head goes out.
    first: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// A path below `/v2/`: `NAME/KIND/REST`.
struct Place<'a> {
    repository: &'a str,
    kind: &'a str,
    rest: &'a str,
}

pub(super) async fn answer(
    shared: &Shared,
    request: Request<Incoming>,
) -> io::Result<Response<Body>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    let answer = {
        let mut state = shared.lock();
        let answer = decide(shared, &mut state, &head, body);
        state.seen.push(Seen {
            method: head.method.to_string(),
            path: match head.uri.authority() {
                // RFC 9110, section 9.3.6: a tunnel is asked for by its end.
                Some(end) if head.method == Method::CONNECT => end.to_string(),
                _ => path.to_owned(),
            },
            query: query.to_owned(),
            headers: head.headers.clone(),
            status: answer.as_ref().map(|answer| answer.status.as_u16()),
        });
        shared.grown.notify_all();
        answer
    };
    let Some(mut answer) = answer else {
        return Err(io::Error::other("closed on purpose"));
    };
    if let Some(first) = answer.first.take() {
        first.await;
    }
    Ok(answer.respond(head.method == Method::HEAD))
}

/// The answer with the fault of the hour; nothing: the connection closes.
fn decide(
    shared: &Shared,
    state: &mut State,
    head: &http::request::Parts,
    body: Bytes,
) -> Option<Answer> {
    let path = head.uri.path();
    let asked = match Place::parse(path) {
        Some(Place {
            kind: "manifests", ..
        }) => Asked::Manifest,
        Some(Place {
            kind: "blobs",
            rest,
            ..
        }) if !rest.starts_with("uploads/") => Asked::Blob,
        _ => Asked::Other,
    };
    let fault = match &mut state.fault {
        Some((fault, times)) if fault.concerns(asked) && *times > 0 => {
            *times -= 1;
            state.concerned += 1;
            Some(*fault)
        }
        _ => None,
    };
    // Its token server is part of it.
    let auth = match state.fault {
        Some((Fault::TokenAfter401, _)) => Auth::PublicToken,
        _ => shared.auth,
    };
    let honest = honest(shared, auth, state, head, body);
    match fault {
        // Who is refused is told so, and nothing of the fault.
        Some(fault) if honest.status != StatusCode::UNAUTHORIZED => {
            fault.spoil(honest, path, &state.elsewhere, shared.healed.subscribe())
        }
        _ => Some(honest),
    }
}

fn honest(
    shared: &Shared,
    auth: Auth,
    state: &mut State,
    head: &http::request::Parts,
    body: Bytes,
) -> Answer {
    let path = head.uri.path();
    let query = head.uri.query().unwrap_or_default();
    if path == "/token" {
        return auth.token(&mut state.tokens, &head.headers, query, &body);
    }
    let is_read = matches!(head.method, Method::GET | Method::HEAD);
    let action = if is_read { "pull" } else { "push" };
    let place = Place::parse(path);
    let repository = place.as_ref().map_or("", |place| place.repository);
    if let Some(refusal) = auth.refuse(
        &state.tokens,
        &shared.base,
        &head.headers,
        repository,
        action,
    ) {
        return refusal;
    }
    let Some(place) = place else {
        // "end-1": whether this is a registry at all.
        return match path {
            "/v2/" => Answer::json(StatusCode::OK, &json!({})),
            _ => Answer::new(StatusCode::NOT_FOUND),
        };
    };
    match (&head.method, place.kind) {
        (&Method::GET | &Method::HEAD, "manifests") => read_manifest(state, &place),
        (&Method::GET | &Method::HEAD, "blobs") => read_blob(state, &place, &head.headers),
        (&Method::PUT, "manifests") => {
            let media_type = head.headers.get(CONTENT_TYPE);
            let media_type = media_type.and_then(|it| it.to_str().ok());
            let manifest = Blob::new(media_type.unwrap_or_default(), &body);
            write_manifest(shared, state, &place, manifest)
        }
        (_, "blobs") => upload(state, &place, &head.method, query, &body),
        _ => Answer::error(
            StatusCode::METHOD_NOT_ALLOWED,
            "UNSUPPORTED",
            "not done here",
        ),
    }
}

/// "Pulling manifests".
fn read_manifest(state: &State, place: &Place<'_>) -> Answer {
    match state.content.manifest(place.repository, place.rest) {
        Some(manifest) => Answer::content(manifest),
        None => Answer::error(
            StatusCode::NOT_FOUND,
            "MANIFEST_UNKNOWN",
            "manifest unknown",
        ),
    }
}

/// "Pulling blobs", with the one form of `Range` that resumes a transfer (RFC 9110, 14.2).
fn read_blob(state: &State, place: &Place<'_>, headers: &HeaderMap) -> Answer {
    let Some(bytes) = state.content.blob(place.repository, place.rest) else {
        return Answer::error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown");
    };
    let range = headers.get(RANGE).and_then(|it| it.to_str().ok());
    let from: Option<usize> = range
        .and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-'))
        .and_then(|from| from.parse().ok())
        .filter(|from| *from < bytes.len());
    let answer = match from {
        None => Answer::new(StatusCode::OK).body(bytes),
        Some(from) => {
            let whole = bytes.len();
            Answer::new(StatusCode::PARTIAL_CONTENT)
                .header(
                    "content-range",
                    &format!("bytes {from}-{}/{whole}", whole - 1),
                )
                .body(bytes.slice(from..))
        }
    };
    answer
        .header("content-type", "application/octet-stream")
        .header("docker-content-digest", place.rest)
}

/// "Pushing manifests": everything it names must be there.
fn write_manifest(shared: &Shared, state: &mut State, place: &Place<'_>, manifest: Blob) -> Answer {
    let invalid = |why: &str| Answer::error(StatusCode::BAD_REQUEST, "MANIFEST_INVALID", why);
    let Ok(json) = serde_json::from_slice::<Value>(&manifest.bytes) else {
        return invalid("not JSON");
    };
    let config = json["config"]["mediaType"].as_str();
    if config.is_some() && config == shared.refused_config {
        return invalid("unknown media type of config");
    }
    let layers = json["layers"].as_array().into_iter().flatten();
    for named in layers.chain(json.get("config")) {
        let digest = named["digest"].as_str().unwrap_or_default();
        if state.content.blob(place.repository, digest).is_none() {
            return Answer::error(StatusCode::NOT_FOUND, "MANIFEST_BLOB_UNKNOWN", digest);
        }
    }
    let digest = state.content.put_manifest(place.repository, manifest);
    if place.rest != digest.to_string() {
        state.content.tag(place.repository, place.rest, digest);
    }
    let location = format!("/v2/{}/manifests/{digest}", place.repository);
    Answer::new(StatusCode::CREATED)
        .header("location", &location)
        .header("docker-content-digest", &digest.to_string())
}

/// "Pushing blobs": at once, or POST, PATCH… and PUT.
fn upload(
    state: &mut State,
    place: &Place<'_>,
    method: &Method,
    query: &str,
    body: &[u8],
) -> Answer {
    let named = query
        .split('&')
        .find_map(|item| item.strip_prefix("digest="));
    let named = named.map(|digest| digest.replace("%3A", ":"));
    let session = match *method {
        Method::POST => state.content.begin_upload(),
        _ => place.rest.trim_start_matches("uploads/").to_owned(),
    };
    let Some(length) = state.content.append(&session, body) else {
        let code = "BLOB_UPLOAD_UNKNOWN";
        return Answer::error(StatusCode::NOT_FOUND, code, "no such upload");
    };
    let Some(digest) = named else {
        let location = format!("/v2/{}/blobs/uploads/{session}", place.repository);
        return Answer::new(StatusCode::ACCEPTED)
            .header("location", &location)
            .header("range", &format!("0-{}", length.saturating_sub(1)));
    };
    let bytes = state.content.end_upload(&session).unwrap_or_default();
    if artifact::digest(&bytes).to_string() != digest {
        return Answer::error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", "not its digest");
    }
    state.content.put_blob(place.repository, &bytes);
    let location = format!("/v2/{}/blobs/{digest}", place.repository);
    Answer::new(StatusCode::CREATED)
        .header("location", &location)
        .header("docker-content-digest", &digest)
}

// === impl Seen ===

impl Seen {
    /// A header's text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)?;
        match self.status {
            Some(status) => write!(f, " {status}"),
            None => write!(f, " closed"),
        }
    }
}

// === impl Place ===

impl<'a> Place<'a> {
    fn parse(path: &'a str) -> Option<Self> {
        let path = path.strip_prefix("/v2/")?;
        // A repository's name may contain these words, so the last one counts.
        let (kind, at) = ["manifests", "blobs"]
            .iter()
            .filter_map(|kind| Some((*kind, path.rfind(&format!("/{kind}/"))?)))
            .max_by_key(|(_, at)| *at)?;
        Some(Self {
            repository: &path[..at],
            kind,
            rest: &path[at + kind.len() + 2..],
        })
    }
}

// === impl Answer ===

impl Answer {
    pub(super) fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            then: Then::End,
            first: None,
        }
    }

    /// 200 with these bytes, their type and their digest.
    pub(super) fn content(blob: &Blob) -> Self {
        Self::new(StatusCode::OK)
            .header("content-type", &blob.media_type)
            .header(
                "docker-content-digest",
                &artifact::digest(&blob.bytes).to_string(),
            )
            .body(blob.bytes.clone().into())
    }

    pub(super) fn json(status: StatusCode, json: &Value) -> Self {
        Self::new(status)
            .header("content-type", "application/json")
            .body(json.to_string().into_bytes().into())
    }

    /// "Error codes": an error as registries say it.
    pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Self {
        Self::json(
            status,
            &json!({ "errors": [{ "code": code, "message": message }] }),
        )
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
        let value = HeaderValue::from_str(value).expect("a header's value");
        self.headers.insert(name, value);
        self
    }

    pub(super) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// Announces this length, whatever comes.
    pub(super) fn length(self, length: usize) -> Self {
        self.header("content-length", &length.to_string())
    }

    /// Announces no length: the body is in chunks.
    pub(super) fn unannounced(self) -> Self {
        self.header("transfer-encoding", "chunked")
    }

    /// Says no digest of its own.
    pub(super) fn undigested(mut self) -> Self {
        self.headers.remove("docker-content-digest");
        self
    }

    pub(super) fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    pub(super) fn held_back(mut self, first: Pin<Box<dyn Future<Output = ()> + Send>>) -> Self {
        self.first = Some(first);
        self
    }

    fn respond(mut self, is_head: bool) -> Response<Body> {
        let is_chunked = self.headers.contains_key("transfer-encoding");
        if !is_chunked && !self.headers.contains_key(CONTENT_LENGTH) {
            self.headers
                .insert(CONTENT_LENGTH, HeaderValue::from(self.body.len()));
        }
        let body = if is_head {
            Body::new(Bytes::new(), Then::End)
        } else {
            Body::new(self.body, self.then)
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
