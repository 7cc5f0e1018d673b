//! A bounded channel whose unit is the byte, between a guest's output and HTTP.
//!
//! It is fed from the executor's blocking threads and awaited from tokio.
//! Its contract, which `docs/contract.md` repeats and `bridge/model.rs` checks under every schedule:
//!
//! 1. *Published.* Bytes become receivable when [`Bounds::hold_bytes`] are held back, when the
//!    bridge is full, or when [`Sender::publish`] is called (the executor does so at the end of
//!    each slice). No byte waits for the guest's next write.
//! 2. *No lost wake.* Whether it is empty (or full) is checked, and the waker stored, under the
//!    one lock that the other side takes to change it. Whoever changes it takes the waker out
//!    under that lock and wakes after releasing it.
//! 3. *One wake per sleep.* Only a side that sleeps is woken. A receive takes all there is. Within
//!    a slice a receiver sleeps on until [`Bounds::wake_bytes`] are there, since a wake costs what
//!    many small writes do; a full bridge and the end of the slice wake it in any case.
//! 4. *Bounded.* Held bytes never exceed the capacity; a larger write is accepted in part.
//! 5. *Ends once.* Exactly one [`End`], after the last byte. A [`Sender`] dropped without
//!    [`Sender::finish`] is [`End::Aborted`].
//! 6. *Closed.* A dropped [`Receiver`] fails the current and the next write at once.
//! 7. *No time.* No timer, no poll loop, no retry. (It notes *when* bytes began to wait, so that
//!    others can bound it.)
//!
//! It knows neither WASI nor HTTP.

mod lock;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::{Bytes, BytesMut};

pub(crate) use self::lock::Lock;

const KIB: usize = 1024;
const GROWN: Growth = Growth {
    after_bytes: 8 * 1024 * 1024,
    capacity_bytes: 128 * KIB,
};
const LARGE: Growth = Growth {
    capacity_bytes: 192 * KIB,
    ..GROWN
};

/// How much a bridge may hold, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Capacity at first.
    pub capacity_bytes: usize,
    /// How it grows for a receiver that takes much, one after the other.
    pub growth: &'static [Growth],
    /// How many bytes are held back at most before they are published within a slice.
    pub hold_bytes: usize,
    /// How many published bytes wake a receiver that sleeps within a slice; fewer wake it at the
    /// slice's end.
    pub wake_bytes: usize,
}

/// A larger capacity.
#[derive(Clone, Copy, Debug)]
pub struct Growth {
    /// The bridge was full, and so many bytes have been taken since the beginning.
    pub after_bytes: u64,
    /// The capacity from then on.
    pub capacity_bytes: usize,
}

impl Bounds {
    /// What one response may hold.
    ///
    /// 64 KiB at first: a stalled client costs no more. 192 KiB later, because one wake on each
    /// side per fill is what limits large responses; 256 KiB made one client faster still, and
    /// eight of them hold more than they gained (`docs/decisions/0002-bridge.md`). Growth begins
    /// after 8 MiB, which is more than the kernel's socket buffers take from a client that never
    /// reads.
    pub const RESPONSE: Self = Self {
        capacity_bytes: 64 * KIB,
        growth: &[GROWN, LARGE],
        hold_bytes: 16 * KIB,
        wake_bytes: 48 * KIB,
    };

    /// What one response on an HTTP/2 stream may hold.
    ///
    /// Half as much at first, since h2 buffers 64 KiB a stream itself; as much as others once the
    /// client took more than a window of its own and h2's buffer are together, unless it asked for
    /// large windows.
    pub const STREAM: Self = Self {
        capacity_bytes: 32 * KIB,
        growth: &[
            Growth {
                after_bytes: 512 * 1024,
                capacity_bytes: 64 * KIB,
            },
            GROWN,
            LARGE,
        ],
        ..Self::RESPONSE
    };

    /// The capacity beyond which it never grows.
    #[must_use]
    pub const fn max_capacity_bytes(&self) -> usize {
        match self.growth {
            [.., last] => last.capacity_bytes,
            [] => self.capacity_bytes,
        }
    }
}

/// How the bytes of a bridge ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All that was to be said was said.
    Complete,
    /// The writer died; what came before is all there will be.
    Aborted,
}

/// What one receive took.
#[derive(Debug, PartialEq, Eq)]
pub struct Received {
    /// Everything published so far; empty only beside an end.
    pub bytes: Bytes,
    /// Present once, with or after the last byte.
    pub end: Option<End>,
}

/// The receiver is gone: nobody will take what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the receiver is gone")]
pub struct Closed;

/// The half that decides when bytes are visible and how they end.
pub struct Sender<L: Lock<State> = Mutex<State>> {
    shared: Arc<L>,
    finished: bool,
}

