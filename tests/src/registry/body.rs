//! Bodies that end as they should, break off, stall or never end.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::Frame;

/// What comes after the bytes that there are.
pub(super) enum Then {
    /// The end.
    End,
    /// The connection breaks.
    Break,
    /// Nothing until the registry is healed, then these bytes.
    Stall(Pin<Box<dyn Future<Output = ()> + Send>>, Bytes),
    /// The same bytes again, for as long as somebody reads.
    Repeat(Bytes),
}

pub(super) struct Body {
    bytes: Bytes,
    then: Then,
}

// === impl Body ===

impl Body {
    pub(super) const fn new(bytes: Bytes, then: Then) -> Self {
        Self { bytes, then }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = &mut *self;
        if this.bytes.is_empty() {
            match &mut this.then {
                Then::End => return Poll::Ready(None),
                Then::Break => {
                    let error = io::Error::other("broken on purpose");
                    return Poll::Ready(Some(Err(error)));
                }
                Then::Stall(healed, rest) => match healed.as_mut().poll(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(()) => {
                        this.bytes = std::mem::take(rest);
                        this.then = Then::End;
                        if this.bytes.is_empty() {
                            return Poll::Ready(None);
                        }
                    }
                },
                Then::Repeat(bytes) => this.bytes = bytes.clone(),
            }
        }
        let bytes = std::mem::take(&mut this.bytes);
        Poll::Ready(Some(Ok(Frame::data(bytes))))
    }
}
