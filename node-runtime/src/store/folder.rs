//! The folder itself: whose it is, who may write to it, its layout, its lock.
//!
//! Whoever has a [`Folder`] holds the lock, in a folder that belongs to this user and that nobody
//! else can enter. It does not know which entries are wanted.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crds::digest::Digest;
use rustix::fs::OFlags;

use super::index::Stored;
use super::name::{self, Key};

/// What the file `format` says. Another layout is another number.
const FORMAT: &str = "wagi store 1\n";

/// What may lie in a folder that is to become a store: ours, from a start that was interrupted, and
/// what a fresh file system has.
const OUR_NAMES: [&str; 6] = [
    "lock",
    "blobs",
    "compiled",
    "references",
    "tmp",
    "lost+found",
];

const BLOBS: &str = "blobs/sha256";
const COMPILED: &str = "compiled";
pub(super) const REFERENCES: &str = "references";
const TMP: &str = "tmp";

/// Why a folder cannot be the store, or is of no use as one.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process writes there.
    #[error(
        "the store {} is in use by {holder}; stop that process or name another folder with --store", folder.display()
    )]
    Held {
        /// The folder.
        folder: PathBuf,
        /// Who holds it, as far as it said so.
        holder: String,
    },
    /// It is somebody else's.
    #[error(
        "the store {} belongs to user {owner} and we are user {user}; name a folder of your own with --store", folder.display()
    )]
    Foreign {
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Others could put code there.
    #[error(
        "others may write to the store {} (mode {mode:o}), and code in it is run; name a new folder with --store, or empty this one and chmod 700 it", folder.display()
    )]
    Writable {
        /// The folder.
        folder: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It has something else in it.
    #[error(
        "{} is no store: it has {found:?} in it; name a new or an empty folder with --store", folder.display()
    )]
    NoStore {
        /// The folder.
        folder: PathBuf,
        /// A name in it that is not ours.
        found: String,
    },
    /// Another version made it.
    #[error(
        "the store {} has another format ({found:?}, not {expected:?}); remove it or name another folder with --store", folder.display(), expected = FORMAT.trim_end()
    )]
    Format {
        /// The folder.
        folder: PathBuf,
        /// What its format file says.
        found: String,
    },
    /// There is none, where one is only looked at.
    #[error("there is no store in {}", .0.display())]
    Absent(PathBuf),
    /// The disk says no.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// What was done.
        doing: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A store's folder, with its lock.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    next: AtomicU64,
    /// Dropping it lets the next process in.
    _lock: File,
}

// === impl Folder ===

impl Folder {
    pub(super) fn open(path: PathBuf) -> Result<Self, OpenError> {
        make(&path)?;
        secure(&path)?;
        recognise(&path)?;
        let lock = lock(&path)?;
        write_format(&path)?;
        for folder in ["blobs", BLOBS, COMPILED, REFERENCES, TMP] {
            make(&path.join(folder))?;
        }
        sweep(&path.join(TMP))?;
        let next = AtomicU64::new(0);
        let folder = Self {
            path,
            next,
            _lock: lock,
        };
        Ok(folder)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn path_of(&self, key: &Key, content: Digest) -> PathBuf {
        path_of(&self.path, key, content)
    }

    /// All entries, those not used for longest first.
    pub(super) fn entries(&self) -> Result<Vec<(Key, Stored)>, OpenError> {
        entries(&self.path)
    }

    /// An empty file that nobody else has, for reading and writing.
    pub(super) fn temporary(&self) -> io::Result<(File, PathBuf)> {
        // The folder was empty when it was locked.
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.path.join(TMP).join(number.to_string());
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).mode(0o600);
        Ok((options.open(&path)?, path))
    }

    /// Removes an entry's file; that it is gone already is as good.
    pub(super) fn remove(&self, key: &Key, content: Digest) -> Result<(), OpenError> {
        remove(&self.path_of(key, content))
    }

    /// Makes a rename survive a crash.
    pub(super) fn sync(&self, key: &Key) -> io::Result<()> {
        sync(&folder_of(&self.path, key))
    }
}

/// Where an entry of a store is.
pub(super) fn path_of(store: &Path, key: &Key, content: Digest) -> PathBuf {
    folder_of(store, key).join(key.file_name(content))
}

fn folder_of(path: &Path, key: &Key) -> PathBuf {
    path.join(match key {
        Key::Blob(_) => BLOBS,
        Key::Compiled(_) => COMPILED,
    })
}

pub(super) fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

pub(super) fn remove(path: &Path) -> Result<(), OpenError> {
    absent_is_ok(fs::remove_file(path)).map_err(cannot("remove", path))
}

