//! A file that is being written, and the moment when it gets its name.
//!
//! Written, then on the disk (`fsync`), then renamed, then the folder on the disk: a crash at any
//! moment leaves either nothing under the name or all of it. What is not published is removed when
//! dropped, or at the next start.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use crds::digest::Digest;
use rustix::fs::Advice;

use super::index::Refusal;
use super::name::{CompiledKey, Key};
use super::{CompiledFile, Shared, file};

/// So much is handed to the disk at once, while the rest still comes: the `fsync` at the end then
/// waits for the last piece and not for all of them.
const WRITE_BACK: u64 = 8 << 20;

/// A file without a name yet. Dropped, it is gone.
///
/// After a failure, that of a full disk above all, what was written can still be read from
/// [`Self::file`]: whoever serves it from memory instead hashes it again.
#[derive(Debug)]
pub struct Unpublished {
    shared: Arc<Shared>,
    file: File,
    /// None once it has a name, or is removed.
    path: Option<PathBuf>,
    written: u64,
    handed_over: u64,
}

// === impl Unpublished ===

impl Unpublished {
    pub(super) fn begin(shared: Arc<Shared>) -> io::Result<Self> {
        let (file, path) = shared.folder.temporary()?;
        Ok(Self {
            shared,
            file,
            path: Some(path),
            written: 0,
            handed_over: 0,
        })
    }

    /// The file itself, to read and write: a child process may write to it as its stdout.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Bytes that were written through [`Write`].
    #[must_use]
    pub const fn written(&self) -> u64 {
        self.written
    }

    /// Makes it the blob of that digest, which the caller has computed while writing.
    ///
    /// If there is one already, that one stays.
    ///
    /// # Errors
    /// `StorageFull` when the disk is full, or the store with what is held; `FileTooLarge` when the
    /// whole store is too small; or what the disk says. The temporary file has no name then.
    pub fn publish(&mut self, digest: &Digest) -> io::Result<()> {
        let published = self.finish(&Key::Blob(*digest), |_| Ok(*digest));
        published.inspect_err(|_| self.discard())
    }

    /// Makes it the code for that key, and returns it as [`super::Store::compiled`] would.
    ///
    /// Whoever else wrote to the file must have ended: it is hashed now, and trusted then.
    ///
    /// # Errors
    /// As those of [`Self::publish`].
    pub fn publish_compiled(&mut self, key: &CompiledKey) -> io::Result<CompiledFile> {
        let published = self.compiled(&Key::Compiled(key.clone()));
        published.inspect_err(|_| self.discard())
    }

    fn compiled(&mut self, key: &Key) -> io::Result<CompiledFile> {
        let mut size = 0;
        let mut opened = None;
        self.finish(key, |unpublished| {
            // A descriptor that cannot write, to the same file.
            let path = unpublished.path.as_deref().ok_or_else(has_no_name)?;
            let readable = file::open(path).map_err(io::Error::other)?;
            let (length, content) = file::hash(&readable)?;
            size = length;
            opened = Some(readable);
            Ok(content)
        })?;
        let file = opened.ok_or_else(has_no_name)?;
        Ok(CompiledFile { file, size })
    }

    fn finish(
        &mut self,
        key: &Key,
        content: impl FnOnce(&Self) -> io::Result<Digest>,
    ) -> io::Result<()> {
        let size = self.file.metadata()?.len();
        self.fits(size)?;
        // Nobody writes to what has a name.
        self.file.set_permissions(Permissions::from_mode(0o400))?;
        self.file.sync_all()?;
        let content = content(self)?;
        let temp = self.path.as_deref().ok_or_else(has_no_name)?;
        if self.shared.publish(temp, key, content, size)? {
            self.path = None;
            self.shared.folder.sync(key)?;
        } else {
            self.discard();
        }
        Ok(())
    }

    /// What can never be published need not fill the disk first.
    fn fits(&self, size: u64) -> Result<(), Refusal> {
        let capacity = self.shared.index().usage().capacity;
        if size > capacity {
            return Err(Refusal::TooLarge { size, capacity });
        }
        Ok(())
    }

    fn hand_over(&mut self) {
        let from = self.handed_over;
        self.handed_over = self.written;
        // Of pages that were written to, this advice first begins to write them back; as they are
        // not clean yet, the cache keeps them. A disk that does not know it loses nothing.
        let length = std::num::NonZeroU64::new(self.written - from);
        let _ = rustix::fs::fadvise(&self.file, from, length, Advice::DontNeed);
    }

    fn discard(&mut self) {
        if let Some(path) = self.path.take() {
            // What stays is thrown away at the next start.
            let _ = fs::remove_file(path);
        }
    }
}

impl Write for Unpublished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.fits(self.written + bytes.len() as u64)?;
        let length = self.file.write(bytes)?;
        self.written += length as u64;
        if self.written - self.handed_over >= WRITE_BACK {
            self.hand_over();
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        self.discard();
    }
}

fn has_no_name() -> io::Error {
    io::Error::other("it was published or refused before")
}
