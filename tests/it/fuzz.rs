//! Everything that reads bytes of strangers, on odd ones: no panic, no broken promise.

use tests::fuzz::run;

#[test]
fn paths_have_one_normal_form() {
    run("path", crds::path::fuzz::fuzz_normalize);
}

#[test]
fn path_patterns_match_themselves_and_what_is_below() {
    run("path_pattern", crds::path::fuzz::fuzz_path_pattern);
}

#[test]
fn host_patterns_match_themselves_and_what_is_below() {
    run("host_pattern", crds::host::fuzz::fuzz_host_pattern);
}

#[test]
fn heads_parse_alike_in_any_pieces() {
    run("head", node_runtime::cgi::head::fuzz::fuzz_head);
}

#[test]
fn manifests_parse_alike_twice_and_mistakes_have_a_place() {
    run("manifest", node_runtime::source::fuzz::fuzz_manifest);
}

#[test]
fn oci_manifests_lead_to_a_module_or_are_refused_in_a_line() {
    run("oci_manifest", registry::artifact::fuzz::fuzz_oci_manifest);
}
