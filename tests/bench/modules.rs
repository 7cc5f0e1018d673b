//! What it costs to have modules: fetched, kept, compiled, mapped.

pub mod made;
mod map;
mod pull;
mod rest;
mod share;
mod start;

use tokio::runtime::Runtime;

use crate::plan::Plan;
use crate::report::Report;

const PARTS: [crate::Case; 5] = [
    ("modules: start", start::run),
    ("modules: map", map::run),
    ("modules: share", share::run),
    ("modules: pull", pull::run),
    ("modules: at rest", rest::run),
];

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    tests::install_crypto();
    crate::run_parts(&PARTS, plan, report);
    Ok(())
}

/// For what is done within the measuring process, on the thread that asks for it.
fn tokio() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
