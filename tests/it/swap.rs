//! Documents and modules that change while requests come: no request fails, none is torn.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tests::client::{BodyEnd, Connection};
use tests::guests;
use tests::node::{Node, get, manifest};

/// Lines of one answer: more than one slice and one frame.
const LINES: usize = 2000;

/// A module whose answer is its version, many times over, one write each.
fn module(version: usize) -> String {
    format!(
        r#"(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 64) "Content-Type: text/plain\n\n")
  (data (i32.const 128) "v{version:04}\n")
  (func $print (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start") (local $line i32)
    (call $print (i32.const 64) (i32.const 26))
    (loop $next
      (call $print (i32.const 128) (i32.const 6))
      (local.set $line (i32.add (local.get $line) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $line) (i32.const {LINES}))))))"#
    )
}

fn route(file: &str, path: &str) -> String {
    format!(
        "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: site}}\n\
         spec:\n  path: {path}\n  module:\n    image: file:{file}\n"
    )
}

fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("a file in a temporary folder");
}

/// As editors and package managers do it.
fn replace(folder: &Path, name: &str, text: &str) {
    write(folder, ".draft", text);
    std::fs::rename(folder.join(".draft"), folder.join(name)).expect("a rename");
}

/// As Kubernetes does it with a ConfigMap.
fn flip(folder: &Path, link: &str, target: &str) {
    symlink(target, folder.join("..tmp")).expect("a link");
    std::fs::rename(folder.join("..tmp"), folder.join(link)).expect("a rename");
}

/// The version that an answer is of, which must be whole and of one piece.
#[track_caller]
fn version(response: &tests::client::Response) -> usize {
    assert_eq!(response.head.status, 200);
    assert_eq!(response.end, BodyEnd::Complete);
    let text = response.text();
    let first = text.lines().next().expect("an answer has lines");
    assert!(text.lines().all(|line| line == first), "torn: {text}");
    assert_eq!(text.lines().count(), LINES);
    first[1..].parse().expect("a version")
}

/// Asks until `stop` says so; each answer must be whole, and none older than the one before.
fn load(address: SocketAddr, stop: &AtomicBool, answers: &AtomicUsize, keeps_alive: bool) {
    let mut connection = Connection::open(address);
    let mut newest = 0;
    while !stop.load(Ordering::Relaxed) {
        if !keeps_alive {
            connection = Connection::open(address);
        }
        connection.send(get("/site"));
        let answered = version(&connection.response());
        assert!(answered >= newest, "{answered} after {newest}");
        newest = answered;
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// Stops the load even when the test fails, which else would wait for it.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn under_load(node: &Node, change: impl FnOnce()) {
    let address = node.address();
    let (stop, answers) = (&AtomicBool::new(false), &AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let ends = Stop(stop);
        for keeps_alive in [true, false] {
            scope.spawn(move || load(address, stop, answers, keeps_alive));
        }
        change();
        drop(ends);
    });
    assert!(answers.load(Ordering::Relaxed) > 0, "there was a load");
}

#[test]
fn a_change_under_load_fails_no_request() {
    let node = Node::builder()
        .file("..1/site.wat", &module(0))
        .file("site.yaml", &route("site.wat", "/site"))
        .file("site.wat", &module(0))
        .start();
    let folder = node.folder();
    under_load(&node, || {
        let mut newest = 0;
        let mut is_served = |change: &dyn Fn(usize)| {
            newest += 1;
            change(newest);
            let _ = node.wait_for_change("changed: default/site now sha256:");
            assert_eq!(version(&node.get("/site")), newest);
        };
        for _ in 0..3 {
            is_served(&|version| write(folder, "site.wat", &module(version)));
            is_served(&|version| replace(folder, "site.wat", &module(version)));
            is_served(&|version| {
                write(folder, &format!("v{version}.wat"), &module(version));
                replace(
                    folder,
                    "site.yaml",
                    &route(&format!("v{version}.wat"), "/site"),
                );
            });
            is_served(&|version| {
                let target = format!("..{version}");
                std::fs::create_dir(folder.join(&target)).expect("a folder");
                write(folder, &format!("{target}/site.wat"), &module(version));
                flip(folder, "..data", &target);
                let _ = std::fs::remove_file(folder.join("linked.wat"));
                symlink("..data/site.wat", folder.join("linked.wat")).expect("a link");
                replace(folder, "site.yaml", &route("linked.wat", "/site"));
            });
            is_served(&|version| {
                let target = format!("..{version}");
                std::fs::create_dir(folder.join(&target)).expect("a folder");
                write(folder, &format!("{target}/site.wat"), &module(version));
                flip(folder, "..data", &target);
            });
            is_served(&|version| {
                write(folder, "site.wat", &module(version));
                replace(folder, "site.yaml", &route("site.wat", "/site"));
            });
        }
    });
}

#[test]
fn a_running_guest_finishes_on_its_own_module() {
    let node = Node::with(&[guests::answer_then_read]);
    let mut old: Connection = node.connect();
    old.send("POST /answer_then_read HTTP/1.1\r\nHost: test.example\r\nContent-Length: 1\r\n\r\n");
    let _ = old.read_past("first\n");
    replace(node.folder(), "answer_then_read.wat", guests::hello.wat);
    let _ = node.wait_for_change("changed: default/answer-then-read");
    assert_eq!(node.get("/answer_then_read").text(), "hello\n");
    old.send("x");
    let _ = old.read_past("second\n");
    // It still answers on the same connection, now by the new module.
    let _ = old.read_past("0\r\n\r\n");
    old.send(get("/answer_then_read"));
    assert_eq!(old.response().text(), "hello\n");
}

