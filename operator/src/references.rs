//! What routes refer to: who needs what, what there is of it, and what was copied. Pure.
//!
//! A place is a namespace and a kind; of each that some route refers to, the names and versions of
//! all objects are known, and of the objects that are referred to what they hold. A copy has what
//! routes need now and what published documents name, so that a document that stays, because
//! something is missing, keeps what it was published with.
//! It does no I/O, and nothing of it prints what an object holds.

pub mod copy;
mod place;

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

use crds::copies::copy_name;
use crds::references::{Data, Kind, Object, Wanted};

use crate::claims::Uid;
pub use copy::{Content, Copied, Named};
pub use place::Place;
use place::State;

/// An object that routes refer to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source {
    /// Its namespace.
    pub namespace: String,
    /// Its kind and name.
    pub object: Object,
}

/// An object as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// Its uid.
    pub uid: String,
    /// Its resourceVersion.
    pub version: u64,
    /// What it held.
    pub data: Arc<Data>,
}

/// What there is of all that a route refers to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Not all of it was read yet; whoever asks is told when it is.
    Waits,
    /// It may not be read.
    Forbidden(Place),
    /// Those objects that there are.
    Found(BTreeMap<Object, Arc<Read>>),
}

/// What is to be done.
#[derive(Debug, Default)]
pub struct Due {
    /// Routes whose story is to be told.
    pub routes: BTreeSet<Uid>,
    /// Sources that are to be read, by [`Source::key`].
    pub reads: BTreeSet<Uid>,
    /// Copies that may have too much.
    pub copies: BTreeSet<Uid>,
    /// Whether other places are to be watched.
    pub places: bool,
}

/// All of it.
#[derive(Debug, Default)]
pub struct References {
    needs: HashMap<Uid, BTreeMap<Source, Wanted>>,
    users: BTreeMap<Source, BTreeSet<Uid>>,
    places: BTreeMap<Place, State>,
    reads: HashMap<Source, Arc<Read>>,
    copies: BTreeMap<Uid, Arc<Copied>>,
    /// What published documents name of each copy.
    named: BTreeMap<Uid, BTreeMap<Uid, Named>>,
    documents: HashMap<Uid, Vec<Uid>>,
    /// How many watches there were.
    numbers: u64,
    due: Due,
}

// === impl Source ===

impl Source {
    /// One text for it, as a queue needs it.
    #[must_use]
    pub fn key(&self) -> Uid {
        self.to_string().into()
    }

    /// The source of such a text.
    #[must_use]
    pub fn of_key(key: &str) -> Option<Self> {
        let (kind, rest) = key.split_once(' ')?;
        let (namespace, name) = rest.split_once('/')?;
        let kind = match kind {
            "ConfigMap" => Kind::ConfigMap,
            "Secret" => Kind::Secret,
            _ => return None,
        };
        Some(Self {
            namespace: namespace.to_owned(),
            object: Object {
                kind,
                name: name.to_owned(),
            },
        })
    }

    fn is_in(&self, place: &Place) -> bool {
        self.namespace == place.namespace && self.object.kind == place.kind
    }

    fn place(&self) -> Place {
        Place {
            namespace: self.namespace.clone(),
            kind: self.object.kind,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}/{}",
            self.object.kind, self.namespace, self.object.name
        )
    }
}

// === impl References ===

impl References {
    /// What has become due since it was last asked.
    pub fn take_due(&mut self) -> Due {
        std::mem::take(&mut self.due)
    }

    /// Notes what a route needs, and says what there is of it.
    pub fn refer(
        &mut self,
        route: &Uid,
        namespace: &str,
        wanted: &BTreeMap<Object, Wanted>,
    ) -> Standing {
        let source = |object: &Object| Source {
            namespace: namespace.to_owned(),
            object: object.clone(),
        };
        let needs: BTreeMap<Source, Wanted> = wanted
            .iter()
            .map(|(object, wanted)| (source(object), wanted.clone()))
            .collect();
        if self.needs.get(route) != Some(&needs) {
            let before = self.needs.remove(route).unwrap_or_default();
            for source in needs.keys() {
                self.users
                    .entry(source.clone())
                    .or_default()
                    .insert(route.clone());
                if let Entry::Vacant(place) = self.places.entry(source.place()) {
                    self.numbers += 1;
                    place.insert(State::new(self.numbers));
                    self.due.places = true;
                }
                self.read_if_old(source);
            }
            // What it needs still is not let go of in between.
            for source in before.keys() {
                self.tell_of_copy_of(source);
                if !needs.contains_key(source) {
                    self.drop_user(route, source);
                }
            }
            if !needs.is_empty() {
                self.needs.insert(route.clone(), needs);
            }
        }
        self.standing(route)
    }

