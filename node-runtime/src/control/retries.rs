//! Routes that failed, by the time when to try again. Pure: it is told what time it is.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use crate::source::Document;

/// What to try again, and when.
#[derive(Default)]
pub(super) struct Retries(BTreeMap<Instant, Vec<Arc<Document>>>);

// === impl Retries ===

impl Retries {
    /// Notes a route.
    pub(super) fn add(&mut self, at: Instant, document: Arc<Document>) {
        self.0.entry(at).or_default().push(document);
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.first_key_value().map(|(at, _)| *at)
    }

    /// Takes what is due; some may not be wanted any more.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Arc<Document>> {
        let mut due = Vec::new();
        while let Some(entry) = self.0.first_entry()
            && *entry.key() <= now
        {
            due.extend(entry.remove());
        }
        due
    }
}
