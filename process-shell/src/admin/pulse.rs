//! Whether the threads of the process still come to their next piece of work.
//!
//! Each is asked when somebody wants to know, and not again before it has answered. Being late is
//! not being stuck: a machine may be busy. Only who has not answered for a long time is, which shows
//! when the next one wants to know.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::oneshot;

/// How long an answer is waited for; probes have a second by default.
const PATIENCE: Duration = Duration::from_millis(500);
/// Longer than any piece of work or queue of them.
const STUCK: Duration = Duration::from_secs(10);

/// Who has to answer.
pub struct Pulse {
    name: &'static str,
    ask: Box<dyn Fn() -> oneshot::Receiver<()> + Send + Sync>,
}

/// All who have to.
pub(super) struct Heart {
    asked: Mutex<Vec<(Pulse, Option<Question>)>>,
}

/// What was not answered yet.
struct Question {
    since: Instant,
    answer: oneshot::Receiver<()>,
}

/// What is known of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    /// It has answered.
    Answered,
    /// Not yet, for so long.
    Late(Duration),
    /// Not for too long.
    Stuck(Duration),
}

// === impl Pulse ===

impl Pulse {
    /// `ask` asks; who is asked answers with its next piece of work.
    #[must_use]
    pub fn new(
        name: &'static str,
        ask: impl Fn() -> oneshot::Receiver<()> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            ask: Box::new(ask),
        }
    }

    /// The threads of a tokio runtime have to answer: whichever comes to its next task first.
    #[must_use]
    pub fn of_runtime(name: &'static str, runtime: Handle) -> Self {
        Self::new(name, move || {
            let (answer, answered) = oneshot::channel();
            runtime.spawn(async move {
                // Whoever asked may have given up.
                let _ = answer.send(());
            });
            answered
        })
    }
}

// === impl Heart ===

impl Heart {
    pub(super) fn new(pulses: Vec<Pulse>) -> Self {
        let asked = pulses.into_iter().map(|pulse| (pulse, None)).collect();
        Self {
            asked: Mutex::new(asked),
        }
    }

    /// What each of them says.
    pub(super) async fn beat(&self) -> Vec<(&'static str, Beat)> {
        let now = Instant::now();
        for (pulse, question) in self.lock().iter_mut() {
            question.get_or_insert_with(|| Question {
                since: now,
                answer: (pulse.ask)(),
            });
        }
        let answered = poll_fn(|context| self.poll_answers(context));
        // Who was late is seen below.
        let _ = tokio::time::timeout(PATIENCE, answered).await;
        let now = Instant::now();
        let asked = self.lock();
        let beats = asked.iter().map(|(pulse, question)| {
            let beat = match question {
                None => Beat::Answered,
                Some(Question { since, .. }) => late(now.saturating_duration_since(*since)),
            };
            (pulse.name, beat)
        });
        beats.collect()
    }

    fn poll_answers(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut is_open = false;
        for (_, asked) in self.lock().iter_mut() {
            if let Some(question) = asked {
                // An error is an answer that was dropped: the process is ending.
                match Pin::new(&mut question.answer).poll(context) {
                    Poll::Ready(_) => *asked = None,
                    Poll::Pending => is_open = true,
                }
            }
        }
        if is_open {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Pulse, Option<Question>)>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn late(since: Duration) -> Beat {
    if since < STUCK {
        Beat::Late(since)
    } else {
        Beat::Stuck(since)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_is_late_is_not_stuck_and_is_not_asked_twice() {
        let (asked, mut questions) = tokio::sync::mpsc::unbounded_channel();
        let heart = Arc::new(Heart::new(vec![
            Pulse::new("slow", move || {
                let (answer, answered) = oneshot::channel();
                asked.send(answer).expect("the test listens");
                answered
            }),
            Pulse::new("quick", || {
                let (answer, answered) = oneshot::channel();
                answer.send(()).expect("it is waited for");
                answered
            }),
        ]));
        for _ in 0..2 {
            let beats = heart.beat().await;
            assert!(matches!(beats[0], ("slow", Beat::Late(_))), "{beats:?}");
            assert_eq!(beats[1], ("quick", Beat::Answered));
        }
        let answer = questions.try_recv().expect("it was asked");
        assert!(questions.try_recv().is_err());
        answer.send(()).expect("it is waited for");
        let beating = Arc::clone(&heart);
        let beats = tokio::spawn(async move { beating.beat().await });
        assert_eq!(beats.await.expect("a task")[0], ("slow", Beat::Answered));
    }

    #[test]
    fn a_runtime_answers_once_its_threads_come_to_their_work() {
        // Its one thread is nowhere: it answers when it is run.
        let threads = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let asking = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a runtime");
        let heart = Heart::new(vec![Pulse::of_runtime("its", threads.handle().clone())]);
        let beat = || asking.block_on(heart.beat())[0].1;
        assert!(matches!(beat(), Beat::Late(_)));
        threads.block_on(tokio::task::yield_now());
        assert_eq!(beat(), Beat::Answered);
    }

    #[test]
    fn who_does_not_answer_for_long_is_stuck() {
        assert_eq!(
            late(Duration::from_secs(9)),
            Beat::Late(Duration::from_secs(9))
        );
        assert_eq!(late(STUCK), Beat::Stuck(STUCK));
    }
}