    fn standing(&self, route: &Uid) -> Standing {
        let mut found = BTreeMap::new();
        let mut waits = false;
        for source in self.needs.get(route).into_iter().flat_map(BTreeMap::keys) {
            let place = source.place();
            match self.places.get(&place) {
                None => waits = true,
                Some(state) if state.is_forbidden => return Standing::Forbidden(place),
                Some(state) if !state.is_listed => waits = true,
                Some(state) => {
                    let Some(known) = state.objects.get(&source.object.name) else {
                        continue;
                    };
                    match self.reads.get(source) {
                        Some(read) if read.version >= known.version && read.uid == known.uid => {
                            found.insert(source.object.clone(), Arc::clone(read));
                        }
                        _ => waits = true,
                    }
                }
            }
        }
        if waits {
            Standing::Waits
        } else {
            Standing::Found(found)
        }
    }

    /// Whether an object is still as it was found.
    #[must_use]
    pub fn is_current(&self, source: &Source, read: &Arc<Read>) -> bool {
        self.reads
            .get(source)
            .is_some_and(|known| Arc::ptr_eq(known, read))
    }

    /// A route needs nothing any more.
    pub fn forget(&mut self, route: &Uid) {
        for source in self.needs.remove(route).unwrap_or_default().keys() {
            self.tell_of_copy_of(source);
            self.drop_user(route, source);
        }
    }

    fn tell_of_copy_of(&mut self, source: &Source) {
        if let Some(read) = self.reads.get(source) {
            let copy = copy_name(source.object.kind, &read.uid);
            self.due.copies.insert(copy.into());
        }
    }

    fn drop_user(&mut self, route: &Uid, source: &Source) {
        let Some(users) = self.users.get_mut(source) else {
            return;
        };
        users.remove(route);
        if !users.is_empty() {
            return;
        }
        self.users.remove(source);
        self.reads.remove(source);
        let place = source.place();
        if self.sources_in(&place).next().is_none() {
            self.places.remove(&place);
            self.due.places = true;
        }
    }

    /// The places that are to be watched.
    #[must_use]
    pub fn places(&self) -> HashSet<Place> {
        self.places.keys().cloned().collect()
    }

    /// The same, each with a number: a place that was let go of and is needed anew has another, since
    /// what was listed for it is forgotten.
    #[must_use]
    pub fn watches(&self) -> HashSet<(Place, u64)> {
        let places = self.places.iter();
        places
            .map(|(place, state)| (place.clone(), state.number))
            .collect()
    }

    /// An object as a watch has it now.
    pub fn observe(&mut self, source: Source, uid: String, version: u64) {
        let Some(state) = self.places.get_mut(&source.place()) else {
            return;
        };
        if state.observe(&source.object.name, uid, version) {
            self.read_if_old(&source);
        }
    }

    /// An object is gone.
    pub fn gone(&mut self, source: &Source) {
        let Some(state) = self.places.get_mut(&source.place()) else {
            return;
        };
        state.objects.remove(&source.object.name);
        self.reads.remove(source);
        self.tell_users(source);
    }

