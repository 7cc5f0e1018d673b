//! Every route that is wanted: what was asked for last, and what serves. Pure.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crds::digest::Digest;
use crds::validate::RouteName;
use tokio::time::Instant;

use super::change::Change;
use super::status::{Cause, RouteState, RouteStatus};
use crate::routing::{Conflict, Entry};
use crate::source::{Document, Image, ModuleSource, Snapshot};

/// What came of loading a route.
pub(super) struct Outcome<T> {
    pub(super) document: Arc<Document>,
    pub(super) loaded: Result<(Digest, T), Failed>,
}

/// Why a route could not be loaded.
pub(super) struct Failed {
    pub(super) cause: Cause,
    pub(super) reason: String,
    /// When to try again, if time may help.
    pub(super) retry_at: Option<Instant>,
}

/// Every route that is wanted.
pub(super) struct Slots<T> {
    slots: HashMap<RouteName, Slot<T>>,
    /// In order of precedence.
    order: Vec<RouteName>,
    conflicts: HashSet<(RouteName, RouteName, String)>,
    /// Whether the table that serves is not what it should be.
    is_stale: bool,
}

struct Slot<T> {
    /// The version that was asked for last; it may still be loading.
    newest: Arc<Document>,
    /// The same as the source has it now: it may have come again, and ask for the same.
    wanted: Arc<Document>,
    progress: Progress,
    serving: Option<Serving<T>>,
}

/// What came of the newest version so far.
enum Progress {
    Loading,
    Loaded,
    Failed(Cause, String),
    Suspended,
}

struct Serving<T> {
    document: Arc<Document>,
    digest: Digest,
    target: T,
}

// === impl Slots ===

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self {
            slots: HashMap::new(),
            order: Vec::new(),
            conflicts: HashSet::new(),
            is_stale: false,
        }
    }
}

impl<T> Slots<T> {
    /// Every route that is wanted, in no order.
    pub(super) fn names(&self) -> impl Iterator<Item = &RouteName> {
        self.slots.keys()
    }

    /// The version of a route that was asked for last.
    pub(super) fn newest(&self, name: &RouteName) -> Option<&Arc<Document>> {
        self.slots.get(name).map(|slot| &slot.newest)
    }

    /// Whether a version is the one that was asked for last.
    pub(super) fn is_newest(&self, document: &Arc<Document>) -> bool {
        let newest = self.newest(document.name());
        newest.is_some_and(|newest| Arc::ptr_eq(newest, document))
    }

    /// The images of what serves and of what was asked for last.
    pub(super) fn images(&self) -> HashSet<&Image> {
        let documents = self
            .slots
            .values()
            .flat_map(|slot| [&slot.newest, slot.shown()]);
        documents
            .filter_map(|document| match &document.module {
                ModuleSource::Registry(image) => Some(image),
                ModuleSource::File(_) => None,
            })
            .collect()
    }

    /// The routes that serve in no version and were not tried to the end.
    pub(super) fn loading(&self) -> Vec<RouteName> {
        let loading = self
            .in_order()
            .filter(|slot| slot.serving.is_none() && matches!(slot.progress, Progress::Loading));
        loading.map(|slot| slot.newest.name().clone()).collect()
    }

    /// What there is to say of every route, in order of precedence.
    pub(super) fn statuses(&self) -> Vec<RouteStatus> {
        self.in_order().map(Slot::status).collect()
    }

    /// The digests of what serves.
    pub(super) fn digests(&self) -> HashSet<Digest> {
        self.slots
            .values()
            .filter_map(|slot| Some(slot.serving.as_ref()?.digest))
            .collect()
    }

    /// The routes in order of precedence, each as it is in the table.
    pub(super) fn serving(&self) -> Vec<Arc<Document>> {
        self.in_order()
            .map(|slot| Arc::clone(slot.shown()))
            .collect()
    }

