//! What a guest is given: variables, files, descriptors, stderr.

use tests::client::BodyEnd;
use tests::{guests, log};

use super::nodes::{get, node};

#[test]
pub(super) fn env_dump() {
    let text = get(guests::env_dump).response().text();
    let has = |line: &str| text.lines().any(|other| other == line);
    assert!(has("GATEWAY_INTERFACE=CGI/1.1"), "{text}");
    assert!(text.ends_with("argv: /env_dump\n"), "{text}");
}

/// Laid out as Kubernetes lays out a ConfigMap.
#[test]
pub(super) fn open_file() {
    use std::os::unix::fs::symlink;
    let config = node().folder().join("site/config");
    std::fs::create_dir_all(config.join("..2026_01_01")).expect("a folder");
    std::fs::write(config.join("..2026_01_01/key"), "a value\n").expect("a file");
    symlink("..2026_01_01", config.join("..data")).expect("a link");
    symlink("..data/key", config.join("key")).expect("a link");
    get(guests::open_file).answers(200, "file.txt: a file\n\nconfig/key: a value\n\n");
}

#[test]
pub(super) fn write_file() {
    let site = node().folder().join("site");
    let file = site.join("file.txt");
    let written = || {
        let about = file.metadata().expect("the file is there");
        about.modified().expect("files have times")
    };
    let before = written();
    let text = get(guests::write_file).response().text();
    let tried: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(": errno "))
        .collect();
    let names: Vec<_> = tried.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "create",
            "open for writing",
            "truncate",
            "make a folder",
            "rename",
            "set times",
            "remove"
        ]
    );
    for (name, errno) in tried {
        // Not permitted, not capable, or a read-only file system.
        assert!(matches!(errno, "63" | "69" | "76"), "{name}: errno {errno}");
    }
    assert_eq!(written(), before);
    assert_eq!(
        std::fs::read_to_string(&file).expect("the file"),
        "a file\n"
    );
    for name in ["new.txt", "folder", "other.txt"] {
        assert!(!site.join(name).exists(), "{name}");
    }
}

#[test]
pub(super) fn random_big() {
    get(guests::random_big).answers(200, "random: errno 0, filled\n");
}

/// Type 0 is "unknown": preview 1 has none for a pipe. 8 is a bad descriptor.
#[test]
pub(super) fn fdstat() {
    let text = get(guests::fdstat).response().text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["0: errno 0 type 0", "1: errno 0 type 0"]);
    assert!(lines[2].starts_with("2: errno 0 type "), "{text}");
    assert!(lines[3].starts_with("3: errno 8"), "{text}");
}

#[test]
pub(super) fn fd_close_stdout() {
    let mut sent = get(guests::fd_close_stdout);
    assert_eq!(sent.response().text(), "before\n");
    sent.logged("write: errno 8");
}

#[test]
pub(super) fn fd_renumber() {
    get(guests::fd_renumber).answers(200, "before\nthrough 2\n1: errno 8\n");
}

/// Errors or a trap: what it is told is its own business, the others go on.
#[test]
pub(super) fn wild_pointers() {
    let response = get(guests::wild_pointers).response();
    let is_told = response.text().ends_with("alive\n") && response.end == BodyEnd::Complete;
    assert!(is_told || response.end == BodyEnd::Closed, "{response:?}");
    get(guests::hello).answers(200, "hello\n");
}

#[test]
pub(super) fn stderr_lines() {
    let sent = get(guests::stderr_lines);
    for text in [
        "plain line",
        "two writes",
        "red \\u{1b}[31m alert \\u{7}",
        "not UTF-8 \u{fffd}\u{fffd}",
        "unfinished",
    ] {
        let line = sent.logged(text);
        assert!(line.contains("route=\"default/stderr-lines\""), "{line}");
    }
    // 10,000 bytes of one line: 8 KiB and the rest.
    let long = log::wait_for(&["llllllll", &sent.id], 2);
    let mut lengths: Vec<_> = long.iter().map(|line| line.matches('l').count()).collect();
    // The route's name has an l, and so has the request's id.
    lengths
        .iter_mut()
        .for_each(|length| *length -= "default/stderr-lines stderr_lines".matches('l').count());
    lengths.sort_unstable();
    assert_eq!(lengths, [10_000 - 8192, 8192]);
    sent.answers(200, "logged\n");
}

#[test]
pub(super) fn stderr_flood() {
    let mut sent = get(guests::stderr_flood);
    assert_eq!(sent.response().text(), "flooded\n");
    let dropped = " lines of standard error were dropped";
    let line = log::wait_for(&[dropped, "default/stderr-flood"], 1).remove(0);
    let (before, _) = line.split_once(dropped).expect("it was looked for");
    let dropped: usize = before
        .rsplit(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .unwrap_or_else(|| panic!("no number in {line:?}"));
    let of_it = log::lines_with(&sent.id);
    let logged = of_it.iter().filter(|line| line.contains("flood ")).count();
    assert_eq!(logged + dropped, 5000);
    // 100 a second, 10 seconds' worth at once.
    assert!(logged >= 1000, "{logged} were logged");
}