    /// All objects of a place were listed.
    pub fn listed(&mut self, place: &Place, names: &HashSet<String>) {
        let Some(state) = self.places.get_mut(place) else {
            return;
        };
        let is_news = !state.is_listed || state.is_forbidden;
        (state.is_listed, state.is_forbidden) = (true, false);
        let gone = state.objects.keys().filter(|name| !names.contains(*name));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.gone(&place.source(&name));
        }
        if is_news {
            for source in self.sources_in(place).cloned().collect::<Vec<_>>() {
                self.read_if_old(&source);
                self.tell_users(&source);
            }
        }
    }

    /// A place may not be read.
    pub fn forbidden(&mut self, place: &Place) {
        let Some(state) = self.places.get_mut(place) else {
            return;
        };
        if !std::mem::replace(&mut state.is_forbidden, true) {
            for source in self.sources_in(place).cloned().collect::<Vec<_>>() {
                self.tell_users(&source);
            }
        }
    }

    /// An object was read, or is not there.
    pub fn read(&mut self, source: &Source, read: Option<Read>) {
        if !self.users.contains_key(source) {
            return;
        }
        match read {
            None => self.gone(source),
            Some(read) => {
                let known = self.reads.get(source);
                if known.is_some_and(|known| known.uid == read.uid && known.version >= read.version)
                {
                    return;
                }
                if let Some(state) = self.places.get_mut(&source.place()) {
                    state.observe(&source.object.name, read.uid.clone(), read.version);
                }
                self.reads.insert(source.clone(), Arc::new(read));
                self.tell_users(source);
            }
        }
    }

    fn read_if_old(&mut self, source: &Source) {
        if !self.users.contains_key(source) {
            return;
        }
        let state = self.places.get(&source.place());
        let known = state.and_then(|state| state.objects.get(&source.object.name));
        let is_old = |known: &place::Known| {
            let read = self.reads.get(source);
            read.is_none_or(|read| read.uid != known.uid || read.version < known.version)
        };
        if known.is_some_and(is_old) {
            self.due.reads.insert(source.key());
        }
    }

    fn tell_users(&mut self, source: &Source) {
        let users = self.users.get(source).into_iter().flatten();
        self.due.routes.extend(users.cloned());
    }

    /// Sources are in the order of their places: those of others are not looked through.
    fn sources_in(&self, place: &Place) -> impl Iterator<Item = &Source> {
        let inside = self.users.range(place.source("")..);
        inside
            .map(|(source, _)| source)
            .take_while(|source| source.is_in(place))
    }

    /// What a published document names of copies.
    pub fn document(&mut self, route: &Uid, names: &[(Uid, Named)]) {
        let before = self.documents.remove(route).unwrap_or_default();
        for copy in before {
            if let Some(users) = self.named.get_mut(&copy) {
                users.remove(route);
                if users.is_empty() {
                    self.named.remove(&copy);
                }
            }
            self.due.copies.insert(copy);
        }
        for (copy, named) in names {
            self.named
                .entry(copy.clone())
                .or_default()
                .insert(route.clone(), named.clone());
        }
        if !names.is_empty() {
            let names = names.iter().map(|(copy, _)| copy.clone());
            self.documents.insert(route.clone(), names.collect());
        }
    }

    /// A copy as the cluster has it now.
    pub fn observe_copy(&mut self, name: Uid, copied: Arc<Copied>) {
        let known = self.copies.get(&name);
        if known.is_some_and(|known| {
            known.object_uid == copied.object_uid && known.version >= copied.version
        }) {
            return;
        }
        let is_news = known.is_none_or(|known| !known.says_the_same(&copied));
        self.copies.insert(name.clone(), copied);
        if is_news {
            self.tell_of_copy(&name);
        }
    }

    /// We wrote a copy.
    pub fn copied(&mut self, name: &Uid, copied: Arc<Copied>) {
        self.copies.insert(name.clone(), copied);
    }

    /// A copy of that version is gone.
    pub fn forget_copy(&mut self, name: &Uid, version: u64) {
        if self
            .copies
            .get(name)
            .is_some_and(|known| known.version <= version)
        {
            self.copies.remove(name);
            self.tell_of_copy(name);
        }
    }

    /// All copies of a kind were listed.
    pub fn copies_listed(&mut self, kind: Kind, listed: &HashSet<Uid>) {
        let of_kind =
            |name: &&Uid| crds::copies::source_of(name).is_some_and(|(found, _)| found == kind);
        let gone = self
            .copies
            .keys()
            .filter(of_kind)
            .filter(|name| !listed.contains(*name));
        for name in gone.cloned().collect::<Vec<_>>() {
            self.copies.remove(&name);
            self.tell_of_copy(&name);
        }
        self.due
            .copies
            .extend(self.copies.keys().filter(of_kind).cloned());
    }

    /// Somebody else changed a copy: whoever needs it puts that right.
    fn tell_of_copy(&mut self, name: &Uid) {
        self.due.copies.insert(name.clone());
        let named = self.named.get(name).into_iter().flat_map(BTreeMap::keys);
        self.due.routes.extend(named.cloned());
    }

    /// A copy, if there is one.
    #[must_use]
    pub fn copy(&self, name: &str) -> Option<&Arc<Copied>> {
        self.copies.get(name)
    }

    /// What a copy is to have, and of what; nothing where nobody needs it.
    #[must_use]
    pub fn content(&self, name: &Uid) -> Option<(Source, Content)> {
        let copied = self.copies.get(name);
        let (kind, uid) = crds::copies::source_of(name)?;
        let is_source =
            |(source, read): &(&Source, &Arc<Read>)| source.object.kind == kind && read.uid == uid;
        let read = self.reads.iter().find(is_source);
        let source = match (read, copied) {
            (Some((source, _)), _) => source.clone(),
            (None, Some(copied)) => Source {
                namespace: copied.namespace.clone(),
                object: Object {
                    kind,
                    name: copied.name.clone(),
                },
            },
            (None, None) => return None,
        };
        let mut needed = Wanted::default();
        if let Some((source, _)) = read {
            for user in self.users.get(source).into_iter().flatten() {
                if let Some(wanted) = self.needs.get(user).and_then(|needs| needs.get(source)) {
                    needed.add(wanted);
                }
            }
        }
        let mut named = Named::default();
        for other in self.named.get(name).into_iter().flat_map(BTreeMap::values) {
            named.wanted.add(&other.wanted);
            named.revision = named.revision.max(other.revision);
        }
        if needed == Wanted::default() && named.wanted == Wanted::default() {
            return None;
        }
        let data = read.map(|(_, read)| &*read.data);
        let old = copied.map(|copied| &**copied);
        Some((source, Content::new(&needed, &named, data, old)))
    }
}

#[cfg(test)]
mod tests;
