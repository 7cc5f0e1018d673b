//! Modules made to harm whoever compiles them: they cost their own route, and nothing else.

mod child;
mod served;

use std::fmt::Write as _;

/// A function in which each of many loops may change each of many locals: what the compiler keeps
/// of it is the product of the two. 1,000 of both take more than a minute, from 17 KB.
fn tangle(locals: usize, loops: usize) -> String {
    let mut text = String::from("(module (func (export \"_start\") (param i32)\n");
    for _ in 0..locals {
        text.push_str("(local i32)");
    }
    text.push_str(&"loop\n".repeat(loops));
    for local in 1..=locals {
        let _ = writeln!(
            text,
            "(local.set {local} (i32.add (local.get {local}) (local.get 0)))"
        );
    }
    for at in 0..loops {
        let _ = writeln!(text, "(br_if 0 (local.get {})) end", at % locals + 1);
    }
    text.push_str("))");
    text
}

/// Compiles for more than a minute.
fn endless() -> String {
    tangle(1_000, 1_000)
}

/// Needs gigabytes.
fn greedy() -> String {
    tangle(5_000, 1_000)
}

/// A command with 100,000 functions beside its own.
fn many_functions() -> String {
    let mut text = String::from(
        "(module (import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) \
         (result i32))) (memory (export \"memory\") 1) (data (i32.const 8) \"\\08\\00\\00\\00\") \
         (data (i32.const 0) \"\\10\\00\\00\\00\\1c\\00\\00\\00\") \
         (data (i32.const 16) \"content-type: text/plain\\0a\\0aok\")\n",
    );
    text.push_str(&"(func)\n".repeat(100_000));
    text.push_str(
        "(func (export \"_start\") (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))))",
    );
    text
}

/// A line of text for 80 MB of table.
const BIG_TABLE: &str = "(module (table 10000000 funcref) (func (export \"_start\")))";
