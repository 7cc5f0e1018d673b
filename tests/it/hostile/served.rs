//! Hostile modules beside a route that is served.

use std::fs;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use tests::PATIENCE;
use tests::guests;
use tests::node::manifest;
use tests::process::{children, wait_for_end, wait_until};
use tests::wagi::Wagi;

/// Serves `hello`, then is given a hostile route beside it.
fn serve_beside(module: &str, flags: &[&str], amid: impl FnOnce(&Wagi)) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| write(folder.path(), name, text);
    write("hello.wat", guests::hello.wat);
    write("hello.yaml", &manifest("hello", guests::hello, ""));
    let path = folder.path().display().to_string();
    let mut arguments = vec![&*path];
    arguments.extend(flags);
    let wagi = Wagi::up(&arguments);
    assert_eq!(wagi.get("/hello").text(), "hello\n");
    let before = held(&wagi);
    write("hostile.wat", module);
    write(
        "hostile.yaml",
        "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {name: hostile}\n\
         spec: {path: /hostile, module: {image: file:hostile.wat}}\n",
    );
    amid(&wagi);
    let lines = wagi.stderr_until("default/hostile");
    assert_eq!(wagi.get("/hello").text(), "hello\n");
    assert_eq!(children(wagi.pid()), []);
    let after = held(&wagi);
    assert!(
        after < before + (16 << 10),
        "{before} KiB before, {after} KiB after"
    );
    lines.last().cloned().unwrap_or_default()
}

/// The child that compiles, once there is one.
fn child(wagi: &Wagi) -> Pid {
    wait_until("a child", || !children(wagi.pid()).is_empty());
    children(wagi.pid())[0]
}

fn write(folder: &Path, name: &str, text: &str) {
    let draft = folder.join(".draft");
    fs::write(&draft, text).expect("a file in a temporary folder");
    fs::rename(draft, folder.join(name)).expect("a rename");
}

/// Resident memory in KiB.
fn held(wagi: &Wagi) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", wagi.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("the kernel says what is resident")
}

#[test]
fn a_module_that_compiles_for_ever_costs_its_own_route() {
    let line = serve_beside(&super::endless(), &["--compile-timeout=1s"], |_| {});
    assert!(line.contains("does not compile within 1 s"), "{line}");
}

#[test]
fn a_module_that_eats_memory_costs_its_own_route() {
    let line = serve_beside(&super::greedy(), &["--compile-memory=256Mi"], |_| {});
    assert!(line.contains("within 256 MiB of memory"), "{line}");
}

#[test]
fn a_table_of_ten_million_costs_its_own_route() {
    let line = serve_beside(super::BIG_TABLE, &[], |_| {});
    assert!(line.contains("10000000 elements in one table"), "{line}");
}

#[test]
fn a_hundred_thousand_functions_are_served() {
    let line = serve_beside(&super::many_functions(), &[], |wagi| {
        // It is the one test that waits for a long compile, and compiling comes last.
        wait_for_end(child(wagi), 10 * PATIENCE);
    });
    assert!(line.contains("added"), "{line}");
}

#[test]
fn requests_are_answered_while_a_module_compiles_and_when_its_child_is_killed() {
    let line = serve_beside(&super::endless(), &[], |wagi| {
        let child = child(wagi);
        assert_eq!(wagi.get("/hello").text(), "hello\n");
        kill_process(child, Signal::KILL).expect("it runs");
    });
    assert!(line.contains("killed by signal 9"), "{line}");
}
