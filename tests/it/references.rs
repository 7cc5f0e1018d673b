//! ConfigMaps and Secrets that stand beside a manifest.

use std::path::Path;

use tests::guests;
use tests::node::Node;

const SETTINGS: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {A: one, file.txt: inside}}\n";
const API: &str =
    "{apiVersion: v1, kind: Secret, metadata: {name: api}, data: {token: czNjcmV0}}\n";

fn replace(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(".draft"), text).expect("a file");
    std::fs::rename(folder.join(".draft"), folder.join(name)).expect("a rename");
}

#[test]
fn variables_come_from_objects_beside_the_manifest_and_follow_them() {
    let node = Node::builder()
        .file("settings.yaml", SETTINGS)
        .file("api.yaml", API)
        .guest_with(
            guests::env_dump,
            "envFrom: [{configMapRef: {name: settings}, prefix: P_}]\nenv:\n\
             - {name: TOKEN, valueFrom: {secretKeyRef: {name: api, key: token}}}\n\
             - {name: NONE, valueFrom: {secretKeyRef: {name: api, key: none, optional: true}}}",
        )
        .start();
    let text = node.get("/env_dump").text();
    assert!(
        text.contains("P_A=one\n") && text.contains("TOKEN=s3cret\n"),
        "{text}"
    );
    assert!(!text.contains("NONE"), "{text}");

    replace(
        node.folder(),
        "settings.yaml",
        &SETTINGS.replace("one", "two"),
    );
    let said = node.wait_for_change("changed: default/env-dump");
    assert!(!said.contains("s3cret"), "{said}");
    let text = node.get("/env_dump").text();
    assert!(text.contains("P_A=two\n"), "{text}");
}

#[test]
fn a_volume_shows_what_an_object_holds_and_one_that_goes_leaves_what_is_served() {
    let node = Node::builder()
        .file("settings.yaml", SETTINGS)
        .guest_with(
            guests::open_file,
            "volumes: [{mountPath: /site, configMap: {name: settings}}]\nargv: [open, 'file.txt', 'none']",
        )
        .start();
    let text = node.get("/open_file").text();
    assert!(text.starts_with("file.txt: inside\nnone: errno "), "{text}");

    std::fs::remove_file(node.folder().join("settings.yaml")).expect("it is there");
    let said = node.wait_for_change("kept: default/open-file");
    assert!(
        said.contains("spec.volumes[0]: there is no ConfigMap settings"),
        "{said}"
    );
    assert_eq!(node.get("/open_file").text(), text);

    replace(
        node.folder(),
        "settings.yaml",
        &SETTINGS.replace("inside", "newer"),
    );
    let said = node.wait_for_change("changed: default/open-file");
    assert!(!said.contains("newer"), "{said}");
    assert!(
        node.get("/open_file")
            .text()
            .starts_with("file.txt: newer\n")
    );
}
