//! What must hold of manifests whatever bytes they are made of.
//!
//! Called by property tests and by a coverage-guided fuzzer; a broken promise is a panic.

use super::{CNCF_LAYER, LEGACY_LAYER, Manifest, ORAS_LAYER, SOLO_LAYER, read};

/// Reading is the same twice, what it finds is of a type that we know, and what it refuses can be said in a line.
///
/// The input is what the registry calls the bytes, a line feed, and the bytes.
pub fn fuzz_oci_manifest(data: &[u8]) {
    let end = data.iter().position(|&byte| byte == b'\n');
    let (said, bytes) = match end {
        Some(end) => (std::str::from_utf8(&data[..end]).ok(), &data[end + 1..]),
        None => (None, data),
    };
    let found = read(said, bytes);
    assert_eq!(found, read(said, bytes), "not the same twice");
    match found {
        Ok(Manifest::Module(module)) => assert!(
            [CNCF_LAYER, LEGACY_LAYER, SOLO_LAYER, ORAS_LAYER]
                .contains(&module.media_type.as_str()),
            "took {:?} for a module",
            module.media_type
        ),
        Ok(Manifest::Index(_)) => {}
        Err(error) => {
            let sentence = error.to_string();
            assert!(!sentence.contains(['\n', '\r', '\x1b']), "{sentence:?}");
            assert!(sentence.len() < 4096, "{} bytes", sentence.len());
        }
    }
}
