//! A route as the operator knows it, and how far its published version is.

use std::sync::Arc;

use crds::document::Resolved;
use tokio::time::Instant;

use super::route::Seen;
use crate::outcome::{Outcome, Reached};

/// A route, and what was done about it.
#[derive(Debug)]
pub struct Entry {
    /// Its newest version.
    pub seen: Arc<Seen>,
    /// When its generation was first seen.
    pub arrived: Instant,
    /// When its image, or the wish to look it up again, was first seen.
    pub wanted: Instant,
    /// What its image was found to be, if that is not in its document.
    pub resolved: Option<Resolved>,
    /// What its story came to.
    pub outcome: Option<Arc<Outcome>>,
    /// How far its published version is.
    pub spread: Spread,
}

/// How far a published version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spread {
    /// Nobody has looked yet since this program began.
    Unknown,
    /// Runtimes are loading it.
    Spreading {
        /// Since when.
        since: Instant,
        /// When its status was last written meanwhile.
        wrote: Option<Instant>,
    },
    /// Every runtime that was ready said how it went.
    Settled,
}

// === impl Entry ===

impl Entry {
    pub(super) fn new(seen: Arc<Seen>, now: Instant) -> Self {
        Self {
            seen,
            arrived: now,
            wanted: now,
            resolved: None,
            outcome: None,
            spread: Spread::Unknown,
        }
    }

    /// The version of its document that its last story left.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        match &self.outcome.as_ref()?.reached {
            Reached::Published(_, publication) => Some(publication.version),
            _ => None,
        }
    }

    /// After a restart the status says whether a version had settled, where it is of that version.
    pub(super) fn judge_spread(&self, outcome: &Outcome) -> Spread {
        let status = &self.seen.status;
        let digest = status.module.as_ref().map(|module| &module.digest);
        let same = status.observed_generation == Some(outcome.generation)
            && digest == outcome.serves.as_ref().map(|served| &served.digest);
        let programmed = status
            .conditions
            .iter()
            .find(|known| known.type_ == "Programmed");
        let settled =
            programmed.is_some_and(|known| known.status == "True" || known.reason == "Failed");
        if same && settled {
            return Spread::Settled;
        }
        let now = Instant::now();
        Spread::Spreading {
            since: now,
            wrote: None,
        }
    }
}
