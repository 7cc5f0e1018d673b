//! What is to be done, each key once at a time.
//!
//! A key that is added again while it waits is not added twice; one that is added while it is worked
//! on comes again afterwards. Keys may also come at a later time, the earliest wish of a key counts.
//! It knows nothing of what a key means.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::claims::Uid;
use crate::reconcile::metrics::QueueMetrics;

/// A queue with one reader.
#[derive(Debug)]
pub struct Queue {
    inner: Mutex<Inner>,
    wake: Notify,
    metrics: QueueMetrics,
}

#[derive(Debug, Default)]
struct Inner {
    ready: VecDeque<Uid>,
    /// Since when each of those waits.
    waiting: HashMap<Uid, Instant>,
    running: HashMap<Uid, Instant>,
    /// Added while it was worked on.
    again: HashSet<Uid>,
    later: BTreeMap<(Instant, u64), Uid>,
    later_of: HashMap<Uid, (Instant, u64)>,
    attempts: HashMap<Uid, usize>,
    serial: u64,
}

// === impl Queue ===

impl Queue {
    /// An empty one.
    #[must_use]
    pub fn new(metrics: QueueMetrics) -> Self {
        Self {
            inner: Mutex::default(),
            wake: Notify::new(),
            metrics,
        }
    }

    /// Adds keys.
    pub fn add(&self, keys: impl IntoIterator<Item = Uid>) {
        let mut inner = self.lock();
        let now = Instant::now();
        let added: usize = keys
            .into_iter()
            .map(|key| usize::from(inner.add(key, now)))
            .sum();
        self.metrics.added(added, inner.ready.len());
        drop(inner);
        if added > 0 {
            self.wake.notify_one();
        }
    }

    /// Adds a key at a later time, unless it comes earlier anyway.
    pub fn add_after(&self, key: Uid, delay: Duration) {
        self.lock().add_at(key, Instant::now() + delay);
        self.wake.notify_one();
    }

    /// Counts a failure of a key; how many there were before.
    pub fn failed(&self, key: &Uid) -> usize {
        self.metrics.retried();
        let mut inner = self.lock();
        let attempts = inner.attempts.entry(key.clone()).or_default();
        *attempts += 1;
        *attempts - 1
    }

    /// Forgets the failures of a key.
    pub fn succeeded(&self, key: &Uid) {
        self.lock().attempts.remove(key);
    }

    /// The next key; it is to be given back by [`Queue::done`].
    ///
    /// # Cancellation
    ///
    /// Loses nothing.
    pub async fn next(&self) -> Uid {
        loop {
            let next = {
                let mut inner = self.lock();
                let now = Instant::now();
                let due = inner.take_due(now);
                self.metrics.added(due, inner.ready.len());
                if let Some((key, waited)) = inner.take(now) {
                    self.metrics.taken(waited, inner.ready.len());
                    return key;
                }
                inner.later.first_key_value().map(|((at, _), _)| *at)
            };
            match next {
                None => self.wake.notified().await,
                Some(at) => tokio::select! {
                    () = self.wake.notified() => {}
                    () = tokio::time::sleep_until(at) => {}
                },
            }
        }
    }

    /// The work on a key is over.
    pub fn done(&self, key: &Uid) {
        let mut inner = self.lock();
        let now = Instant::now();
        if let Some(started) = inner.running.remove(key) {
            self.metrics.worked(now.duration_since(started));
        }
        if inner.again.remove(key) && inner.add(key.clone(), now) {
            self.metrics.added(1, inner.ready.len());
            drop(inner);
            self.wake.notify_one();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .expect("nothing panics while it holds the queue")
    }
}

// === impl Inner ===

impl Inner {
    fn add(&mut self, key: Uid, now: Instant) -> bool {
        if self.running.contains_key(&key) {
            self.again.insert(key);
            return false;
        }
        if let Some(at) = self.later_of.remove(&key) {
            self.later.remove(&at);
        }
        if self.waiting.contains_key(&key) {
            return false;
        }
        self.waiting.insert(key.clone(), now);
        self.ready.push_back(key);
        true
    }

    fn add_at(&mut self, key: Uid, at: Instant) {
        if self.waiting.contains_key(&key) || self.again.contains(&key) {
            return;
        }
        if let Some(known) = self.later_of.get(&key).copied() {
            if known.0 <= at {
                return;
            }
            self.later.remove(&known);
        }
        self.serial += 1;
        self.later.insert((at, self.serial), key.clone());
        self.later_of.insert(key, (at, self.serial));
    }

    fn take_due(&mut self, now: Instant) -> usize {
        let mut due = 0;
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now
        {
            let key = entry.remove();
            self.later_of.remove(&key);
            due += usize::from(self.add(key, now));
        }
        due
    }

    fn take(&mut self, now: Instant) -> Option<(Uid, Duration)> {
        let key = self.ready.pop_front()?;
        let since = self.waiting.remove(&key).unwrap_or(now);
        self.running.insert(key.clone(), now);
        Some((key, now.duration_since(since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> Queue {
        Queue::new(QueueMetrics::for_tests())
    }

    fn key(text: &str) -> Uid {
        text.into()
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_waits_is_not_added_twice() {
        let queue = queue();
        queue.add([key("a"), key("b"), key("a")]);
        assert_eq!(&*queue.next().await, "a");
        assert_eq!(&*queue.next().await, "b");
        assert!(
            tokio::time::timeout(Duration::from_secs(1), queue.next())
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_key_that_is_added_while_it_is_worked_on_comes_again_afterwards() {
        let queue = queue();
        queue.add([key("a")]);
        let taken = queue.next().await;
        queue.add([key("a")]);
        assert!(
            tokio::time::timeout(Duration::from_secs(1), queue.next())
                .await
                .is_err()
        );
        queue.done(&taken);
        assert_eq!(&*queue.next().await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_wish_of_a_key_counts() {
        let queue = queue();
        let start = Instant::now();
        queue.add_after(key("a"), Duration::from_secs(5));
        queue.add_after(key("a"), Duration::from_secs(2));
        queue.add_after(key("a"), Duration::from_secs(9));
        assert_eq!(&*queue.next().await, "a");
        assert_eq!(start.elapsed(), Duration::from_secs(2));
        queue.done(&key("a"));
        assert!(
            tokio::time::timeout(Duration::from_secs(20), queue.next())
                .await
                .is_err()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_wish_for_now_overtakes_one_for_later() {
        let queue = queue();
        queue.add_after(key("a"), Duration::from_secs(5));
        queue.add([key("a")]);
        assert_eq!(&*queue.next().await, "a");
        queue.done(&key("a"));
        assert!(
            tokio::time::timeout(Duration::from_secs(20), queue.next())
                .await
                .is_err()
        );
    }

    #[test]
    fn failures_are_counted_until_it_goes_well() {
        let queue = queue();
        assert_eq!(queue.failed(&key("a")), 0);
        assert_eq!(queue.failed(&key("a")), 1);
        queue.succeeded(&key("a"));
        assert_eq!(queue.failed(&key("a")), 0);
    }
}
