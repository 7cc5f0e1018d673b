//! The server: few connections, none for long, and the newest is never turned away.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::{IpAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, WWW_AUTHENTICATE};
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

use super::pulse::{Beat, Heart};
use super::token::{Access, Denied};
use super::{Page, Readiness};

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
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What it answers from.
pub(super) struct Server {
    pub(super) heart: Heart,
    pub(super) readiness: Arc<dyn Readiness>,
    pub(super) registry: Registry,
    pub(super) page: Option<(Arc<dyn Page>, Access)>,
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
            Ok((stream, peer)) => {
                make_room(&mut oldest);
                let serving = serve(stream, peer.ip(), Arc::clone(&server));
                oldest.push_back(connections.spawn(serving));
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

async fn serve(stream: TcpStream, peer: IpAddr, server: Arc<Server>) {
    let service = service_fn(move |request| {
        let server = Arc::clone(&server);
        async move { Ok::<_, std::convert::Infallible>(server.answer(&request, peer).await) }
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
    async fn answer(&self, request: &Request<Incoming>, peer: IpAddr) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "GET or HEAD\n".to_owned());
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
            path => match &self.page {
                Some((page, access)) if path.strip_prefix('/') == Some(page.name()) => {
                    match access.check(peer, request.headers()) {
                        Ok(()) => show(&**page),
                        Err(denied) => refuse(page.name(), &denied),
                    }
                }
                _ => text(StatusCode::NOT_FOUND, self.paths()),
            },
        }
    }

    fn paths(&self) -> String {
        let mut paths = format!(
            "There is:\n\
             /livez    200 while the threads of the process come to their work; ?verbose names them\n\
             /readyz   200 while {}; ?verbose says why not\n\
             /metrics  metrics as Prometheus reads them\n",
            self.readiness.means()
        );
        if let Some((page, _)) = &self.page {
            let name = page.name();
            let _ = writeln!(paths, "/{name:<8} the {name} as JSON");
        }
        paths
    }

    async fn livez(&self, is_verbose: bool) -> Response<Full<Bytes>> {
        let mut lines = String::new();
        let mut is_alive = true;
        for (name, beat) in self.heart.beat().await {
            let _ = match beat {
                Beat::Answered => writeln!(lines, "ok: {name}"),
                Beat::Late(since) => writeln!(lines, "ok: {name}, late by {since:.1?}"),
                Beat::Stuck(since) => {
                    is_alive = false;
                    writeln!(lines, "stuck: {name}, for {since:.1?}")
                }
            };
        }
        match (is_alive, is_verbose) {
            (true, false) => text(StatusCode::OK, "ok\n".to_owned()),
            (true, true) => text(StatusCode::OK, lines),
            (false, _) => {
                tracing::error!("not alive: {}", lines.trim_end().replace('\n', "; "));
                text(StatusCode::SERVICE_UNAVAILABLE, lines)
            }
        }
    }

    fn readyz(&self, is_verbose: bool) -> Response<Full<Bytes>> {
        let reasons = self.readiness.reasons();
        if reasons.is_empty() {
            return text(StatusCode::OK, "ok\n".to_owned());
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
                text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "see the log\n".to_owned(),
                )
            }
        }
    }
}

fn show(page: &dyn Page) -> Response<Full<Bytes>> {
    match page.write() {
        Ok(body) => response(StatusCode::OK, JSON, body + "\n"),
        Err(error) => {
            tracing::error!("{} cannot be written: {error}", page.name());
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "see the log\n".to_owned(),
            )
        }
    }
}

fn refuse(name: &str, denied: &Denied) -> Response<Full<Bytes>> {
    match denied {
        Denied::NotLoopback => text(
            StatusCode::FORBIDDEN,
            format!("{name} are shown to this machine only; start with --admin-token-file\n"),
        ),
        Denied::NoToken => {
            let body = "send Authorization: Bearer TOKEN\n".to_owned();
            let mut response = text(StatusCode::UNAUTHORIZED, body);
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
            response
        }
        Denied::Unknown(error) => {
            tracing::error!("--admin-token-file: {error}");
            text(
                StatusCode::INTERNAL_SERVER_ERROR,
                "see the log\n".to_owned(),
            )
        }
    }
}

fn text(status: StatusCode, body: String) -> Response<Full<Bytes>> {
    response(status, PLAIN, body)
}

fn response(status: StatusCode, kind: HeaderValue, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