/// The half that a guest writes into.
pub struct Writer<L: Lock<State> = Mutex<State>> {
    shared: Arc<L>,
}

/// The half that takes the bytes.
pub struct Receiver<L: Lock<State> = Mutex<State>> {
    shared: Arc<L>,
    detached: bool,
}

/// What the lock protects; nothing of it is visible outside.
#[derive(Debug)]
pub struct State {
    bounds: Bounds,
    held: BytesMut,
    /// The first so many of `held` are visible to the receiver.
    published: usize,
    capacity_bytes: usize,
    /// How it may still grow.
    growth: &'static [Growth],
    written: u64,
    taken: u64,
    end: Option<End>,
    reader: Reader,
    receiver_waker: Option<Waker>,
    sender_waker: Option<Waker>,
    /// When bytes became visible to a receiver that had none.
    waiting_since: Option<Instant>,
    /// Checks and sleeps under different locks, to show that the model notices.
    #[cfg(test)]
    pub(crate) break_clause_two: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reader {
    /// Takes the bytes.
    Listening,
    /// Wants none of them; they are counted and dropped.
    Discarding,
    /// Is gone.
    Gone,
}

/// Makes a bridge that holds no more than `bounds` allow.
#[must_use]
pub fn channel(bounds: Bounds) -> (Sender, Receiver) {
    channel_with(bounds)
}

pub(crate) fn channel_with<L: Lock<State>>(bounds: Bounds) -> (Sender<L>, Receiver<L>) {
    let shared = Arc::new(L::new(State::new(bounds)));
    let receiver = Receiver {
        shared: Arc::clone(&shared),
        detached: false,
    };
    (
        Sender {
            shared,
            finished: false,
        },
        receiver,
    )
}

// === impl Sender ===

impl<L: Lock<State>> Sender<L> {
    /// The half that a guest writes into; it decides nothing about the end.
    #[must_use]
    pub fn writer(&self) -> Writer<L> {
        Writer {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Makes all that was written visible, and says how much that is since the beginning.
    pub fn publish(&self) -> u64 {
        let (written, waker) = self.shared.with(|state| (state.written, state.publish()));
        wake(waker);
        written
    }

    /// Publishes what was written and ends the bytes.
    pub fn finish(mut self, end: End) {
        self.end(end);
    }

    /// Since when published bytes wait for the receiver to take them.
    #[must_use]
    pub fn stalled_since(&self) -> Option<Instant> {
        self.shared.with(|state| state.stalled_since())
    }

    fn end(&mut self, end: End) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        let waker = self.shared.with(|state| {
            let waker = state.publish();
            state.end = Some(end);
            waker.or_else(|| state.receiver_waker.take())
        });
        wake(waker);
    }
}

impl<L: Lock<State>> Drop for Sender<L> {
    fn drop(&mut self) {
        self.end(End::Aborted);
    }
}

// === impl Writer ===

impl<L: Lock<State>> Writer<L> {
    /// Takes as many of `bytes` as there is room for; 0 means full.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the receiver is gone.
    pub fn write(&self, bytes: &[u8]) -> Result<usize, Closed> {
        let (outcome, waker) = self.shared.with(|state| state.write(bytes));
        wake(waker);
        outcome
    }

    /// How many bytes the next write takes.
    ///
    /// # Errors
    ///
    /// [`Closed`] when the receiver is gone.
    pub fn room(&self) -> Result<usize, Closed> {
        self.shared.with(|state| state.room())
    }

    /// Waits until there is room, or the receiver is gone.
    pub fn poll_ready(&self, context: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let (outcome, waker) = self.shared.with(|state| match state.room() {
            Err(closed) => (Poll::Ready(Err(closed)), None),
            Ok(room) if room > 0 => (Poll::Ready(Ok(())), None),
            Ok(_) => {
                sleep(&mut state.sender_waker, context);
                // Full means published: nothing to wait for may be invisible to the one waited for.
                (Poll::Pending, state.publish())
            }
        });
        wake(waker);
        outcome
    }

    /// Since when published bytes wait for the receiver to take them.
    #[must_use]
    pub fn stalled_since(&self) -> Option<Instant> {
        self.shared.with(|state| state.stalled_since())
    }
}

impl<L: Lock<State>> Clone for Writer<L> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

// === impl Receiver ===

impl<L: Lock<State>> Receiver<L> {
    /// Waits for published bytes or the end, and takes all there is.
    pub fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        #[cfg(test)]
        if self.shared.with(|state| state.break_clause_two) {
            return self.poll_receive_broken(context);
        }
        let taken = self.shared.with(|state| {
            let taken = state.take();
            if taken.is_none() {
                sleep(&mut state.receiver_waker, context);
            }
            taken
        });
        deliver(taken)
    }

