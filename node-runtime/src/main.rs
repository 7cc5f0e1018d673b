//! `wagi`: serves WAGI handlers.

use std::process::ExitCode;

fn main() -> ExitCode {
    node_runtime::cli::run(std::env::args_os())
}
