//! What computes, sleeps and ends, well or not.

use tests::client::BodyEnd;
use tests::guests;

use super::nodes::get;

// === Answers, and none ===

#[test]
pub(super) fn hello() {
    let head = get(guests::hello).answers(200, "hello\n");
    assert_eq!(head.header("content-type"), Some("text/plain"));
    assert_eq!(head.header("content-length"), Some("6"));
}

#[test]
pub(super) fn silent() {
    get(guests::silent).fails(500, "no_blank_line");
}

// === Computing ===

#[test]
pub(super) fn spin() {
    get(guests::spin).fails(504, "cpu_time");
}

#[test]
pub(super) fn print_then_spin() {
    get(guests::print_then_spin).breaks("first\n", "cpu_time");
}

#[test]
pub(super) fn spin_in_host_calls() {
    get(guests::spin_in_host_calls).fails(504, "cpu_time");
}

#[test]
pub(super) fn spin_in_bulk() {
    get(guests::spin_in_bulk).breaks("first\n", "cpu_time");
}

#[test]
pub(super) fn start_function_spins() {
    get(guests::start_function_spins).fails(504, "cpu_time");
}

#[test]
pub(super) fn first_line_then_compute() {
    get(guests::first_line_then_compute).ends_when_left_after("first\n");
}

#[test]
pub(super) fn sched_yield() {
    get(guests::sched_yield).answers(200, "yielded\n");
}

// === Sleeping ===

#[test]
pub(super) fn sleep() {
    get(guests::sleep).fails(504, "head_timeout");
}

#[test]
pub(super) fn sleep_after_head() {
    get(guests::sleep_after_head).ends_when_left_after("first\n");
}

// === Endings ===

#[test]
pub(super) fn trap_before_head() {
    let sent = get(guests::trap_before_head);
    sent.logged("about to trap");
    sent.fails(500, "trap");
}

#[test]
pub(super) fn trap_mid_body() {
    get(guests::trap_mid_body).breaks("before the trap\n", "trap");
}

#[test]
pub(super) fn trap_after_megabyte() {
    let text = "x".repeat(1 << 20) + "before the trap\n";
    get(guests::trap_after_megabyte).breaks(&text, "trap");
}

#[test]
pub(super) fn stack_overflow() {
    let sent = get(guests::stack_overflow);
    assert!(sent.logged("guest ended").contains("stack"));
    sent.fails(500, "trap");
}

#[test]
pub(super) fn exit_0() {
    let head = get(guests::exit_0).answers(200, "exit 0\n");
    assert_eq!(head.header("content-length"), Some("7"));
}

#[test]
pub(super) fn exit_3_before_head() {
    get(guests::exit_3_before_head).fails(500, "exit_code");
}

#[test]
pub(super) fn exit_3_after_head() {
    let mut sent = get(guests::exit_3_after_head);
    let response = sent.response();
    assert_eq!(
        (response.head.status, response.end),
        (200, BodyEnd::Complete)
    );
    assert_eq!(response.text(), "exit 3\n");
    sent.ended("exit_code");
    sent.logged("exit code 3");
}
