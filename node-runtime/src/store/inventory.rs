//! A look at a store from outside: what is there, what is damaged, what nobody needs.
//!
//! Looking takes no lock, so it sees a moment that may be over: what goes meanwhile is not damage.
//! Pruning is done by whoever holds the store.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crds::digest::Digest;

use super::Store;
use super::file::{self, Trouble};
use super::folder::{self, OpenError};
use super::name::Key;
use super::references::{self, Pinned};

/// What a store has.
#[derive(Debug)]
pub struct Inventory {
    /// Blobs and compiled code, by module.
    pub items: Vec<Item>,
    /// What references were resolved to, by their text.
    pub references: BTreeMap<String, Pinned>,
    /// References' files that cannot be read.
    damaged: Vec<Damage>,
    path: PathBuf,
}

/// One file of a store.
#[derive(Debug)]
pub struct Item {
    /// What it is.
    pub kind: Kind,
    /// The module that it is, or was made of.
    pub module: Digest,
    /// Its length in bytes.
    pub size: u64,
    /// When it was last used, to the minute.
    pub used: SystemTime,
    key: Key,
    content: Digest,
}

/// What a file of a store is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A module's bytes.
    Blob,
    /// Code compiled of it, for an engine that calls itself so.
    Compiled(String),
}

/// A file that is not what its name says.
#[derive(Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Blobs.
    pub blobs: u64,
    /// Pieces of compiled code.
    pub compiled: u64,
    /// References.
    pub references: u64,
    /// Bytes of blobs and compiled code.
    pub bytes: u64,
}

// === impl Inventory ===

impl Inventory {
    /// Looks at a folder, and changes nothing.
    ///
    /// # Errors
    /// When there is no store, or it cannot be read.
    pub fn read(path: &Path) -> Result<Self, OpenError> {
        let is_store = path.is_dir() && folder::recognise(path)?;
        if !is_store {
            return Err(OpenError::Absent(path.to_owned()));
        }
        let mut items: Vec<Item> = folder::entries(path)?
            .into_iter()
            .map(|(key, stored)| Item {
                kind: match &key {
                    Key::Blob(_) => Kind::Blob,
                    Key::Compiled(key) => Kind::Compiled(key.compatibility().to_owned()),
                },
                module: key.module(),
                size: stored.size,
                used: stored.used,
                key,
                content: stored.content,
            })
            .collect();
        items.sort_by(|one, other| (one.module, &one.kind).cmp(&(other.module, &other.kind)));
        let mut inventory = Self {
            items,
            references: BTreeMap::new(),
            damaged: Vec::new(),
            path: path.to_owned(),
        };
        for remembered in references::all(path)? {
            match remembered.answer {
                Ok((reference, pinned)) => {
                    inventory.references.insert(reference, pinned);
                }
                Err(error) => inventory.damaged.push(Damage {
                    path: remembered.path,
                    reason: match error.kind() {
                        io::ErrorKind::InvalidData => "it is damaged".to_owned(),
                        _ => error.to_string(),
                    },
                }),
            }
        }
        Ok(inventory)
    }

    /// The references that were resolved to a module.
    pub fn references_to(&self, module: Digest) -> impl Iterator<Item = &str> {
        let to = self
            .references
            .iter()
            .filter(move |(_, pinned)| pinned.module == module);
        to.map(|(reference, _)| reference.as_str())
    }

    /// Bytes of all files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.items.iter().map(|item| item.size).sum()
    }

    /// Reads everything, and names what is not what its name says.
    #[must_use]
    pub fn verify(&self) -> Vec<Damage> {
        let check = |item: &Item| {
            let path = folder::path_of(&self.path, &item.key, item.content);
            let file = file::open(&path);
            match file.and_then(|file| file::verify(&file, item.size, item.content)) {
                // Evicted since we looked.
                Ok(()) | Err(Trouble::Gone) => None,
                Err(trouble) => Some(Damage {
                    path,
                    reason: trouble.to_string(),
                }),
            }
        };
        let damaged = self.items.iter().filter_map(check);
        damaged
            .chain(self.damaged.iter().map(|damage| Damage {
                path: damage.path.clone(),
                reason: damage.reason.clone(),
            }))
            .collect()
    }
}

// === impl Store ===

impl Store {
    /// Removes what no reference leads to, and all but the code used last of each module that one
    /// leads to; with a time, also what was not used since. What is held stays.
    ///
    /// # Errors
    /// When something cannot be removed.
    pub fn prune(&self, unused_since: Option<SystemTime>) -> Result<Pruned, OpenError> {
        let mut pruned = Pruned::default();
        let is_old = |used: SystemTime| unused_since.is_some_and(|since| used < since);
        let mut wanted = BTreeSet::new();
        for remembered in references::all(self.folder())? {
            match remembered.answer {
                Ok((_, pinned)) if !is_old(remembered.used) => {
                    wanted.insert(pinned.module);
                }
                _ => {
                    folder::remove(&remembered.path)?;
                    pruned.references += 1;
                }
            }
        }
        let mut has_code = BTreeSet::new();
        // Those used last come first.
        for (key, stored) in self.0.folder.entries()?.into_iter().rev() {
            let is_superseded = matches!(key, Key::Compiled(_)) && !has_code.insert(key.module());
            if wanted.contains(&key.module()) && !is_old(stored.used) && !is_superseded {
                continue;
            }
            if self.remove(&key)? {
                pruned.bytes += stored.size;
                match key {
                    Key::Blob(_) => pruned.blobs += 1,
                    Key::Compiled(_) => pruned.compiled += 1,
                }
            }
        }
        Ok(pruned)
    }

    fn remove(&self, key: &Key) -> Result<bool, OpenError> {
        let _names = self.0.names();
        if self.0.index().holds(key) {
            return Ok(false);
        }
        self.0.evict(key).map(|()| true)
    }
}
