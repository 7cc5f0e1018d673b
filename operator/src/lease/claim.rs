//! Whether this process may write, as whoever writes asks it.
//!
//! A claim ends by itself at its deadline, whatever becomes of the task that renews it.

use tokio::sync::watch;
use tokio::time::Instant;

/// Whether this process holds the Lease; clones are of the same one.
///
/// It is asked before each write: that a write was decided while it was held says nothing.
#[derive(Clone, Debug)]
pub struct Claim(watch::Receiver<Option<Instant>>);

/// Says until when a claim holds; none while it does not.
#[derive(Debug)]
pub struct Holder(watch::Sender<Option<Instant>>);

/// A claim that does not hold yet, and what decides it.
#[must_use]
pub fn claim() -> (Holder, Claim) {
    let (holder, claim) = watch::channel(None);
    (Holder(holder), Claim(claim))
}

// === impl Holder ===

impl Holder {
    /// The claim holds until then, unless this is called again.
    pub fn hold(&self, until: Option<Instant>) {
        self.0.send_if_modified(|held| {
            let is_new = *held != until;
            *held = until;
            is_new
        });
    }
}

// === impl Claim ===

impl Claim {
    /// Whether it holds now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        is_held(*self.0.borrow())
    }

    /// Waits until it holds; for ever if it never will.
    ///
    /// # Cancellation
    ///
    /// Safe: nothing is taken.
    pub async fn held(&self) {
        let mut until = self.0.clone();
        if until.wait_for(|until| is_held(*until)).await.is_err() {
            // Nobody renews it any more.
            std::future::pending::<()>().await;
        }
    }

    /// Waits until it does not hold.
    ///
    /// # Cancellation
    ///
    /// Safe: nothing is taken.
    pub async fn lost(&self) {
        let mut changes = self.0.clone();
        loop {
            let until = *changes.borrow_and_update();
            let Some(until) = until.filter(|_| is_held(until)) else {
                return;
            };
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                changed = changes.changed() => if changed.is_err() {
                    tokio::time::sleep_until(until).await;
                }
            }
        }
    }
}

fn is_held(until: Option<Instant>) -> bool {
    until.is_some_and(|until| Instant::now() < until)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt;

    use super::*;

    fn later(seconds: u64) -> Option<Instant> {
        Some(Instant::now() + Duration::from_secs(seconds))
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_ends_by_its_own_deadline() {
        let (holder, claim) = claim();
        assert!(!claim.is_held());
        assert!(claim.held().now_or_never().is_none());
        assert!(claim.lost().now_or_never().is_some());
        holder.hold(later(10));
        assert!(claim.is_held());
        assert!(claim.held().now_or_never().is_some());
        assert!(claim.lost().now_or_never().is_none());
        let began = Instant::now();
        claim.lost().await;
        assert_eq!(began.elapsed().as_secs(), 10);
        assert!(!claim.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_that_is_renewed_goes_on_and_one_that_is_given_up_ends_at_once() {
        let (holder, claim) = claim();
        holder.hold(later(10));
        let losing = tokio::spawn({
            let claim = claim.clone();
            async move { claim.lost().await }
        });
        tokio::time::advance(Duration::from_secs(9)).await;
        holder.hold(later(10));
        tokio::time::advance(Duration::from_secs(9)).await;
        tokio::task::yield_now().await;
        assert!(claim.is_held() && !losing.is_finished());
        holder.hold(None);
        losing.await.expect("a task");
        assert!(!claim.is_held());
    }

    #[tokio::test(start_paused = true)]
    async fn a_claim_outlives_its_holder_until_its_deadline_only() {
        let (holder, claim) = claim();
        holder.hold(later(10));
        drop(holder);
        assert!(claim.is_held());
        claim.lost().await;
        assert!(!claim.is_held());
        assert!(claim.held().now_or_never().is_none());
    }
}
