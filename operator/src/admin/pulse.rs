//! Whether the threads of the process still come to their next piece of work.
//!
//! They are asked when somebody wants to know, and not again before they have answered. Being late
//! is not being stuck: a machine may be busy. Only who has not answered for a long time is.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// How long an answer is waited for; probes have a second by default.
const PATIENCE: Duration = Duration::from_millis(500);
/// Longer than any piece of work: the largest are a look at all routes.
const STUCK: Duration = Duration::from_secs(10);

/// Asks the threads of one runtime.
pub(super) struct Pulse {
    threads: Handle,
    asked: Mutex<Option<Question>>,
}

/// What was not answered yet.
struct Question {
    since: Instant,
    answer: oneshot::Receiver<()>,
}

/// What is known of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// They have answered.
    Answered,
    /// Not yet, for so long.
    Late(Duration),
    /// Not for too long.
    Stuck(Duration),
}

// === impl Pulse ===

impl Pulse {
    pub(super) const fn new(threads: Handle) -> Self {
        Self {
            threads,
            asked: Mutex::new(None),
        }
    }

    /// What they say.
    ///
    /// # Cancellation
    ///
    /// The question is asked anew.
    pub(super) async fn beat(&self) -> Beat {
        let mut question = self.take().unwrap_or_else(|| self.ask());
        // An error is an answer that was dropped: the process is ending.
        let answered = tokio::time::timeout(PATIENCE, &mut question.answer).await;
        if answered.is_ok() {
            return Beat::Answered;
        }
        let late = question.since.elapsed();
        self.put_back(question);
        if late < STUCK {
            Beat::Late(late)
        } else {
            Beat::Stuck(late)
        }
    }

    fn ask(&self) -> Question {
        let (answer, answered) = oneshot::channel();
        self.threads.spawn(async move {
            // Whoever asked may have given up.
            let _ = answer.send(());
        });
        Question {
            since: Instant::now(),
            answer: answered,
        }
    }

    fn take(&self) -> Option<Question> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.take()
    }

    /// Of two that were asked at a time the older one tells more.
    fn put_back(&self, question: Question) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_older = asked
            .as_ref()
            .is_none_or(|other| question.since < other.since);
        if is_older {
            *asked = Some(question);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_that_do_not_answer_are_late_and_then_stuck_and_alive_once_they_do() {
        // A runtime of one thread whose thread is nowhere: it answers when it is run.
        let threads = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let asking = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let pulse = Pulse::new(threads.handle().clone());
        asking.block_on(async {
            assert_eq!(pulse.beat().await, Beat::Late(PATIENCE));
            assert_eq!(pulse.beat().await, Beat::Late(PATIENCE * 2));
            tokio::time::advance(STUCK).await;
            assert_eq!(pulse.beat().await, Beat::Stuck(STUCK + PATIENCE * 3));
        });
        threads.block_on(tokio::task::yield_now());
        asking.block_on(async {
            assert_eq!(pulse.beat().await, Beat::Answered);
        });
    }
}
