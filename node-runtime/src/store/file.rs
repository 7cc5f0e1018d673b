//! Files of the store, read through one descriptor and hashed while they are read.
//!
//! Positions are given with each read, so that a descriptor is as good as new afterwards.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crds::digest::Digest;
use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

/// What is hashed at once: fits a processor's own cache, and makes calls rare.
const PIECE: usize = 256 * 1024;

/// Why a file was of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    /// Somebody removed it.
    #[error("it is gone")]
    Gone,
    /// It is not what its name says.
    #[error("it has {length} bytes of {expected}")]
    Torn { length: u64, expected: u64 },
    /// It is not what its name says.
    #[error("its content is not what its name says")]
    Altered,
    /// There is something else under its name.
    #[error("it is no file")]
    NoFile,
    /// The disk does not give it back.
    #[error("the disk cannot read it")]
    Unreturned,
    /// It cannot be read now, which says nothing about it.
    #[error(transparent)]
    Unreadable(io::Error),
}

/// Opens a file for reading, itself and not what a link points to.
pub(super) fn open(path: &Path) -> Result<File, Trouble> {
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => Trouble::NoFile,
        _ => Trouble::from(error),
    })?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(Trouble::NoFile)
    }
}

/// Whether a file is what was expected.
pub(super) fn verify(file: &File, size: u64, content: Digest) -> Result<(), Trouble> {
    let (length, digest) = hash(file)?;
    check(length, size, digest, content)
}

fn check(length: u64, expected: u64, digest: Digest, content: Digest) -> Result<(), Trouble> {
    if length != expected {
        Err(Trouble::Torn { length, expected })
    } else if digest != content {
        Err(Trouble::Altered)
    } else {
        Ok(())
    }
}

/// The length and the digest of all bytes of a file; its offset stays where it is.
pub(super) fn hash(file: &File) -> io::Result<(u64, Digest)> {
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut at = 0;
    loop {
        match file.read_at(&mut piece, at) {
            Ok(0) => return Ok((at, Digest::from_bytes(hasher.finalize().into()))),
            Ok(length) => {
                hasher.update(&piece[..length]);
                at += length as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

// === impl Trouble ===

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        // A file that cannot be opened for want of descriptors or memory is not damaged.
        match error
            .raw_os_error()
            .map(rustix::io::Errno::from_raw_os_error)
        {
            Some(rustix::io::Errno::NOENT) => Self::Gone,
            Some(rustix::io::Errno::IO) => Self::Unreturned,
            _ => Self::Unreadable(error),
        }
    }
}
