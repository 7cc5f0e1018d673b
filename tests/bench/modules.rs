//! What it costs to have modules: fetched, kept, compiled, mapped.

mod made;
mod map;
mod pull;
mod rest;
mod share;
mod start;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;
use tokio::runtime::Runtime;

use crate::plan::Plan;
use crate::report::Report;

/// Each by itself: one that fails takes no other with it.
const PARTS: [(&str, crate::Run); 5] = [
    ("modules: start", start::run),
    ("modules: map", map::run),
    ("modules: share", share::run),
    ("modules: pull", pull::run),
    ("modules: at rest", rest::run),
];

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    tests::install_crypto();
    for (name, part) in PARTS {
        // The harness's registries panic where a test would.
        let ran = catch_unwind(AssertUnwindSafe(|| part(plan, report)));
        if let Err(error) = ran.unwrap_or_else(|panic| Err(anyhow!(said(&*panic)))) {
            report.failure(name, &error);
        }
    }
    Ok(())
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("panicked").to_owned()
}

/// For what is done within the measuring process, on the thread that asks for it.
fn tokio() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
}
