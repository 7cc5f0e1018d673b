//! How long a client may take nothing of what waits for it outside of its guest's bridge.
//!
//! What the kernel holds for a client is watched by the kernel (`TCP_USER_TIMEOUT`, tcp(7)), which
//! alone knows what was taken. What waits in h2 for a stream's window is looked at by the
//! connection's task, one look a limit. A request says its route's limit, at the price of an
//! atomic store. It does not know guests.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpStream;

/// The limit of one connection, and whether it is over.
#[derive(Debug, Default)]
pub(super) struct Stall {
    /// Of the route that was asked last, in milliseconds; 0 before.
    limit: AtomicU64,
    looks: AtomicU64,
    /// Streams have windows that the kernel knows nothing of.
    has_streams: AtomicBool,
    is_over: AtomicBool,
}

/// The kernel's clock, as it was set last.
#[derive(Debug, Default)]
pub(super) struct KernelClock(Option<Duration>);

// === impl Stall ===

impl Stall {
    /// From now on the client has so long.
    pub(super) fn set_limit(&self, limit: Duration) {
        let millis = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.limit.store(millis.max(1), Ordering::Relaxed);
    }

    pub(super) fn limit(&self) -> Option<Duration> {
        match self.limit.load(Ordering::Relaxed) {
            0 => None,
            millis => Some(Duration::from_millis(millis)),
        }
    }

    /// Its client's streams are to be looked at.
    pub(super) fn has_streams(&self) {
        self.has_streams.store(true, Ordering::Relaxed);
    }

    /// How often to look at streams, if there are such.
    pub(super) fn look_every(&self) -> Option<Duration> {
        let has_streams = self.has_streams.load(Ordering::Relaxed);
        self.limit().filter(|_| has_streams)
    }

    /// The number of the look that is under way.
    pub(super) fn look(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }

    pub(super) fn look_again(&self) {
        self.looks.fetch_add(1, Ordering::Relaxed);
    }

    /// The limit is over; what is dropped from now on is dropped for that.
    pub(super) fn report(&self, peer: SocketAddr) {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %peer,
                reason = "client_stalled",
                "a client took nothing of its answer for too long; it is cut off"
            );
        }
    }

    /// Was it over for one stream only, the others go on.
    pub(super) fn forget(&self) {
        self.is_over.store(false, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }
}

// === impl KernelClock ===

impl KernelClock {
    /// Sets the limit where it has changed.
    pub(super) fn follow(&mut self, limit: Option<Duration>, tcp: &TcpStream) {
        if limit == self.0 {
            return;
        }
        self.0 = limit;
        if let Err(error) = socket2::SockRef::from(tcp).set_tcp_user_timeout(limit) {
            tracing::debug!(%error, "TCP_USER_TIMEOUT was refused");
        }
    }
}

/// Whether the kernel gave a connection up because its client took nothing.
pub(super) fn is_stall(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::TimedOut
}

#[cfg(test)]
mod tests;
