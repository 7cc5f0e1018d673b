//! Notices requests that declare their length twice.
//!
//! RFC 9112 section 6.1: a request with Transfer-Encoding and Content-Length is
//! framed by the former, "regardless, the server MUST close the connection after
//! responding", since whoever passed it on may have believed the latter. hyper
//! drops the one and does not say so, hence this look at a head's raw bytes. It
//! rather closes once too often: what it did not see whole counts as ambiguous.

use std::sync::atomic::{AtomicU8, Ordering};

use http::HeaderMap;
use http::header::TRANSFER_ENCODING;
use memchr::memchr2_iter;

/// What is known of the head that comes next.
#[derive(Debug, Default)]
pub(super) struct Framing(AtomicU8);

const UNSEEN: u8 = 0;
const CLEAR: u8 = 1;
const AMBIGUOUS: u8 = 2;

// === impl Framing ===

impl Framing {
    /// Looks at bytes that came while no request was under way.
    pub(super) fn see(&self, bytes: &[u8]) {
        let seen = match self.0.load(Ordering::Relaxed) {
            // 'f' and 'g' are rare in heads, so this is mostly one vector pass.
            UNSEEN
                if !contains(bytes, b"transfer-encoding", 5, [b'f', b'F'])
                    || !contains(bytes, b"content-length", 11, [b'g', b'G']) =>
            {
                CLEAR
            }
            _ => AMBIGUOUS,
        };
        self.0.store(seen, Ordering::Relaxed);
    }

    /// Whether the request with `headers`, whose head was seen, must be the last.
    pub(super) fn is_ambiguous(&self, headers: &HeaderMap) -> bool {
        self.0.swap(UNSEEN, Ordering::Relaxed) != CLEAR && headers.contains_key(TRANSFER_ENCODING)
    }
}

/// Whether `name`, whose byte `at` is one of `either`, is in `bytes` in any case.
fn contains(bytes: &[u8], name: &[u8], at: usize, [lower, upper]: [u8; 2]) -> bool {
    memchr2_iter(lower, upper, bytes).any(|found| {
        found
            .checked_sub(at)
            .and_then(|start| bytes.get(start..start + name.len()))
            .is_some_and(|candidate| candidate.eq_ignore_ascii_case(name))
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], expected: bool) {
        let mut headers = HeaderMap::new();
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        let framing = Framing::default();
        for piece in pieces {
            framing.see(piece.as_bytes());
        }
        assert!(!framing.is_ambiguous(&HeaderMap::new()), "{pieces:?}");
        for piece in pieces {
            framing.see(piece.as_bytes());
        }
        assert_eq!(framing.is_ambiguous(&headers), expected, "{pieces:?}");
    }

    #[test]
    fn only_a_head_seen_whole_with_one_length_is_clear() {
        check(
            &["POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"],
            false,
        );
        check(
            &["x\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n"],
            true,
        );
        check(
            &["x\r\nCONTENT-LENGTH: 3\r\nTRANSFER-ENCODING: chunked\r\n\r\n"],
            true,
        );
        check(&["x\r\nTransfer-Enc", "oding: chunked\r\n\r\n"], true);
        check(&[], true);
    }
}
