//! What a guest prints, as the body of an answer.
//!
//! The body holds the guard: when hyper drops it, its client is gone, and so is the guest unless
//! its route lets guests finish. An end is data: a guest that died breaks the body, a guest that
//! ended completes it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use crds::validate::OnDisconnect;
use http_body::{Body, Frame, SizeHint};

use super::account::Account;
use super::{BoxError, Scope};
use crate::bridge::{End, Received, Receiver};
use crate::guest::{Invocation, Stop};

/// The output of a guest whose client is here.
pub struct Output {
    /// Taken when it is of no more use.
    receiver: Option<Receiver>,
    end: Option<End>,
    invocation: Invocation,
    on_disconnect: OnDisconnect,
    scope: Arc<Scope>,
}

/// What a guest may do whose answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunOn {
    /// Print what it likes; nobody will see it.
    Unheard,
    /// Print no more: it has kept its `Content-Length`.
    Silent,
}

/// The body of an answer.
pub struct AnswerBody {
    kind: Kind,
    account: Account,
}

enum Kind {
    /// All of it is here.
    Whole(Bytes),
    /// It is being printed.
    Streamed(Streamed),
}

/// A body that is being printed.
struct Streamed {
    /// What came with the head.
    first: Bytes,
    /// Taken when the guest has kept its promise.
    output: Option<Output>,
    /// What the guest's own `Content-Length` still promises, in bytes.
    promised: Option<u64>,
    /// The client waits for the guest.
    is_waiting: bool,
    scope: Arc<Scope>,
}

/// An answer that is not whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Its guest did not come to an end of its own.
    #[error("the guest was ended before its answer was whole")]
    Aborted,
    /// Its guest printed less than its `Content-Length`.
    #[error("the guest printed {0} bytes less than its Content-Length")]
    Short(u64),
}

// === impl Output ===

impl Output {
    /// Watches over a guest that has just been started.
    #[must_use]
    pub const fn new(
        receiver: Receiver,
        invocation: Invocation,
        on_disconnect: OnDisconnect,
        scope: Arc<Scope>,
    ) -> Self {
        Self {
            receiver: Some(receiver),
            end: None,
            invocation,
            on_disconnect,
            scope,
        }
    }

    /// The guest.
    #[must_use]
    pub const fn invocation(&self) -> &Invocation {
        &self.invocation
    }

    /// The next bytes, and with the last of them the end.
    pub async fn receive(&mut self) -> Received {
        std::future::poll_fn(|context| self.poll_receive(context)).await
    }

    /// Ends the guest for a reason other than its client's leaving.
    pub fn stop(mut self, stop: Stop) {
        self.invocation.stop(stop);
        self.receiver = None;
    }

    /// Waits for the end of a guest whose answer is complete.
    ///
    /// # Cancellation
    ///
    /// Dropping it means that the client has left.
    pub async fn run_on(mut self, how: RunOn) {
        if let (RunOn::Unheard, Some(receiver)) = (how, &mut self.receiver) {
            receiver.discard();
        }
        while self.end.is_none() {
            let received = self.receive().await;
            if !received.bytes.is_empty() {
                return self.stop(Stop::ContentLength);
            }
        }
    }

    /// The end comes again and again, once it has come.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        let Some(receiver) = &mut self.receiver else {
            return Poll::Ready(Received {
                bytes: Bytes::new(),
                end: self.end,
            });
        };
        if self.scope.is_breaking() {
            // What it has written is taken, and then its end.
            self.invocation.stop(Stop::Shutdown);
        }
        let received = ready!(receiver.poll_receive(context));
        if received.end.is_some() {
            self.end = received.end;
            self.receiver = None;
        }
        Poll::Ready(received)
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        let Some(receiver) = self.receiver.take() else {
            return;
        };
        match self.on_disconnect {
            _ if self.scope.is_stalled() => self.invocation.stop(Stop::ClientStalled),
            _ if self.scope.is_breaking() => self.invocation.stop(Stop::Shutdown),
            OnDisconnect::Finish => receiver.detach(),
            OnDisconnect::Cancel => self.invocation.stop(Stop::ClientGone),
        }
    }
}

