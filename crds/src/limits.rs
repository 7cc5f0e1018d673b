//! What one route may use: defaults and bounds.
//!
//! [`Limits`] always holds values within the bounds below; [`crate::validate`] makes it from what a
//! manifest says. It does not know how a limit is enforced.

use std::ops::RangeInclusive;

use crate::duration::Duration;
use crate::quantity::Quantity;

/// What one route may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory and tables of one guest.
    pub memory: Quantity,
    /// CPU time of one guest.
    pub cpu_time: Duration,
    /// Guests that run at the same time.
    pub concurrency: u32,
    /// Bytes of a request body.
    pub request_body: Quantity,
    /// Bytes a guest may print before the blank line that ends its head.
    pub response_head: Quantity,
    /// Deadlines.
    pub timeouts: Timeouts,
}

/// How long a request may wait for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// From the match to a permit to run.
    pub queue: Duration,
    /// From the permit to the blank line that ends the head.
    pub head: Duration,
    /// Since the guest's last write, while it could write.
    pub idle: Duration,
    /// While the client neither takes nor sends what is waited for.
    pub client: Duration,
    /// From the permit to the end.
    pub total: Duration,
}

/// Below a mebibyte no guest starts; above 4 GiB a 32-bit memory does not reach.
pub const MEMORY: RangeInclusive<Quantity> =
    Quantity::from_bytes(1 << 20)..=Quantity::from_bytes(4 << 30);
/// The clock that watches guests ticks once a millisecond.
pub const CPU_TIME: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(24 * 3600);
/// A hundred times what a process runs by default: above it a number is a typing mistake.
pub const CONCURRENCY: RangeInclusive<u32> = 1..=100_000;
/// `0` refuses every request that has a body.
pub const REQUEST_BODY: RangeInclusive<Quantity> =
    Quantity::from_bytes(0)..=Quantity::from_bytes(1 << 40);
/// The head is held in memory whole.
pub const RESPONSE_HEAD: RangeInclusive<Quantity> =
    Quantity::from_bytes(256)..=Quantity::from_bytes(1 << 20);
/// `0s` answers 503 at once instead of waiting.
pub const QUEUE: RangeInclusive<Duration> = Duration::from_millis(0)..=Duration::from_secs(3600);
/// Streams may last: 30 days.
pub const TIMEOUT: RangeInclusive<Duration> =
    Duration::from_millis(1)..=Duration::from_secs(30 * 24 * 3600);

// === impl Limits ===

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: Quantity::from_bytes(128 << 20),
            cpu_time: Duration::from_secs(10),
            concurrency: 500,
            request_body: Quantity::from_bytes(64 << 20),
            response_head: Quantity::from_bytes(64 << 10),
            timeouts: Timeouts::default(),
        }
    }
}

// === impl Timeouts ===

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            queue: Duration::from_secs(1),
            head: Duration::from_secs(30),
            idle: Duration::from_secs(5 * 60),
            client: Duration::from_secs(60),
            total: Duration::from_secs(3600),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_within_the_bounds() {
        let limits = Limits::default();
        assert!(MEMORY.contains(&limits.memory));
        assert!(CPU_TIME.contains(&limits.cpu_time));
        assert!(CONCURRENCY.contains(&limits.concurrency));
        assert!(REQUEST_BODY.contains(&limits.request_body));
        assert!(RESPONSE_HEAD.contains(&limits.response_head));
        let Timeouts {
            queue,
            head,
            idle,
            client,
            total,
        } = limits.timeouts;
        assert!(QUEUE.contains(&queue));
        for timeout in [head, idle, client] {
            assert!(TIMEOUT.contains(&timeout));
            assert!(timeout <= total);
        }
    }
}