#[test]
fn a_half_written_file_keeps_the_last_good_routes() {
    let node = Node::builder()
        .file("site.yaml", &route("site.wat", "/site"))
        .file("site.wat", &module(1))
        .start();
    under_load(&node, || {
        write(
            node.folder(),
            "site.yaml",
            "apiVersion: wagi.dev/v1alpha1\nkind: Wag",
        );
        let line = node.wait_for_change("site.yaml");
        assert!(line.contains("kept: 1 route"), "{line}");
        assert_eq!(version(&node.get("/site")), 1);
        write(node.folder(), "site.yaml", "spec: [");
        let line = node.wait_for_change("site.yaml");
        assert!(line.contains("kept: 1 route"), "{line}");
        write(node.folder(), "site.wat", "(module (func");
        let line = node.wait_for_change("kept: default/site");
        assert!(line.starts_with("kept: default/site: "), "{line}");
        write(node.folder(), "site.wat", &module(2));
        write(node.folder(), "site.yaml", &route("site.wat", "/site"));
        let _ = node.wait_for_change("changed: default/site now");
        assert_eq!(version(&node.get("/site")), 2);
    });
}

#[test]
fn what_is_added_is_served_and_what_is_deleted_is_not() {
    let node = Node::with(&[guests::hello]);
    let folder = node.folder();
    write(folder, "env_dump.wat", guests::env_dump.wat);
    write(
        folder,
        "env_dump.yaml",
        &manifest("env_dump", guests::env_dump, ""),
    );
    let _ = node.wait_for_change("added: default/env-dump");
    assert_eq!(node.get("/env_dump").head.status, 200);
    std::fs::remove_file(folder.join("hello.yaml")).expect("it was there");
    let _ = node.wait_for_change("removed: default/hello");
    assert_eq!(node.get("/hello").head.status, 404);
    assert_eq!(node.get("/env_dump").head.status, 200);
}

#[test]
fn each_change_is_one_line() {
    let node = Node::with(&[guests::hello, guests::env_dump]);
    let folder = node.folder();
    let spec = "env:\n- {name: A, value: b}";
    write(
        folder,
        "hello.yaml",
        &manifest("hello", guests::hello, spec),
    );
    // What was there at start is said as well.
    let _ = node.changes_until("added: default/hello");
    let first = node.changes_until("default/hello");
    std::fs::remove_file(folder.join("env_dump.yaml")).expect("it was there");
    let second = node.changes_until("default/env-dump");
    replace(folder, "hello.wat", guests::set_cookies.wat);
    let third = node.changes_until("default/hello");
    assert_eq!(first.len(), 1, "{first:?}");
    assert!(
        first[0].starts_with("changed: default/hello now sha256:"),
        "{first:?}"
    );
    assert_eq!(second, ["removed: default/env-dump"]);
    assert_eq!(third.len(), 1, "{third:?}");
    assert_ne!(first, third);
}

#[test]
fn a_change_that_sends_no_event_is_seen_all_the_same() {
    // Nobody watches the folder that the second link stands in.
    let far = tempfile::TempDir::new().expect("a temporary folder");
    let far = far.path();
    for name in ["one", "two", "links"] {
        std::fs::create_dir(far.join(name)).expect("a folder");
    }
    write(&far.join("one"), "site.wat", &module(1));
    write(&far.join("two"), "site.wat", &module(2));
    symlink(far.join("one/site.wat"), far.join("links/site.wat")).expect("a link");
    let node = Node::builder().file("site.yaml", &route("site.wat", "/site"));
    let node = node.start_after(|folder| {
        symlink(far.join("links/site.wat"), folder.join("site.wat")).expect("a link");
    });
    assert_eq!(version(&node.get("/site")), 1);
    let two = far.join("two/site.wat").display().to_string();
    flip(&far.join("links"), "site.wat", &two);
    let _ = node.wait_for_change("changed: default/site now");
    assert_eq!(version(&node.get("/site")), 2);
}

#[test]
fn ten_thousand_routes_change_under_load() {
    let document = |number: usize, version: usize| {
        format!(
            "---\napiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: r{number}}}\n\
             spec: {{path: /{number}/v{version}, module: {{image: file:site.wat}}}}\n"
        )
    };
    let all = |version: usize| {
        (0..10_000).fold(route("site.wat", "/site"), |mut text, number| {
            let _ = text.write_str(&document(number, version));
            text
        })
    };
    let node = Node::builder()
        .file("site.wat", &module(1))
        .file("all.yaml", &all(1))
        .start();
    under_load(&node, || {
        replace(node.folder(), "all.yaml", &all(2));
        let _ = node.wait_for_change("changed: default/r9999 now");
        assert_eq!(version(&node.get("/9999/v2")), 1);
        assert_eq!(version(&node.get("/0/v2")), 1);
        assert_eq!(node.get("/5000/v1").head.status, 404);
    });
}
