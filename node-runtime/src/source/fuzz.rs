//! What the fuzzer of manifests runs.

use std::path::Path;
use std::sync::Arc;

use crds::validate::Place;

use super::document::contents;

/// Reads bytes as a manifest. Panics when a promise is broken.
///
/// # Panics
/// When reading twice gives two results, or a mistake has no place in the file.
pub fn fuzz_manifest(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let file = Arc::from(Path::new("fuzz.yaml"));
    let first = contents(&file, text, Place::Local);
    let second = contents(&file, text, Place::Local);
    assert_eq!(first.routes, second.routes);
    assert_eq!(first.mistakes, second.mistakes);
    assert_eq!(first.other_kinds, second.other_kinds);
    // A carriage return alone ends a line as well (YAML 1.2.2, 5.4).
    let lines = text.matches(['\n', '\r']).count() as u64 + 1;
    for mistake in &first.mistakes {
        let position = mistake
            .position
            .expect("a mistake in a document has a place");
        assert!(
            (1..=lines).contains(&position.line),
            "{mistake}: of {lines} lines"
        );
    }
    for (line, _) in &first.routes {
        assert!((1..=lines).contains(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn no_text_breaks_a_promise(text in "(---\n|spec: |path: |kind: WagiRoute\n|- |  |a: |\\[|\\{|\\}|&a |\\*a |'|\"|\n|#|<<: |1e6|\\||>|%|\\.\\.\\.\n|é|\t){0,24}") {
            fuzz_manifest(text.as_bytes());
        }
    }
}
