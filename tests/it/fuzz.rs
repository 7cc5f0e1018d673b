//! Everything that reads bytes of strangers, on odd ones: no panic, no broken promise.

use std::collections::BTreeSet;

use tests::fuzz::{BODIES, corpora, run};

#[test]
fn paths_have_one_normal_form() {
    run("path");
}

#[test]
fn path_patterns_match_themselves_and_what_is_below() {
    run("path_pattern");
}

#[test]
fn host_patterns_match_themselves_and_what_is_below() {
    run("host_pattern");
}

#[test]
fn heads_parse_alike_in_any_pieces() {
    run("head");
}

#[test]
fn manifests_parse_alike_twice_and_mistakes_have_a_place() {
    run("manifest");
}

#[test]
fn every_corpus_has_a_body_a_test_and_the_other_way_round() {
    let bodies: BTreeSet<_> = BODIES.iter().map(|(name, _)| (*name).to_owned()).collect();
    let corpora: BTreeSet<_> = std::fs::read_dir(corpora())
        .expect("tests/corpus")
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("a plain name"))
        .collect();
    assert_eq!(bodies, corpora);
    for name in bodies {
        let call = format!("run(\"{name}\")");
        assert!(
            include_str!("fuzz.rs").contains(&call),
            "no test runs {name}"
        );
    }
}

#[test]
fn oci_manifests_lead_to_a_module_or_are_refused_in_a_line() {
    run("oci_manifest");
}

#[test]
fn forwarded_fields_change_nothing_that_a_trusted_proxy_says() {
    run("forwarded");
}
