//! A service's body on its way to hyper.
//!
//! A body's error reaches hyper only after everything before it has left: hyper
//! drops what it has buffered when a body fails, and h2 clears a stream that is
//! reset. It does not know what the body is or why it failed.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures::task::AtomicWaker;
use http_body::{Body, Frame, SizeHint};

use super::cut::Stream;
use super::exchange::BoxError;
use super::scope::{Active, Scope};

/// An HTTP/2 frame's size, unless both sides agree on more (RFC 9113, 4.2).
const PIECE: usize = 16 * 1024;

/// The body that hyper sends.
pub(super) struct Answer<B> {
    body: B,
    state: State,
    scope: Arc<Scope>,
    /// HTTP/1 only.
    number: Option<u64>,
    /// Its head has the length of a body that is not sent.
    hides_length: bool,
    /// HTTP/2 only.
    stream: Option<Arc<Stream>>,
    /// HTTP/2: what the body gave and hyper has not taken.
    left: Bytes,
    _active: Active,
}

enum State {
    Open,
    /// HTTP/2: the marker is queued behind the stream's last data.
    Marked(Arc<Mark>, Option<BoxError>),
    /// All data was handed over; one more flush carries it out.
    Flushing(u64, Option<BoxError>),
    Failed,
}

/// Learns when h2 lets go of an empty frame, and so of all data queued before it.
///
/// Counting flushes alone would not do: data that waits for the client's window
/// stays in h2 while the connection is flushed for others.
struct Mark {
    scope: Arc<Scope>,
    /// Flushes completed when the frame was let go, plus one; 0 before.
    left: AtomicU64,
    waker: AtomicWaker,
}

/// What the empty frame consists of.
struct Marker(Arc<Mark>);

// === impl Answer ===

impl<B> Answer<B> {
    pub(super) fn new(
        body: B,
        scope: Arc<Scope>,
        active: Active,
        number: Option<u64>,
        stream: Option<Arc<Stream>>,
    ) -> Self {
        if let Some(stream) = &stream {
            stream.answered();
        }
        Answer {
            stream,
            left: Bytes::new(),
            body,
            state: State::Open,
            scope,
            number,
            hides_length: false,
            _active: active,
        }
    }

    /// Does not say that it is empty: on HTTP/1 hyper takes `Content-Length` from the head of a
    /// 304 whose body is known to be (RFC 9110, 8.6 wants that of the 200 it stands for).
    pub(super) const fn hiding_length(mut self) -> Self {
        self.hides_length = true;
        self
    }

    /// As much as one frame takes. hyper hands all that it is given to h2 although the client has
    /// room for a byte only, and does not come back for more until it has room again.
    fn piece(&mut self) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(stream) = &self.stream {
            stream.asked(true);
        }
        let piece = self.left.split_to(self.left.len().min(PIECE));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn fail(&mut self, error: BoxError) -> Option<Frame<Bytes>> {
        if self.number.is_some() {
            // HTTP/1 bodies are polled by the task that flushes: what was yielded
            // is in its buffer, and no flush is half done.
            self.state = State::Flushing(self.scope.flushes.count(), Some(error));
            return None;
        }
        let mark = Arc::new(Mark {
            scope: self.scope.clone(),
            left: AtomicU64::new(0),
            waker: AtomicWaker::new(),
        });
        let frame = Frame::data(Bytes::from_owner(Marker(mark.clone())));
        self.state = State::Marked(mark, Some(error));
        Some(frame)
    }
}

impl<B> Body for Answer<B>
where
    B: Body<Data = Bytes, Error = BoxError> + Unpin,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if !this.left.is_empty() {
            return this.piece();
        }
        loop {
            match &mut this.state {
                State::Open => {
                    let polled = Pin::new(&mut this.body).poll_frame(context);
                    if let Some(stream) = &this.stream {
                        stream.asked(polled.is_ready());
                    }
                    match ready!(polled) {
                        Some(Err(error)) => {
                            if let Some(frame) = this.fail(error) {
                                return Poll::Ready(Some(Ok(frame)));
                            }
                        }
                        Some(Ok(frame)) if this.stream.is_some() => match frame.into_data() {
                            Ok(data) => {
                                this.left = data;
                                return this.piece();
                            }
                            Err(frame) => return Poll::Ready(Some(Ok(frame))),
                        },
                        item => return Poll::Ready(item),
                    }
                }
                State::Marked(mark, error) => {
                    let since = ready!(mark.poll_left(context));
                    this.state = State::Flushing(since, error.take());
                }
                State::Flushing(since, error) => {
                    ready!(this.scope.flushes.poll_past(*since, context));
                    let error = error.take();
                    this.state = State::Failed;
                    if this.number.is_some() {
                        this.scope.set_broken();
                    }
                    return Poll::Ready(error.map(Err));
                }
                State::Failed => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        !self.hides_length
            && self.left.is_empty()
            && matches!(self.state, State::Open)
            && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.hides_length {
            return SizeHint::default();
        }
        let mut hint = self.body.size_hint();
        let left = self.left.len() as u64;
        if let Some(upper) = hint.upper() {
            hint.set_upper(upper + left);
        }
        hint.set_lower(hint.lower() + left);
        hint
    }
}

impl<B> Drop for Answer<B> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.scope.request_ends(number);
        }
    }
}

// === impl Mark ===

impl Mark {
    fn poll_left(&self, context: &mut Context<'_>) -> Poll<u64> {
        self.waker.register(context.waker());
        match self.left.load(Ordering::SeqCst) {
            0 => Poll::Pending,
            left => Poll::Ready(left - 1),
        }
    }
}

// === impl Marker ===

impl AsRef<[u8]> for Marker {
    fn as_ref(&self) -> &[u8] {
        &[]
    }
}

impl Drop for Marker {
    fn drop(&mut self) {
        let left = self.0.scope.flushes.count() + 1;
        self.0.left.store(left, Ordering::SeqCst);
        self.0.waker.wake();
    }
}

#[cfg(test)]
mod tests;
