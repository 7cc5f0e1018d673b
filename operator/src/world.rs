//! What the operator knows of the cluster, and what each piece of news makes due.
//!
//! Watches tell it what they see, stories what they wrote; both may come in any order, an object's
//! older version never replaces a newer one. Whatever may have to be done because of news is noted
//! in [`Due`], and only that: news that changes nothing makes nothing due.
//! It does no I/O; what a route asks for it is told by the function that it was made with.

pub mod document;
mod entry;
mod guard;
mod lists;
mod namespaces;
pub mod route;
pub mod runtimes;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use crds::document::Resolved;
use crds::references::Kind;
use crds::validate::RouteName;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use crate::claims::{Ask, Claims, Contender, Uid};
use crate::outcome::Outcome;
use crate::references::{self, Copied, References};
use document::Published;
pub use entry::{Entry, Spread};
pub use guard::Guard;
use namespaces::Namespaces;
use route::Seen;
use runtimes::Runtimes;

/// All that is known.
#[derive(Debug)]
pub struct World {
    asks: fn(&Seen) -> Vec<Ask>,
    routes: HashMap<Uid, Entry>,
    names: HashMap<RouteName, Uid>,
    documents: HashMap<Uid, Arc<Published>>,
    namespaces: Namespaces,
    claims: Claims,
    guard: Guard,
    /// Routes that were made anew, and the route before whose document they need still.
    heirs: BTreeMap<Uid, Uid>,
    fleet: Option<String>,
    /// The runtimes of the pool.
    pub runtimes: Runtimes,
    /// What routes refer to.
    pub references: References,
    /// Routes whose published version is not served everywhere yet, by that version.
    spreading: BTreeMap<u64, Uid>,
    listed: Listed,
    due: Due,
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Due {
    /// Routes whose story is to be told.
    pub routes: BTreeSet<Uid>,
    /// Routes whose status is to be looked at.
    pub statuses: BTreeSet<Uid>,
    /// Whether the runtimes are to be told of each other.
    pub fleet: bool,
    /// Objects that are to be read.
    pub reads: BTreeSet<Uid>,
    /// Copies that are to be looked at.
    pub copies: BTreeSet<Uid>,
    /// Whether other places are to be watched.
    pub places: bool,
    /// Whether other namespaces have something published.
    pub namespaces: bool,
}

/// Which lists are complete.
#[derive(Clone, Copy, Debug, Default)]
struct Listed {
    routes: bool,
    documents: bool,
    pods: bool,
    reports: bool,
    secrets: bool,
}

/// Versions of objects grow; 0 stands for one that cannot be read.
pub(crate) fn version_of(resource_version: Option<&str>) -> u64 {
    resource_version
        .and_then(|text| text.parse().ok())
        .unwrap_or(0)
}

// === impl World ===

impl World {
    /// Knows nothing yet. `asks` says what a route asks for, nothing where it is refused.
    #[must_use]
    pub fn new(pool: String, asks: fn(&Seen) -> Vec<Ask>) -> Self {
        Self {
            asks,
            routes: HashMap::new(),
            names: HashMap::new(),
            documents: HashMap::new(),
            namespaces: Namespaces::default(),
            claims: Claims::default(),
            guard: Guard::new(crds::names::documents_namespace(&pool)),
            heirs: BTreeMap::new(),
            fleet: None,
            runtimes: Runtimes::new(pool),
            references: References::default(),
            spreading: BTreeMap::new(),
            listed: Listed::default(),
            due: Due::default(),
        }
    }

    /// What has become due since it was last asked.
    pub fn take_due(&mut self) -> Due {
        let references::Due {
            routes,
            reads,
            copies,
            places,
        } = self.references.take_due();
        let mut due = std::mem::take(&mut self.due);
        due.routes.extend(routes);
        Due {
            reads,
            copies,
            places,
            ..due
        }
    }

