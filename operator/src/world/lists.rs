//! What lists lack: routes that went, or came anew, while nobody watched.
//!
//! A list that lost most routes takes nothing ([`Guard`](super::guard::Guard)). A route that was made
//! anew under its name inherits what was published for the one before, until it has a document of its
//! own: it does not wait for a place that its predecessor holds, and nobody finds the place empty.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crds::references::Kind;

use super::World;
use crate::claims::Uid;

impl World {
    /// All routes of the cluster were listed.
    pub fn routes_listed(&mut self, listed: &HashSet<Uid>) {
        self.listed.routes = true;
        let gone = self
            .routes
            .keys()
            .filter(|uid| !listed.contains(*uid))
            .cloned();
        let gone: BTreeSet<Uid> = gone.collect();
        self.lists_complete(gone);
    }

    /// All documents of the cluster were listed.
    pub fn documents_listed(&mut self, listed: &HashSet<Uid>, copies: &HashSet<Uid>) {
        self.references.copies_listed(Kind::ConfigMap, copies);
        let gone = self
            .documents
            .keys()
            .filter(|uid| !listed.contains(*uid))
            .cloned();
        for uid in gone.collect::<Vec<_>>() {
            self.remove_document(&uid);
        }
        let is_first = !std::mem::replace(&mut self.listed.documents, true);
        if is_first {
            self.lists_complete(BTreeSet::new());
        }
    }

    /// Judges what a list of routes lacks, when it can be compared with the documents.
    fn lists_complete(&mut self, gone: BTreeSet<Uid>) {
        if !(self.listed.routes && self.listed.documents) {
            return;
        }
        let known: HashSet<&Uid> = self.routes.keys().chain(self.documents.keys()).collect();
        let known = known.len();
        let mut missing = gone;
        let orphans = self
            .documents
            .keys()
            .filter(|uid| !self.routes.contains_key(*uid));
        missing.extend(orphans.cloned());
        let heirs: BTreeMap<Uid, Uid> = missing
            .iter()
            .filter_map(|uid| Some((self.heir(uid)?, uid.clone())))
            .collect();
        heirs.values().for_each(|uid| _ = missing.remove(uid));
        let name = |uid: &Uid| self.documents.get(uid)?.route_name();
        let named = missing.iter().map(|uid| (uid.clone(), name(uid)));
        let keeps = self.guard.judge(known, named.collect());
        for (heir, predecessor) in heirs {
            self.inherit(&heir, predecessor);
        }
        for uid in &missing {
            if let Some(entry) = self.routes.get(uid) {
                let name = entry.seen.name.clone();
                self.names.remove(&name);
            }
            self.remove_route(uid);
            if keeps {
                self.contend(uid);
            }
        }
        let all: Vec<Uid> = self.routes.keys().cloned().collect();
        for uid in all {
            self.contend(&uid);
            self.due.routes.insert(uid);
        }
    }

    /// Whether the document of a route that is not there may go.
    #[must_use]
    pub fn may_prune(&self, uid: &Uid) -> bool {
        self.listed.routes
            && self.listed.documents
            && !self.guard.keeps(uid)
            && !self.heirs.values().any(|inherited| inherited == uid)
    }

    /// How many documents are kept although a list lacked their routes.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.guard.kept()
    }

    /// So many documents may go although a list lacked most routes.
    pub fn allow_prune(&mut self, count: Option<u64>) {
        for uid in self.guard.allow(count) {
            self.contend(&uid);
            self.due.routes.insert(uid);
        }
    }

    /// Of two routes of one name the first is gone, and what was published for it is the second's.
    pub(super) fn inherit(&mut self, heir: &Uid, predecessor: Uid) {
        self.guard.found(&predecessor);
        self.heirs.insert(heir.clone(), predecessor.clone());
        self.contend(&predecessor);
        self.contend(heir);
    }

    /// What a route inherited is not needed any more, by it or at all.
    pub(super) fn disinherit(&mut self, heir: &Uid) {
        if let Some(predecessor) = self.heirs.remove(heir) {
            self.due.routes.insert(predecessor);
        }
    }

    /// The route that has the name which an orphaned document is of.
    fn heir(&self, orphan: &Uid) -> Option<Uid> {
        let name = self.documents.get(orphan)?.route_name()?;
        let heir = self.names.get(&name)?;
        // One that has its own needs no other's.
        (!self.documents.contains_key(heir)).then(|| heir.clone())
    }
}
