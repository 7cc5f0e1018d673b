//! What it takes for a `WagiRoute` to be served: etcd, an API server, the operator and runtimes, all
//! on this machine.

mod apply;
mod ask;
mod count;
mod place;
mod scale;

use crate::plan::Plan;
use crate::report::Report;

const PARTS: [crate::Case; 2] = [
    ("cluster: apply", apply::run),
    ("cluster: scale", scale::run),
];

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    crate::run_parts(&PARTS, plan, report);
    Ok(())
}