    /// Forgets routes; those that served are a change.
    pub(super) fn remove(&mut self, routes: &[RouteName]) -> Vec<Change> {
        let mut changes = Vec::new();
        for route in routes {
            if self.slots.remove(route).is_some() {
                self.is_stale = true;
                changes.push(Change::Removed {
                    route: route.clone(),
                });
            }
        }
        // The slots come in no order.
        changes.sort_by_key(Change::to_string);
        changes
    }

    /// Notes that a version is being loaded; a route that is new holds its place meanwhile.
    pub(super) fn begin(&mut self, document: &Arc<Document>) {
        match self.slots.get_mut(document.name()) {
            Some(slot) => {
                slot.newest = Arc::clone(document);
                slot.wanted = Arc::clone(document);
                slot.progress = Progress::Loading;
            }
            None => {
                self.is_stale = true;
                let slot = Slot {
                    newest: Arc::clone(document),
                    wanted: Arc::clone(document),
                    progress: Progress::Loading,
                    serving: None,
                };
                self.slots.insert(document.name().clone(), slot);
            }
        }
        // A place may have moved although the route does not serve yet.
        self.is_stale |= self.slots[document.name()].serving.is_none();
    }

    /// Notes which documents a snapshot has: those that need no loading, too.
    pub(super) fn follow(&mut self, snapshot: &Snapshot) {
        for document in &snapshot.documents {
            if let Some(slot) = self.slots.get_mut(document.name())
                && !Arc::ptr_eq(&slot.wanted, document)
            {
                slot.wanted = Arc::clone(document);
            }
        }
    }

    /// Notes that a version is to answer nothing; what served is let go.
    pub(super) fn suspend(&mut self, document: &Arc<Document>) -> Option<Change> {
        let before = self.slots.get(document.name());
        let was_suspended = before.is_some_and(|slot| matches!(slot.progress, Progress::Suspended));
        self.begin(document);
        let slot = self.slots.get_mut(document.name());
        let slot = slot.expect("its loading was just begun");
        slot.progress = Progress::Suspended;
        slot.serving = None;
        self.is_stale = true;
        let route = document.name().clone();
        (!was_suspended).then_some(Change::Suspended { route })
    }

    /// Takes what was loaded, and the snapshot's order; says what changed.
    pub(super) fn apply(&mut self, outcomes: Vec<Outcome<T>>, snapshot: &Snapshot) -> Vec<Change> {
        let mut outcomes: HashMap<RouteName, Outcome<T>> = outcomes
            .into_iter()
            // What was asked for and then asked differently is of no use any more.
            .filter(|outcome| self.is_newest(&outcome.document))
            .map(|outcome| (outcome.document.name().clone(), outcome))
            .collect();
        let mut changes = Vec::new();
        let mut order = Vec::with_capacity(snapshot.documents.len());
        // In the order of the snapshot, not in that in which loading happened to end.
        for document in &snapshot.documents {
            order.push(document.name().clone());
            if let Some(outcome) = outcomes.remove(document.name()) {
                changes.extend(self.take(outcome));
            }
        }
        self.is_stale |= order != self.order;
        self.order = order;
        changes
    }

    /// What the table should hold, unless the one that serves holds it.
    pub(super) fn entries(&mut self, idle: impl Fn(&Document) -> T) -> Option<Vec<Entry<T>>>
    where
        T: Clone,
    {
        if !std::mem::take(&mut self.is_stale) {
            return None;
        }
        let entry = |slot: &Slot<T>| Entry {
            hosts: slot.shown().route.hosts.clone(),
            path: slot.shown().route.path.clone(),
            target: match &slot.serving {
                Some(serving) => serving.target.clone(),
                None => idle(&slot.newest),
            },
        };
        Some(self.in_order().map(entry).collect())
    }

