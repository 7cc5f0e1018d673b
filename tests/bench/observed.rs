//! What it costs to count and to log each request.

use crate::load::{Cell, wrk};
use crate::plan::Plan;
use crate::report::{Report, Target};
use crate::rounds::Series;
use crate::server::{Server, Site};
use tests::guests;

const CONNECTIONS: u32 = 32;

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::new()?;
    site.wat("hello", guests::hello.wat, "")?;
    // Read by us, as a container's is by whoever runs it.
    let on = Server::wagi_with(&site, &["--admin-listen", "127.0.0.1:0"])?;
    let off = Server::wagi_with(&site, &["--access-log=false"])?;
    let seconds = plan.cell_seconds();
    let cell = |server: &Server| wrk(server, "/hello", CONNECTIONS, seconds);
    let series: Series<Cell> = Series::measure(plan.rounds, || cell(&off), || cell(&on))?;
    report.figure(
        "metrics and access log on, hello at 32 connections: server CPU a request, of off",
        Target::AtMost(1.05),
        "×",
        series.ratio(|cell| cell.cpu_us),
        series.noise(|cell| cell.cpu_us),
    );
    report.figure(
        "metrics and access log on, hello at 32 connections: requests a second, of off",
        Target::Stated,
        "×",
        series.ratio(|cell| cell.rate),
        series.noise(|cell| cell.rate),
    );
    Ok(())
}
