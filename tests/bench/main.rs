//! `make bench`: everything side by side with bare hyper, interleaved, in one go.
//!
//! Each figure is the median of several rounds, with bare measured before and after each, so that
//! what the machine did meanwhile stands beside it. Writes `docs/benchmarks.md` when it ran whole;
//! a quick or partial run is printed only.

mod bridge;
mod client;
mod cluster;
mod endings;
mod hello;
mod large;
mod lines;
mod load;
mod lookup;
mod loops;
mod memory;
mod modules;
mod observed;
mod plan;
mod report;
mod rounds;
mod server;
mod short;
mod streams;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use anyhow::anyhow;

use self::plan::Plan;
use self::report::Report;

/// What measures some figures.
type Run = fn(&Plan, &mut Report) -> anyhow::Result<()>;
/// One group of figures: what `BENCH_ONLY` calls it, and what measures it.
type Case = (&'static str, Run);

const CASES: [Case; 13] = [
    ("hello", hello::run),
    ("observed", observed::run),
    ("short", short::run),
    ("lookup", lookup::run),
    ("lines", lines::run),
    ("large", large::run),
    ("memory", memory::run),
    ("streams", streams::run),
    ("loops", loops::run),
    ("endings", endings::run),
    ("bridge", bridge::run),
    ("modules", modules::run),
    ("cluster", cluster::run),
];

/// Runs each by itself: one that fails takes no other with it. The harness panics where a test would.
fn run_parts(parts: &[Case], plan: &Plan, report: &mut Report) {
    for (name, part) in parts {
        let ran = catch_unwind(AssertUnwindSafe(|| part(plan, report)));
        if let Err(error) = ran.unwrap_or_else(|panic| Err(anyhow!(said(&*panic)))) {
            report.failure(name, &error);
        }
    }
}

fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("panicked").to_owned()
}

fn main() -> anyhow::Result<()> {
    let plan = Plan::from_environment()?;
    server::raise_file_limit();
    let mut report = Report::default();
    for (name, run) in CASES {
        if plan.wants(name) {
            eprintln!("{name} …");
            if let Err(error) = run(&plan, &mut report) {
                report.failure(name, &error);
            }
        }
    }
    report.publish(&plan)
}
