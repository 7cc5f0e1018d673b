//! The folders that a route lends its guests.

use std::os::unix::fs::symlink;

use tests::guests;
use tests::node::Node;

/// The contents of what lies outside; a guest that prints it got out.
const SECRET: &str = "outside";

#[test]
fn nothing_outside_the_volume_can_be_opened() {
    let names = [
        "../secret.txt",
        "folder/../../secret.txt",
        "./../secret.txt",
        "/etc/hostname",
        "/site/../secret.txt",
        "up",
        "up/secret.txt",
        "absolute",
        "relative",
        "by-way-of-a-link",
        "loop",
        "file.txt/",
        "up/",
        "",
        ".",
    ];
    let arguments: Vec<_> = names.iter().map(|name| format!("'{name}'")).collect();
    let settings = format!(
        "volumes: [{{mountPath: /site, hostPath: site}}]\nargv: [open, 'file.txt', \
         'folder/../file.txt', 'within', {}]",
        arguments.join(", ")
    );
    let node = Node::builder()
        .file("secret.txt", SECRET)
        .file("site/file.txt", "inside")
        .file("site/folder/file.txt", "inside")
        .guest_with(guests::open_file, &settings)
        .start();
    let site = node.folder().join("site");
    let link = |to: &str, name: &str| symlink(to, site.join(name)).expect("a link");
    link("folder/../file.txt", "within");
    link("..", "up");
    link(
        &node.folder().join("secret.txt").to_string_lossy(),
        "absolute",
    );
    link("../secret.txt", "relative");
    link("folder/link", "by-way-of-a-link");
    link("../up/secret.txt", "folder/link");
    link("loop", "loop");

    let text = node.get("/open_file").text();
    assert!(!text.contains(SECRET), "{text}");
    let mut lines = text.lines();
    for name in ["file.txt", "folder/../file.txt", "within"] {
        assert_eq!(lines.next(), Some(&*format!("{name}: inside")), "{text}");
    }
    for name in names {
        let line = lines.next().unwrap_or_default();
        let told = line
            .strip_prefix(name)
            .unwrap_or_else(|| panic!("{line:?} is not about {name:?}"));
        // A folder may be opened, and not be read as a file.
        let is_refused = told.starts_with(": errno ") || told.starts_with(": read errno ");
        assert!(is_refused, "{name:?}{told}");
    }
    assert_eq!(lines.next(), None);
}

#[test]
fn a_file_that_changes_is_read_as_it_is_at_the_next_request() {
    let settings = "volumes: [{mountPath: /site, hostPath: site}]\nargv: [open, 'file.txt']";
    let node = Node::builder()
        .file("site/file.txt", "before")
        .guest_with(guests::open_file, settings)
        .start();
    assert_eq!(node.get("/open_file").text(), "file.txt: before\n");
    std::fs::write(node.folder().join("site/file.txt"), "after").expect("a file");
    assert_eq!(node.get("/open_file").text(), "file.txt: after\n");
}
