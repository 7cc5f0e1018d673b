//! What references were last resolved to, so that a start without a registry finds its modules.
//!
//! One small file a reference, replaced as a whole. They do not count against the capacity; each
//! start leaves a bounded number of them, those asked for last.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crds::digest::Digest;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::folder::{Folder, OpenError, REFERENCES, absent_is_ok, cannot, files, remove, sync};

/// At most 64 MiB on a disk with blocks of 4 KiB.
const MOST: usize = 16 * 1024;

/// No reference and no two digests are longer.
const LONGEST: u64 = 64 * 1024;

/// Uses reach the disk at most so often.
const BETWEEN_MARKS: Duration = Duration::from_secs(3600);

/// What a reference was resolved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// The manifest's digest.
    pub manifest: Digest,
    /// The digest of the module's bytes.
    pub module: Digest,
    /// The module's length in bytes.
    pub size: u64,
}

/// The file's content.
#[derive(Serialize, Deserialize)]
struct Record {
    reference: String,
    manifest: String,
    module: String,
    size: u64,
}

// === impl Folder ===

impl Folder {
    pub(super) fn remember(&self, reference: &str, pinned: &Pinned) -> io::Result<()> {
        if self.recall(reference).as_ref() == Some(pinned) {
            return Ok(());
        }
        let record = Record {
            reference: reference.to_owned(),
            manifest: pinned.manifest.to_string(),
            module: pinned.module.to_string(),
            size: pinned.size,
        };
        let text = serde_json::to_vec(&record)?;
        if text.len() as u64 > LONGEST {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (mut file, temp) = self.temporary()?;
        let folder = self.path().join(REFERENCES);
        let mut write = || {
            file.write_all(&text)?;
            file.sync_all()?;
            fs::rename(&temp, folder.join(file_name(reference)))?;
            sync(&folder)
        };
        let written = write();
        if written.is_err() {
            // Gone already when the rename was not what failed.
            let _ = fs::remove_file(&temp);
        }
        written
    }

    pub(super) fn recall(&self, reference: &str) -> Option<Pinned> {
        let path = self.path().join(REFERENCES).join(file_name(reference));
        let metadata = fs::symlink_metadata(&path).ok()?;
        match read(&path) {
            Ok((text, pinned)) if text == reference => {
                let age = metadata.modified().ok()?.elapsed().unwrap_or_default();
                if age > BETWEEN_MARKS
                    && let Ok(file) = fs::File::open(&path)
                {
                    let _ = file.set_modified(SystemTime::now());
                }
                Some(pinned)
            }
            Err(error) if error.kind() != io::ErrorKind::InvalidData => {
                tracing::warn!("the store cannot read {}: {error}", path.display());
                None
            }
            Ok(_) | Err(_) => {
                tracing::warn!("the store lost {}: it is damaged", path.display());
                let _ = fs::remove_file(&path);
                None
            }
        }
    }

    pub(super) fn forget(&self, reference: &str) -> io::Result<()> {
        let path = self.path().join(REFERENCES).join(file_name(reference));
        absent_is_ok(fs::remove_file(path))
    }

    pub(super) fn trim_references(&self) -> Result<(), OpenError> {
        let folder = self.path().join(REFERENCES);
        let mut all = files(&folder).map_err(cannot("list", &folder))?;
        all.sort_by_key(|(_, metadata)| metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        for (name, _) in all.iter().take(all.len().saturating_sub(MOST)) {
            let path = folder.join(name);
            remove(&path)?;
        }
        Ok(())
    }
}

fn file_name(reference: &str) -> String {
    hex::encode(Sha256::digest(reference))
}

/// The reference and the answer that a file holds; `InvalidData` when it holds none.
pub(super) fn read(path: &Path) -> io::Result<(String, Pinned)> {
    if fs::symlink_metadata(path)?.len() > LONGEST {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let text = fs::read(path)?;
    let record: Record = serde_json::from_slice(&text).map_err(|_| io::ErrorKind::InvalidData)?;
    let digest = |text: &str| Digest::parse(text).map_err(|_| io::ErrorKind::InvalidData);
    let pinned = Pinned {
        manifest: digest(&record.manifest)?,
        module: digest(&record.module)?,
        size: record.size,
    };
    Ok((record.reference, pinned))
}

/// One remembered reference, or the file that should have been one.
pub(super) struct Remembered {
    pub(super) path: PathBuf,
    pub(super) used: SystemTime,
    pub(super) answer: io::Result<(String, Pinned)>,
}

/// All that is remembered in a folder.
pub(super) fn all(store: &Path) -> Result<Vec<Remembered>, OpenError> {
    let folder = store.join(REFERENCES);
    let listed = files(&folder).map_err(cannot("list", &folder))?;
    let remembered = listed.into_iter().map(|(name, metadata)| {
        let path = folder.join(&name);
        // Under another reference's name it would answer for nobody.
        let answer = read(&path).and_then(|answer| {
            let is_its = file_name(&answer.0) == name;
            let wrong = || io::ErrorKind::InvalidData.into();
            is_its.then_some(answer).ok_or_else(wrong)
        });
        let used = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        Remembered { path, used, answer }
    });
    let mut remembered: Vec<_> = remembered
        .filter(|one| !matches!(&one.answer, Err(error) if error.kind() == io::ErrorKind::NotFound))
        .collect();
    remembered.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(remembered)
}
