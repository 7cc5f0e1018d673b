//! The smallest answers: what one request costs.

use std::fmt::Write as _;

use crate::load::{Cell, wrk};
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::{Measure, Series};
use crate::server::{Server, Site};
use tests::guests;

/// Names and paths of the guests beside hello.
const OTHERS: [(&str, &str); 3] = [
    ("WAT guest that prints its environment", "/env_dump"),
    ("C guest", "/c"),
    ("Go guest", "/go/hello"),
];

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::new()?;
    site.wat("hello", guests::hello.wat, "")?;
    site.wat("env_dump", guests::env_dump.wat, "")?;
    site.example("c")?;
    site.example("go")?;
    let wagi = Server::wagi(&site)?;
    let bare = Server::bare()?;
    let mut rows = Vec::new();

    let mut paths = vec!["/hello"];
    paths.extend(OTHERS.map(|(_, path)| path));
    let all = cells(plan, &wagi, &bare, &paths, 32)?;
    let hello = &all[0];
    report.figure(
        "hello, 32 connections: server CPU a request, of bare's (stretch 2.1)",
        Target::AtMost(2.5),
        "×",
        hello.ratio(|cell| cell.cpu_us),
        hello.noise(|cell| cell.cpu_us),
    );
    report.figure(
        "hello, 32 connections: requests a second, of bare's (stretch 0.6)",
        Target::AtLeast(0.5),
        "×",
        hello.ratio(|cell| cell.rate),
        hello.noise(|cell| cell.rate),
    );
    row(&mut rows, "hello, 32 connections", hello);

    let many = cells(plan, &wagi, &bare, &["/hello"], 256)?.remove(0);
    report.figure(
        "hello, 256 connections: server CPU a request, of bare's",
        Target::Stated,
        "×",
        many.ratio(|cell| cell.cpu_us),
        many.noise(|cell| cell.cpu_us),
    );
    report.figure(
        "hello, 256 connections: requests a second, of bare's (stretch 0.65)",
        Target::AtLeast(0.52),
        "×",
        many.ratio(|cell| cell.rate),
        many.noise(|cell| cell.rate),
    );
    row(&mut rows, "hello, 256 connections", &many);

    for ((name, _), series) in OTHERS.iter().zip(&all[1..]) {
        report.figure(
            &format!("{name}, 32 connections: server CPU a request, of bare's"),
            Target::Stated,
            "×",
            series.ratio(|cell| cell.cpu_us),
            series.noise(|cell| cell.cpu_us),
        );
        report.figure(
            &format!("{name}, 32 connections: requests a second, of bare's"),
            Target::Stated,
            "×",
            series.ratio(|cell| cell.rate),
            series.noise(|cell| cell.rate),
        );
        row(&mut rows, &format!("{name}, 32 connections"), series);
    }
    report.section("Small answers", &where_it_goes(&all));
    report.table(
        &[
            "",
            "CPU µs",
            "kernel µs",
            "requests/s",
            "p99 ms",
            "bare CPU µs",
            "bare requests/s",
        ],
        &rows,
    );
    Ok(())
}

/// What the other guests cost beyond hello.
fn where_it_goes(all: &[Series<Cell>]) -> String {
    let parts = |series: &Series<Cell>| {
        let kernel = series.ours(|cell| cell.system_us).median;
        let user = series.ours(|cell| cell.cpu_us - cell.system_us).median;
        (user, kernel)
    };
    let (hello_user, hello_kernel) = parts(&all[0]);
    let mut text = "Server CPU a request in µs, the kernel's part of it, and requests a second. \
                    Of the others the server does the same as of hello, so what they cost beyond it \
                    is the guest's: in user space its own code (a libc or Go's runtime begins anew \
                    for each request, then reads the environment and prints), in the kernel the page \
                    faults of the memory it touches, and giving that back. Beyond hello:"
        .to_owned();
    for ((name, _), series) in OTHERS.iter().zip(&all[1..]) {
        let (user, kernel) = parts(series);
        let _ = write!(
            text,
            "\n- {name}: {:+.1} µs in user space, {:+.1} µs in the kernel",
            user - hello_user,
            kernel - hello_kernel
        );
    }
    text
}

fn cells(
    plan: &Plan,
    wagi: &Server,
    bare: &Server,
    paths: &[&'static str],
    connections: u32,
) -> anyhow::Result<Vec<Series<Cell>>> {
    let seconds = plan.cell_seconds();
    let ours = paths.iter().map(|path| -> Measure<'_, Cell> {
        Box::new(move || wrk(wagi, path, connections, seconds))
    });
    let ours = ours.collect();
    Series::interleave(
        plan.rounds,
        || wrk(bare, "/hello", connections, seconds),
        ours,
    )
}

fn row(rows: &mut Vec<Vec<String>>, name: &str, series: &Series<Cell>) {
    rows.push(vec![
        name.to_owned(),
        Text(series.ours(|cell| cell.cpu_us)).to_string(),
        Text(series.ours(|cell| cell.system_us)).to_string(),
        Text(series.ours(|cell| cell.rate.round())).to_string(),
        Text(series.ours(|cell| cell.p99_ms)).to_string(),
        Text(series.bare(|cell| cell.cpu_us)).to_string(),
        Text(series.bare(|cell| cell.rate.round())).to_string(),
    ]);
}
