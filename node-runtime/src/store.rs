//! The folder of modules: what was pulled, and what was compiled of it, under names that say what
//! is in it.
//!
//! ```text
//! format                      the version of this layout
//! lock                        held by the one process that writes
//! blobs/sha256/<hex>          bytes under their digest
//! compiled/<hex>-<hex>.<hex>  module, compatibility, digest of this very file
//! references/<hex>            what a reference was last resolved to
//! tmp/                        what is being written
//! ```
//!
//! Nothing is ever written under its final name: it is written in `tmp`, reaches the disk, and is
//! renamed. What is read is hashed, each time, before a byte of it is used; what is not what its
//! name says is removed and reported as absent, so that it is made again, once. The bytes of blobs
//! and compiled code never pass the capacity: what was not used for longest goes first, and never
//! what is held. What is in `tmp` comes on top and is bounded by whoever writes. The room does not
//! know registries, nor what is in a module.
//!
//! All of it blocks; call it where that is allowed. Nobody waits for the contents of another's file.

mod file;
mod folder;
mod index;
mod inventory;
mod name;
mod references;
mod unpublished;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crds::digest::Digest;

use file::Trouble;
use folder::Folder;
use index::{Found, Index};
use name::Key;

pub use folder::OpenError;
pub use index::{Refusal, Usage};
pub use inventory::{Damage, Inventory, Item, Kind, Pruned};
pub use name::CompiledKey;
pub use references::Pinned;
pub use unpublished::Unpublished;

/// The folder of modules, open for writing. Clones are the same store.
#[derive(Clone, Debug)]
pub struct Store(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    folder: Folder,
    index: Mutex<Index>,
    /// Taken by whoever gives or takes away a final name, so that a name and its place in the index
    /// change together. Always taken before the index; never while contents are read or written.
    names: Mutex<()>,
}

/// Compiled code, as it is on disk.
///
/// What may be trusted: the bytes behind this very descriptor hashed to the digest in the file's
/// name when it was opened. Nobody writes to them afterwards: the folder belongs to us and is
/// closed to others, one process holds its lock, and in that process nothing writes to a file after
/// its rename. Who may break that (root, or our own user) may as well replace the program itself.
#[derive(Debug)]
pub struct CompiledFile {
    /// The file, open for reading, at its beginning.
    pub file: File,
    /// Its length in bytes.
    pub size: u64,
}

/// Keeps what belongs to a module from being evicted. Dropping it lets go.
#[derive(Debug)]
pub struct Hold {
    shared: Arc<Shared>,
    module: Digest,
}

// === impl Store ===

impl Store {
    /// Opens a folder, or makes it, and takes its lock.
    ///
    /// What another process left half written is thrown away. What is more than the capacity is
    /// evicted.
    ///
    /// # Errors
    /// When the folder cannot be trusted or used, or another process holds it.
    pub fn open(folder: impl Into<PathBuf>, capacity_bytes: u64) -> Result<Self, OpenError> {
        let folder = Folder::open(folder.into())?;
        let mut index = Index::new(capacity_bytes);
        for (key, stored) in folder.entries()? {
            // Of two codes for one key the later one stays; only a crash leaves two.
            if let Some((key, content)) = index.seed(key, stored) {
                folder.remove(&key, content)?;
            }
        }
        for (key, entry) in index.surplus() {
            folder.remove(&key, entry.content)?;
        }
        folder.trim_references()?;
        Ok(Self(Arc::new(Shared {
            folder,
            index: Mutex::new(index),
            names: Mutex::new(()),
        })))
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.0.folder.path()
    }

    /// The bytes under a digest: opened for reading, at their beginning, and verified.
    #[must_use]
    pub fn blob(&self, digest: &Digest) -> Option<File> {
        self.read(&Key::Blob(*digest), |file, found| {
            file::verify(&file, found.size, found.content)?;
            Ok(file)
        })
    }

    /// The code that was compiled for a key, opened and verified.
    #[must_use]
    pub fn compiled(&self, key: &CompiledKey) -> Option<CompiledFile> {
        let key = Key::Compiled(key.clone());
        self.read(&key, |file, found| {
            file::verify(&file, found.size, found.content)?;
            let size = found.size;
            Ok(CompiledFile { file, size })
        })
    }

