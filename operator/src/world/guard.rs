//! What keeps documents whose routes a list lacks: a list that lost most routes is more often a
//! mistake (a wrong store restored, a resource recreated) than a wish.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crds::validate::RouteName;

use crate::claims::Uid;

/// Fewer known routes may all go at once.
const LEAST_KNOWN: usize = 20;

/// Documents that are kept although their routes are not there.
#[derive(Debug)]
pub struct Guard {
    namespace: String,
    kept: BTreeMap<Uid, Option<RouteName>>,
    names: HashMap<RouteName, Uid>,
    allowed: u64,
}

// === impl Guard ===

impl Guard {
    /// Keeps nothing yet; the documents are in this namespace.
    pub(super) fn new(namespace: String) -> Self {
        Self {
            namespace,
            kept: BTreeMap::new(),
            names: HashMap::new(),
            allowed: 0,
        }
    }

    /// Judges what a list lacks of so many known routes, with the names that documents have them under;
    /// whether all of that is kept.
    pub(super) fn judge(
        &mut self,
        known: usize,
        missing: BTreeMap<Uid, Option<RouteName>>,
    ) -> bool {
        let is_suspicious = known >= LEAST_KNOWN && missing.len() * 2 > known;
        if !is_suspicious || missing.len() as u64 <= self.allowed {
            self.take();
            return false;
        }
        tracing::warn!(
            missing = missing.len(),
            known,
            "a list lacks most routes: what was published for them stays, until it is allowed to go by: \
             kubectl annotate namespace {} --overwrite {}={}",
            self.namespace,
            crds::names::ALLOW_PRUNE_ANNOTATION,
            missing.len()
        );
        let named = missing.iter();
        let named = named.filter_map(|(uid, name)| Some((name.clone()?, uid.clone())));
        self.names = named.collect();
        self.kept = missing;
        true
    }

    /// So many may go; those that go now.
    pub(super) fn allow(&mut self, count: Option<u64>) -> BTreeSet<Uid> {
        self.allowed = count.unwrap_or(0);
        let kept = self.kept.len() as u64;
        if kept <= self.allowed {
            if kept > 0 {
                tracing::info!(
                    kept,
                    "what was published for routes that are gone goes, as allowed"
                );
            }
            return self.take();
        }
        if let Some(count) = count {
            tracing::warn!(
                kept,
                "{}={count} is too few for what is kept: it stays",
                crds::names::ALLOW_PRUNE_ANNOTATION
            );
        }
        BTreeSet::new()
    }

    /// A route that was missed is there again, or its document is gone.
    pub(super) fn found(&mut self, uid: &Uid) {
        if let Some(Some(name)) = self.kept.remove(uid) {
            self.names.remove(&name);
        }
    }

    /// The document that is kept for a route of this name.
    pub(super) fn kept_for(&self, name: &RouteName) -> Option<&Uid> {
        self.names.get(name)
    }

    fn take(&mut self) -> BTreeSet<Uid> {
        self.names.clear();
        std::mem::take(&mut self.kept).into_keys().collect()
    }

    /// Whether a document is kept.
    #[must_use]
    pub fn keeps(&self, uid: &Uid) -> bool {
        self.kept.contains_key(uid)
    }

    /// How many documents are kept.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.kept.len()
    }
}

#[cfg(test)]
mod tests;
