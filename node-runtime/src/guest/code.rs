//! The form of a compiled file: wasmtime's own, an ELF image, and a trailer of ours.
//!
//! wasmtime finds its sections by offsets from the start, so what follows them is not in its way.
//! The trailer is at the end because it is read without reading the rest.

use std::fs::File;
use std::hash::Hasher;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest, Sha256};

/// Changes whenever what is in the trailer, or the meaning of it, does.
const MAGIC: [u8; 8] = *b"wagi\0\0\0\x01";
const BYTES: usize = 16;

/// What the process that maps a module's code needs to know and cannot see in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trailer {
    /// What its memories and tables take before it runs.
    pub(super) initial_bytes: usize,
}

// === impl Trailer ===

impl Trailer {
    pub(super) fn to_bytes(self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..].copy_from_slice(&(self.initial_bytes as u64).to_le_bytes());
        bytes
    }

    /// `None` when the file has none, or one of another version.
    pub(super) fn read(code: &File) -> io::Result<Option<Self>> {
        let mut bytes = [0; BYTES];
        let Some(at) = code.metadata()?.len().checked_sub(BYTES as u64) else {
            return Ok(None);
        };
        code.read_exact_at(&mut bytes, at)?;
        let (magic, initial) = bytes.split_at(8);
        let initial = initial.try_into().map(u64::from_le_bytes);
        let initial = initial.ok().and_then(|bytes| usize::try_from(bytes).ok());
        Ok(initial
            .filter(|_| magic == MAGIC)
            .map(|initial_bytes| Self { initial_bytes }))
    }
}

/// Names everything that compiled code depends on beside its module: wasmtime, its settings, the
/// processor, this program's version and the form of the trailer.
pub(super) fn compatibility(engine: &wasmtime::Engine) -> String {
    let mut names = Names(Sha256::new());
    std::hash::Hash::hash(&engine.precompile_compatibility_hash(), &mut names);
    names.0.update(MAGIC);
    names.0.update(env!("CARGO_PKG_VERSION"));
    hex::encode(names.0.finalize())
}

/// Hashes with a function that is the same in every process and version of Rust.
struct Names(Sha256);

impl Hasher for Names {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        // Asked by nobody: the digest is taken instead.
        0
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_trailer_is_read_from_the_end_of_a_file() {
        let mut file = tempfile::tempfile().expect("a file");
        assert_eq!(Trailer::read(&file).expect("a look"), None);
        file.write_all(&[7; 100]).expect("room");
        assert_eq!(Trailer::read(&file).expect("a look"), None);
        let trailer = Trailer {
            initial_bytes: 65_536,
        };
        file.write_all(&trailer.to_bytes()).expect("room");
        assert_eq!(Trailer::read(&file).expect("a look"), Some(trailer));
        file.set_len(115).expect("a shorter file");
        assert_eq!(Trailer::read(&file).expect("a look"), None);
    }
}
