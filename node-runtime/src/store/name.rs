//! What entries are called: the only place that knows how a key becomes a file's name and back.
//!
//! The name of compiled code has three parts: the module, what the code is compatible with, and the
//! digest of the file itself. The digest stands in the name, and not in a file beside it, because
//! then one rename publishes both: no crash leaves code with another code's digest. Pure.

use std::fmt;

use crds::digest::Digest;
use sha2::{Digest as _, Sha256};

/// What a piece of compiled code is for: one module, and one make of the engine.
///
/// Code that another version of the engine made, or the same one with other settings or for another
/// processor, has another key and is never found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CompiledKey {
    module: Digest,
    compatibility: String,
}

/// What an entry is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Key {
    Blob(Digest),
    Compiled(CompiledKey),
}

/// More would not fit a file's name together with two digests.
const LONGEST_COMPATIBILITY: usize = 64;

// === impl CompiledKey ===

impl CompiledKey {
    /// The key of a module's code for an engine that calls itself so.
    ///
    /// What is not hexadecimal, or longer than 64 digits, stands in names by its own digest.
    #[must_use]
    pub fn new(module: Digest, compatibility: &str) -> Self {
        let compatibility = if is_compatibility(compatibility) {
            compatibility.to_owned()
        } else {
            hex::encode(Sha256::digest(compatibility))
        };
        Self {
            module,
            compatibility,
        }
    }

    /// The module.
    #[must_use]
    pub const fn module(&self) -> Digest {
        self.module
    }

    /// What the code is compatible with, in hexadecimal digits.
    #[must_use]
    pub fn compatibility(&self) -> &str {
        &self.compatibility
    }
}

fn is_compatibility(text: &str) -> bool {
    let is_digit = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    (1..=LONGEST_COMPATIBILITY).contains(&text.len()) && text.bytes().all(is_digit)
}

// === impl Key ===

impl Key {
    pub(super) const fn module(&self) -> Digest {
        match self {
            Self::Blob(digest) => *digest,
            Self::Compiled(key) => key.module,
        }
    }

    /// The file's name in the folder of its kind.
    pub(super) fn file_name(&self, content: Digest) -> String {
        match self {
            Self::Blob(digest) => Hex(*digest).to_string(),
            Self::Compiled(CompiledKey {
                module,
                compatibility,
            }) => format!("{}-{compatibility}.{}", Hex(*module), Hex(content)),
        }
    }
}

/// The key and the content of a file's name among blobs.
pub(super) fn blob(file_name: &str) -> Option<(Key, Digest)> {
    let digest = digest(file_name)?;
    Some((Key::Blob(digest), digest))
}

/// The key and the content of a file's name among compiled code.
pub(super) fn compiled(file_name: &str) -> Option<(Key, Digest)> {
    let (key, content) = file_name.split_once('.')?;
    let (module, compatibility) = key.split_once('-')?;
    let module = digest(module)?;
    is_compatibility(compatibility).then_some(())?;
    let key = CompiledKey::new(module, compatibility);
    Some((Key::Compiled(key), digest(content)?))
}

fn digest(hex: &str) -> Option<Digest> {
    Digest::parse(&format!("sha256:{hex}")).ok()
}

/// The 64 digits of a digest, without its algorithm.
pub(super) struct Hex(pub(super) Digest);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    #[test]
    fn names_are_read_as_they_were_written() {
        let key = Key::Blob(of(1));
        assert_eq!(blob(&key.file_name(of(1))), Some((key, of(1))));
        let long = "v48 ".repeat(100);
        for compatibility in [
            "0",
            "00ff",
            &"a".repeat(64),
            &"a".repeat(65),
            "v48",
            "",
            &long,
        ] {
            let key = Key::Compiled(CompiledKey::new(of(1), compatibility));
            let name = key.file_name(of(2));
            assert!(name.len() <= 255, "{name}");
            assert_eq!(compiled(&name), Some((key, of(2))), "{name}");
        }
    }

    #[test]
    fn other_names_are_nobodys() {
        let one = Hex(of(1)).to_string();
        for name in [
            "",
            "x",
            &one[1..],
            &format!("{one}.tmp"),
            &one.replace('0', "A"),
        ] {
            assert_eq!(blob(name), None, "{name}");
        }
        for name in [
            "",
            &one,
            &format!("{one}.{one}"),
            &format!("{one}-.{one}"),
            &format!("{one}-G.{one}"),
            &format!("{one}-../a.{one}"),
            &format!("{one}-a.{one}.{one}"),
        ] {
            assert_eq!(compiled(name), None, "{name}");
        }
    }

    #[test]
    fn engines_that_call_themselves_differently_have_different_keys() {
        let keys = ["0", "1", "v1", "v2"].map(|text| CompiledKey::new(of(1), text));
        let distinct: std::collections::BTreeSet<_> = keys.iter().collect();
        assert_eq!(distinct.len(), keys.len());
    }
}
