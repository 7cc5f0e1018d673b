//! How long to wait, so that a thousand runtimes do not do the same at the same time.

use std::time::Duration;

use rustix::rand::{GetRandomFlags, getrandom};

/// The first pause after a failure.
const FIRST: Duration = Duration::from_millis(100);
/// No pause is longer: when the API server is back, runtimes must not be late.
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that double, with a random part.
#[derive(Debug, Default)]
pub struct Backoff {
    failures: u32,
}

// === impl Backoff ===

impl Backoff {
    /// The pause after one more failure: half of it is random.
    pub fn pause(&mut self) -> Duration {
        let pause = FIRST.saturating_mul(1 << self.failures.min(6)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        pause / 2 + up_to(pause / 2)
    }

    /// How often it failed in a row.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// It did not fail.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A random part of a time.
#[must_use]
pub fn up_to(time: Duration) -> Duration {
    let mut bytes = [0; 4];
    // Without it nothing is spread, which is no reason not to go on.
    let _ = getrandom(&mut bytes, GetRandomFlags::empty());
    time.mul_f64(f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_and_are_bounded() {
        let mut backoff = Backoff::default();
        let mut longest = Duration::ZERO;
        for round in 0..100 {
            let pause = backoff.pause();
            assert!(pause <= LONGEST, "{round}: {pause:?}");
            assert!(pause >= FIRST / 2);
            longest = longest.max(pause);
        }
        assert!(longest > LONGEST / 2);
        backoff.reset();
        assert!(backoff.pause() <= FIRST);
    }

    #[test]
    fn a_part_is_never_more_than_the_whole() {
        for _ in 0..1000 {
            assert!(up_to(Duration::from_secs(30)) <= Duration::from_secs(30));
        }
        assert_eq!(up_to(Duration::ZERO), Duration::ZERO);
    }
}
