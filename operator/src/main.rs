//! `wagi-operator`: publishes WagiRoutes to the runtimes of a cluster.

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else: reqwest panics without a provider. Whoever was first has the last word.
    let _ = rustls::crypto::ring::default_provider().install_default();
    operator::cli::run(std::env::args_os())
}
