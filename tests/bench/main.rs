//! `make bench`: everything side by side with bare hyper, interleaved, in one go.
//!
//! Each figure is the median of several rounds, with bare measured before and after each, so that
//! what the machine did meanwhile stands beside it. Writes `docs/benchmarks.md` when it ran whole;
//! a quick or partial run is printed only.

mod bridge;
mod client;
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

use self::plan::Plan;
use self::report::Report;

/// What measures some figures.
type Run = fn(&Plan, &mut Report) -> anyhow::Result<()>;
/// One group of figures: what `BENCH_ONLY` calls it, and what measures it.
type Case = (&'static str, Run);

const CASES: [Case; 12] = [
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
];

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
