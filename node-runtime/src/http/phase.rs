//! What a connection waits for, since when, and until when it may.
//!
//! Four phases: the first byte, the rest of a head, the next request, or (busy)
//! our own answer. A request costs four atomic operations and two looks at the clock.
//! It knows neither sockets nor hyper: who reads bytes and who answers tells it.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::Config;

/// What a connection is doing, and since when (measured from its opening).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Connected, and not a byte has come.
    FirstByte,
    /// A request's head has begun.
    Head(Duration),
    /// Between requests.
    Idle(Duration),
    /// At least one request is being answered.
    Busy,
}

/// The phase of one connection, written by its task and read by the server.
#[derive(Debug)]
pub(super) struct Phases {
    opened: Instant,
    /// Two bits of phase above milliseconds since `opened`.
    phase: AtomicU64,
    /// HTTP/2: when the header block that is still open began, plus one; 0 for none.
    block: AtomicU64,
    active: AtomicU32,
}

const TAG_SHIFT: u32 = 62;
const FIRST_BYTE: u64 = 0;
const HEAD: u64 = 1;
const IDLE: u64 = 2;

// === impl Phases ===

impl Phases {
    pub(super) fn new(opened: Instant) -> Self {
        Phases {
            opened,
            phase: AtomicU64::new(FIRST_BYTE << TAG_SHIFT),
            block: AtomicU64::new(0),
            active: AtomicU32::new(0),
        }
    }

    pub(super) fn phase(&self) -> Phase {
        // Work may begin and end on any thread: the count says whether there is
        // some, the word only since when there is none.
        if self.is_busy() {
            return Phase::Busy;
        }
        let word = self.phase.load(Ordering::Relaxed);
        let since = Duration::from_millis(word & ((1 << TAG_SHIFT) - 1));
        match word >> TAG_SHIFT {
            FIRST_BYTE => Phase::FirstByte,
            HEAD => Phase::Head(since),
            _ => Phase::Idle(since),
        }
    }

    /// How much is owed to the client: answers, and what runs on behind them.
    pub(super) fn active(&self) -> usize {
        self.active.load(Ordering::SeqCst) as usize
    }

    fn is_busy(&self) -> bool {
        self.active() > 0
    }

    /// HTTP/1 bytes came; outside a request they belong to a head, and this says so.
    pub(super) fn bytes_came(&self) -> bool {
        if self.is_busy() {
            return false;
        }
        let tag = self.phase.load(Ordering::Relaxed) >> TAG_SHIFT;
        if tag != HEAD {
            self.set(HEAD, self.millis());
        }
        true
    }

    /// HTTP/2 begins: between requests until a header block opens.
    pub(super) fn await_request(&self) {
        self.set(IDLE, self.millis());
    }

    /// HTTP/2 bytes came, and ended inside a head (or not).
    pub(super) fn head_is_open(&self, open: bool) {
        let known = self.block.load(Ordering::Relaxed) != 0;
        if open && !known {
            self.block.store(self.millis() + 1, Ordering::Relaxed);
        } else if !open && known {
            self.block.store(0, Ordering::Relaxed);
        }
    }

    /// A request (or other work) begins.
    pub(super) fn begin(&self) {
        self.active.fetch_add(1, Ordering::SeqCst);
    }

    /// A request (or other work) is over; says whether it was the last.
    pub(super) fn end(&self) -> bool {
        // Before the count says so, or a head's old time would show for a moment.
        self.set(IDLE, self.millis());
        self.active.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// Since when nothing is owed to the client, if so.
    ///
    /// One that never sent a byte counts: it must not hold a place for ever.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        match self.phase() {
            Phase::FirstByte => Some(self.opened),
            Phase::Idle(since) => Some(self.opened + since),
            Phase::Head(_) | Phase::Busy => None,
        }
    }

    /// When the client will have had its time, if it is the one to act.
    pub(super) fn deadline(&self, config: &Config) -> Option<Instant> {
        let phase = match self.phase() {
            Phase::FirstByte => Some(config.first_byte),
            Phase::Head(since) => Some(since + config.head),
            Phase::Idle(since) => Some(since + config.keep_alive),
            Phase::Busy => None,
        };
        let block = match self.block.load(Ordering::Relaxed) {
            0 => None,
            since => Some(Duration::from_millis(since - 1) + config.head),
        };
        let first = match (phase, block) {
            (Some(phase), Some(block)) => Some(phase.min(block)),
            (phase, block) => phase.or(block),
        };
        first.map(|after| self.opened + after)
    }

    fn set(&self, tag: u64, millis: u64) {
        self.phase
            .store(tag << TAG_SHIFT | millis, Ordering::Relaxed);
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX >> 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(30),
            keep_alive: Duration::from_secs(600),
            ..Config::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_own_deadline() {
        let opened = Instant::now();
        let phases = Phases::new(opened);
        let deadline = || phases.deadline(&config()).map(|at| at - opened);
        assert_eq!(deadline(), Some(Duration::from_secs(10)));

        tokio::time::advance(Duration::from_secs(4)).await;
        assert!(phases.bytes_came());
        assert_eq!(deadline(), Some(Duration::from_secs(34)));

        tokio::time::advance(Duration::from_secs(5)).await;
        phases.bytes_came();
        assert_eq!(
            deadline(),
            Some(Duration::from_secs(34)),
            "no byte renews it"
        );

        phases.begin();
        assert_eq!(deadline(), None);

        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(phases.end());
        assert_eq!(deadline(), Some(Duration::from_secs(610)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_header_block_has_a_deadline_while_others_are_answered() {
        let opened = Instant::now();
        let phases = Phases::new(opened);
        phases.await_request();
        phases.begin();
        tokio::time::advance(Duration::from_secs(2)).await;
        phases.head_is_open(true);
        tokio::time::advance(Duration::from_secs(2)).await;
        phases.head_is_open(true);
        let deadline = phases.deadline(&config()).map(|at| at - opened);
        assert_eq!(deadline, Some(Duration::from_secs(32)));
        phases.head_is_open(false);
        assert_eq!(phases.deadline(&config()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_end_of_the_last_request_makes_idle() {
        let phases = Phases::new(Instant::now());
        phases.begin();
        phases.begin();
        assert!(!phases.end());
        assert_eq!(phases.idle_since(), None);
        assert!(phases.end());
        assert!(phases.idle_since().is_some());
    }
}
