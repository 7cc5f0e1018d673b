//! A request's body as the service reads it.
//!
//! Dropping it is always right. What is then still to come is read and
//! dropped beside the answer, within bounds, because a client that sends and is
//! not read either never looks at the answer or is reset before it can.
//! It does not know who reads it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::Version;
use http::header::EXPECT;
use http::request::Parts;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::scope::Scope;

type Item = Option<Result<Frame<Bytes>, hyper::Error>>;

/// A request's body. Trailers are dropped.
#[derive(Debug)]
pub struct Upload {
    /// Taken only by `drop`.
    incoming: Option<Incoming>,
    /// What [`Upload::continue_first`] happened to read.
    ahead: Option<Item>,
    scope: Arc<Scope>,
    is_http1: bool,
    /// The client sends nothing before it sees `100 Continue`.
    awaits_continue: bool,
    /// Whether hyper may not have been asked by its own task since the client began to wait: a guest
    /// asks from another thread, and hyper may be past the point where it would see that.
    is_unsettled: bool,
    ended: bool,
    drain_bytes: u64,
}

// === impl Upload ===

impl Upload {
    pub(super) fn new(incoming: Incoming, parts: &Parts, scope: Arc<Scope>) -> Self {
        let ended = incoming.is_end_stream();
        let is_http1 = parts.version < Version::HTTP_2;
        let awaits_continue = parts.version == Version::HTTP_11
            && !ended
            && parts
                .headers
                .get(EXPECT)
                .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        if is_http1 {
            scope.set_abandoned(false);
        }
        Upload {
            incoming: Some(incoming),
            ahead: None,
            drain_bytes: scope.shared.config.drain_bytes,
            scope,
            is_http1,
            awaits_continue,
            is_unsettled: awaits_continue,
            ended,
        }
    }

    /// How much may be read and dropped if the service gives the body up.
    pub fn set_drain_bytes(&mut self, bytes: u64) {
        self.drain_bytes = bytes;
    }

    /// Lets a client that waits for `100 Continue` send, as the first read would.
    ///
    /// For an answer that is committed before its request was read: hyper sends
    /// no `100 Continue` after a final head. Elsewhere it does nothing. (hyper
    /// offers no way to send one on HTTP/2; those clients send after a moment.)
    pub async fn continue_first(&mut self) {
        std::future::poll_fn(|context| self.poll_continue(context)).await;
    }

    /// [`continue_first`](Self::continue_first) as a poll, for who shares the upload.
    pub fn poll_continue(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if !std::mem::take(&mut self.is_unsettled) {
            return Poll::Ready(());
        }
        if self.awaits_continue
            && let Poll::Ready(item) = self.poll_incoming(context)
        {
            self.ahead = Some(item);
        }
        // hyper reads, and so writes its 100, before it asks the service again.
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_incoming(&mut self, context: &mut Context<'_>) -> Poll<Item> {
        self.awaits_continue = false;
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let item = match ready!(Pin::new(&mut *incoming).poll_frame(context)) {
            Some(Ok(frame)) if frame.is_trailers() => None,
            item => item,
        };
        self.ended = incoming.is_end_stream() || !matches!(item, Some(Ok(_)));
        Poll::Ready(item)
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Item> {
        match self.ahead.take() {
            Some(item) => Poll::Ready(item),
            None => self.poll_incoming(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        match (&self.ahead, &self.incoming) {
            (None, Some(incoming)) => incoming.size_hint(),
            _ => SizeHint::default(),
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let Some(incoming) = self.incoming.take() else {
            return;
        };
        if self.ended {
            return;
        }
        // On HTTP/2 the drain is a courtesy: RST_STREAM with NO_ERROR after a
        // complete answer says the same (RFC 9113 section 8.1), but curl of
        // today throws the answer away when the two come together.
        if self.is_http1 {
            self.scope.set_abandoned(true);
        }
        if self.awaits_continue {
            // Reading would ask for the very body that nobody wants.
            return;
        }
        let Ok(permit) = self.scope.shared.drains.clone().try_acquire_owned() else {
            return;
        };
        let scope = self.scope.clone();
        let time = scope.shared.config.drain_time;
        let bytes = self.drain_bytes;
        let is_http1 = self.is_http1;
        self.scope.beside(async move {
            let drained = tokio::time::timeout(time, drain(incoming, bytes)).await;
            match drained {
                _ if !is_http1 => {}
                Ok(true) => scope.set_abandoned(false),
                Ok(false) | Err(_) => scope.set_spent(),
            }
            drop(permit);
        });
    }
}

/// Reads and drops; true when the body ended within `left` bytes.
async fn drain(mut incoming: Incoming, mut left: u64) -> bool {
    while let Some(frame) = incoming.frame().await {
        let Ok(frame) = frame else { return false };
        let count = frame.data_ref().map_or(0, |data| data.len() as u64);
        if count > left {
            return false;
        }
        left -= count;
    }
    true
}

#[cfg(test)]
mod tests;
