//! A switch that breaks one answer although nobody takes its bytes.
//!
//! hyper polls a body only while the client reads, so a client that stalls
//! would keep its answer (and what that answer holds) for ever. HTTP/1 resets
//! the connection; HTTP/2 drops the stream, for which h2 sends RST_STREAM and
//! discards what was queued. An answer that is complete cannot be cut.
//!
//! An HTTP/2 stream also cuts itself when its client takes nothing from one look at it to the
//! next: hyper asks an answer for more only when there is room at the client.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// An HTTP/2 stream, as its answer and its future see it: both on the connection's task.
#[derive(Debug, Default)]
pub(super) struct Stream {
    cut: AtomicBool,
    waker: AtomicWaker,
    /// How often hyper took a piece of the answer.
    taken: AtomicU64,
    /// hyper has a piece, and has not come back for the next one.
    is_owed: AtomicBool,
}

/// An HTTP/2 stream's future until it ends or is cut.
pub(super) struct Cuttable<F> {
    future: Option<Pin<Box<F>>>,
    stream: Option<Arc<Stream>>,
    scope: Arc<Scope>,
    seen: Seen,
}

/// What was seen at the last look.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    look: u64,
    taken: u64,
    is_owed: bool,
}

// === impl Cut ===

impl Cut {
    pub(super) fn connection(scope: Arc<Scope>, request: u64) -> Self {
        Cut(Kind::Connection { scope, request })
    }

    pub(super) fn stream() -> Self {
        Cut(Kind::Stream(Arc::default()))
    }

    pub(super) fn stream_of(&self) -> Option<Arc<Stream>> {
        match &self.0 {
            Kind::Connection { .. } => None,
            Kind::Stream(stream) => Some(stream.clone()),
        }
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

// === impl Stream ===

impl Stream {
    /// hyper has the answer, and may ask for its pieces.
    pub(super) fn answered(&self) {
        self.is_owed.store(true, Ordering::Relaxed);
    }

    /// hyper asked, and took a piece, or waits for the guest.
    pub(super) fn asked(&self, took: bool) {
        self.is_owed.store(took, Ordering::Relaxed);
        if took {
            let taken = self.taken.load(Ordering::Relaxed);
            self.taken.store(taken + 1, Ordering::Relaxed);
        }
    }

    fn see(&self, look: u64) -> Seen {
        Seen {
            look,
            taken: self.taken.load(Ordering::Relaxed),
            is_owed: self.is_owed.load(Ordering::Relaxed),
        }
    }
}

// === impl Seen ===

impl Seen {
    /// Whether the client took nothing of what waited for it.
    const fn stalls(self, next: Self) -> bool {
        self.is_owed && next.is_owed && self.taken == next.taken
    }
}

// === impl Cuttable ===

impl<F> Cuttable<F> {
    pub(super) fn new(future: F, cut: Option<Cut>, scope: Arc<Scope>) -> Self {
        Cuttable {
            future: Some(Box::pin(future)),
            stream: cut.and_then(|cut| cut.stream_of()),
            seen: Seen {
                look: scope.stall.look(),
                ..Seen::default()
            },
            scope,
        }
    }

    /// Looks once a look.
    fn look(&mut self) {
        let look = self.scope.stall.look();
        let Some(stream) = &self.stream else { return };
        if look == self.seen.look {
            return;
        }
        let seen = stream.see(look);
        if self.seen.stalls(seen) {
            // Whoever is dropped here learns why.
            self.scope.stall.report(self.scope.peer());
            self.future = None;
            self.scope.stall.forget();
        }
        self.seen = seen;
    }
}

impl<F: Future<Output = ()>> Future for Cuttable<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.look();
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