    /// Conflicts that were not there before.
    pub(super) fn note_conflicts(&mut self, conflicts: Vec<Conflict>) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut now = HashSet::with_capacity(conflicts.len());
        for Conflict {
            winner,
            loser,
            host,
            path,
        } in conflicts
        {
            let host = host.map_or_else(|| "*".to_owned(), |host| host.to_string());
            let conflict = (
                self.order[winner].clone(),
                self.order[loser].clone(),
                format!("{host}{path}"),
            );
            if !self.conflicts.contains(&conflict) {
                let (winner, loser, place) = conflict.clone();
                changes.push(Change::Conflict {
                    winner,
                    loser,
                    place,
                });
            }
            now.insert(conflict);
        }
        self.conflicts = now;
        changes
    }

    fn in_order(&self) -> impl Iterator<Item = &Slot<T>> {
        self.order.iter().filter_map(|name| self.slots.get(name))
    }

    fn take(&mut self, outcome: Outcome<T>) -> Option<Change> {
        let Outcome { document, loaded } = outcome;
        let route = document.name().clone();
        let previous = self.slots.remove(&route);
        let (said, serving, wanted) = match previous {
            None => (None, None, Arc::clone(&document)),
            Some(slot) => (slot.progress.failure(), slot.serving, slot.wanted),
        };
        let progress = match &loaded {
            Ok(_) => Progress::Loaded,
            Err(failed) => Progress::Failed(failed.cause, failed.reason.clone()),
        };
        let (serving, change) = match (loaded, serving) {
            (Ok((digest, target)), old) => {
                let change = match &old {
                    None => Some(Change::Added {
                        route: route.clone(),
                        digest,
                    }),
                    // The file was touched, and says what it said before.
                    Some(old) if old.digest == digest && old.document.asks_like(&document) => None,
                    Some(_) => Some(Change::Changed {
                        route: route.clone(),
                        digest,
                    }),
                };
                self.is_stale |= change.is_some();
                let target = match old {
                    Some(old) if change.is_none() => old.target,
                    _ => target,
                };
                (
                    Some(Serving {
                        document: Arc::clone(&document),
                        digest,
                        target,
                    }),
                    change,
                )
            }
            // It was tried again, and nothing is new.
            (Err(Failed { reason, .. }), serving) if said.as_ref() == Some(&reason) => {
                (serving, None)
            }
            (Err(Failed { reason, .. }), Some(old)) => (
                Some(old),
                Some(Change::Kept {
                    route: route.clone(),
                    reason,
                }),
            ),
            (Err(Failed { reason, .. }), None) => {
                self.is_stale = true;
                (
                    None,
                    Some(Change::NotLoaded {
                        route: route.clone(),
                        reason,
                    }),
                )
            }
        };
        self.slots.insert(
            route,
            Slot {
                newest: document,
                wanted,
                progress,
                serving,
            },
        );
        change
    }
}

// === impl Failed ===

impl Failed {
    /// A failure that only a change helps.
    pub(super) const fn of(cause: Cause, reason: String) -> Self {
        Self {
            cause,
            reason,
            retry_at: None,
        }
    }
}

// === impl Progress ===

impl Progress {
    fn failure(self) -> Option<String> {
        match self {
            Self::Failed(_, reason) => Some(reason),
            Self::Loading | Self::Loaded | Self::Suspended => None,
        }
    }
}

// === impl Slot ===

impl<T> Slot<T> {
    fn status(&self) -> RouteStatus {
        let error = match &self.progress {
            Progress::Failed(cause, reason) => Some((*cause, reason.clone())),
            Progress::Loading | Progress::Loaded | Progress::Suspended => None,
        };
        let state = match (&self.progress, &self.serving) {
            (Progress::Failed(..), Some(_)) => RouteState::Kept,
            (Progress::Failed(..), None) => RouteState::NotLoaded,
            (Progress::Loading, Some(_)) => RouteState::Updating,
            (Progress::Loading, None) => RouteState::Loading,
            (Progress::Loaded, _) => RouteState::Serving,
            (Progress::Suspended, _) => RouteState::Suspended,
        };
        RouteStatus {
            document: Arc::clone(self.shown()),
            wanted: Arc::clone(&self.wanted),
            digest: self.serving.as_ref().map(|serving| serving.digest),
            state,
            error,
        }
    }

    /// The version whose place in the table the route has.
    fn shown(&self) -> &Arc<Document> {
        self.serving
            .as_ref()
            .map_or(&self.newest, |serving| &serving.document)
    }
}
