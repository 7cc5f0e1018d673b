//! What is worth trying again, and when.
//!
//! `of` is the one place that decides. A pull itself tries again a few times, for what passes in
//! seconds; whoever wants a module for as long as it takes asks [`delay`] how long to wait.
//! What needs a person (a push, a permission) is asked for more rarely than what heals by itself.

use std::time::{Duration, SystemTime};

use backon::{BackoffBuilder, ExponentialBackoff, ExponentialBuilder};

use crate::credentials::CredentialsError;
use crate::error::{Problem, Refused};
use crate::transport::TransportError;

/// A registry may ask for patience, but not for for ever.
const MOST_RETRY_AFTER: Duration = Duration::from_secs(3600);
/// A pull does not wait longer than this between two tries.
const MOST_IN_PULL: Duration = Duration::from_secs(5);
/// How often a pull tries again.
const TIMES_IN_PULL: usize = 3;

/// Whether to try again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Not before something else changes.
    Never,
    /// After a while.
    After {
        /// What the registry asked for.
        at_least: Option<Duration>,
        /// How long a while is.
        class: Class,
    },
}

/// How long a while is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It heals by itself: a second, up to a minute.
    Short,
    /// A person has to do something: half a minute, up to ten.
    Long,
}

/// Tries that one call has left.
pub(crate) struct Patience(ExponentialBackoff);

/// What a problem means for trying again.
pub(crate) fn of(problem: &Problem) -> Retry {
    let after = |class| Retry::After {
        at_least: None,
        class,
    };
    match problem {
        Problem::Transport(error) => after(of_transport(error)),
        Problem::Refused(refused) => of_refused(refused),
        Problem::Auth(error) => match error.inner() {
            Ok(transport) => after(of_transport(transport)),
            Err(()) => after(Class::Long),
        },
        Problem::Credentials(CredentialsError::HelperTimeout { .. }) => after(Class::Short),
        Problem::Credentials(_) | Problem::ManifestDigest { .. } | Problem::Digest { .. } => {
            after(Class::Long)
        }
        // A proxy in between gave up.
        Problem::Size {
            expected, actual, ..
        } if actual < expected => after(Class::Short),
        Problem::Size { .. } => after(Class::Long),
        // The same bytes would be refused again, and a full disk is not the registry's.
        Problem::Artifact(_) | Problem::TooLarge { .. } | Problem::Sink(_) | Problem::Push(_) => {
            Retry::Never
        }
    }
}

fn of_transport(error: &TransportError) -> Class {
    match error {
        TransportError::Connect { .. }
        | TransportError::Timeout { .. }
        | TransportError::Broken { .. } => Class::Short,
        TransportError::Untrusted { .. }
        | TransportError::SpeaksPlain { .. }
        | TransportError::Redirect { .. }
        | TransportError::TooLong { .. }
        | TransportError::NoTls(_) => Class::Long,
    }
}

fn of_refused(refused: &Refused) -> Retry {
    let class = match refused.status.as_u16() {
        408 | 425 | 429 | 500..=599 => Class::Short,
        _ => Class::Long,
    };
    Retry::After {
        at_least: refused.retry_after,
        class,
    }
}

/// How long to wait before try number `attempt` (0 is the first that follows a failure).
///
/// Doubled each time up to the class's most, and made longer by chance, so that those who failed together
/// do not come back together.
pub fn delay(class: Class, attempt: usize) -> Duration {
    let (least, most) = match class {
        Class::Short => (Duration::from_secs(1), Duration::from_secs(60)),
        Class::Long => (Duration::from_secs(30), Duration::from_secs(600)),
    };
    // A dozen doublings reach the most of either.
    let attempt = attempt.min(12);
    ExponentialBuilder::new()
        .with_min_delay(least)
        .with_max_delay(most)
        .with_max_times(attempt + 1)
        .with_jitter()
        .build()
        .last()
        .unwrap_or(most)
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3); bounded.
pub(crate) fn parse_retry_after(text: &str, now: SystemTime) -> Option<Duration> {
    let text = text.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text)
            .ok()?
            .duration_since(now)
            .unwrap_or_default(),
    };
    Some(wait.min(MOST_RETRY_AFTER))
}

// === impl Patience ===

impl Patience {
    pub(crate) fn new() -> Self {
        Self(
            ExponentialBuilder::new()
                .with_min_delay(Duration::from_millis(200))
                .with_max_delay(MOST_IN_PULL)
                .with_max_times(TIMES_IN_PULL)
                .with_jitter()
                .build(),
        )
    }

    /// Waits until it is time to try again, or gives the problem back.
    pub(crate) async fn outlast(&mut self, problem: Problem) -> Result<(), Problem> {
        let Retry::After {
            at_least,
            class: Class::Short,
        } = of(&problem)
        else {
            return Err(problem);
        };
        let at_least = at_least.unwrap_or_default();
        match self.0.next() {
            // Longer than that is the caller's to wait, who knows what else there is to do.
            Some(wait) if at_least <= MOST_IN_PULL => {
                tracing::debug!(%problem, "trying again");
                tokio::time::sleep(wait.max(at_least)).await;
                Ok(())
            }
            _ => Err(problem),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::What;

    fn refused(status: u16, retry_after: Option<Duration>) -> Problem {
        Problem::Refused(Refused {
            host: "r.example".to_owned(),
            what: What::Manifest,
            status: http::StatusCode::from_u16(status).unwrap(),
            retry_after,
            said: None,
        })
    }

    #[test]
    fn what_a_person_must_mend_waits_longer() {
        for (status, expected) in [
            (401, Class::Long),
            (403, Class::Long),
            (404, Class::Long),
            (429, Class::Short),
            (500, Class::Short),
            (503, Class::Short),
        ] {
            let Retry::After { class, .. } = of(&refused(status, None)) else {
                panic!("{status} is never tried again");
            };
            assert_eq!(class, expected, "{status}");
        }
        for attempt in 0..20 {
            assert!(
                delay(Class::Long, attempt) > delay(Class::Short, 0).min(Duration::from_secs(3))
            );
            assert!(delay(Class::Short, attempt) <= Duration::from_secs(120));
            assert!(delay(Class::Long, attempt) <= Duration::from_secs(1200));
        }
        assert!(delay(Class::Long, 0) >= Duration::from_secs(30));
        assert!(delay(Class::Short, 10) >= Duration::from_secs(60));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_bounded() {
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").unwrap();
        for (text, expected) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("999999999", Some(3600)),
            ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60)),
            ("Sun, 06 Nov 1994 08:00:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ] {
            assert_eq!(
                parse_retry_after(text, now),
                expected.map(Duration::from_secs),
                "{text}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pull_waits_for_what_passes_in_seconds_only() {
        let mut patience = Patience::new();
        let began = tokio::time::Instant::now();
        assert!(patience.outlast(refused(404, None)).await.is_err());
        let hour = Some(Duration::from_secs(3600));
        assert!(patience.outlast(refused(429, hour)).await.is_err());
        assert_eq!(began.elapsed(), Duration::ZERO);

        let mut patience = Patience::new();
        let three = Some(Duration::from_secs(3));
        assert!(patience.outlast(refused(429, three)).await.is_ok());
        assert!(began.elapsed() >= Duration::from_secs(3));
        for _ in 1..TIMES_IN_PULL {
            assert!(patience.outlast(refused(503, None)).await.is_ok());
        }
        assert!(patience.outlast(refused(503, None)).await.is_err());
    }
}
