//! What is in the store, in memory: sizes, the order of use, who is held, and what has to go.
//!
//! The sum of all sizes never passes the capacity, and no entry whose module is held ever leaves for
//! room. Does no I/O and reads no clock.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::time::{Duration, SystemTime};

use crds::digest::Digest;

use super::name::Key;

/// Last uses reach the disk at most so often: a busy module must not cost a write each time.
const BETWEEN_MARKS: Duration = Duration::from_secs(60);

/// Why something cannot be stored although the disk would take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// All of the store would not be enough.
    #[error("{size} bytes are more than the whole store may have ({capacity}); raise --store-size")]
    TooLarge {
        /// What was to be stored.
        size: u64,
        /// What the store may have.
        capacity: u64,
    },
    /// What could go is not enough.
    #[error(
        "no room for {size} bytes: {held} of the store's {capacity} are in use by what is served; raise --store-size"
    )]
    Full {
        /// What was to be stored.
        size: u64,
        /// What may not go.
        held: u64,
        /// What the store may have.
        capacity: u64,
    },
}

/// What is in the store and what became of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Blobs.
    pub blobs: u64,
    /// Pieces of compiled code.
    pub compiled: u64,
    /// Bytes of both.
    pub bytes: u64,
    /// Bytes that both may have.
    pub capacity: u64,
    /// What was asked for and found, since the store was opened.
    pub hits: u64,
    /// What was asked for and not found.
    pub misses: u64,
    /// What was removed for room.
    pub evictions: u64,
    /// What was not what its name said.
    pub damaged: u64,
}

/// A file as it was found on disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) content: Digest,
    pub(super) size: u64,
    pub(super) used: SystemTime,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub(super) content: Digest,
    pub(super) size: u64,
    /// Its place in the order of use.
    turn: u64,
    /// Tells it from a later entry under the same key.
    birth: u64,
    /// The last use that the disk knows of.
    marked: SystemTime,
}

/// What somebody who wants to read must know.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) content: Digest,
    pub(super) size: u64,
    /// Whether this use should reach the disk.
    pub(super) is_due: bool,
    birth: u64,
}

#[derive(Debug)]
pub(super) struct Index {
    usage: Usage,
    entries: HashMap<Key, Entry>,
    /// Keys by their turn: the first one was not used for longest.
    order: BTreeMap<u64, Key>,
    holds: HashMap<Digest, usize>,
    /// What this process's engine asked for: code for anything else is of no use to it.
    compatibilities: HashSet<String>,
    next: u64,
}

// === impl Index ===

impl Index {
    pub(super) fn new(capacity: u64) -> Self {
        Self {
            usage: Usage {
                capacity,
                ..Usage::default()
            },
            entries: HashMap::new(),
            order: BTreeMap::new(),
            holds: HashMap::new(),
            compatibilities: HashSet::new(),
            next: 0,
        }
    }

    /// Takes in what is on disk; to be called in order of use, for the order is kept. What it
    /// displaces under the same key is returned.
    pub(super) fn seed(&mut self, key: Key, stored: Stored) -> Option<(Key, Digest)> {
        let displaced = self.remove(&key).map(|old| (key.clone(), old.content));
        self.insert(key, stored.content, stored.size, stored.used);
        displaced
    }

    /// Takes out what is more than the capacity.
    pub(super) fn surplus(&mut self) -> Vec<(Key, Entry)> {
        let mut surplus = Vec::new();
        while self.usage.bytes > self.usage.capacity
            && let Some((_, key)) = self.order.first_key_value()
        {
            let key = key.clone();
            let Some(entry) = self.remove(&key) else {
                break;
            };
            surplus.push((key, entry));
        }
        surplus
    }

    pub(super) fn has(&self, key: &Key) -> bool {
        self.entries.contains_key(key)
    }

    /// Finds an entry, and makes it the one used last.
    pub(super) fn find(&mut self, key: &Key, now: SystemTime) -> Option<Found> {
        self.learn(key);
        let turn = self.turn();
        let Some(entry) = self.entries.get_mut(key) else {
            self.usage.misses += 1;
            return None;
        };
        if let Some(key) = self.order.remove(&entry.turn) {
            self.order.insert(turn, key);
        }
        entry.turn = turn;
        // A clock that went back marks again; that costs one write.
        let is_due = now
            .duration_since(entry.marked)
            .map_or(true, |passed| passed >= BETWEEN_MARKS);
        if is_due {
            entry.marked = now;
        }
        Some(Found {
            content: entry.content,
            size: entry.size,
            is_due,
            birth: entry.birth,
        })
    }

