//! What must hold of paths and patterns whatever bytes they are made of.
//!
//! Called by property tests and by a coverage-guided fuzzer; a broken promise is a panic.

use std::borrow::Cow;

use super::{PathPattern, normalize};

/// Bytes as text, so that hostile input reaches functions that take text.
fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// Normalising is idempotent, keeps the number of slashes and leaves nothing a guest must not see.
pub fn fuzz_normalize(data: &[u8]) {
    let raw = text(data);
    let Ok(normal) = normalize(&raw) else { return };
    assert_eq!(
        normalize(&normal).as_deref(),
        Ok(&*normal),
        "not idempotent"
    );
    assert!(normal.is_ascii(), "not encoded: {normal:?}");
    let slashes = |path: &str| path.bytes().filter(|&byte| byte == b'/').count();
    assert_eq!(slashes(&raw), slashes(&normal), "slashes made or merged");
    let decoded = normal.replace("%2F", "/");
    assert!(
        decoded
            .split('/')
            .all(|segment| segment != "." && segment != ".."),
        "dot segment in {normal:?}"
    );
    assert!(!normal.contains("%00"), "NUL in {normal:?}");
}

/// A pattern survives being printed and parsed, and matches itself at slash boundaries only.
///
/// The input is a pattern, a line feed, and a path to match against it.
pub fn fuzz_path_pattern(data: &[u8]) {
    let input = text(data);
    let (written, path) = input.split_once('\n').unwrap_or((&input, "/"));
    let Ok(pattern) = PathPattern::parse(written) else {
        return;
    };
    assert_eq!(PathPattern::parse(pattern.as_str()).as_ref(), Ok(&pattern));
    assert!(pattern.contains(&pattern));
    assert!(pattern.script_name().starts_with('/'));
    if !pattern.base().is_empty() {
        assert!(pattern.matches(pattern.base()));
        assert!(!pattern.matches(&format!("{}x", pattern.base())));
    }
    let below = format!("{}/x", pattern.base());
    assert_eq!(pattern.matches(&below), pattern.is_prefix());

    let Ok(normal) = normalize(path) else { return };
    if pattern.matches(&normal)
        && let Ok(exact) = PathPattern::parse(&normal)
        && !exact.is_prefix()
    {
        assert!(pattern.contains(&exact));
        assert!(exact >= pattern, "{exact} is less specific than {pattern}");
    }
    if let Ok(joined) = pattern.join(path) {
        // One slash where they meet: beneath "/foo//..." that is one too few.
        if pattern.is_prefix() && !pattern.base().ends_with('/') {
            assert!(
                pattern.contains(&joined),
                "{joined} is outside of {pattern}"
            );
        }
    }
}
