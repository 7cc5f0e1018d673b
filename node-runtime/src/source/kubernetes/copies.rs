//! Copies of ConfigMaps and Secrets as they are published, by name. Pure.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use crds::copies::{Revisions, source_of};
use crds::names;
use crds::references::{Data, Kind};
use k8s_openapi::ByteString;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch as channel;
use tokio::time::Instant;

use super::known::Keep;
use super::published::{self, Item, List};
use super::snapshot::Restored;
use super::watch::Follows;
use super::{Stage, View};

/// What an object held when it was copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) revision: u64,
    pub(super) data: Arc<Data>,
}

/// Copies by name.
pub(super) type Copies = HashMap<Box<str>, Copy>;

/// What an object holds; nothing where it is no copy.
pub(super) fn read(item: &Item) -> Option<Copy> {
    let (kind, _) = source_of(&item.metadata.name)?;
    let revisions = item.metadata.annotations.get(names::REVISIONS_ANNOTATION)?;
    let of_base64 = |text: &String| {
        let bytes = ByteString::deserialize(Value::String(text.clone()));
        Some(bytes.ok()?.0)
    };
    let mut data = BTreeMap::new();
    for (key, text) in &item.data {
        let value = match kind {
            Kind::ConfigMap => text.clone().into_bytes(),
            Kind::Secret => of_base64(text)?,
        };
        data.insert(key.clone(), value);
    }
    for (key, text) in &item.binary_data {
        data.insert(key.clone(), of_base64(text)?);
    }
    Some(Copy {
        revision: Revisions::decode(revisions).latest,
        data: Arc::new(Data(data)),
    })
}

/// Notes a copy; whether anything is new. What it held before stays the very same.
pub(super) fn put(copies: &mut Copies, item: &Item) -> bool {
    let Some(copy) = read(item) else {
        return false;
    };
    let old = copies.get(&*item.metadata.name);
    if old == Some(&copy) {
        return false;
    }
    let data = match old {
        Some(old) if old.data == copy.data => Arc::clone(&old.data),
        _ => copy.data,
    };
    copies.insert(Box::from(&*item.metadata.name), Copy { data, ..copy });
    true
}

/// What the disk, or what stands for it, keeps of a copy.
pub(super) fn keep(item: Item) -> Keep {
    let text = serde_json::to_string(&item).expect("texts become JSON");
    Keep::Put {
        version: item.metadata.version(),
        name: item.metadata.name,
        text,
    }
}

/// The Secrets that are published, handed to whoever needs what they hold.
#[derive(Debug)]
pub(super) struct Secrets {
    copies: Arc<Copies>,
    version: u64,
    is_changed: bool,
    known: channel::Sender<Arc<Copies>>,
}

// === impl Secrets ===

impl Secrets {
    pub(super) fn new(known: channel::Sender<Arc<Copies>>) -> Self {
        Self {
            copies: Arc::default(),
            version: 0,
            is_changed: false,
            known,
        }
    }
}

impl Secrets {
    /// Takes what was kept in memory, before anything else.
    pub(super) fn remember(&mut self, kept: Restored) {
        let texts = kept.texts.into_iter();
        let items = texts.filter_map(|(name, version, text)| Item::kept(name, version, text));
        self.restore(kept.version, items.collect());
        self.publish();
    }
}

impl Follows for Secrets {
    const WHAT: &'static str = "secrets";
    type Object = k8s_openapi::api::core::v1::Secret;

    fn version(&self) -> u64 {
        self.version
    }

    fn count(&self) -> usize {
        self.copies.len()
    }

    fn restore(&mut self, version: u64, items: Vec<Item>) {
        for item in items {
            self.is_changed |= put(Arc::make_mut(&mut self.copies), &item);
        }
        self.version = version;
    }

    fn list(&mut self, list: List, _: Instant, _: Duration) -> Vec<Keep> {
        self.version = published::version(&list.metadata.resource_version);
        let listed: HashSet<&str> = list.items.iter().map(|item| &*item.metadata.name).collect();
        // What routes got of them stays with the routes.
        let gone = self.copies.keys().filter(|name| !listed.contains(&***name));
        let gone: Vec<Box<str>> = gone.cloned().collect();
        let mut kept = Vec::new();
        for name in gone {
            Arc::make_mut(&mut self.copies).remove(&name);
            self.is_changed = true;
            kept.push(Keep::Remove { name: name.into() });
        }
        kept.extend(list.items.into_iter().filter_map(|item| self.put(item)));
        kept
    }