    /// Waits for published bytes or the end, and takes all there is.
    ///
    /// # Cancellation
    ///
    /// Safe: bytes are taken only when it returns.
    pub async fn receive(&mut self) -> Received {
        std::future::poll_fn(|context| self.poll_receive(context)).await
    }

    /// From now on whatever is written is counted and dropped, and the writer never waits.
    pub fn discard(&mut self) {
        let waker = self.shared.with(|state| {
            state.reader = Reader::Discarding;
            state.drop_held();
            state.sender_waker.take()
        });
        wake(waker);
    }

    /// Leaves, but lets the writer go on to its own end.
    pub fn detach(mut self) {
        self.discard();
        self.detached = true;
    }

    /// The sleep that clause 2 forbids: a change between the two locks wakes nobody.
    #[cfg(test)]
    fn poll_receive_broken(&mut self, context: &mut Context<'_>) -> Poll<Received> {
        let taken = self.shared.with(State::take);
        if taken.is_none() {
            self.shared
                .with(|state| sleep(&mut state.receiver_waker, context));
        }
        deliver(taken)
    }
}

impl<L: Lock<State>> Drop for Receiver<L> {
    fn drop(&mut self) {
        if self.detached {
            return;
        }
        let waker = self.shared.with(|state| {
            state.reader = Reader::Gone;
            state.drop_held();
            state.sender_waker.take()
        });
        wake(waker);
    }
}

// === impl State ===

impl State {
    fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            held: BytesMut::new(),
            published: 0,
            capacity_bytes: bounds.capacity_bytes,
            growth: bounds.growth,
            written: 0,
            taken: 0,
            end: None,
            reader: Reader::Listening,
            receiver_waker: None,
            sender_waker: None,
            waiting_since: None,
            #[cfg(test)]
            break_clause_two: false,
        }
    }

    fn room(&self) -> Result<usize, Closed> {
        match self.reader {
            Reader::Listening => Ok(self.capacity_bytes - self.held.len()),
            Reader::Discarding => Ok(usize::MAX),
            Reader::Gone => Err(Closed),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> (Result<usize, Closed>, Option<Waker>) {
        let accepted = match self.room() {
            Ok(room) => room.min(bytes.len()),
            Err(closed) => return (Err(closed), None),
        };
        self.written += accepted as u64;
        if self.reader == Reader::Discarding {
            return (Ok(accepted), None);
        }
        self.held.extend_from_slice(&bytes[..accepted]);
        let held_back = self.held.len() - self.published;
        let full = self.held.len() == self.capacity_bytes;
        if !full && held_back < self.bounds.hold_bytes {
            return (Ok(accepted), None);
        }
        self.show();
        let wakes = full || self.published >= self.bounds.wake_bytes;
        let waker = wakes.then(|| self.receiver_waker.take()).flatten();
        (Ok(accepted), waker)
    }

    /// Returns whom to wake, after the lock is released.
    fn publish(&mut self) -> Option<Waker> {
        self.show();
        if self.published == 0 {
            return None;
        }
        self.receiver_waker.take()
    }

    /// Makes all that is held receivable.
    fn show(&mut self) {
        if self.published == 0 && !self.held.is_empty() {
            self.waiting_since = Some(Instant::now());
        }
        self.published = self.held.len();
    }

    fn take(&mut self) -> Option<(Received, Option<Waker>)> {
        if self.published == 0 && self.end.is_none() {
            return None;
        }
        let was_full = self.held.len() == self.capacity_bytes;
        let bytes = self.held.split_to(self.published).freeze();
        self.taken += bytes.len() as u64;
        self.published = 0;
        if let [next, later @ ..] = self.growth
            && was_full
            && self.taken >= next.after_bytes
        {
            self.capacity_bytes = next.capacity_bytes;
            self.growth = later;
        }
        let received = Received {
            bytes,
            end: self.end.take(),
        };
        Some((received, self.sender_waker.take()))
    }

    fn drop_held(&mut self) {
        self.held = BytesMut::new();
        self.published = 0;
    }

    fn stalled_since(&self) -> Option<Instant> {
        self.waiting_since.filter(|_| self.published > 0)
    }
}

fn deliver(taken: Option<(Received, Option<Waker>)>) -> Poll<Received> {
    match taken {
        Some((received, waker)) => {
            wake(waker);
            Poll::Ready(received)
        }
        None => Poll::Pending,
    }
}

fn sleep(slot: &mut Option<Waker>, context: &Context<'_>) {
    match slot {
        Some(waker) if waker.will_wake(context.waker()) => {}
        _ => *slot = Some(context.waker().clone()),
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
