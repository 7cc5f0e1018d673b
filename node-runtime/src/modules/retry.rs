//! When to try again, pure.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Attempts beyond do not wait longer.
pub(super) const MOST_ATTEMPTS: u32 = 16;

/// When something that failed may be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It fails until it is another thing: other bytes, another reference.
    Never,
    /// It passes by itself: 1 s, doubling up to a minute, and not before the server asked for.
    Soon {
        /// What the server asked for.
        at_least: Duration,
    },
    /// Somebody has to do something: 30 s, doubling up to ten minutes.
    Later {
        /// What the server asked for.
        at_least: Duration,
    },
}

// === impl Retry ===

impl Retry {
    /// How long to wait after so many failures before this one. A random part of up to a half keeps
    /// what failed together from coming back together.
    pub(super) fn delay(self, attempts: u32) -> Option<Duration> {
        let (first, longest, at_least) = match self {
            Self::Never => return None,
            Self::Soon { at_least } => (Duration::from_secs(1), Duration::from_secs(60), at_least),
            Self::Later { at_least } => {
                (Duration::from_secs(30), Duration::from_secs(600), at_least)
            }
        };
        let doubled = first.saturating_mul(1 << attempts.min(MOST_ATTEMPTS));
        let whole = doubled.min(longest);
        Some(whole.mul_f64(0.5 + part() / 2.0).max(at_least))
    }
}

/// A number from 0 to 1 that differs every time.
fn part() -> f64 {
    let random = RandomState::new().hash_one(0_u8) >> 32;
    f64::from(u32::try_from(random).expect("the upper half was shifted down")) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_their_longest() {
        let soon = Retry::Soon {
            at_least: Duration::ZERO,
        };
        let later = Retry::Later {
            at_least: Duration::ZERO,
        };
        for (retry, attempts, longest) in [
            (soon, 0, 1),
            (soon, 3, 8),
            (soon, 9, 60),
            (later, 0, 30),
            (later, 4, 480),
            (later, 60, 600),
        ] {
            let delay = retry.delay(attempts).expect("it is tried again");
            let longest = Duration::from_secs(longest);
            assert!(
                delay >= longest / 2 && delay <= longest,
                "{retry:?} {attempts} {delay:?}"
            );
        }
        assert_eq!(Retry::Never.delay(0), None);
    }

    #[test]
    fn what_a_server_asks_for_is_waited_out() {
        let at_least = Duration::from_secs(3600);
        let delay = Retry::Soon { at_least }.delay(0);
        assert_eq!(delay, Some(at_least));
    }
}
