//! The fuzz bodies under libFuzzer, which watches which code an input reaches: `make fuzz`.
//!
//! One program for all of them: `FUZZ_TARGET` names the body, arguments are libFuzzer's own.
//! `main` is libFuzzer's (`-fsanitize=fuzzer` at the link, in `scripts/instrument`), which calls
//! the function below again and again. A panic there cannot unwind into C++, so it aborts, and
//! libFuzzer writes the input to a file.

#![no_main]
#![allow(
    unsafe_code,
    reason = "a C interface: a fixed name, and a pointer with a length"
)]

use std::sync::LazyLock;

use tests::fuzz::{BODIES, Body, body};

static BODY: LazyLock<Body> = LazyLock::new(|| {
    let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
    body(&name).unwrap_or_else(|| {
        let known: Vec<_> = BODIES.iter().map(|(name, _)| *name).collect();
        eprintln!(
            "FUZZ_TARGET={name:?} is no fuzz body; there are {}",
            known.join(", ")
        );
        std::process::exit(64)
    })
});

// SAFETY: libFuzzer's header declares the function with this name and signature, and only
// libFuzzer's main calls it.
#[unsafe(no_mangle)]
extern "C" fn LLVMFuzzerTestOneInput(data: *const u8, length: usize) -> i32 {
    let input = if data.is_null() {
        &[]
    } else {
        // SAFETY: it is libFuzzer's own copy of the input, `length` bytes that nobody else reads or
        // writes until this returns; it is not kept.
        unsafe { std::slice::from_raw_parts(data, length) }
    };
    BODY(input);
    0
}