    /// Whether there are bytes under a digest, as far as is known without reading them.
    #[must_use]
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.0.index().has(&Key::Blob(*digest))
    }

    /// Begins to write what will be published as a blob.
    ///
    /// # Errors
    /// When there can be no temporary file.
    pub fn begin_blob(&self) -> io::Result<Unpublished> {
        Unpublished::begin(Arc::clone(&self.0))
    }

    /// Begins to write what will be published as compiled code.
    ///
    /// # Errors
    /// When there can be no temporary file.
    pub fn begin_compiled(&self) -> io::Result<Unpublished> {
        Unpublished::begin(Arc::clone(&self.0))
    }

    /// Keeps what belongs to a module, be it there already or published later.
    #[must_use = "dropping it lets go at once"]
    pub fn hold(&self, module: &Digest) -> Hold {
        self.0.index().hold(*module);
        Hold {
            shared: Arc::clone(&self.0),
            module: *module,
        }
    }

    /// What a reference was last resolved to, on disk.
    ///
    /// The text may be more than a reference: whoever may not share an answer asks with another one.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn remember(&self, reference: &str, pinned: &Pinned) -> io::Result<()> {
        self.0.folder.remember(reference, pinned)
    }

    /// What a reference was last resolved to.
    #[must_use]
    pub fn recall(&self, reference: &str) -> Option<Pinned> {
        self.0.folder.recall(reference)
    }

    /// Forgets what a reference was resolved to.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self, reference: &str) -> io::Result<()> {
        self.0.folder.forget(reference)
    }

    /// What is there and what became of it, for metrics.
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.0.index().usage()
    }

    /// Opens what belongs to a key and hands it to `take`; what cannot be taken is as good as absent.
    fn read<T>(
        &self,
        key: &Key,
        take: impl FnOnce(File, &Found) -> Result<T, Trouble>,
    ) -> Option<T> {
        let found = self.0.index().find(key, SystemTime::now())?;
        let path = self.0.folder.path_of(key, found.content);
        let taken = file::open(&path).and_then(|file| {
            if found.is_due {
                // Who opens the folder next must know what was used; that it cannot be noted does
                // no harm.
                let _ = file.set_modified(SystemTime::now());
            }
            take(file, &found)
        });
        match taken {
            Ok(taken) => {
                self.0.index().count_hit();
                Some(taken)
            }
            Err(trouble) => {
                self.0.index().count_miss();
                self.0.set_right(key, &found, &trouble);
                None
            }
        }
    }
}

// === impl Shared ===

impl Shared {
    fn index(&self) -> MutexGuard<'_, Index> {
        // Nothing panics while it holds the lock.
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> MutexGuard<'_, ()> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a finished file its final name, after making room for it. `false` when there is one
    /// already.
    fn publish(&self, temp: &Path, key: &Key, content: Digest, size: u64) -> io::Result<bool> {
        let _names = self.names();
        if self.index().has(key) {
            return Ok(false);
        }
        let victims = self.index().victims(key, size).map_err(io::Error::from)?;
        for victim in victims {
            self.evict(&victim).map_err(io::Error::other)?;
        }
        std::fs::rename(temp, self.folder.path_of(key, content))?;
        self.index()
            .insert(key.clone(), content, size, SystemTime::now());
        Ok(true)
    }

    /// The entry leaves the index first: a reader must not look for a file that is going.
    fn evict(&self, key: &Key) -> Result<(), OpenError> {
        let Some(entry) = self.index().take(key) else {
            return Ok(());
        };
        match self.folder.remove(key, entry.content) {
            Ok(()) => {
                self.index().count_eviction();
                Ok(())
            }
            Err(error) => {
                self.index().put_back(key.clone(), entry);
                Err(error)
            }
        }
    }

    /// Removes what turned out to be damaged, and says so; only the first who finds out does.
    fn set_right(&self, key: &Key, found: &Found, trouble: &Trouble) {
        let path = self.folder.path_of(key, found.content);
        if let Trouble::Unreadable(error) = trouble {
            tracing::warn!("the store cannot read {}: {error}", path.display());
            return;
        }
        let _names = self.names();
        // Somebody may have published it again meanwhile: that is another entry.
        if !self.index().forget(key, found) {
            return;
        }
        let removed = self.folder.remove(key, found.content);
        let path = path.display();
        match removed {
            Ok(()) => tracing::warn!("the store lost {path}: {trouble}; it will be made again"),
            Err(error) => tracing::warn!("the store lost {path}: {trouble}; it stays: {error}"),
        }
    }
}

// === impl Hold ===

impl Hold {
    /// The module whose files are kept.
    #[must_use]
    pub const fn module(&self) -> Digest {
        self.module
    }
}

impl Clone for Hold {
    fn clone(&self) -> Self {
        Store(Arc::clone(&self.shared)).hold(&self.module)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.shared.index().release(self.module);
    }
}

#[cfg(test)]
mod tests;
