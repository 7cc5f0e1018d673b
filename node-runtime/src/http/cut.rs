//! A switch that breaks one answer although nobody takes its bytes.
//!
//! hyper polls a body only while the client reads, so a client that stalls
//! would keep its answer (and what that answer holds) for ever. HTTP/1 resets
//! the connection; HTTP/2 drops the stream, for which h2 sends RST_STREAM and
//! discards what was queued. An answer that is complete cannot be cut.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

use super::scope::Scope;

/// Breaks the answer to one request, at once.
#[derive(Clone, Debug)]
pub struct Cut(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Connection { scope: Arc<Scope>, request: u64 },
    Stream(Arc<Stream>),
}

#[derive(Debug, Default)]
struct Stream {
    cut: AtomicBool,
    waker: AtomicWaker,
}

/// An HTTP/2 stream's future until it ends or is cut.
pub(super) struct Cuttable<F> {
    future: Option<Pin<Box<F>>>,
    stream: Option<Arc<Stream>>,
}

// === impl Cut ===

impl Cut {
    pub(super) fn connection(scope: Arc<Scope>, request: u64) -> Self {
        Cut(Kind::Connection { scope, request })
    }

    pub(super) fn stream() -> Self {
        Cut(Kind::Stream(Arc::default()))
    }

    /// Breaks the answer; whatever was not sent by now is lost.
    pub fn now(&self) {
        match &self.0 {
            Kind::Connection { scope, request } => scope.cut(*request),
            Kind::Stream(stream) => {
                stream.cut.store(true, Ordering::SeqCst);
                stream.waker.wake();
            }
        }
    }
}

// === impl Cuttable ===

impl<F> Cuttable<F> {
    pub(super) fn new(future: F, cut: Option<Cut>) -> Self {
        let stream = match cut {
            Some(Cut(Kind::Stream(stream))) => Some(stream),
            _ => None,
        };
        Cuttable {
            future: Some(Box::pin(future)),
            stream,
        }
    }
}

impl<F: Future<Output = ()>> Future for Cuttable<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if let Some(stream) = &this.stream {
            stream.waker.register(context.waker());
            if stream.cut.load(Ordering::SeqCst) {
                this.future = None;
            }
        }
        match &mut this.future {
            Some(future) => future.as_mut().poll(context),
            None => Poll::Ready(()),
        }
    }
}

#[cfg(test)]
mod tests;
