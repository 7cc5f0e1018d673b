//! 100,000 small writes, and a first line before two seconds of computing.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tests::guests;

use crate::client::{ask, calm, connect, get, milliseconds, read_past};
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::{Series, p50_p99};
use crate::server::{Server, Site, example};

const LINES: f64 = 100_000.0;
/// What the lines are without head and framing.
const LINES_BYTES: u64 = 1_788_895;

#[derive(Clone, Copy)]
struct Lines {
    first_ms: f64,
    total_ms: f64,
    cpu_ms: f64,
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::new()?;
    let text = std::fs::read_to_string(example("lines/lines.wat"))?;
    site.wat("lines", &text, "")?;
    site.wat("first", guests::first_line_then_compute.wat, "")?;
    let wagi = Server::wagi(&site)?;
    let bare = Server::bare()?;
    all_lines(plan, report, &wagi, &bare)?;
    first_line(plan, report, &wagi, &bare)
}

fn all_lines(plan: &Plan, report: &mut Report, wagi: &Server, bare: &Server) -> anyhow::Result<()> {
    let requests = plan.count(50);
    let series = Series::measure(
        plan.rounds,
        || lines(bare, requests),
        || lines(wagi, requests),
    )?;
    report.figure(
        "first byte of the 100,000 lines, p50",
        Target::AtMost(1.0),
        "ms",
        series.ours(|lines| lines.first_ms),
        series.noise(|lines| lines.first_ms),
    );
    report.figure(
        "total of the 100,000 lines, of bare formatting them (stretch 2)",
        Target::AtMost(4.0),
        "×",
        series.ratio(|lines| lines.total_ms),
        series.noise(|lines| lines.total_ms),
    );
    let write_ns = |lines: &Lines| lines.cpu_ms * 1e6 / LINES;
    report.figure(
        "server CPU a write of the 100,000 lines (stretch 50)",
        Target::AtMost(100.0),
        "ns",
        series.ours(write_ns),
        series.noise(write_ns),
    );
    report.section(
        "100,000 lines",
        &format!(
            "One request after the other, {requests} a round, each on a connection of its own; \
             medians of the round's requests, server CPU of all."
        ),
    );
    report.table(
        &["", "first byte ms", "total ms", "server CPU ms"],
        &[
            vec![
                "ours".to_owned(),
                Text(series.ours(|lines| lines.first_ms)).to_string(),
                Text(series.ours(|lines| lines.total_ms)).to_string(),
                Text(series.ours(|lines| lines.cpu_ms)).to_string(),
            ],
            vec![
                "bare".to_owned(),
                Text(series.bare(|lines| lines.first_ms)).to_string(),
                Text(series.bare(|lines| lines.total_ms)).to_string(),
                Text(series.bare(|lines| lines.cpu_ms)).to_string(),
            ],
        ],
    );
    Ok(())
}

fn lines(server: &Server, requests: usize) -> anyhow::Result<Lines> {
    let before = server.cpu()?;
    let mut firsts = Vec::with_capacity(requests);
    let mut totals = Vec::with_capacity(requests);
    for _ in 0..requests {
        let timing = ask(server.address(), "/lines")?;
        ensure!(timing.bytes > LINES_BYTES, "cut short: {timing:?}");
        firsts.push(milliseconds(timing.first));
        totals.push(milliseconds(timing.total));
    }
    let cpu = server.cpu()?.total() - before.total();
    Ok(Lines {
        first_ms: p50_p99(firsts).0,
        total_ms: p50_p99(totals).0,
        cpu_ms: cpu * 1e3 / requests as f64,
    })
}

fn first_line(
    plan: &Plan,
    report: &mut Report,
    wagi: &Server,
    bare: &Server,
) -> anyhow::Result<()> {
    let tries = plan.count(100);
    let series = Series::measure(
        plan.rounds,
        || calm(bare),
        || {
            let times = (0..tries).map(|_| first_line_once(wagi));
            Ok(p50_p99(times.collect::<anyhow::Result<_>>()?))
        },
    )?;
    let noise = series.noise(|ms| *ms);
    report.figure(
        "first line before two seconds of computing, p50",
        Target::AtMost(2.0),
        "ms",
        series.ours(|(p50, _)| *p50),
        noise,
    );
    report.figure(
        "first line before two seconds of computing, p99",
        Target::AtMost(8.0),
        "ms",
        series.ours(|(_, p99)| *p99),
        noise,
    );
    report.section(
        "First line before computing",
        &format!(
            "{tries} tries a round, one after the other; the client leaves after the line, and the \
             next try begins 10 ms later, when that guest is gone."
        ),
    );
    Ok(())
}

fn first_line_once(wagi: &Server) -> anyhow::Result<f64> {
    let mut stream = connect(wagi.address())?;
    let start = Instant::now();
    stream.write_all(get("/first").as_bytes())?;
    read_past(&mut stream, b"first\n")?;
    let time = milliseconds(start.elapsed());
    drop(stream);
    std::thread::sleep(Duration::from_millis(10));
    Ok(time)
}
