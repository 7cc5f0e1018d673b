//! The namespaces whose routes have a document, counted: ten thousand documents are not looked through
//! for each that comes or goes.

use std::collections::{BTreeMap, BTreeSet};

use super::document::Published;

/// How many documents each namespace has.
#[derive(Debug, Default)]
pub(super) struct Namespaces(BTreeMap<String, usize>);

// === impl Namespaces ===

impl Namespaces {
    /// One document takes the place of another, or of none; whether other namespaces have one now.
    pub(super) fn replace(&mut self, old: Option<&Published>, new: Option<&Published>) -> bool {
        let of = |published: &Published| published.route_name().map(|name| name.namespace);
        let (old, new) = (old.and_then(of), new.and_then(of));
        if old == new {
            return false;
        }
        let mut changed = false;
        if let Some(new) = new {
            let count = self.0.entry(new).or_default();
            *count += 1;
            changed |= *count == 1;
        }
        if let Some(old) = old
            && let Some(count) = self.0.get_mut(&old)
        {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&old);
                changed = true;
            }
        }
        changed
    }

    pub(super) fn all(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }
}