    /// Whether every kind of object was listed once.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        let Listed {
            routes,
            documents,
            pods,
            reports,
            secrets,
        } = self.listed;
        routes && documents && pods && reports && secrets
    }

    /// A route, if there is one.
    #[must_use]
    pub fn route(&self, uid: &Uid) -> Option<&Entry> {
        self.routes.get(uid)
    }

    /// All routes.
    pub fn routes(&self) -> impl Iterator<Item = (&Uid, &Entry)> {
        self.routes.iter()
    }

    /// A route's document as it is in the cluster.
    #[must_use]
    pub fn document(&self, uid: &Uid) -> Option<&Arc<Published>> {
        self.documents.get(uid)
    }

    /// What the runtimes are told of each other.
    #[must_use]
    pub fn fleet(&self) -> Option<&str> {
        self.fleet.as_deref()
    }

    /// What the cluster has of that now.
    pub fn observe_fleet(&mut self, text: Option<String>) {
        if self.fleet != text {
            self.fleet = text;
            self.due.fleet = true;
        }
    }

    /// Who holds what.
    #[must_use]
    pub const fn claims(&self) -> &Claims {
        &self.claims
    }

    /// Notes since when a route holds what is about to be published for it.
    pub fn stamp(&mut self, uid: &Uid, asks: &[Ask], now: Timestamp) {
        let Some(path) = asks.first().map(|ask| ask.path.clone()) else {
            return;
        };
        let hosts: Vec<_> = asks.iter().map(|ask| ask.host.clone()).collect();
        let affected = self.claims.stamp(uid, &hosts, &path, now);
        self.due.routes.extend(affected);
    }

    /// A route as the cluster has it now.
    pub fn observe_route(&mut self, seen: Arc<Seen>) {
        let uid = seen.uid.clone();
        let namesake = self.names.insert(seen.name.clone(), uid.clone());
        let predecessor = match namesake.filter(|namesake| *namesake != uid) {
            Some(namesake) => {
                self.remove_route(&namesake);
                Some(namesake).filter(|namesake| self.documents.contains_key(namesake))
            }
            None => self.guard.kept_for(&seen.name).cloned(),
        };
        let now = Instant::now();
        let Some(entry) = self.routes.get_mut(&uid) else {
            self.routes.insert(uid.clone(), Entry::new(seen, now));
            self.guard.found(&uid);
            match predecessor {
                Some(predecessor) => self.inherit(&uid, predecessor),
                None => self.contend(&uid),
            }
            self.due.routes.insert(uid);
            return;
        };
        if seen.version <= entry.seen.version {
            return;
        }
        let old = std::mem::replace(&mut entry.seen, seen);
        let new = &entry.seen;
        if old.generation != new.generation {
            entry.arrived = now;
        }
        if old.image() != new.image() || old.resolve != new.resolve {
            entry.wanted = now;
        }
        let asks_otherwise = old.spec != new.spec;
        if asks_otherwise || old.generation != new.generation || old.resolve != new.resolve {
            self.due.routes.insert(uid.clone());
        } else if old.status != new.status {
            // Somebody else wrote it: our own writes are known before they are seen.
            self.due.statuses.insert(uid.clone());
        }
        if asks_otherwise {
            self.contend(&uid);
        }
    }

    /// A route was deleted.
    pub fn forget_route(&mut self, name: &RouteName) {
        if let Some(uid) = self.names.remove(name) {
            self.remove_route(&uid);
        }
    }

    /// All copies of Secrets were listed.
    pub fn secrets_listed(&mut self, listed: &HashSet<Uid>) {
        self.listed.secrets = true;
        self.references.copies_listed(Kind::Secret, listed);
    }

    /// A copy as the cluster has it now.
    pub fn observe_copy(&mut self, (name, copied): (Uid, Arc<Copied>)) {
        self.references.observe_copy(name, copied);
    }

    fn remove_route(&mut self, uid: &Uid) {
        self.references.forget(uid);
        if let Some(entry) = self.routes.remove(uid)
            && let Some(version) = entry.version()
        {
            self.spreading.remove(&version);
        }
        self.disinherit(uid);
        let affected = self.claims.withdraw(uid);
        self.due.routes.extend(affected);
        self.due.routes.insert(uid.clone());
        self.due.fleet = true;
    }

    /// Enters what a route asks for and what is served for it: both are its own until what it asks
    /// for is served.
    fn contend(&mut self, uid: &Uid) {
        if !(self.listed.routes && self.listed.documents) {
            return;
        }
        let inherited = || self.documents.get(self.heirs.get(uid)?);
        let published = self.documents.get(uid).or_else(inherited);
        let mut asks = published
            .map(|published| published.asks())
            .unwrap_or_default();
        let (name, created) = match self.routes.get(uid) {
            Some(Entry { seen, .. }) => {
                for ask in (self.asks)(seen) {
                    let same = |known: &Ask| known.host == ask.host && known.path == ask.path;
                    if !asks.iter().any(same) {
                        asks.push(ask);
                    }
                }
                (seen.name.clone(), seen.created)
            }
            None => match published.and_then(|published| published.route_name()) {
                Some(name) if self.guard.keeps(uid) => (name, Timestamp::MIN),
                _ => {
                    let affected = self.claims.withdraw(uid);
                    self.due.routes.extend(affected);
                    return;
                }
            },
        };
        let uid = uid.clone();
        let affected = self.claims.contend(Contender {
            uid,
            name,
            created,
            asks,
        });
        self.due.routes.extend(affected);
    }

    /// A document as the cluster has it now.
    pub fn observe_document(&mut self, uid: Uid, published: Arc<Published>) {
        let old = self.documents.get(&uid);
        if old.is_some_and(|old| {
            old.object_uid == published.object_uid && old.version >= published.version
        }) {
            return;
        }
        let changed = old.is_none_or(|old| {
            let what = |published: &Published| (published.route.clone(), published.is_labelled);
            old.text != published.text || what(old) != what(&published)
        });
        self.put_document(&uid, published);
        self.disinherit(&uid);
        if changed {
            self.contend(&uid);
            self.due.routes.insert(uid);
        }
    }

    /// A document of that version is gone.
    pub fn forget_document(&mut self, uid: &Uid, version: u64) {
        if self
            .documents
            .get(uid)
            .is_some_and(|known| known.version <= version)
        {
            self.remove_document(uid);
        }
    }

    /// A story wrote a document, or found that it need not.
    pub fn published(&mut self, uid: &Uid, published: Arc<Published>) {
        let known = self.documents.get(uid);
        if known.is_some_and(|known| {
            known.object_uid == published.object_uid && known.version >= published.version
        }) {
            return;
        }
        self.put_document(uid, published);
        self.disinherit(uid);
        self.contend(uid);
    }

    /// A story deleted a document.
    pub fn unpublished(&mut self, uid: &Uid, object_uid: &str) {
        if self
            .documents
            .get(uid)
            .is_some_and(|known| known.object_uid == object_uid)
        {
            self.take_document(uid);
            self.guard.found(uid);
            self.heirs.retain(|_, predecessor| predecessor != uid);
            self.contend(uid);
        }
    }

    fn remove_document(&mut self, uid: &Uid) {
        if self.take_document(uid) {
            self.heirs.retain(|_, predecessor| predecessor != uid);
            self.contend(uid);
            self.due.routes.insert(uid.clone());
        }
    }

    fn put_document(&mut self, uid: &Uid, published: Arc<Published>) {
        self.references.document(uid, published.copies());
        let old = self.documents.insert(uid.clone(), Arc::clone(&published));
        self.due.namespaces |= self.namespaces.replace(old.as_deref(), Some(&published));
    }

    fn take_document(&mut self, uid: &Uid) -> bool {
        self.references.document(uid, &[]);
        let old = self.documents.remove(uid);
        self.due.namespaces |= self.namespaces.replace(old.as_deref(), None);
        old.is_some()
    }

    /// The namespaces whose routes have a document.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<String> {
        self.namespaces.all()
    }

    /// What a story came to; `written` when it published a new version.
    pub fn tell(&mut self, uid: &Uid, outcome: Outcome, written: bool) {
        let Some(entry) = self.routes.get_mut(uid) else {
            return;
        };
        if let Some(version) = entry.version() {
            self.spreading.remove(&version);
        }
        if written {
            let since = Instant::now();
            entry.spread = Spread::Spreading { since, wrote: None };
        } else if entry.spread == Spread::Unknown {
            entry.spread = entry.judge_spread(&outcome);
        }
        entry.outcome = Some(Arc::new(outcome));
        if let (Spread::Spreading { .. }, Some(version)) = (entry.spread, entry.version()) {
            self.spreading.insert(version, uid.clone());
        }
        self.due.statuses.insert(uid.clone());
    }

    /// A route's image was found to be this.
    pub fn resolved(&mut self, uid: &Uid, resolved: Resolved) {
        if let Some(entry) = self.routes.get_mut(uid) {
            entry.resolved = Some(resolved);
        }
    }

    /// A status was written while a version spreads, or for good.
    pub fn status_written(&mut self, uid: &Uid, now: Instant) {
        if let Some(Entry {
            spread: Spread::Spreading { wrote, .. },
            ..
        }) = self.routes.get_mut(uid)
        {
            *wrote = Some(now);
        }
    }

    /// Every ready runtime said how it went with this version; for how long it spread.
    pub fn settle(&mut self, uid: &Uid, version: u64) -> Option<std::time::Duration> {
        let entry = self.routes.get_mut(uid)?;
        if entry.version() != Some(version) {
            return None;
        }
        self.spreading.remove(&version);
        match std::mem::replace(&mut entry.spread, Spread::Settled) {
            Spread::Spreading { since, .. } => Some(since.elapsed()),
            Spread::Unknown | Spread::Settled => None,
        }
    }

    /// A pod as the cluster has it now.
    pub fn observe_pod(&mut self, pod: &k8s_openapi::api::core::v1::Pod) {
        if self.runtimes.observe_pod(pod) {
            self.ready_changed();
        }
    }

    /// A pod is gone.
    pub fn forget_pod(&mut self, name: &str) {
        if self.runtimes.forget_pod(name) {
            self.ready_changed();
        }
    }

    /// All pods were listed.
    pub fn pods_listed(&mut self, listed: &HashSet<String>) {
        self.listed.pods = true;
        self.due.fleet = true;
        for name in self.runtimes.ready_pods() {
            if !listed.contains(&name) {
                self.forget_pod(&name);
            }
        }
    }

    /// Who is ready is news for what spreads, and for nothing else.
    fn ready_changed(&mut self) {
        self.due.fleet = true;
        self.due.statuses.extend(self.spreading.values().cloned());
    }

    /// A report as the cluster has it now.
    pub fn observe_report(&mut self, report: crds::wagi_node::WagiNode) {
        let moved = self.runtimes.observe_report(report);
        if let Some((from, to)) = moved.applied {
            use std::ops::Bound::{Excluded, Included};
            let range = (from < to).then(|| self.spreading.range((Excluded(from), Included(to))));
            self.due
                .statuses
                .extend(range.into_iter().flatten().map(|(_, uid)| uid.clone()));
        }
        if !moved.routes.is_empty() {
            self.due.fleet = true;
            self.due.statuses.extend(moved.routes);
        }
    }

    /// A report is gone.
    pub fn forget_report(&mut self, name: &str) {
        let routes = self.runtimes.forget_report(name);
        self.due.fleet |= !routes.is_empty();
        self.due.statuses.extend(routes);
    }

    /// All reports were listed.
    pub fn reports_listed(&mut self, listed: &HashSet<String>) {
        self.listed.reports = true;
        self.due.fleet = true;
        for name in self.runtimes.reporters() {
            if !listed.contains(&name) {
                self.forget_report(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests;