pub(super) fn absent_is_ok(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Reads a file's name.
type Parse = fn(&str) -> Option<(Key, Digest)>;

/// All entries of a store, those not used for longest first. Files that are not ours are passed over.
pub(super) fn entries(path: &Path) -> Result<Vec<(Key, Stored)>, OpenError> {
    let mut entries = Vec::new();
    let parsers: [Parse; 2] = [name::blob, name::compiled];
    for (folder, parse) in [BLOBS, COMPILED].into_iter().zip(parsers) {
        let folder = path.join(folder);
        for (file_name, metadata) in files(&folder).map_err(cannot("list", &folder))? {
            let Some((key, content)) = parse(&file_name) else {
                continue;
            };
            let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let size = metadata.len();
            let stored = Stored {
                content,
                size,
                used,
            };
            entries.push((key, stored));
        }
    }
    entries.sort_by_key(|(_, stored)| stored.used);
    Ok(entries)
}

/// The regular files of a folder; one that goes meanwhile, or a folder that is not there, is none.
pub(super) fn files(folder: &Path) -> io::Result<Vec<(String, fs::Metadata)>> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed?,
    };
    let mut files = Vec::new();
    for file in listed {
        let file = file?;
        let metadata = match file.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            metadata => metadata?,
        };
        if let (true, Ok(name)) = (metadata.is_file(), file.file_name().into_string()) {
            files.push((name, metadata));
        }
    }
    Ok(files)
}

/// Whether a folder is a store of this format.
pub(super) fn recognise(path: &Path) -> Result<bool, OpenError> {
    let format = path.join("format");
    let found = match fs::read(&format) {
        Ok(found) => String::from_utf8_lossy(&found).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(cannot("read", &format)(error)),
    };
    if found == FORMAT {
        return Ok(true);
    }
    // A crash may leave the file empty or in part.
    if !FORMAT.starts_with(&found) {
        let folder = path.to_owned();
        let found = found.trim_end().chars().take(80).collect();
        return Err(OpenError::Format { folder, found });
    }
    for entry in fs::read_dir(path).map_err(cannot("list", path))? {
        let name = entry.map_err(cannot("list", path))?.file_name();
        let found = name.to_string_lossy().into_owned();
        if found != "format" && !OUR_NAMES.contains(&&*found) {
            let folder = path.to_owned();
            return Err(OpenError::NoStore { folder, found });
        }
    }
    Ok(false)
}

fn make(folder: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(cannot("make the folder", folder))
}

/// Code in the folder is run, so nobody else may have put it there.
fn secure(path: &Path) -> Result<(), OpenError> {
    let metadata = fs::metadata(path).map_err(cannot("look at", path))?;
    let (owner, user) = (metadata.uid(), rustix::process::geteuid().as_raw());
    let folder = path.to_owned();
    if owner != user {
        return Err(OpenError::Foreign {
            folder,
            owner,
            user,
        });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & 0o022 != 0 {
        return Err(OpenError::Writable { folder, mode });
    }
    if mode & 0o777 != 0o700 {
        let permissions = Permissions::from_mode(0o700);
        fs::set_permissions(path, permissions).map_err(cannot("close to others", path))?;
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let at = path.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(OFlags::NOFOLLOW.bits().cast_signed())
        .open(&at)
        .map_err(cannot("open", &at))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let folder = path.to_owned();
            let holder = holder(&at);
            return Err(OpenError::Held { folder, holder });
        }
        Err(fs::TryLockError::Error(error)) => return Err(cannot("lock", &at)(error)),
    }
    // For people only; that it cannot be said changes nothing.
    let name = fs::read_to_string("/proc/self/comm").unwrap_or_default();
    let _ = file
        .set_len(0)
        .and_then(|()| write!(file, "{}, process {}", name.trim(), std::process::id()));
    Ok(file)
}

fn holder(lock: &Path) -> String {
    match fs::read_to_string(lock) {
        Ok(text) if !text.trim().is_empty() => text.trim().chars().take(80).collect(),
        // It has only just taken it.
        _ => "another process".to_owned(),
    }
}

fn write_format(path: &Path) -> Result<(), OpenError> {
    if recognise(path)? {
        return Ok(());
    }
    let format = path.join("format");
    let write = || {
        let mut file = File::create(&format)?;
        file.write_all(FORMAT.as_bytes())?;
        file.sync_all()?;
        sync(path)
    };
    write().map_err(cannot("write", &format))
}

fn sweep(tmp: &Path) -> Result<(), OpenError> {
    for (name, _) in files(tmp).map_err(cannot("list", tmp))? {
        remove(&tmp.join(name))?;
    }
    Ok(())
}

pub(super) fn cannot(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::Io {
        doing,
        path,
        source,
    }
}
