//! Folders that show what ConfigMaps and Secrets hold, one file a key.
//!
//! A folder never changes: other contents are another folder, so a guest sees one version from its
//! beginning to its end. It is there as long as somebody holds it, and routes that show the same
//! share it. What is secret is written only where files are kept in memory. The room does not know
//! where contents come from, nor who reads them.

use std::collections::HashMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crds::references::{Data, is_key};
use tempfile::TempDir;

/// `TMPFS_MAGIC` and `RAMFS_MAGIC` of Linux' `magic.h`: file systems that are memory and nothing else.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Makes folders.
#[derive(Debug)]
pub struct Volumes {
    /// For what anybody may know.
    plain: Place,
    /// For what nobody else may know; nothing where there is no such place.
    secret: Option<Place>,
    /// By the address of the contents, which a folder keeps from being another's.
    made: Mutex<HashMap<(usize, bool), Weak<Folder>>>,
    next: AtomicU64,
}

#[derive(Debug)]
enum Place {
    Named(PathBuf),
    /// Made when it is needed, and gone with this process.
    Temporary(Mutex<Option<TempDir>>),
}

/// A folder; it goes when nobody holds it any more.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    _contents: Arc<Data>,
}

/// Files cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// There is no place for secrets.
    #[error(
        "a volume of a Secret needs a folder in memory: mount an emptyDir with medium: Memory, and \
         name it with --secrets"
    )]
    NoPlace,
    /// A key that names no file.
    #[error("the key {0:?} names no file")]
    Key(String),
    /// The disk says no.
    #[error("the files of a volume cannot be written: {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Secrets cannot be kept in a folder.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// It is on a disk.
    #[error(
        "--secrets {}: what is written there may reach a disk; it must be a tmpfs, as an emptyDir \
         with medium: Memory is", .0.display()
    )]
    NotInMemory(PathBuf),
    /// It cannot be used at all.
    #[error("--secrets {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes a folder for secrets, or looks at it; one that is not memory is refused.
///
/// # Errors
///
/// When it is on a disk, or cannot be made.
pub fn check_in_memory(folder: &Path) -> Result<(), PlaceError> {
    let cannot = |source| PlaceError::Io {
        path: folder.to_owned(),
        source,
    };
    closed_folder(folder).map_err(cannot)?;
    let found = rustix::fs::statfs(folder).map_err(|error| cannot(error.into()))?;
    // The type of the field differs between machines; its bits do not.
    #[allow(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        reason = "it is a number of 32 bits on all of them"
    )]
    let kind = found.f_type as u64 & 0xffff_ffff;
    if IN_MEMORY.contains(&kind) {
        Ok(())
    } else {
        Err(PlaceError::NotInMemory(folder.to_owned()))
    }
}

// === impl Volumes ===

impl Volumes {
    /// Makes folders below these, which are emptied first: nobody else's are of use.
    ///
    /// # Errors
    ///
    /// When one of them cannot be emptied or made.
    pub fn open(plain: &Path, secret: Option<&Path>) -> Result<Self, VolumeError> {
        let place = |path: &Path| {
            let emptied = match fs::remove_dir_all(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => closed_folder(path),
            };
            emptied.map_err(cannot(path))?;
            Ok(Place::Named(path.to_owned()))
        };
        Ok(Self::new(place(plain)?, secret.map(place).transpose()?))
    }

    /// Makes folders among this user's temporary files: what is secret came from a file beside them.
    #[must_use]
    pub fn temporary() -> Self {
        let place = || Place::Temporary(Mutex::default());
        Self::new(place(), Some(place()))
    }

