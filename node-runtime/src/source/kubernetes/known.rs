//! Everything published that is known: lists and events go in, snapshots come out. Pure: it is told
//! what time it is.
//!
//! A document whose text did not change stays the very same, so that whoever compares compares
//! pointers. What cannot be read changes nothing and is named. A list that lacks most of what is
//! known is not believed for a while; an event that something is gone is, at once.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crds::fleet::Fleet;
use crds::names;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use super::published::{self, Item, Kind, List, Read};
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
    /// A list lacked it: until when it stays.
    kept_until: Option<Instant>,
}

type Hash = [u8; 16];
type Rank = (Box<str>, Arc<str>);

/// What is to be kept on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
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
            // What could be read once, and by this program cannot, is no document that was seen.
            let is_refused = |entry: &Entry| entry.rank.is_none() && entry.refused.is_some();
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
        for item in list.items {
            keep.extend(self.put(item));
        }
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
            // Who they were is as good a guess as any.
            Kind::Fleet | Kind::Other => None,
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
            mistakes: refused
                .iter()
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
        let (rank, refused) = match read {
            Ok(Read { document, since }) => {
                if let Some(old) = old {
                    self.order.remove(&old);
                }
                let rank: Rank = (since.into(), uid);
                self.order.insert(rank.clone(), Arc::new(document));
                (Some(rank), None)
            }
            Err(error) => {
                let (route, generation) = published::identity(&item);
                let refused = Refused {
                    route,
                    uid,
                    generation,
                    version,
                    reason: error.to_string(),
                    has_older: old.is_some(),
                };
                (old, Some(Arc::new(refused)))
            }
        };
        let is_read = refused.is_none();
        self.entries.insert(
            name,
            Entry {
                version,
                text: hash,
                rank,
                refused,
                kept_until: None,
            },
        );
        let text = item.data.remove(names::DOCUMENT_KEY).filter(|_| is_read)?;
        Some(Keep::Put {
            version,
            name: item.metadata.name,
            text,
        })
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

#[cfg(test)]
mod tests;