    pub(super) fn insert(&mut self, key: Key, content: Digest, size: u64, now: SystemTime) {
        let turn = self.turn();
        let entry = Entry {
            content,
            size,
            turn,
            birth: turn,
            marked: now,
        };
        self.put_back(key, entry);
    }

    pub(super) fn put_back(&mut self, key: Key, entry: Entry) {
        self.usage.bytes += entry.size;
        *self.count(&key) += 1;
        self.order.insert(entry.turn, key.clone());
        self.entries.insert(key, entry);
    }

    pub(super) fn take(&mut self, key: &Key) -> Option<Entry> {
        self.remove(key)
    }

    /// Lets go of exactly what was found.
    pub(super) fn forget(&mut self, key: &Key, found: &Found) -> bool {
        let is_same = |entry: &Entry| entry.birth == found.birth;
        if !self.entries.get(key).is_some_and(is_same) {
            return false;
        }
        self.usage.damaged += 1;
        self.remove(key).is_some()
    }

    /// What has to go before so many bytes more fit, first what no engine here can use, then what
    /// was not used for longest. Nothing has to go if that would not be enough.
    pub(super) fn victims(&mut self, new: &Key, size: u64) -> Result<Vec<Key>, Refusal> {
        self.learn(new);
        let capacity = self.usage.capacity;
        if size > capacity {
            return Err(Refusal::TooLarge { size, capacity });
        }
        let mut left = self.usage.bytes;
        let mut victims = Vec::new();
        let (strangers, ours): (Vec<&Key>, Vec<&Key>) =
            self.order.values().partition(|key| self.is_stranger(key));
        for key in strangers.into_iter().chain(ours) {
            if left.saturating_add(size) <= capacity {
                break;
            }
            if self.is_held(key) {
                continue;
            }
            left -= self.entries.get(key).map_or(0, |entry| entry.size);
            victims.push(key.clone());
        }
        if left.saturating_add(size) > capacity {
            let held = left;
            return Err(Refusal::Full {
                size,
                held,
                capacity,
            });
        }
        Ok(victims)
    }

    pub(super) fn hold(&mut self, module: Digest) {
        *self.holds.entry(module).or_default() += 1;
    }

    pub(super) fn release(&mut self, module: Digest) {
        if let Some(holders) = self.holds.get_mut(&module) {
            *holders -= 1;
            if *holders == 0 {
                self.holds.remove(&module);
            }
        }
    }

    pub(super) const fn count_hit(&mut self) {
        self.usage.hits += 1;
    }

    pub(super) const fn count_miss(&mut self) {
        self.usage.misses += 1;
    }

    pub(super) const fn count_eviction(&mut self) {
        self.usage.evictions += 1;
    }

    pub(super) const fn usage(&self) -> Usage {
        self.usage
    }

    /// Code for another engine goes first, also that of a module that is held: its holder cannot
    /// use it.
    fn is_stranger(&self, key: &Key) -> bool {
        match key {
            Key::Blob(_) => false,
            Key::Compiled(key) => !self.compatibilities.contains(key.compatibility()),
        }
    }

    fn learn(&mut self, key: &Key) {
        if let Key::Compiled(key) = key
            && !self.compatibilities.contains(key.compatibility())
        {
            self.compatibilities.insert(key.compatibility().to_owned());
        }
    }

    /// Whether somebody holds what an entry belongs to.
    pub(super) fn holds(&self, key: &Key) -> bool {
        self.holds.contains_key(&key.module())
    }

    fn is_held(&self, key: &Key) -> bool {
        self.holds(key) && !self.is_stranger(key)
    }

    fn remove(&mut self, key: &Key) -> Option<Entry> {
        let entry = self.entries.remove(key)?;
        self.order.remove(&entry.turn);
        self.usage.bytes -= entry.size;
        *self.count(key) -= 1;
        Some(entry)
    }

    const fn count(&mut self, key: &Key) -> &mut u64 {
        match key {
            Key::Blob(_) => &mut self.usage.blobs,
            Key::Compiled(_) => &mut self.usage.compiled,
        }
    }

    fn turn(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::TooLarge { .. } => io::ErrorKind::FileTooLarge,
            Refusal::Full { .. } => io::ErrorKind::StorageFull,
        };
        Self::new(kind, refusal)
    }
}
