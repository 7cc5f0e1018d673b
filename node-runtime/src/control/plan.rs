//! Routes as they are → what to load, pure.

use std::collections::HashSet;
use std::sync::Arc;

use crds::validate::RouteName;

use super::slots::Slots;
use crate::source::{Document, Snapshot};

/// What a snapshot asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Routes that are new or differ from what was tried last.
    pub(super) load: Vec<Arc<Document>>,
    /// Routes that are not wanted any more.
    pub(super) remove: Vec<RouteName>,
}

/// Compares a snapshot with what was tried last; a route that failed is tried again only when it
/// or one of its files changed.
pub(super) fn plan<T>(slots: &Slots<T>, snapshot: &Snapshot) -> Plan {
    let wanted: HashSet<&RouteName> = snapshot
        .documents
        .iter()
        .map(|document| document.name())
        .collect();
    let differs = |document: &&Arc<Document>| {
        slots.newest(document.name()).is_none_or(|tried| {
            // A source says what did not change by the very same document.
            if Arc::ptr_eq(document, tried) {
                return false;
            }
            let Document {
                route,
                origin: _,
                module,
                missing_volume,
                given,
            } = &***document;
            // Where a route stands does not matter to how it is served.
            let asked = (
                &tried.route,
                &tried.module,
                &tried.missing_volume,
                &tried.given,
            );
            (route, module, missing_volume, given) != asked
        })
    };
    Plan {
        load: snapshot.documents.iter().filter(differs).cloned().collect(),
        remove: slots
            .names()
            .filter(|name| !wanted.contains(name))
            .cloned()
            .collect(),
    }
}
