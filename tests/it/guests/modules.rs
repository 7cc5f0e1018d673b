//! Modules at the edge of what is accepted, and beyond it.

use tests::guests;
use tests::node::Node;

use super::nodes::{get, is_refused};

// === Modules at the edge of what is accepted ===

#[test]
pub(super) fn no_memory() {
    is_refused(guests::no_memory, &["exports no memory"]);
}

#[test]
pub(super) fn two_memories() {
    get(guests::two_memories).answers(200, "from the second memory\n");
}

#[test]
pub(super) fn proposals_on() {
    get(guests::proposals_on).answers(200, "all run\n");
}

// === Modules refused at load ===

#[test]
pub(super) fn no_start() {
    is_refused(guests::no_start, &["no function \"_start\""]);
}

#[test]
pub(super) fn start_with_parameter() {
    let words = ["no function \"_start\" without parameters and results"];
    is_refused(guests::start_with_parameter, &words);
}

#[test]
pub(super) fn missing_import() {
    is_refused(guests::missing_import, &["env.absent"]);
}

#[test]
pub(super) fn wasi_unstable() {
    is_refused(guests::wasi_unstable, &["imports wasi_unstable"]);
}

#[test]
pub(super) fn component() {
    is_refused(guests::component, &["WebAssembly component"]);
}

#[test]
pub(super) fn threads() {
    is_refused(guests::threads, &["proposal that is off: threads"]);
}

#[test]
pub(super) fn memory64() {
    is_refused(guests::memory64, &["proposal that is off: memory64"]);
}

#[test]
pub(super) fn exceptions() {
    is_refused(guests::exceptions, &["proposal that is off: exceptions"]);
    let node = Node::builder()
        .config(|config| config.engine.wasm_exceptions = true)
        .guest(guests::exceptions)
        .start();
    let _ = node.wait_for_change("added: default/exceptions");
    // It catches what it throws, and has nothing to say.
    assert_eq!(node.get("/exceptions").head.status, 500);
}

#[test]
pub(super) fn gc() {
    is_refused(guests::gc, &["proposal that is off: gc"]);
}

#[test]
pub(super) fn relaxed_simd() {
    is_refused(
        guests::relaxed_simd,
        &["proposal that is off: relaxed simd"],
    );
}

#[test]
pub(super) fn stack_switching() {
    is_refused(
        guests::stack_switching,
        &["proposal that is off: ", "stack switching"],
    );
}

#[test]
pub(super) fn big_memory() {
    is_refused(guests::big_memory, &["135266304 bytes", "134217728"]);
}

#[test]
pub(super) fn big_table() {
    is_refused(
        guests::big_table,
        &["100001 elements in one table", "100000"],
    );
}

#[test]
pub(super) fn three_memories() {
    is_refused(guests::three_memories, &["3 memories", "may have 2"]);
}

#[test]
pub(super) fn five_tables() {
    is_refused(guests::five_tables, &["5 tables", "may have 4"]);
}
