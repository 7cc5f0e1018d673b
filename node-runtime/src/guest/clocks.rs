//! When a guest last did what, for those who bound it.
//!
//! Written by the thread that runs the guest, read by the thread that watches the limits. Nothing
//! else depends on it, so every access is relaxed: a watcher that sees a value late acts late.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a guest waits for, when that is its client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing that its client could give.
    Nothing,
    /// Bytes of the request's body.
    Input,
    /// Room for its output.
    Room,
}

/// The times of one invocation, in microseconds since its start.
#[derive(Debug)]
pub(crate) struct Clocks {
    start: Instant,
    written_bytes: AtomicU64,
    last_write: AtomicU64,
    wait: AtomicU8,
    wait_changed: AtomicU64,
    input_waits: AtomicU32,
    room_waits: AtomicU32,
}

// === impl Clocks ===

impl Clocks {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            written_bytes: AtomicU64::new(0),
            last_write: AtomicU64::new(0),
            wait: AtomicU8::new(Wait::Nothing as u8),
            wait_changed: AtomicU64::new(0),
            input_waits: AtomicU32::new(0),
            room_waits: AtomicU32::new(0),
        }
    }

    pub(crate) const fn start(&self) -> Instant {
        self.start
    }

    /// The slice that ended at `now` brought the guest's output to `written_bytes`.
    pub(crate) fn wrote(&self, written_bytes: u64, now: Instant) {
        if self.written_bytes.swap(written_bytes, Ordering::Relaxed) != written_bytes {
            self.last_write.store(self.micros(now), Ordering::Relaxed);
        }
    }

    /// The guest begins to wait for its client, or goes on.
    pub(crate) fn wait(&self, wait: Wait) {
        if self.wait.swap(wait as u8, Ordering::Relaxed) != wait as u8 {
            let now = self.micros(Instant::now());
            self.wait_changed.store(now, Ordering::Relaxed);
            match wait {
                Wait::Nothing => 0,
                Wait::Input => self.input_waits.fetch_add(1, Ordering::Relaxed),
                Wait::Room => self.room_waits.fetch_add(1, Ordering::Relaxed),
            };
        }
    }

    /// How often the guest waited for its input, and for room.
    pub(crate) fn waits(&self) -> (u32, u32) {
        let input = self.input_waits.load(Ordering::Relaxed);
        (input, self.room_waits.load(Ordering::Relaxed))
    }

    /// Since when the guest waits for bytes of the request's body.
    pub(crate) fn waits_for_input_since(&self) -> Option<Instant> {
        (self.wait.load(Ordering::Relaxed) == Wait::Input as u8)
            .then(|| self.at(self.wait_changed.load(Ordering::Relaxed)))
    }

    /// Since when the guest could have written and did not; `None` while it waits for its client.
    pub(crate) fn idle_since(&self) -> Option<Instant> {
        if self.wait.load(Ordering::Relaxed) != Wait::Nothing as u8 {
            return None;
        }
        let last_write = self.last_write.load(Ordering::Relaxed);
        let wait_ended = self.wait_changed.load(Ordering::Relaxed);
        Some(self.at(last_write.max(wait_ended)))
    }

    fn micros(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.start);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn at(&self, micros: u64) -> Instant {
        self.start + Duration::from_micros(micros)
    }
}
