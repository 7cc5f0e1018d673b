//! The story of one request.
//!
//! 1. *check* what HTTP asks of it, and which host it is for. (`http::host`, `http::forwarded`)
//! 2. *find* the route that answers. (`routing`)
//! 3. *admit* it, or let it wait for its turn. (`http::admission`)
//! 4. *start* a guest. (`guest`)
//! 5. *read the head* as the guest prints it. (`cgi::head`)
//! 6. *answer*, with the rest streamed. (`http::body`)
//!
//! Whatever goes wrong before the head is committed is a [`RequestError`]; after it, it is how the
//! body ends.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HeaderName};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};
use http_body::Body as _;

use tokio::sync::mpsc;

use super::account::{Account, Reports};
use super::admission::Admission;
use super::body::{AnswerBody, Output, RunOn};
use super::caller::{Caller, Held, SharedUpload};
use super::error::RequestError;
use super::request_id::{self, X_REQUEST_ID};
use super::{Exchange, Service, Upload, host};
use crate::bridge::{Bounds, End};
use crate::cgi::head::{self, Head, Progress};
use crate::cgi::{ContentLength, Scheme};
use crate::guest::{Ending, Executor, Input, Start, Stop};
use crate::route::{self, Route};
use crate::routing::RequestPath;
use crate::routing::live::Routes;
use crate::stderr::StderrLog;

/// Asks proxies in front not to hold a stream back (nginx and those that follow it).
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// How much of an upload that nobody reads is read and dropped at least, in bytes: the default of
/// `limits.requestBody`. A route that allows less answers 413 to clients that send more, and those
/// see the answer only when they may finish: drained to `requestBody: 1000`, Go's client saw a
/// broken pipe instead of the 413 in most tries.
const DRAIN_BYTES: u64 = 64 << 20;

/// Answers requests with guests.
#[derive(Clone)]
pub struct Handler {
    shared: Arc<Shared>,
}

struct Shared {
    routes: Routes<Arc<Route>>,
    executor: Arc<Executor>,
    admission: Admission,
    stderr: Arc<StderrLog>,
    endings: Option<mpsc::Sender<Ending>>,
    reports: Option<Arc<Reports>>,
}

/// A request for which there is a route.
struct Matched {
    route: Arc<Route>,
    part: Option<usize>,
    server_name: String,
    server_port: u16,
    scheme: Scheme,
    client: IpAddr,
}

/// A head, and what was printed with it.
struct Printed {
    head: Head,
    rest: Bytes,
    end: Option<End>,
}

// === impl Handler ===

impl Handler {
    /// Answers by `routes`, with guests on `executor`; `endings` hears how each ended, `reports`
    /// what became of each request.
    #[must_use]
    pub fn new(
        routes: Routes<Arc<Route>>,
        executor: Arc<Executor>,
        admission: Admission,
        stderr: Arc<StderrLog>,
        endings: Option<mpsc::Sender<Ending>>,
        reports: Option<Arc<Reports>>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                routes,
                executor,
                admission,
                stderr,
                endings,
                reports,
            }),
        }
    }
}

impl Handler {
    /// Waits until no guest runs, and what they said is on the log; nothing more may be asked
    /// meanwhile.
    pub async fn idle(&self) {
        self.shared.admission.idle().await;
        self.shared.stderr.flush().await;
    }

    /// How many guests run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.shared.admission.running()
    }
}

impl Service for Handler {
    type Body = AnswerBody;

    async fn call(&self, request: Request<Upload>, exchange: Exchange) -> Response<AnswerBody> {
        let request_id = request_id::of(request.headers());
        let (parts, upload) = request.into_parts();
        let reports = self.shared.reports.as_ref();
        let account = reports.map_or_else(Account::default, |reports| {
            reports.open(&parts, &request_id)
        });
        let answered = self
            .shared
            .answer(parts, upload, &exchange, &request_id, &account)
            .await;
        let mut response = answered.unwrap_or_else(|error| {
            log_error(&error, &request_id);
            account.refused(error.outcome());
            error.into_response(&request_id)
        });
        response.headers_mut().insert(X_REQUEST_ID, request_id);
        account.head(response.status());
        response.map(|body| body.accounted(account))
    }
}

// === impl Shared ===

impl Shared {
    async fn answer(
        &self,
        parts: Parts,
        mut upload: Upload,
        exchange: &Exchange,
        request_id: &HeaderValue,
        account: &Account,
    ) -> Result<Response<AnswerBody>, RequestError> {
        let matched = self.find(&parts, exchange)?;
        let route = Arc::clone(&matched.route);
        account.route(&route);
        let handler = route.handler.as_ref().ok_or(if route.is_suspended {
            RequestError::Suspended
        } else {
            RequestError::NotLoaded
        })?;
        exchange.scope.limit_stall(handler.timeouts.client);
        upload.set_drain_bytes(handler.request_body_bytes.max(DRAIN_BYTES));
        let length = content_length(&upload);
        if matches!(length, ContentLength::Known(bytes) if bytes > handler.request_body_bytes) {
            return Err(RequestError::BodyTooLarge);
        }
        let initial_bytes = handler.program.initial_bytes();
        let (permit, reservation) = self
            .admission
            .admit(&handler.gate, initial_bytes, handler.queue)
            .await?;
        let is_head = parts.method == Method::HEAD;
        let bounds = if parts.version == Version::HTTP_2 {
            Bounds::STREAM
        } else {
            Bounds::RESPONSE
        };
        let caller = Arc::new(Caller {
            parts,
            server_name: matched.server_name,
            server_port: matched.server_port,
            scheme: matched.scheme,
            peer: matched.client,
            request_id: request_id.clone(),
            route: matched.route,
            part: matched.part,
            content_length: length,
            cut: exchange.cut.clone(),
            stderr: Arc::clone(&self.stderr),
            endings: self.endings.clone(),
            held: Mutex::new(Some(Held {
                permit,
                account: account.clone(),
            })),
            head_committed: AtomicBool::new(false),
        });
        let upload = (length != ContentLength::None).then(|| SharedUpload::new(upload));
        let stdin = upload.as_ref().map(|upload| {
            let (caller, account) = (Arc::clone(&caller), account.clone());
            let input = upload.input(caller, account, handler.request_body_bytes);
            Box::new(input) as Box<dyn Input>
        });
        let (invocation, receiver) = self.executor.start(Start {
            program: Arc::clone(&handler.program),
            entry: handler.entry(caller.part),
            host: Arc::clone(&caller) as _,
            stdin,
            files: Arc::clone(&handler.files),
            memory_limit_bytes: handler.memory_bytes,
            reservation,
            timeouts: handler.timeouts,
            route: handler.number,
            output: bounds,
            began: Instant::now(),
        })?;
        let scope = Arc::clone(&exchange.scope);
        let output = Output::new(receiver, invocation, handler.on_disconnect, scope);
        let (printed, output) = read_head(output, handler, &caller).await?;
        if let Some(upload) = upload {
            settle(&upload, &printed).await;
        }
        Ok(respond(printed, output, is_head, exchange))
    }

