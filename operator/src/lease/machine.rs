//! What to do with the Lease next, from what was seen of it and when; pure.
//!
//! A holder's time is over when this process has not seen the Lease change for that long, by its own
//! monotonic clock: no other machine's clock is believed. Our own claim ends well before anybody else
//! may think so, and ends by itself when nothing can be written. Writes carry the version that they
//! were decided on. It knows neither the API server nor who asks for the claim.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::record::{Record, Term, Write};

/// After a write or a read that failed: as often as the API server is asked while it is away.
const RETRY: Duration = Duration::from_secs(1);

/// What is known, and what was done.
#[derive(Debug)]
pub(super) struct Machine {
    term: Term,
    seen: Option<Record>,
    /// When this process last saw the Lease change.
    changed: Instant,
    /// What was seen may be old: it has to be read before anything is decided.
    is_stale: bool,
    /// Nothing is tried before that.
    retry: Option<Instant>,
    /// Begins a term of ours, and tells it from those of others that have our name.
    acquired: Option<Timestamp>,
    /// The Lease was ours at some time: whoever has our name since is not who was here before us.
    was_ours: bool,
    renewed: Option<Instant>,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing, until then or until the Lease is seen to change.
    Wait(Instant),
    /// Read the Lease.
    Read,
    /// Write it.
    Write(Write),
}

/// Whose the Lease is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It was not read yet.
    Unknown,
    /// Nobody's.
    Free,
    /// Ours.
    Ours,
    /// It has our name from a process that was here before us.
    Predecessor,
    /// Somebody else's; our own name where two processes have it.
    Other(String),
}

// === impl Machine ===

impl Machine {
    pub(super) const fn new(term: Term, now: Instant) -> Self {
        Self {
            term,
            seen: None,
            changed: now,
            is_stale: true,
            retry: None,
            acquired: None,
            was_ours: false,
            renewed: None,
        }
    }

    /// What to do, now.
    pub(super) fn next(&self, now: Instant) -> Action {
        if let Some(retry) = self.retry.filter(|retry| now < *retry) {
            return Action::Wait(retry);
        }
        if self.is_stale {
            return Action::Read;
        }
        let Some(record) = &self.seen else {
            return Action::Write(Write::Create);
        };
        let (due, write) = match self.standing() {
            // Without having been read it is stale, above.
            Standing::Unknown => return Action::Read,
            Standing::Free | Standing::Predecessor => (now, Write::Acquire),
            Standing::Ours => {
                // A write that was thought to have failed has made it ours: when is not known.
                let due = self.renewed.map(|renewed| renewed + self.term.duration / 3);
                (due.unwrap_or(now), Write::Renew)
            }
            Standing::Other(_) => {
                let duration = record.duration().unwrap_or(self.term.duration);
                (self.changed + duration, Write::Acquire)
            }
        };
        if now < due {
            Action::Wait(due)
        } else {
            Action::Write(write)
        }
    }

    /// Whose the Lease is, as far as was seen.
    pub(super) fn standing(&self) -> Standing {
        let Some(record) = &self.seen else {
            return if self.is_stale {
                Standing::Unknown
            } else {
                Standing::Free
            };
        };
        match record.holder() {
            None => Standing::Free,
            Some(holder) if holder != self.term.holder => Standing::Other(holder.to_owned()),
            Some(_) if self.acquired.is_some() && record.acquired() == self.acquired => {
                Standing::Ours
            }
            Some(_) if !self.was_ours => Standing::Predecessor,
            Some(holder) => Standing::Other(holder.to_owned()),
        }
    }

    /// Until when the claim holds, unless it is renewed. A third of the Lease's time is left then:
    /// what was sent before is over before somebody else begins.
    pub(super) fn held_until(&self) -> Option<Instant> {
        let renewed = self.renewed?;
        (self.standing() == Standing::Ours).then(|| renewed + self.term.duration / 3 * 2)
    }

    /// The watch saw the Lease. It may lag behind what was read or written.
    pub(super) fn watched(&mut self, record: Record, now: Instant) {
        let is_news = self
            .seen
            .as_ref()
            .is_none_or(|seen| seen.version() < record.version());
        if is_news && !(self.seen.is_none() && self.is_stale) {
            self.see(Some(record), now);
        }
    }

    /// The watch saw that it is gone, or cannot tell how things are: it is read.
    pub(super) const fn doubted(&mut self) {
        self.is_stale = true;
    }

    /// It was read.
    pub(super) fn read(&mut self, record: Option<Record>, now: Instant) {
        self.is_stale = false;
        self.retry = None;
        self.see(record, now);
    }

    /// The object of a write that is about to be sent.
    pub(super) fn begin(
        &mut self,
        write: Write,
        now: Timestamp,
    ) -> k8s_openapi::api::coordination::v1::Lease {
        // It stays the same over tries, so that one which was thought to have failed is known again.
        let acquired = *self.acquired.get_or_insert_with(|| as_stored(now));
        Record::written(self.seen.as_ref(), write, &self.term, acquired, now)
    }

    /// A write that began then has succeeded.
    pub(super) fn wrote(&mut self, record: Record, began: Instant, now: Instant) {
        self.renewed = Some(began);
        self.see(Some(record), now);
        // Whoever stored something else than we wrote would do so again at once.
        let is_settled = matches!(self.standing(), Standing::Ours | Standing::Free);
        self.retry = (!is_settled).then(|| now + RETRY);
    }

    /// A write was refused: somebody else has changed the Lease.
    pub(super) const fn lost_race(&mut self) {
        self.is_stale = true;
    }

    /// A read or a write has failed; nobody knows whether it was done.
    pub(super) fn failed(&mut self, now: Instant) {
        self.retry = Some(now + RETRY);
    }

    fn see(&mut self, record: Option<Record>, now: Instant) {
        if self.seen != record {
            self.changed = now;
            self.seen = record;
        }
        match self.standing() {
            Standing::Ours => self.was_ours = true,
            Standing::Other(_) => {
                // The next term is another one.
                self.acquired = None;
                self.renewed = None;
            }
            Standing::Free | Standing::Predecessor => self.renewed = None,
            Standing::Unknown => {}
        }
    }
}

/// The API server keeps microseconds.
fn as_stored(time: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

#[cfg(test)]
mod tests;
