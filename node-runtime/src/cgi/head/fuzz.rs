//! What must hold of heads whatever bytes a guest prints, however they arrive.
//!
//! Called by property tests and by a coverage-guided fuzzer; a broken promise is a panic.

use super::{Error, Head, Parser, Progress};

const LIMIT_BYTES: usize = 256;

/// Feeds a head in chunks of the given sizes, and says where its body begins.
fn parse(data: &[u8], sizes: impl Iterator<Item = usize>) -> Result<(Head, usize), Error> {
    let mut parser = Parser::new(LIMIT_BYTES);
    let mut at = 0;
    for size in sizes {
        let rest = data.get(at..).unwrap_or_default();
        if rest.is_empty() {
            break;
        }
        let chunk = &rest[..size.min(rest.len())];
        match parser.feed(chunk)? {
            Progress::NeedMore => at += chunk.len(),
            Progress::Complete { head, consumed } => {
                assert!(consumed <= chunk.len());
                return Ok((head, at + consumed));
            }
        }
    }
    Err(parser.end())
}

/// Whole, byte by byte, and in pieces that the data itself chooses: one result.
pub fn fuzz_head(data: &[u8]) {
    let whole = parse(data, std::iter::once(data.len()));
    let single = parse(data, std::iter::repeat(1));
    assert_eq!(whole, single, "byte by byte");
    let mut seed = data.iter().copied().cycle();
    let sizes = std::iter::repeat_with(|| usize::from(seed.next().unwrap_or(0) % 7));
    // Chunks may be empty; one byte after each keeps the pieces coming to an end.
    let pieces = parse(data, sizes.flat_map(|size| [size, 1]));
    assert_eq!(whole, pieces, "in pieces");

    let Ok((head, body)) = whole else { return };
    assert!(body <= LIMIT_BYTES);
    assert_eq!(data[body - 1], b'\n');
    assert!((200..600).contains(&head.status.as_u16()));
    for name in [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "status",
    ] {
        assert!(!head.headers.contains_key(name), "{name} is passed on");
    }
    for value in head.headers.values() {
        assert!(!value.as_bytes().contains(&b'\r'));
        assert_eq!(value.as_bytes().trim_ascii(), value.as_bytes());
    }
}