    fn find(&self, parts: &Parts, exchange: &Exchange) -> Result<Matched, RequestError> {
        let scope = &exchange.scope;
        let authority = host::check(parts, scope.local())?;
        let origin = scope.origin(&parts.headers, authority);
        let path = RequestPath::parse(parts.uri.path())?;
        let routes = self.routes.current();
        let found = routes
            .find(&origin.authority.name, &path)
            .ok_or(RequestError::NotFound)?;
        let handler = found.target.handler.as_ref();
        Ok(Matched {
            part: handler.and_then(|handler| handler.part(&path)),
            route: Arc::clone(found.target),
            server_name: origin.authority.name.into_owned(),
            server_port: origin.authority.port,
            scheme: origin.scheme,
            client: origin.client,
        })
    }
}

fn content_length(upload: &Upload) -> ContentLength {
    match upload.size_hint().exact() {
        Some(0) => ContentLength::None,
        Some(bytes) => ContentLength::Known(bytes),
        None => ContentLength::Chunked,
    }
}

/// Waits for the guest's head; on the way out it is committed.
async fn read_head(
    mut output: Output,
    handler: &route::Handler,
    caller: &Caller,
) -> Result<(Printed, Output), RequestError> {
    let mut parser = head::Parser::new(handler.response_head_bytes);
    loop {
        let received = output.receive().await;
        match parser.feed(&received.bytes) {
            Ok(Progress::NeedMore) => {}
            Ok(Progress::Complete { head, consumed }) => {
                caller.head_committed.store(true, Ordering::Release);
                output.invocation().head_committed();
                log_notes(&head, caller);
                let printed = Printed {
                    head,
                    rest: received.bytes.slice(consumed..),
                    end: received.end,
                };
                return Ok((printed, output));
            }
            Err(error) => {
                output.stop(Stop::ResponseHead);
                return Err(error.into());
            }
        }
        if received.end.is_some() {
            return Err(match output.invocation().ending() {
                None | Some(Ending::Exited(0)) => parser.end().into(),
                Some(ending) => RequestError::Guest(ending.clone()),
            });
        }
    }
}

/// What becomes of the request's body once the head is committed.
async fn settle(upload: &SharedUpload, printed: &Printed) {
    if printed.end.is_some() {
        upload.give_up();
    } else if printed.head.status.is_success() {
        upload.continue_first().await;
    }
}

fn respond(
    printed: Printed,
    output: Output,
    is_head: bool,
    exchange: &Exchange,
) -> Response<AnswerBody> {
    let Printed { head, rest, end } = printed;
    let mut response = Response::new(AnswerBody::whole(Bytes::new()));
    *response.status_mut() = head.status;
    *response.headers_mut() = head.headers;
    if is_head || has_no_body(head.status) {
        if let Some(length) = head.content_length
            && (is_head || head.status == StatusCode::NOT_MODIFIED)
        {
            response.headers_mut().insert(CONTENT_LENGTH, length.into());
        }
        if end.is_none() {
            exchange.scope.beside(output.run_on(RunOn::Unheard));
        }
        return response;
    }
    if end == Some(End::Complete) {
        let length = HeaderValue::from(rest.len());
        response.headers_mut().insert(CONTENT_LENGTH, length);
        *response.body_mut() = AnswerBody::whole(rest);
        return response;
    }
    if let Some(length) = head.content_length {
        response.headers_mut().insert(CONTENT_LENGTH, length.into());
    }
    response
        .headers_mut()
        .entry(X_ACCEL_BUFFERING)
        .or_insert(HeaderValue::from_static("no"));
    let scope = Arc::clone(&exchange.scope);
    *response.body_mut() = AnswerBody::streamed(rest, output, head.content_length, scope);
    response
}

/// RFC 9110, 15.3.5, 15.3.6 and 15.4.5.
fn has_no_body(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

fn log_notes(head: &Head, caller: &Caller) {
    for note in &head.notes {
        let route = &caller.route.name;
        let request_id = caller.request_id.to_str().unwrap_or_default();
        tracing::warn!(
            route,
            request_id,
            "a line of the guest's head was skipped: {note}"
        );
    }
}

fn log_error(error: &RequestError, request_id: &HeaderValue) {
    let request_id = request_id.to_str().unwrap_or_default();
    let status = error.status().as_u16();
    tracing::debug!(
        request_id,
        status,
        reason = error.reason(),
        "not answered by a guest: {error}"
    );
}
