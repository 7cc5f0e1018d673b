//! One connection, as everything that happens on it sees it.
//!
//! Requests, bodies, guests and the server hold it by `Arc`; the connection's
//! task alone acts. Whatever is handed to [`Scope::beside`] lives no longer than
//! the connection. It does not know hyper.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::task::Context;
use std::time::Duration;

use futures::task::AtomicWaker;
use http::HeaderMap;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;

use super::Config;
use super::beside::Inbox;
use super::flush::Flushes;
use super::forwarded::Origin;
use super::framing::Framing;
use super::host::Authority;
use super::phase::Phases;
use super::stall::Stall;

/// What all connections of one server share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: Config,
    /// How many connections may read what nobody wants, at the same time.
    pub(super) drains: Arc<Semaphore>,
    /// Bytes read ahead of hyper, on all connections.
    pub(super) ahead: AtomicUsize,
    /// Whether the server holds a connection back for want of a place.
    pub(super) full: AtomicBool,
    /// A connection became idle while `full`.
    pub(super) freed: Notify,
}

/// One client's connection.
pub struct Scope {
    peer: SocketAddr,
    local: SocketAddr,
    pub(super) shared: Arc<Shared>,
    pub(super) phases: Phases,
    pub(super) flushes: Flushes,
    pub(super) inbox: Inbox,
    pub(super) framing: Framing,
    pub(super) stall: Stall,
    orders: AtomicU8,
    waker: AtomicWaker,
    /// HTTP/1: the request that is answered now, or none, or cut.
    current: AtomicU64,
    /// HTTP/1: the request's body was given up before its end.
    abandoned: AtomicBool,
    /// HTTP/1: such a body was read for as long as we care to.
    spent: AtomicBool,
    /// HTTP/1: the answer ended in an error after its head.
    broken: AtomicBool,
    /// HTTP/1: the client speaks 1.0, where only a reset shows a broken answer.
    old_version: AtomicBool,
}

/// Something for the connection's task to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Finish what is under way and close.
    Drain = 1,
    /// Another client needs the place.
    Evict = 2,
    /// Reset the connection: its answer must break now.
    Cut = 4,
    /// The time to finish is over: end what makes answers, and let them break.
    Break = 8,
    /// Break what is left although nobody takes it.
    Drop = 16,
}

/// Held while something is owed to the client; the connection is idle without one.
pub(super) struct Active(Arc<Scope>);

const NO_REQUEST: u64 = 0;
const CUT: u64 = u64::MAX;

// === impl Shared ===

impl Shared {
    pub(super) fn new(config: Config) -> Self {
        Shared {
            drains: Arc::new(Semaphore::new(config.max_drains)),
            ahead: AtomicUsize::new(0),
            full: AtomicBool::new(false),
            freed: Notify::new(),
            config,
        }
    }
}

// === impl Scope ===

impl Scope {
    pub(super) fn new(peer: SocketAddr, local: SocketAddr, shared: Arc<Shared>) -> Arc<Self> {
        Arc::new(Scope {
            peer,
            local,
            shared,
            phases: Phases::new(Instant::now()),
            flushes: Flushes::default(),
            inbox: Inbox::default(),
            framing: Framing::default(),
            stall: Stall::default(),
            orders: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            current: AtomicU64::new(NO_REQUEST),
            abandoned: AtomicBool::new(false),
            spent: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            old_version: AtomicBool::new(false),
        })
    }

    /// The client's address, as the socket has it.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Our address, as the client reached it.
    pub fn local(&self) -> SocketAddr {
        self.local
    }

    /// Where a request on it comes from, and which host it is for, as trusted proxies say.
    pub fn origin<'a>(&self, headers: &'a HeaderMap, authority: Authority<'a>) -> Origin<'a> {
        let seen = Origin::seen(self.peer, authority);
        self.shared.config.trusted_proxies.correct(headers, seen)
    }

    /// Runs `task` as part of the connection, which is not idle meanwhile.
    ///
    /// Meant for what outlives its answer, such as a guest whose answer has no body.
    ///
    /// # Cancellation
    ///
    /// The task is dropped when the client goes or the connection is ended, and
    /// at once if that has already happened.
    pub fn beside(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let active = self.active();
        self.inbox.push(async move {
            task.await;
            drop(active);
        });
        self.waker.wake();
    }

    /// How long the client may from now on take nothing of what waits for it.
    pub fn limit_stall(&self, limit: Duration) {
        self.stall.set_limit(limit);
    }

    /// Whether what is dropped now is dropped because the client took nothing for too long.
    pub fn is_stalled(&self) -> bool {
        self.stall.is_over()
    }

    /// Whether what makes an answer has to end now, as the server's time is over.
    ///
    /// Everything on the connection is polled once when that begins.
    pub fn is_breaking(&self) -> bool {
        self.ordered(Order::Break)
    }

    pub(super) fn active(self: &Arc<Self>) -> Active {
        self.phases.begin();
        Active(self.clone())
    }

    pub(super) fn order(&self, order: Order) {
        self.orders.fetch_or(order as u8, Ordering::SeqCst);
        self.waker.wake();
    }

    /// Whether `order` was given; whoever asks is woken by the next order.
    pub(super) fn ordered(&self, order: Order) -> bool {
        self.orders.load(Ordering::SeqCst) & order as u8 != 0
    }

    /// As [`ordered`](Self::ordered), once.
    pub(super) fn take_order(&self, order: Order) -> bool {
        self.ordered(order)
            && self.orders.fetch_and(!(order as u8), Ordering::SeqCst) & order as u8 != 0
    }

    pub(super) fn listen(&self, context: &Context<'_>) {
        self.waker.register(context.waker());
    }

    // HTTP/1 answers one request at a time: what follows is about that one.

    pub(super) fn request_begins(&self, number: u64, old_version: bool) {
        self.old_version.store(old_version, Ordering::Relaxed);
        self.current.store(number, Ordering::SeqCst);
    }

    pub(super) fn request_ends(&self, number: u64) {
        let _ = self.swap_current(number, NO_REQUEST);
    }

    /// Resets the connection, unless that request's answer is complete.
    pub(super) fn cut(&self, number: u64) {
        if self.swap_current(number, CUT) {
            self.order(Order::Cut);
        }
    }

    fn swap_current(&self, from: u64, to: u64) -> bool {
        self.current
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    pub(super) fn set_abandoned(&self, abandoned: bool) {
        self.abandoned.store(abandoned, Ordering::Relaxed);
    }

    pub(super) fn is_abandoned(&self) -> bool {
        self.abandoned.load(Ordering::Relaxed)
    }

    pub(super) fn set_spent(&self) {
        self.spent.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.spent.load(Ordering::Relaxed)
    }

    pub(super) fn set_broken(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Whether only a reset can tell the client that its answer is incomplete.
    pub(super) fn needs_reset(&self) -> bool {
        self.broken.load(Ordering::Relaxed) && self.old_version.load(Ordering::Relaxed)
    }
}

impl std::fmt::Debug for Scope {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Scope")
            .field("peer", &self.peer)
            .field("local", &self.local)
            .field("phase", &self.phases.phase())
            .finish_non_exhaustive()
    }
}

// === impl Active ===

impl Drop for Active {
    fn drop(&mut self) {
        // The server waits for an idle connection only when all places are taken.
        if self.0.phases.end() && self.0.shared.full.load(Ordering::SeqCst) {
            self.0.shared.freed.notify_one();
        }
    }
}
