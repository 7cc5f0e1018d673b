//! What keeps documents whose routes a list lacks: a list that lost most routes is more often a
//! mistake (a wrong store restored, a resource recreated) than a wish.

use std::collections::BTreeSet;

use crate::claims::Uid;

/// Fewer known routes may all go at once.
const LEAST_KNOWN: usize = 20;

/// Documents that are kept although their routes are not there.
#[derive(Debug, Default)]
pub struct Guard {
    kept: BTreeSet<Uid>,
    allowed: u64,
}

// === impl Guard ===

impl Guard {
    /// Judges what a list lacks of so many known routes; whether all of that is kept.
    pub(super) fn judge(&mut self, known: usize, missing: &BTreeSet<Uid>) -> bool {
        let is_suspicious = known >= LEAST_KNOWN && missing.len() * 2 > known;
        if !is_suspicious || missing.len() as u64 <= self.allowed {
            self.kept.clear();
            return false;
        }
        tracing::warn!(
            missing = missing.len(),
            known,
            "a list lacks most routes: what was published for them stays, until it is allowed to go by: \
             kubectl annotate namespace wagi-documents --overwrite {}={}",
            crds::names::ALLOW_PRUNE_ANNOTATION,
            missing.len()
        );
        self.kept = missing.clone();
        true
    }

    /// So many may go; those that go now.
    pub(super) fn allow(&mut self, count: Option<u64>) -> BTreeSet<Uid> {
        self.allowed = count.unwrap_or(0);
        if self.kept.len() as u64 <= self.allowed {
            std::mem::take(&mut self.kept)
        } else {
            BTreeSet::new()
        }
    }

    /// A route that was missed is there again, or its document is gone.
    pub(super) fn found(&mut self, uid: &Uid) {
        self.kept.remove(uid);
    }

    /// Whether a document is kept.
    #[must_use]
    pub fn keeps(&self, uid: &Uid) -> bool {
        self.kept.contains(uid)
    }

    /// How many documents are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept.len()
    }
}
