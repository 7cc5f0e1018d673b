//! A module's bytes on their way to the compiler: files that nobody else can change.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

use crds::digest::Digest;
use sha2::{Digest as _, Sha256};

use super::error::LoadError;
use crate::compile;
use crate::source::Stamp;

/// Copied at once.
const PIECE: usize = 128 * 1024;

/// The same file, from its beginning, for reading alone: also one that has no name.
pub(super) fn read_only(file: &File) -> io::Result<File> {
    File::open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// Copies a module that looks like `stamp` into memory, so that what is compiled is what was hashed.
pub(super) fn read(path: &Path, stamp: &Stamp, limit: u64) -> Result<(Digest, File), LoadError> {
    let name = || path.display().to_string();
    let unreadable = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => LoadError::Absent(name()),
        _ => LoadError::Unreadable {
            path: name(),
            reason: error.to_string(),
        },
    };
    let file = File::open(path).map_err(unreadable)?;
    let mut copy = compile::memory_file().map_err(unreadable)?;
    let (digest, size) = hash(&file, limit + 1, &mut copy).map_err(unreadable)?;
    if size > limit {
        return Err(LoadError::TooLarge {
            path: name(),
            limit,
        });
    }
    // What was written meanwhile may be half of one module and half of another.
    if !stamp.fits(&file.metadata().map_err(unreadable)?) {
        return Err(LoadError::Changing(name()));
    }
    let copy = read_only(&copy).map_err(unreadable)?;
    Ok((digest, copy))
}

fn hash(from: &File, most: u64, to: &mut File) -> io::Result<(Digest, u64)> {
    let mut from = from.take(most);
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok((Digest::from_bytes(hasher.finalize().into()), size)),
            Ok(read) => {
                hasher.update(&piece[..read]);
                to.write_all(&piece[..read])?;
                size += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
