//! Who may see a page: whoever brings the token, or, where there is none, this machine.
//!
//! The file is read for each question, so that a token that was replaced is out of use at once.

use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};

/// A token is a line of text; a larger file is something else.
const MAX_BYTES: u64 = 4096;

/// Who may.
pub(super) enum Access {
    /// Whoever asks from this machine.
    Loopback,
    /// Whoever brings what this file holds, from wherever.
    Token(PathBuf),
}

/// The token cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The file cannot.
    #[error("{path}: {source}")]
    Unreadable {
        /// Its name.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing in it.
    #[error("{0} holds no token; write one line of text into it")]
    Empty(String),
    /// There is too much in it.
    #[error("{0} is larger than {MAX_BYTES} bytes; write one line of text into it")]
    Large(String),
}

/// Why somebody may not.
pub(super) enum Denied {
    /// There is no token, and the question comes from elsewhere.
    NotLoopback,
    /// The token is missing or wrong.
    NoToken,
    /// Nobody knows what the token is.
    Unknown(TokenError),
}

// === impl Access ===

impl Access {
    pub(super) fn open(token_file: Option<PathBuf>) -> Result<Self, TokenError> {
        let Some(path) = token_file else {
            return Ok(Self::Loopback);
        };
        read(&path)?;
        Ok(Self::Token(path))
    }

    pub(super) fn check(&self, peer: IpAddr, headers: &HeaderMap) -> Result<(), Denied> {
        match self {
            Self::Loopback if peer.to_canonical().is_loopback() => Ok(()),
            Self::Loopback => Err(Denied::NotLoopback),
            Self::Token(path) => {
                let token = read(path).map_err(Denied::Unknown)?;
                let given = bearer(headers).ok_or(Denied::NoToken)?;
                if is_equal(&token, given) {
                    Ok(())
                } else {
                    Err(Denied::NoToken)
                }
            }
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TokenError> {
    let name = || path.display().to_string();
    let unreadable = |source| TokenError::Unreadable {
        path: name(),
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    let mut file = file.take(MAX_BYTES + 1);
    file.read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(TokenError::Large(name()));
    }
    let token = bytes.trim_ascii();
    if token.is_empty() {
        return Err(TokenError::Empty(name()));
    }
    Ok(token.to_vec())
}

/// RFC 6750, 2.1; the scheme's name in any case (RFC 9110, 11.1).
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(AUTHORIZATION)?.as_bytes();
    let at = value.iter().position(|byte| *byte == b' ')?;
    let (scheme, token) = value.split_at(at);
    scheme
        .eq_ignore_ascii_case(b"bearer")
        .then(|| token.trim_ascii())
}

/// In a time that depends on neither: their hashes are compared, all of them.
fn is_equal(one: &[u8], other: &[u8]) -> bool {
    let (one, other) = (Sha256::digest(one), Sha256::digest(other));
    let difference = one.iter().zip(other.iter());
    difference.fold(0, |all, (one, other)| all | (one ^ other)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        let value = value.parse().expect("a field's value");
        HeaderMap::from_iter([(AUTHORIZATION, value)])
    }

    #[test]
    fn without_a_token_this_machine_may() {
        let access = Access::open(None).expect("nothing to read");
        let may = |peer: &str| {
            let peer = peer.parse().expect("an address");
            access.check(peer, &HeaderMap::new()).is_ok()
        };
        assert!(may("127.0.0.1") && may("127.9.9.9") && may("::1") && may("::ffff:127.0.0.1"));
        assert!(!may("10.0.0.1") && !may("::ffff:10.0.0.1") && !may("fe80::1"));
    }

    #[test]
    fn a_token_is_asked_of_everybody_and_can_be_replaced() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        std::fs::write(&path, "first\n").expect("a file");
        let access = Access::open(Some(path.clone())).expect("a token");
        let may = |value: &str| {
            let peer = IpAddr::from([127, 0, 0, 1]);
            access.check(peer, &headers(value)).is_ok()
        };
        assert!(may("Bearer first") && may("bearer  first"));
        for bad in [
            "Bearer second",
            "Bearer",
            "Bearer ",
            "Basic first",
            "first",
            "Bearer firs",
        ] {
            assert!(!may(bad), "{bad}");
        }
        std::fs::write(&path, "second").expect("a file");
        assert!(may("Bearer second") && !may("Bearer first"));
        std::fs::write(&path, " \n").expect("a file");
        assert!(!may("Bearer") && !may("Bearer second"));
    }

    #[test]
    fn a_file_without_a_token_is_refused_at_start() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("token");
        let refusal = |path: &Path| {
            Access::open(Some(path.to_owned()))
                .err()
                .map(|e| e.to_string())
        };
        assert!(refusal(&path).is_some_and(|text| text.contains("No such file")));
        std::fs::write(&path, "\n").expect("a file");
        assert!(refusal(&path).is_some_and(|text| text.contains("holds no token")));
        std::fs::write(&path, "x".repeat(5000)).expect("a file");
        assert!(refusal(&path).is_some_and(|text| text.contains("larger than 4096 bytes")));
    }
}