    fn new(plain: Place, secret: Option<Place>) -> Self {
        Self {
            plain,
            secret,
            made: Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    /// A folder with a file for each key; blocking.
    ///
    /// # Errors
    ///
    /// When there is no place for it.
    pub fn folder(
        &self,
        contents: &Arc<Data>,
        is_secret: bool,
    ) -> Result<Arc<Folder>, VolumeError> {
        let key = (Arc::as_ptr(contents) as usize, is_secret);
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(folder) = made.get(&key).and_then(Weak::upgrade) {
            return Ok(folder);
        }
        made.retain(|_, folder| folder.strong_count() > 0);
        let place = match (is_secret, &self.secret) {
            (false, _) => &self.plain,
            (true, Some(place)) => place,
            (true, None) => return Err(VolumeError::NoPlace),
        };
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let folder = Folder {
            path: place.path()?.join(number.to_string()),
            _contents: Arc::clone(contents),
        };
        // What it could not be filled with goes with it.
        folder.fill(contents)?;
        let folder = Arc::new(folder);
        made.insert(key, Arc::downgrade(&folder));
        Ok(folder)
    }
}

// === impl Place ===

impl Place {
    fn path(&self) -> Result<PathBuf, VolumeError> {
        match self {
            Self::Named(path) => Ok(path.clone()),
            Self::Temporary(made) => {
                let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(made) = &*made {
                    return Ok(made.path().to_owned());
                }
                let folder = tempfile::Builder::new().prefix("wagi-").tempdir();
                let folder = folder.map_err(cannot(&std::env::temp_dir()))?;
                Ok(made.insert(folder).path().to_owned())
            }
        }
    }
}

// === impl Folder ===

impl Folder {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn fill(&self, contents: &Data) -> Result<(), VolumeError> {
        closed_folder(&self.path).map_err(cannot(&self.path))?;
        for (key, value) in &contents.0 {
            if !is_key(key) {
                return Err(VolumeError::Key(key.clone()));
            }
            let path = self.path.join(key);
            let mut options = OpenOptions::new();
            let file = options.write(true).create_new(true).mode(0o400).open(&path);
            let written = file.and_then(|mut file| file.write_all(value));
            written.map_err(cannot(&path))?;
        }
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            let path = self.path.display();
            tracing::warn!("files of a volume stay at {path}: {error}");
        }
    }
}

fn closed_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn cannot(path: &Path) -> impl FnOnce(io::Error) -> VolumeError {
    let path = path.to_owned();
    move |source| VolumeError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(value: &str) -> Arc<Data> {
        Arc::new([("token", value)].into_iter().collect())
    }

    fn count(path: &Path) -> usize {
        fs::read_dir(path).expect("a folder").count()
    }

    #[test]
    fn who_shows_the_same_shares_a_folder_and_it_goes_with_the_last() {
        let place = tempfile::tempdir().expect("a folder");
        let volumes = Volumes::open(&place.path().join("plain"), None).expect("volumes");
        let data = contents("a");
        let (one, other) = (volumes.folder(&data, false), volumes.folder(&data, false));
        let (one, other) = (one.expect("a folder"), other.expect("a folder"));
        assert_eq!(one.path(), other.path());
        assert_eq!(fs::read(one.path().join("token")).expect("a file"), b"a");
        let newer = volumes.folder(&contents("b"), false).expect("a folder");
        assert_ne!(newer.path(), one.path());
        drop((one, newer));
        assert_eq!(count(&place.path().join("plain")), 1);
        drop(other);
        assert_eq!(count(&place.path().join("plain")), 0);
    }

    #[test]
    fn what_is_secret_has_a_place_of_its_own_or_none() {
        let place = tempfile::tempdir().expect("a folder");
        let (plain, secret) = (place.path().join("plain"), place.path().join("secret"));
        let volumes = Volumes::open(&plain, None).expect("volumes");
        let refused = volumes.folder(&contents("a"), true).expect_err("no place");
        assert!(refused.to_string().contains("--secrets"), "{refused}");
        let volumes = Volumes::open(&plain, Some(&secret)).expect("volumes");
        let folder = volumes.folder(&contents("a"), true).expect("a folder");
        assert!(folder.path().starts_with(&secret));
        // After a crash nobody holds them.
        std::mem::forget(folder);
        Volumes::open(&plain, Some(&secret)).expect("volumes");
        assert_eq!(count(&secret), 0);
    }

    #[test]
    fn a_disk_is_no_place_for_secrets_and_memory_is() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let refused = check_in_memory(here).expect_err("a disk").to_string();
        assert!(refused.contains("medium: Memory"), "{refused}");
        let memory = tempfile::tempdir_in("/dev/shm").expect("memory");
        check_in_memory(memory.path()).expect("it is memory");
    }
}