    fn put(&mut self, item: Item) -> Option<Keep> {
        self.version = self.version.max(item.metadata.version());
        if !put(Arc::make_mut(&mut self.copies), &item) {
            return None;
        }
        self.is_changed = true;
        Some(keep(item))
    }

    fn delete(&mut self, item: &Item) -> Option<Keep> {
        self.version = self.version.max(item.metadata.version());
        Arc::make_mut(&mut self.copies).remove(&*item.metadata.name)?;
        self.is_changed = true;
        Some(Keep::Remove {
            name: item.metadata.name.clone(),
        })
    }

    fn bookmark(&mut self, version: u64) {
        self.version = self.version.max(version);
    }

    fn next_expiry(&self) -> Option<Instant> {
        None
    }

    fn expire(&mut self, _: Instant) -> Vec<Keep> {
        Vec::new()
    }

    fn publish(&mut self) {
        if std::mem::take(&mut self.is_changed) {
            self.known.send_replace(Arc::clone(&self.copies));
        }
    }

    fn show(&mut self, _: Stage) {}

    async fn beside(&mut self) -> Vec<Keep> {
        std::future::pending().await
    }
}

/// Documents, followed beside the Secrets that they need.
#[derive(Debug)]
pub(super) struct Documents {
    pub(super) known: super::Known,
    pub(super) secrets: channel::Receiver<Arc<Copies>>,
    pub(super) snapshots: channel::Sender<Option<Arc<crate::source::Snapshot>>>,
    pub(super) view: channel::Sender<View>,
}

impl Follows for Documents {
    const WHAT: &'static str = "documents";
    type Object = k8s_openapi::api::core::v1::ConfigMap;

    fn version(&self) -> u64 {
        self.known.version()
    }

    fn count(&self) -> usize {
        self.known.documents()
    }

    fn restore(&mut self, version: u64, items: Vec<Item>) {
        // What routes are started with comes before the routes.
        self.known
            .secrets(Arc::clone(&self.secrets.borrow_and_update()));
        self.known.restore(version, items);
    }

    fn list(&mut self, list: List, now: Instant, grace: Duration) -> Vec<Keep> {
        self.known.list(list, now, grace)
    }

    fn put(&mut self, item: Item) -> Option<Keep> {
        self.known.put(item)
    }

    fn delete(&mut self, item: &Item) -> Option<Keep> {
        self.known.delete(item)
    }

    fn bookmark(&mut self, version: u64) {
        self.known.bookmark(version);
    }

    fn next_expiry(&self) -> Option<Instant> {
        self.known.next_expiry()
    }

    fn expire(&mut self, now: Instant) -> Vec<Keep> {
        let keep = self.known.expire(now);
        tracing::warn!(
            documents = keep.len(),
            "documents that a list lacked go now: --shrink-grace is over"
        );
        keep
    }

    fn release(&mut self) -> Vec<Keep> {
        self.known.release()
    }

    fn publish(&mut self) {
        if self.known.take_changed() {
            self.snapshots
                .send_replace(Some(Arc::new(self.known.snapshot())));
        }
        self.view.send_if_modified(|view| {
            let is_new = !Arc::ptr_eq(&view.fleet, self.known.fleet());
            view.fleet = Arc::clone(self.known.fleet());
            is_new
        });
    }

    fn show(&mut self, stage: Stage) {
        self.view.send_if_modified(|view| {
            let is_new = view.stage != stage;
            view.stage = stage;
            is_new
        });
    }

    async fn beside(&mut self) -> Vec<Keep> {
        if self.secrets.changed().await.is_err() {
            // Nobody follows Secrets: a program that ends.
            std::future::pending::<()>().await;
        }
        self.known
            .secrets(Arc::clone(&self.secrets.borrow_and_update()));
        self.known.release()
    }
}
