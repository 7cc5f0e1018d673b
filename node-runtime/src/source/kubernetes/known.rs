//! Everything published that is known: lists and events go in, snapshots come out. Pure: it is told
//! what time it is.
//!
//! A document whose text did not change stays the very same, so that whoever compares compares
//! pointers. What cannot be read changes nothing and is named. A document that names copies which are
//! not there yet waits for them, and what was served before it stays meanwhile. A list that lacks most of what is
//! known is not believed for a while; an event that something is gone is, at once.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crds::fleet::Fleet;
use crds::names;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::copies::{self, Copies, Copy};
use super::published::{self, Item, Kind, List, Read, Unserved};
use crate::source::{Cluster, Document, Mistake, Refused, Snapshot};

/// A list is doubted only where at least so many documents are known.
const FEWEST: usize = 20;

/// Everything published that is known.
#[derive(Debug)]
pub(super) struct Known {
    namespace: String,
    entries: HashMap<Box<str>, Entry>,
    /// By age, then uid.
    order: BTreeMap<Rank, Arc<Document>>,
    /// Those that wait for copies, by name.
    waiting: BTreeSet<Box<str>>,
    /// Copies of ConfigMaps.
    copies: Copies,
    /// Copies of Secrets, which somebody else follows.
    secrets: Arc<Copies>,
    /// Whether there are copies that what waits may wait for.
    has_new_copies: bool,
    fleet: Arc<Fleet>,
    version: u64,
    is_listed: bool,
    is_changed: bool,
}

/// Of one ConfigMap.
#[derive(Debug)]
struct Entry {
    version: u64,
    text: Hash,
    /// Its place in the order, when it could ever be read.
    rank: Option<Rank>,
    refused: Option<Arc<Refused>>,
    /// What is to be served once its copies are there, and its text, which the disk has then.
    waits: Option<(Box<Read>, String)>,
    /// A list lacked it: until when it stays.
    kept_until: Option<Instant>,
}

type Hash = [u8; 16];
type Rank = (Box<str>, Arc<str>);

/// What is to be kept on disk, or in memory. Never prints a text.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Keep {
    /// A text is new.
    Put {
        name: String,
        version: u64,
        text: String,
    },
    /// There is none any more.
    Remove { name: String },
}

// === impl Known ===

impl Known {
    pub(super) fn new(namespace: String) -> Self {
        Self {
            namespace,
            entries: HashMap::new(),
            order: BTreeMap::new(),
            waiting: BTreeSet::new(),
            copies: Copies::new(),
            secrets: Arc::default(),
            has_new_copies: false,
            fleet: Arc::default(),
            version: 0,
            is_listed: false,
            is_changed: false,
        }
    }

