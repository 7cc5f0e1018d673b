//! One record of the file, as bytes. Pure.
//!
//! A line `KIND NAME VERSION LENGTH HASH`, and so many bytes of text, and a line feed. The hash is of
//! all the rest: a record that was not written to its end has another.

use sha2::{Digest as _, Sha256};

use super::Keep;

/// How a file begins. Another layout is another number.
pub(super) const FORMAT: &str = "wagi documents 1\n";

/// No line is longer: names of objects have at most 253 bytes.
const LONGEST_LINE: usize = 512;

/// One record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    Put {
        name: &'a str,
        version: u64,
        text: &'a str,
    },
    Remove {
        name: &'a str,
    },
    /// Everything up to this resourceVersion stands before it.
    Version(u64),
}

/// Where a record stands, and its length.
pub(super) type Place = (u64, u64);

// === impl Record ===

impl<'a> Record<'a> {
    pub(super) fn of(change: &'a Keep) -> Self {
        match change {
            Keep::Put {
                name,
                version,
                text,
            } => Self::Put {
                name,
                version: *version,
                text,
            },
            Keep::Remove { name } => Self::Remove { name },
        }
    }

    pub(super) fn write(&self, bytes: &mut Vec<u8>) {
        let (kind, name, version, text) = match *self {
            Self::Put {
                name,
                version,
                text,
            } => ("put", name, version, text),
            Self::Remove { name } => ("remove", name, 0, ""),
            Self::Version(version) => ("version", "-", version, ""),
        };
        let front = format!("{kind} {name} {version} {}", text.len());
        let hash = hash(&front, text);
        bytes.extend_from_slice(front.as_bytes());
        bytes.extend_from_slice(format!(" {hash}\n").as_bytes());
        bytes.extend_from_slice(text.as_bytes());
        bytes.push(b'\n');
    }

    /// The record at the beginning, and what follows it.
    fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let end = bytes
            .iter()
            .take(LONGEST_LINE)
            .position(|byte| *byte == b'\n')?;
        let line = std::str::from_utf8(&bytes[..end]).ok()?;
        let rest = &bytes[end + 1..];
        let (front, said) = line.rsplit_once(' ')?;
        let mut parts = front.split(' ');
        let (kind, name) = (parts.next()?, parts.next()?);
        let version: u64 = parts.next()?.parse().ok()?;
        let length: usize = parts.next()?.parse().ok()?;
        let text = std::str::from_utf8(rest.get(..length)?).ok()?;
        let rest = rest[length..].strip_prefix(b"\n")?;
        if hash(front, text) != said {
            return None;
        }
        let record = match kind {
            "put" => Self::Put {
                name,
                version,
                text,
            },
            "remove" => Self::Remove { name },
            "version" => Self::Version(version),
            _ => return None,
        };
        Some((record, rest))
    }
}

/// The records of a file up to where it is good, and how far that is; nothing of a file of another
/// format.
pub(super) fn parse(bytes: &[u8]) -> (Vec<(Record<'_>, Place)>, u64) {
    let Some(mut rest) = bytes.strip_prefix(FORMAT.as_bytes()) else {
        return (Vec::new(), 0);
    };
    let mut records = Vec::new();
    while let Some((record, after)) = Record::read(rest) {
        let start = (bytes.len() - rest.len()) as u64;
        records.push((record, (start, (rest.len() - after.len()) as u64)));
        rest = after;
    }
    (records, (bytes.len() - rest.len()) as u64)
}

fn hash(front: &str, text: &str) -> String {
    let mut hasher = Sha256::new();
    hasher.update(front);
    hasher.update("\n");
    hasher.update(text);
    hex::encode(&hasher.finalize()[..8])
}
