//! The server: few connections, none for long, and the newest is never turned away.

use std::collections::VecDeque;
use std::net::TcpListener;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus::{Registry, TextEncoder};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::{AbortHandle, JoinSet};

use super::Health;
use super::pulse::{Beat, Pulse};

/// More connections than all probes and scrapers need; beyond it the oldest is closed, so that a
/// probe is answered whoever else is connected.
const MAX_CONNECTIONS: usize = 64;
/// A connection's head, or its next request.
const HEAD: Duration = Duration::from_secs(5);
/// All of a connection: no answer takes longer to read.
const CONNECTION: Duration = Duration::from_secs(60);
/// Between two tries to accept when there is no file left.
const RETRY: Duration = Duration::from_millis(50);
const BUFFER_BYTES: usize = 16 * 1024;

const PLAIN: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const EXPOSITION: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

const PATHS: &str = "\
There is:
/livez    200 while the threads of the process come to their work; ?verbose says when
/readyz   200 while it writes or could take over; ?verbose says why not
/metrics  metrics as Prometheus reads them
";

/// What it answers from.
pub(super) struct Server {
    pub(super) pulse: Pulse,
    pub(super) health: Health,
    pub(super) registry: Registry,
}

/// Answers until `stopped`; connections end with it.
pub(super) async fn run(listener: TcpListener, server: Server, mut stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("the admin server cannot listen: {error}"),
    };
    let server = Arc::new(server);
    let mut connections = JoinSet::new();
    let mut oldest = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
            // A dropped sender is an order to stop.
            _ = &mut stopped => return,
        };
        match accepted {
            Ok((stream, _)) => {
                make_room(&mut oldest);
                oldest.push_back(connections.spawn(serve(stream, Arc::clone(&server))));
            }
            Err(error) => {
                tracing::debug!("the admin server cannot accept: {error}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

fn make_room(oldest: &mut VecDeque<AbortHandle>) {
    oldest.retain(|connection| !connection.is_finished());
    while oldest.len() >= MAX_CONNECTIONS {
        if let Some(connection) = oldest.pop_front() {
            connection.abort();
        }
    }
}

async fn serve(stream: TcpStream, server: Arc<Server>) {
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, std::convert::Infallible>(server.answer(&request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    if tokio::time::timeout(CONNECTION, &mut connection)
        .await
        .is_err()
    {
        connection.as_mut().graceful_shutdown();
        // Whoever breaks off is told by the closed socket.
        let _ = tokio::time::timeout(HEAD, connection).await;
    }
}

// === impl Server ===

impl Server {
    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n");
            let allowed = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(ALLOW, allowed);
            return response;
        }
        let query = request.uri().query().unwrap_or_default();
        let is_verbose = query
            .split('&')
            .any(|item| item == "verbose" || item.starts_with("verbose="));
        match request.uri().path() {
            "/livez" => self.livez(is_verbose).await,
            "/readyz" => self.readyz(is_verbose),
            "/metrics" => self.metrics(),
            _ => text(StatusCode::NOT_FOUND, PATHS),
        }
    }

    async fn livez(&self, is_verbose: bool) -> Response<Full<Bytes>> {
        match self.pulse.beat().await {
            Beat::Late(since) if is_verbose => {
                text(StatusCode::OK, format!("ok: late by {since:.1?}\n"))
            }
            Beat::Answered | Beat::Late(_) => text(StatusCode::OK, "ok\n"),
            Beat::Stuck(since) => {
                tracing::error!("not alive: no thread came to its work for {since:.1?}");
                let body = format!("stuck for {since:.1?}\n");
                text(StatusCode::SERVICE_UNAVAILABLE, body)
            }
        }
    }

    fn readyz(&self, is_verbose: bool) -> Response<Full<Bytes>> {
        let reasons = self.health.reasons();
        if reasons.is_empty() {
            return text(StatusCode::OK, "ok\n");
        }
        let body = if is_verbose {
            reasons.join("\n") + "\n"
        } else {
            "not ready\n".to_owned()
        };
        text(StatusCode::SERVICE_UNAVAILABLE, body)
    }

    fn metrics(&self) -> Response<Full<Bytes>> {
        match TextEncoder::new().encode_to_string(&self.registry.gather()) {
            Ok(body) => response(StatusCode::OK, EXPOSITION, body),
            Err(error) => {
                tracing::error!("metrics cannot be written: {error}");
                text(StatusCode::INTERNAL_SERVER_ERROR, "see the log\n")
            }
        }
    }
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    response(status, PLAIN, body)
}

fn response(
    status: StatusCode,
    kind: HeaderValue,
    body: impl Into<Bytes>,
) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