    /// The resourceVersion up to which everything is known.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn fleet(&self) -> &Arc<Fleet> {
        &self.fleet
    }

    /// How many documents can be served.
    pub(super) fn documents(&self) -> usize {
        self.order.len()
    }

    /// Whether there is a new snapshot since the last time that somebody asked.
    pub(super) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.is_changed)
    }

    /// Takes what was kept on disk.
    pub(super) fn restore(&mut self, version: u64, items: Vec<Item>) {
        for item in items {
            let name = item.metadata.name.clone();
            self.put(item);
            self.release();
            // What could be read once, and by this program cannot, is no document that was seen.
            let is_refused = |entry: &Entry| {
                entry.rank.is_none() && entry.refused.is_some() && entry.waits.is_none()
            };
            if self.entries.get(&*name).is_some_and(is_refused) {
                self.forget(&name);
            }
        }
        self.version = version;
    }

    /// Takes all there is.
    pub(super) fn list(&mut self, list: List, now: Instant, grace: Duration) -> Vec<Keep> {
        let version = published::version(&list.metadata.resource_version);
        let listed: HashSet<String> = list
            .items
            .iter()
            .map(|item| item.metadata.name.clone())
            .collect();
        let lacking: Vec<Box<str>> = self
            .entries
            .keys()
            .filter(|name| !listed.contains(&***name))
            .cloned()
            .collect();
        let known = self.entries.len();
        let is_doubted = known >= FEWEST && lacking.len() * 2 > known;
        let mut keep: Vec<Keep> = Vec::new();
        for name in lacking {
            if is_doubted {
                self.doubt(&name, now + grace);
            } else {
                keep.extend(self.remove(&name));
            }
        }
        if is_doubted {
            tracing::warn!(
                known,
                listed = listed.len(),
                "a list of documents lacks more than half of those known: they stay for {grace:?} \
                 (--shrink-grace)"
            );
        }
        let gone = self.copies.keys().filter(|name| !listed.contains(&***name));
        let gone: Vec<Box<str>> = gone.filter(|_| !is_doubted).cloned().collect();
        for name in gone {
            self.copies.remove(&name);
            keep.push(Keep::Remove { name: name.into() });
        }
        for item in list.items {
            keep.extend(self.put(item));
        }
        keep.extend(self.release());
        self.is_changed |= !self.is_listed || version < self.version;
        self.is_listed = true;
        self.version = version;
        keep
    }

    /// Takes one that is new or changed.
    pub(super) fn put(&mut self, item: Item) -> Option<Keep> {
        let version = item.metadata.version();
        self.version = self.version.max(version);
        match Kind::of(&item.metadata.name) {
            Kind::Other => None,
            Kind::Fleet => self.put_fleet(item),
            Kind::Copy => {
                if !copies::put(&mut self.copies, &item) {
                    return None;
                }
                self.has_new_copies = true;
                Some(copies::keep(item))
            }
            Kind::Route(uid) => {
                let uid = Arc::from(uid);
                self.put_route(uid, item)
            }
        }
    }

    /// Takes that one is gone.
    pub(super) fn delete(&mut self, item: &Item) -> Option<Keep> {
        self.version = self.version.max(item.metadata.version());
        match Kind::of(&item.metadata.name) {
            Kind::Route(_) => self.remove(&item.metadata.name),
            // What routes got of it stays with the routes.
            Kind::Copy => {
                self.copies.remove(&*item.metadata.name)?;
                Some(Keep::Remove {
                    name: item.metadata.name.clone(),
                })
            }
            // Who they were is as good a guess as any.
            Kind::Fleet | Kind::Other => None,
        }
    }

    /// Takes the copies of Secrets as they are now.
    pub(super) fn secrets(&mut self, secrets: Arc<Copies>) {
        self.secrets = secrets;
        self.has_new_copies = true;
    }

    /// Serves what waited for copies that are there now.
    pub(super) fn release(&mut self) -> Vec<Keep> {
        if !std::mem::take(&mut self.has_new_copies) {
            return Vec::new();
        }
        let waiting = std::mem::take(&mut self.waiting);
        waiting
            .into_iter()
            .filter_map(|name| self.try_again(name))
            .collect()
    }

    fn try_again(&mut self, name: Box<str>) -> Option<Keep> {
        let entry = self.entries.get_mut(&name)?;
        let (read, text) = entry.waits.take()?;
        let uid = names::route_uid(&name)?;
        let served = read.serve(|copy| self.secrets.get(copy).or_else(|| self.copies.get(copy)));
        match served {
            Ok(document) => {
                self.is_changed = true;
                if let Some(old) = entry.rank.take() {
                    self.order.remove(&old);
                }
                let rank: Rank = (read.since.into(), Arc::from(uid));
                self.order.insert(rank.clone(), Arc::new(document));
                entry.rank = Some(rank);
                entry.refused = None;
                Some(Keep::Put {
                    version: entry.version,
                    name: name.into(),
                    text,
                })
            }
            Err(Unserved::Waits(reason)) => {
                if let Some(refused) = &mut entry.refused
                    && refused.reason != reason
                {
                    self.is_changed = true;
                    Arc::make_mut(refused).reason = reason;
                }
                entry.waits = Some((read, text));
                self.waiting.insert(name);
                None
            }
            Err(Unserved::Refused(error)) => {
                self.is_changed = true;
                if let Some(refused) = &mut entry.refused {
                    let refused = Arc::make_mut(refused);
                    (refused.waits, refused.reason) = (false, error.to_string());
                }
                None
            }
        }
    }

    /// Takes that nothing else happened up to here.
    pub(super) fn bookmark(&mut self, version: u64) {
        self.version = self.version.max(version);
    }

    /// When something that is kept goes.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.entries
            .values()
            .filter_map(|entry| entry.kept_until)
            .min()
    }

    /// Lets go of what was kept for long enough.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Keep> {
        let is_over = |entry: &Entry| entry.kept_until.is_some_and(|until| until <= now);
        let over: Vec<Box<str>> = self
            .entries
            .iter()
            .filter(|(_, entry)| is_over(entry))
            .map(|(name, _)| name.clone())
            .collect();
        over.iter().filter_map(|name| self.remove(name)).collect()
    }

    /// Everything as it is now.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut names = HashMap::with_capacity(self.order.len());
        let mut documents: Vec<Arc<Document>> = Vec::with_capacity(self.order.len());
        for document in self.order.values() {
            // A route that was deleted and made anew has two documents for a moment.
            match names.get(document.name()) {
                None => {
                    names.insert(document.name(), documents.len());
                    documents.push(Arc::clone(document));
                }
                Some(&at) if version_of(&documents[at]) < version_of(document) => {
                    documents[at] = Arc::clone(document);
                }
                Some(_) => {}
            }
        }
        let mut refused: Vec<Arc<Refused>> = self
            .entries
            .values()
            .filter_map(|entry| entry.refused.clone())
            .collect();
        refused.sort_by(|one, other| one.uid.cmp(&other.uid));
        Snapshot {
            documents,
            // What waits is told of a moment later, and needs nobody.
            mistakes: refused
                .iter()
                .filter(|refused| !refused.waits)
                .map(|refused| self.mistake(refused))
                .collect(),
            cluster: Some(Cluster {
                version: self.version,
                is_listed: self.is_listed,
                kept: self
                    .entries
                    .values()
                    .filter(|entry| entry.kept_until.is_some())
                    .count(),
                refused,
            }),
            ..Snapshot::default()
        }
    }

    fn mistake(&self, refused: &Refused) -> Mistake {
        let name = names::document_name(&refused.uid);
        Mistake {
            kept: usize::from(refused.has_older),
            ..Mistake::of_object(
                &format!("{}/{name}", self.namespace),
                format!("{}: {}", refused.route, refused.reason),
            )
        }
    }

    fn put_fleet(&mut self, mut item: Item) -> Option<Keep> {
        let text = item.data.remove(names::FLEET_KEY)?;
        match Fleet::decode(&text) {
            Ok(fleet) if fleet == *self.fleet => None,
            Ok(fleet) => {
                self.fleet = Arc::new(fleet);
                Some(Keep::Put {
                    version: item.metadata.version(),
                    name: item.metadata.name,
                    text,
                })
            }
            Err(error) => {
                tracing::warn!("the object {} cannot be read: {error}", names::FLEET);
                None
            }
        }
    }

    fn put_route(&mut self, uid: Arc<str>, mut item: Item) -> Option<Keep> {
        let version = item.metadata.version();
        let text = item.data.get(names::DOCUMENT_KEY).map(String::as_str);
        let hash = hash(text);
        if let Some(entry) = self.entries.get_mut(&*item.metadata.name) {
            self.is_changed |= entry.version != version || entry.kept_until.is_some();
            entry.version = version;
            entry.kept_until = None;
            if entry.text == hash {
                return None;
            }
        }
        self.is_changed = true;
        let read = published::read(&uid, version, text);
        let name: Box<str> = Box::from(&*item.metadata.name);
        let old = self.entries.remove(&name).and_then(|entry| entry.rank);
        let served = match read {
            Ok(read) => match read.serve(|copy| self.copy(copy)) {
                Ok(document) => Ok((document, read)),
                Err(unserved) => Err((unserved, Some(Box::new(read)))),
            },
            Err(error) => Err((Unserved::Refused(error), None)),
        };
        let (rank, refused, waits) = match served {
            Ok((document, read)) => {
                if let Some(old) = old {
                    self.order.remove(&old);
                }
                let rank: Rank = (read.since.into(), uid);
                self.order.insert(rank.clone(), Arc::new(document));
                (Some(rank), None, None)
            }
            Err((unserved, read)) => {
                let (route, generation) = published::identity(&item);
                let (reason, waits) = match unserved {
                    Unserved::Waits(reason) => (reason, read),
                    Unserved::Refused(error) => (error.to_string(), None),
                };
                let refused = Refused {
                    route,
                    uid,
                    generation,
                    version,
                    reason,
                    has_older: old.is_some(),
                    waits: waits.is_some(),
                };
                (old, Some(Arc::new(refused)), waits)
            }
        };
        let is_served = refused.is_none();
        let text = item.data.remove(names::DOCUMENT_KEY);
        let (kept, waits) = match waits {
            None => (text.filter(|_| is_served), None),
            Some(read) => {
                self.waiting.insert(name.clone());
                (None, text.map(|text| (read, text)))
            }
        };
        self.entries.insert(
            name,
            Entry {
                version,
                text: hash,
                rank,
                refused,
                waits,
                kept_until: None,
            },
        );
        Some(Keep::Put {
            version,
            name: item.metadata.name,
            text: kept?,
        })
    }

    fn copy(&self, name: &str) -> Option<&Copy> {
        self.secrets.get(name).or_else(|| self.copies.get(name))
    }

    fn doubt(&mut self, name: &str, until: Instant) {
        if let Some(entry) = self.entries.get_mut(name) {
            self.is_changed |= entry.kept_until.is_none();
            // A second such list does not begin the time anew.
            entry.kept_until.get_or_insert(until);
        }
    }

    fn remove(&mut self, name: &str) -> Option<Keep> {
        self.forget(name).then(|| Keep::Remove {
            name: name.to_owned(),
        })
    }

    fn forget(&mut self, name: &str) -> bool {
        let Some(entry) = self.entries.remove(name) else {
            return false;
        };
        if let Some(rank) = entry.rank {
            self.order.remove(&rank);
        }
        self.is_changed = true;
        true
    }
}

fn version_of(document: &Document) -> u64 {
    match &document.origin {
        crate::source::Origin::Cluster { version, .. } => *version,
        crate::source::Origin::File { .. } => 0,
    }
}

fn hash(text: Option<&str>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([u8::from(text.is_some())]);
    hasher.update(text.unwrap_or_default());
    let digest = hasher.finalize();
    let mut hash = Hash::default();
    hash.copy_from_slice(&digest[..16]);
    hash
}

// === impl Keep ===

impl Keep {
    /// Of which ConfigMap.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Put { name, .. } | Self::Remove { name } => name,
        }
    }
}

impl std::fmt::Debug for Keep {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Put { name, version, .. } => write!(f, "Put({name}, {version})"),
            Self::Remove { name } => write!(f, "Remove({name})"),
        }
    }
}

#[cfg(test)]
mod tests;
