//! `wagi`: serves WAGI handlers.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: reqwest panics without a provider. Whoever was first has the last word.
    let _ = rustls::crypto::ring::default_provider().install_default();
    node_runtime::cli::run(std::env::args_os())
}
