//! What ends mean, and the bounds by default.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use super::child::Ended;
use super::*;

fn end(status: i32, message: &str) -> String {
    ended(status, false, message).map_or_else(|error| error.to_string(), |()| "compiled".to_owned())
}

fn ended(status: i32, is_late: bool, message: &str) -> Result<(), CompileError> {
    let config = CompileConfig {
        program: CompileConfig::own_program(),
        timeout: Duration::from_millis(1_500),
        memory_bytes: 256 << 20,
        wasm_exceptions: false,
    };
    let ended = Ended {
        status: ExitStatus::from_raw(status),
        is_late,
        message: message.as_bytes().to_vec(),
    };
    outcome::of(ended, &config)
}

fn exited(code: i32) -> i32 {
    code << 8
}

#[test]
fn every_end_has_its_reason() {
    const ABORT: i32 = 6;
    const CORE: i32 = 0x80;
    let memory = "the module does not compile within 256 MiB of memory; --compile-memory raises the \
                  limit";
    let time = "the module does not compile within 1.5 s; --compile-timeout raises the limit";
    let cases = [
        (exited(0), "\n", "compiled"),
        (exited(1), "it has no end\n", "it has no end"),
        (exited(1), "a\u{1b}[31m\nb\n", "a\u{fffd}[31m; b"),
        (exited(2), "\n", memory),
        (exited(3), "28\n", "No space left on device"),
        (
            exited(3),
            "the process that waits is gone\n",
            "waits is gone",
        ),
        (
            exited(101),
            "thread main panicked\n",
            "broke down on the module: thread main panicked",
        ),
        (exited(64), "", "broke down on the module"),
        (
            ABORT | CORE,
            "memory allocation of 8 bytes failed\n",
            memory,
        ),
        (
            ABORT,
            "thread main has overflowed its stack\n",
            "overflowed its stack",
        ),
        (24, "", time),
        (9, "", "was killed by signal 9"),
        (11, "", "was killed by signal 11"),
    ];
    for (status, message, expected) in cases {
        let text = end(status, message);
        assert!(text.contains(expected), "{status} {message:?}: {text}");
    }
    let late = ended(9, true, "").expect_err("late");
    assert_eq!(late.to_string(), time);
}

#[test]
fn only_a_module_at_fault_is_not_tried_again() {
    assert!(
        !ended(exited(1), false, "no")
            .expect_err("refused")
            .may_pass()
    );
    for status in [exited(2), exited(3), exited(101), 9, 24] {
        assert!(ended(status, false, "").expect_err("a reason").may_pass());
    }
    assert!(
        ended(exited(3), false, "28")
            .expect_err("full")
            .is_disk_full()
    );
    assert!(
        !ended(exited(3), false, "5")
            .expect_err("broken")
            .is_disk_full()
    );
}

#[test]
fn a_child_gets_a_quarter_of_the_memory_at_most_two_gibibytes() {
    assert_eq!(default_memory_bytes(1 << 30), 256 << 20);
    assert_eq!(default_memory_bytes(64 << 30), 2 << 30);
    assert_eq!(parallel((4 << 30) - 1), 1);
    assert_eq!(parallel(4 << 30), 2);
}
