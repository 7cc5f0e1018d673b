//! What must hold of host patterns whatever bytes they are made of.
//!
//! Called by property tests and by a coverage-guided fuzzer; a broken promise is a panic.

use super::{HostPattern, canonical};

/// A pattern survives being printed and parsed, and matches what it says and nothing above it.
///
/// The input is a pattern, a line feed, and a host to match against it.
pub fn fuzz_host_pattern(data: &[u8]) {
    let input = String::from_utf8_lossy(data);
    let (written, host) = input.split_once('\n').unwrap_or((&input, "shop.example"));

    let host = canonical(host);
    // Of two dots at the end one is left, and matches nothing.
    if !host.ends_with('.') {
        assert_eq!(canonical(&host), host, "not idempotent");
    }

    let Ok(pattern) = HostPattern::parse(written) else {
        return;
    };
    let text = pattern.as_str();
    assert_eq!(HostPattern::parse(text).as_ref(), Ok(&pattern));
    assert_eq!(text, text.to_ascii_lowercase());
    match pattern.suffix() {
        None => assert!(pattern.matches(&canonical(text)), "{text} is not itself"),
        Some(suffix) => {
            assert!(suffix.starts_with('.'));
            assert!(pattern.matches(&format!("a{suffix}")));
            assert!(pattern.matches(&format!("a.b{suffix}")));
            assert!(!pattern.matches(suffix), "{text} matches no label");
            assert!(!pattern.matches(&suffix[1..]), "{text} matches its parent");
        }
    }
    if pattern.matches(&host)
        && let Ok(exact) = HostPattern::parse(&host)
    {
        assert!(exact >= pattern, "{exact} is less specific than {pattern}");
    }
}