// === impl AnswerBody ===

impl AnswerBody {
    /// A body that is all here; empty is none.
    #[must_use]
    pub fn whole(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Whole(bytes),
            account: Account::default(),
        }
    }

    /// A body whose guest goes on; `promised` is its own `Content-Length`.
    #[must_use]
    pub fn streamed(
        first: Bytes,
        output: Output,
        promised: Option<u64>,
        scope: Arc<Scope>,
    ) -> Self {
        Self {
            kind: Kind::Streamed(Streamed {
                first,
                output: Some(output),
                promised,
                is_waiting: false,
                scope,
            }),
            account: Account::default(),
        }
    }

    /// As it is; what becomes of it goes into the account.
    #[must_use]
    pub fn accounted(mut self, account: Account) -> Self {
        if self.is_end_stream() {
            // Nobody will ask for it.
            account.delivered();
        }
        self.account = account;
        self
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { kind, account } = self.get_mut();
        let next = match kind {
            Kind::Whole(bytes) if bytes.is_empty() => None,
            Kind::Whole(bytes) => Some(Ok(std::mem::take(bytes))),
            Kind::Streamed(streamed) => ready!(streamed.poll_data(context, account)),
        };
        if let Some(Ok(bytes)) = &next {
            account.gave(bytes.len());
        }
        if kind.is_all_taken() || next.is_none() {
            account.delivered();
        } else if let Some(Err(Broken::Short(_))) = next {
            account.fell_short();
        }
        Poll::Ready(next.map(|data| data.map(Frame::data).map_err(BoxError::from)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.kind, Kind::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Streamed(Streamed {
                promised: Some(promised),
                ..
            }) => SizeHint::with_exact(*promised),
            Kind::Streamed(_) => SizeHint::default(),
        }
    }
}

// === impl Kind ===

impl Kind {
    /// Whether hyper knows that it has all, and so does not ask again.
    fn is_all_taken(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Streamed(streamed) => streamed.promised == Some(0),
        }
    }
}

// === impl Streamed ===

impl Streamed {
    fn poll_data(
        &mut self,
        context: &mut Context<'_>,
        account: &Account,
    ) -> Poll<Option<Result<Bytes, Broken>>> {
        loop {
            let mut bytes = std::mem::take(&mut self.first);
            if bytes.is_empty() {
                let Some(output) = &mut self.output else {
                    return Poll::Ready(None);
                };
                let polled = output.poll_receive(context);
                if polled.is_pending() && !std::mem::replace(&mut self.is_waiting, true) {
                    account.client_waits();
                }
                let received = ready!(polled);
                self.is_waiting = false;
                if received.bytes.is_empty() {
                    return Poll::Ready(self.end(received.end));
                }
                bytes = received.bytes;
            }
            self.keep_promise(&mut bytes);
            if !bytes.is_empty() {
                return Poll::Ready(Some(Ok(bytes)));
            }
        }
    }

    /// Cuts what is over the guest's own `Content-Length`. A guest that has kept it may run on,
    /// silently: hyper asks for nothing more, and drops the body.
    fn keep_promise(&mut self, bytes: &mut Bytes) {
        let Some(promised) = &mut self.promised else {
            return;
        };
        let kept = usize::try_from(*promised)
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let is_surplus = kept < bytes.len();
        bytes.truncate(kept);
        *promised -= kept as u64;
        if *promised > 0 {
            return;
        }
        match self.output.take() {
            Some(output) if is_surplus => output.stop(Stop::ContentLength),
            Some(output) => self.scope.beside(output.run_on(RunOn::Silent)),
            None => {}
        }
    }

    fn end(&self, end: Option<End>) -> Option<Result<Bytes, Broken>> {
        match (end, self.promised) {
            (Some(End::Aborted) | None, _) => Some(Err(Broken::Aborted)),
            (Some(End::Complete), None | Some(0)) => None,
            (Some(End::Complete), Some(missing)) => Some(Err(Broken::Short(missing))),
        }
    }
}
