//! Memory and tables.

use tests::guests;

use super::nodes::get;

#[test]
pub(super) fn grow_memory() {
    get(guests::grow_memory).answers(200, "32 pages\n");
}

#[test]
pub(super) fn grow_memory_then_trap() {
    get(guests::grow_memory_then_trap).fails(500, "memory");
}

#[test]
pub(super) fn grow_memory_then_trap_mid_body() {
    get(guests::grow_memory_then_trap_mid_body).breaks("first\n", "memory");
}

#[test]
pub(super) fn grow_and_hold() {
    get(guests::grow_and_hold).answers(200, "held 1025 pages\n");
}

/// 1 MiB less half a MiB of memory, 8 bytes an element, 1,000 at a time.
#[test]
pub(super) fn grow_table() {
    get(guests::grow_table).answers(200, "65000 elements\n");
}

#[test]
pub(super) fn leak_probe_write() {
    get(guests::leak_probe_write).answers(200, "left\n");
}

#[test]
pub(super) fn leak_deep_write() {
    get(guests::leak_deep_write).answers(200, "left\n");
}

#[test]
pub(super) fn leak_deep_read() {
    get(guests::leak_deep_write).answers(200, "left\n");
    get(guests::leak_deep_read).answers(200, "clean\n");
}

#[test]
pub(super) fn leak_probe_read() {
    get(guests::leak_probe_write).answers(200, "left\n");
    get(guests::leak_probe_read).answers(200, "clean\n");
}
