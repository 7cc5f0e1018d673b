//! The name of one request, in logs, in the guest's environment and in the answer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The field that carries it.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer id is not taken from a client: it goes into every log line.
const MAX_BYTES: usize = 128;

/// The client's own, if it is one, else a new one.
#[must_use]
pub fn of(headers: &HeaderMap) -> HeaderValue {
    headers
        .get(X_REQUEST_ID)
        .filter(|id| is_good(id.as_bytes()))
        .cloned()
        .unwrap_or_else(new)
}

fn is_good(id: &[u8]) -> bool {
    (1..=MAX_BYTES).contains(&id.len()) && id.iter().all(u8::is_ascii_graphic)
}

fn new() -> HeaderValue {
    static NEXT: OnceLock<AtomicU64> = OnceLock::new();
    let next = NEXT.get_or_init(|| AtomicU64::new(random()));
    let number = mix(next.fetch_add(1, Ordering::Relaxed));
    let mut text = [0; 16];
    for (at, digit) in text.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(number >> (60 - 4 * at)) as usize & 15];
    }
    HeaderValue::from_bytes(&text).expect("hexadecimal digits are a valid value")
}

/// Another number for each number (SplitMix64's finaliser), so that ids do not repeat within a
/// process and do not look alike.
const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // Without it ids repeat over restarts, which is no reason not to serve.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u64::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(sent: &[u8]) -> HeaderValue {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(sent) {
            headers.insert(X_REQUEST_ID, value);
        }
        of(&headers)
    }

    #[test]
    fn a_good_id_is_kept_and_any_other_replaced() {
        assert_eq!(id_for(b"abc-123"), "abc-123");
        for bad in [&b""[..], b"a b", b"\xff", &[b'x'; 129]] {
            let id = id_for(bad);
            assert_ne!(id.as_bytes(), bad);
            assert_eq!(id.len(), 16);
        }
    }

    #[test]
    fn new_ids_differ() {
        let ids: std::collections::HashSet<_> =
            (0..1000).map(|_| new().as_bytes().to_vec()).collect();
        assert_eq!(ids.len(), 1000);
    }
}
