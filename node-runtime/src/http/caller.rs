//! One request as its guest sees it: the world outside.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http::HeaderValue;
use http::request::Parts;
use http_body::Body;
use tokio::sync::mpsc;

use super::account::Account;
use super::admission::Permit;
use super::{Cut, Upload};
use crate::cgi::environment;
use crate::cgi::{Block, ContentLength, RequestFacts, Scheme};
use crate::guest::{Ending, Host, Input, InputError, Strings, Used};
use crate::route::{Handler, Route};
use crate::routing::RequestPath;
use crate::stderr::StderrLog;

/// What is kept of a request while its guest runs.
pub struct Caller {
    pub(super) parts: Parts,
    pub(super) server_name: String,
    pub(super) server_port: u16,
    pub(super) scheme: Scheme,
    pub(super) peer: IpAddr,
    pub(super) request_id: HeaderValue,
    pub(super) route: Arc<Route>,
    /// The part of the route that answers.
    pub(super) part: Option<usize>,
    pub(super) content_length: ContentLength,
    pub(super) cut: Cut,
    pub(super) stderr: Arc<StderrLog>,
    pub(super) endings: Option<mpsc::Sender<Ending>>,
    /// Taken when the guest is gone.
    pub(super) held: Mutex<Option<Held>>,
    pub(super) head_committed: AtomicBool,
}

/// What is let go when a guest is gone.
pub struct Held {
    pub(super) permit: Permit,
    pub(super) account: Account,
}

// === impl Caller ===

impl Caller {
    fn with_facts<R>(&self, ask: impl FnOnce(&RequestFacts<'_>, &Handler) -> R) -> Option<R> {
        let handler = self.route.handler.as_ref()?;
        let path = RequestPath::parse(self.parts.uri.path()).ok()?;
        let pattern = self
            .part
            .and_then(|part| handler.part_pattern(part))
            .unwrap_or(&handler.pattern);
        let facts = RequestFacts {
            method: &self.parts.method,
            scheme: self.scheme,
            authority: self.parts.uri.authority().map(http::uri::Authority::as_str),
            path: &path,
            query: self.parts.uri.query(),
            version: self.parts.version,
            headers: &self.parts.headers,
            server_name: &self.server_name,
            server_port: self.server_port,
            peer: self.peer,
            request_id: self.request_id.to_str().unwrap_or_default(),
            pattern,
            content_length: self.content_length,
        };
        Some(ask(&facts, handler))
    }

    fn log_ending(&self, ending: &Ending) {
        let route = &self.route.name;
        let request_id = self.request_id.to_str().unwrap_or_default();
        let reason = ending.reason();
        match ending {
            Ending::Exited(0) => {}
            Ending::Stopped(crate::guest::Stop::ClientGone) => {
                tracing::debug!(route, request_id, reason, "guest ended");
            }
            Ending::HostFault(_) => {
                tracing::error!(route, request_id, reason, detail = %ending, "guest ended");
            }
            _ => tracing::warn!(route, request_id, reason, detail = %ending, "guest ended"),
        }
    }
}

impl Host for Caller {
    fn environment(&self) -> Strings {
        let block =
            self.with_facts(|facts, handler| environment::variables(facts, &handler.variables));
        strings(block)
    }

    fn arguments(&self) -> Strings {
        strings(self.with_facts(|facts, handler| handler.argv.render(facts)))
    }

    fn stderr(&self, line: &[u8]) {
        let Some(handler) = &self.route.handler else {
            return;
        };
        let request_id = self.request_id.to_str().unwrap_or_default();
        self.stderr.line(&handler.stderr, request_id, line);
    }

    fn cut(&self) {
        self.cut.now();
    }

    fn ended(&self, ending: &Ending, used: &Used) {
        self.log_ending(ending);
        let held = self
            .held
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(Held { permit, account }) = held {
            account.ended(ending, used);
            drop(permit);
        }
        if let Some(endings) = &self.endings {
            // A listener that is slower than guests misses some.
            let _ = endings.try_send(ending.clone());
        }
    }
}

fn strings(block: Option<Block>) -> Strings {
    let Block { bytes, count } = block.unwrap_or_default();
    Strings { bytes, count }
}

/// A request's body where the guest reads it and the answer may have to give it up.
#[derive(Clone)]
pub(super) struct SharedUpload {
    state: Arc<Mutex<UploadState>>,
}

struct UploadState {
    upload: Option<Upload>,
    /// The guest, while it waits.
    reader: Option<Waker>,
}

/// The guest's end of an upload.
pub(super) struct UploadInput {
    shared: SharedUpload,
    caller: Arc<Caller>,
    account: Account,
    left_bytes: u64,
}

// === impl SharedUpload ===

impl SharedUpload {
    pub(super) fn new(upload: Upload) -> Self {
        Self {
            state: Arc::new(Mutex::new(UploadState {
                upload: Some(upload),
                reader: None,
            })),
        }
    }

    /// The guest's end; more than `limit_bytes` are an error.
    pub(super) fn input(
        &self,
        caller: Arc<Caller>,
        account: Account,
        limit_bytes: u64,
    ) -> UploadInput {
        UploadInput {
            shared: self.clone(),
            caller,
            account,
            left_bytes: limit_bytes,
        }
    }

    /// Lets a client that waits for `100 Continue` send.
    pub(super) async fn continue_first(&self) {
        std::future::poll_fn(|context| {
            let mut state = self.lock();
            let Some(upload) = &mut state.upload else {
                return Poll::Ready(());
            };
            let polled = std::pin::pin!(upload.continue_first()).poll(context);
            if polled.is_ready() {
                // What was read meanwhile is the guest's to take.
                if let Some(reader) = state.reader.take() {
                    reader.wake();
                }
            }
            polled
        })
        .await;
    }

    /// Nobody will read it: the rest is read and dropped beside the answer.
    pub(super) fn give_up(&self) {
        let upload = self.lock().upload.take();
        drop(upload);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, UploadState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Input for UploadInput {
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, InputError>> {
        let frame = {
            let mut state = self.shared.lock();
            state.reader = Some(context.waker().clone());
            let Some(upload) = &mut state.upload else {
                return Poll::Ready(Err(InputError::Broken));
            };
            ready!(Pin::new(upload).poll_frame(context))
        };
        let chunk = match frame {
            None => return Poll::Ready(Ok(None)),
            Some(Err(_broken)) => return Poll::Ready(Err(InputError::Broken)),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(),
        };
        match self.left_bytes.checked_sub(chunk.len() as u64) {
            Some(left) => {
                self.left_bytes = left;
                self.account.took(chunk.len());
                Poll::Ready(Ok(Some(chunk)))
            }
            // The status is out: the guest is told, and decides.
            None if self.caller.head_committed.load(Ordering::Acquire) => {
                Poll::Ready(Err(InputError::Broken))
            }
            None => Poll::Ready(Err(InputError::TooLarge)),
        }
    }
}

impl Drop for UploadInput {
    fn drop(&mut self) {
        self.shared.give_up();
    }
}
