//! Reads a little ahead of hyper when nobody reads, to see the client go.
//!
//! A close that stands behind bytes for which our kernel has no room stays in
//! the client's kernel, invisible. So where hyper has not asked for bytes for a
//! moment (an unread upload, pipelined requests), some are taken from the kernel
//! and kept for it: within a bound per connection and one per server. HTTP/2
//! needs none of it, since h2 reads always. It does not know what the bytes are.

use std::future::Future;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::io::{is_transient, read};
use super::scope::Scope;

/// How long hyper may leave bytes unread first: a service that reads at all
/// does so sooner, and then nothing is copied twice.
const PATIENCE: Duration = Duration::from_millis(5);
/// Kept for one connection.
const PER_CONNECTION: usize = 1 << 20;
/// Kept for all connections of a server.
pub(super) const PER_SERVER: usize = 64 << 20;
const READ: usize = 32 * 1024;

/// What was read before hyper asked. Used by the connection's task alone.
pub(super) struct Ahead {
    scope: Arc<Scope>,
    any: AtomicBool,
    kept: Mutex<BytesMut>,
    /// How much of `kept` is on the server's account.
    charged: AtomicUsize,
    /// hyper asked for bytes and waits for them.
    is_asked: AtomicBool,
    reads: AtomicU64,
}

/// Decides when to read ahead, and does.
pub(super) struct Lookout {
    timer: Option<Pin<Box<Sleep>>>,
    /// hyper's reads when the timer was set.
    reads: u64,
    is_looking: bool,
}

// === impl Ahead ===

impl Ahead {
    /// Begins with what was read to choose the protocol.
    pub(super) fn new(scope: Arc<Scope>, first: Bytes) -> Self {
        Ahead {
            scope,
            any: AtomicBool::new(!first.is_empty()),
            kept: Mutex::new(first.into()),
            charged: AtomicUsize::new(0),
            is_asked: AtomicBool::new(false),
            reads: AtomicU64::new(0),
        }
    }

    /// Gives up to `room` bytes that were kept.
    pub(super) fn take(&self, room: usize) -> Option<BytesMut> {
        if !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut kept = self.lock();
        let count = room.min(kept.len());
        let bytes = kept.split_to(count);
        if kept.is_empty() {
            self.any.store(false, Ordering::Relaxed);
            *kept = BytesMut::new();
            self.refund();
        }
        Some(bytes)
    }

    /// Whether bytes are kept for hyper.
    pub(super) fn has_some(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// hyper asked for bytes, and got some or waits.
    pub(super) fn asked(&self, waits: bool) {
        self.is_asked.store(waits, Ordering::Relaxed);
        if !waits {
            let reads = self.reads.load(Ordering::Relaxed);
            self.reads.store(reads + 1, Ordering::Relaxed);
        }
    }

    /// Reads until nothing is there, or there is no room.
    #[inline(never)]
    fn fill(&self, tcp: &TcpStream, context: &mut Context<'_>) {
        let mut buffer = [MaybeUninit::<u8>::uninit(); READ];
        loop {
            if self.lock().len() >= PER_CONNECTION || !self.charge(READ) {
                return;
            }
            let bytes = match tcp.poll_read_ready(context) {
                Poll::Ready(Ok(())) => read(tcp, &mut buffer),
                _ => return self.uncharge(READ),
            };
            match bytes {
                // The end, and errors: hang-up is seen elsewhere.
                Ok([]) => return self.uncharge(READ),
                Ok(bytes) => {
                    self.uncharge(READ - bytes.len());
                    self.lock().extend_from_slice(bytes);
                    self.any.store(true, Ordering::Relaxed);
                }
                Err(error) if is_transient(&error) => self.uncharge(READ),
                Err(_) => return self.uncharge(READ),
            }
        }
    }

    fn charge(&self, count: usize) -> bool {
        let account = &self.scope.shared.ahead;
        if account.fetch_add(count, Ordering::Relaxed) + count > PER_SERVER {
            account.fetch_sub(count, Ordering::Relaxed);
            return false;
        }
        self.charged.fetch_add(count, Ordering::Relaxed);
        true
    }

    fn uncharge(&self, count: usize) {
        self.charged.fetch_sub(count, Ordering::Relaxed);
        self.scope.shared.ahead.fetch_sub(count, Ordering::Relaxed);
    }

    fn refund(&self) {
        self.uncharge(self.charged.load(Ordering::Relaxed));
    }

    fn lock(&self) -> MutexGuard<'_, BytesMut> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.refund();
    }
}

// === impl Lookout ===

impl Lookout {
    pub(super) fn new() -> Self {
        Lookout {
            timer: None,
            reads: 0,
            is_looking: false,
        }
    }

    /// Looks for the client, after hyper had its turn.
    pub(super) fn poll(&mut self, ahead: &Ahead, tcp: &TcpStream, context: &mut Context<'_>) {
        if ahead.is_asked.load(Ordering::Relaxed) {
            self.is_looking = false;
            return;
        }
        while !self.is_looking {
            let reads = ahead.reads.load(Ordering::Relaxed);
            let timer = self.timer.get_or_insert_with(|| {
                self.reads = reads;
                Box::pin(sleep(PATIENCE))
            });
            if timer.as_mut().poll(context).is_pending() {
                return;
            }
            self.is_looking = self.reads == reads;
            if !self.is_looking {
                self.reads = reads;
                timer.as_mut().reset(Instant::now() + PATIENCE);
            }
        }
        ahead.fill(tcp, context);
    }
}
