//! What others notice of guests that compute for ever.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tests::guests;

use crate::client::{calm, connect, get, milliseconds, read_to_end, small_answers};
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::{Series, p50_p99};
use crate::server::{Server, Site};
use crate::streams::{gaps, open};

const LIMITS: &str = "cpuTime: 1h, timeouts: {head: 1h, idle: 1h, total: 1h}";
const ECHO_BYTES: usize = 1_000_000;
const TICKS: usize = 8;
const TICK_MS: f64 = 100.0;

#[derive(Clone, Copy)]
struct Beside {
    hello_p50_ms: f64,
    hello_p99_ms: f64,
    tick_late_p99_ms: f64,
    echo_idle_ms: f64,
    echo_ms: f64,
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::new()?;
    site.wat("hello", guests::hello.wat, "")?;
    site.wat("tick", guests::tick.wat, "")?;
    site.wat("echo", guests::echo.wat, "")?;
    site.wat("spin", guests::spin.wat, LIMITS)?;
    let wagi = Server::wagi(&site)?;
    let bare = Server::bare()?;
    let series = Series::measure(plan.rounds, || calm(&bare), || measure(plan, &wagi))?;
    let noise = series.noise(|ms| *ms);
    let mut figure = |name: &str, limit: f64, unit: &str, of: fn(&Beside) -> f64| {
        let name = format!("beside 2 × cores endless loops: {name}");
        report.figure(&name, Target::AtMost(limit), unit, series.ours(of), noise);
    };
    figure("hello p99", 5.0, "ms", |beside| beside.hello_p99_ms);
    figure("an event every 100 ms, late by, p99", 5.0, "ms", |beside| {
        beside.tick_late_p99_ms
    });
    figure("echo of 1 MB, of its idle time", 2.0, "×", |beside| {
        beside.echo_ms / beside.echo_idle_ms
    });
    report.section(
        "Beside endless loops",
        &format!(
            "Twice as many guests as cores compute for ever; then hello one after the other on one \
             connection, {TICKS} streams of events, and an echo of 1 MB one after the other."
        ),
    );
    report.table(
        &["hello p50 ms", "echo idle ms", "echo beside ms"],
        &[vec![
            Text(series.ours(|beside| beside.hello_p50_ms)).to_string(),
            Text(series.ours(|beside| beside.echo_idle_ms)).to_string(),
            Text(series.ours(|beside| beside.echo_ms)).to_string(),
        ]],
    );
    Ok(())
}

fn measure(plan: &Plan, wagi: &Server) -> anyhow::Result<Beside> {
    let echoes = plan.count(20);
    let echo_idle_ms = median_echo(wagi, echoes)?;
    let loops = spin(wagi)?;
    let (hello_p50_ms, hello_p99_ms) = p50_p99(small_answers(wagi, "/hello", plan.count(500))?);
    let tick_late_p99_ms = ticks(wagi, Duration::from_secs(if plan.quick { 1 } else { 2 }))?;
    let echo_ms = median_echo(wagi, echoes)?;
    drop(loops);
    // They are gone within milliseconds; the next round begins idle.
    thread::sleep(Duration::from_millis(100));
    Ok(Beside {
        hello_p50_ms,
        hello_p99_ms,
        tick_late_p99_ms,
        echo_idle_ms,
        echo_ms,
    })
}

fn spin(wagi: &Server) -> anyhow::Result<Vec<TcpStream>> {
    let cores = thread::available_parallelism()?.get();
    let loops = (0..2 * cores).map(|_| {
        let mut stream = connect(wagi.address())?;
        stream.write_all(get("/spin").as_bytes())?;
        anyhow::Ok(stream)
    });
    let loops = loops.collect::<Result<_, _>>()?;
    // Long enough that all compute, on whichever level they end up.
    thread::sleep(Duration::from_millis(200));
    Ok(loops)
}

fn ticks(wagi: &Server, time: Duration) -> anyhow::Result<f64> {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    tokio.block_on(async {
        let mut streams = Vec::new();
        for _ in 0..TICKS {
            streams.push(open(wagi.address()).await?);
        }
        let from = Instant::now();
        let readers: Vec<_> = streams
            .into_iter()
            .map(|stream| gaps(stream, from, from + time))
            .collect();
        let mut late = Vec::new();
        for reader in readers {
            late.extend(reader.await??.into_iter().map(|gap| gap - TICK_MS));
        }
        Ok(p50_p99(late).1)
    })
}

fn median_echo(wagi: &Server, count: usize) -> anyhow::Result<f64> {
    let times = (0..count).map(|_| echo(wagi));
    Ok(p50_p99(times.collect::<anyhow::Result<_>>()?).0)
}

fn echo(wagi: &Server) -> anyhow::Result<f64> {
    let mut stream = connect(wagi.address())?;
    let mut sending = stream.try_clone()?;
    let head = format!(
        "POST /echo HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\
         Content-Length: {ECHO_BYTES}\r\n\r\n"
    );
    let start = Instant::now();
    let sender = thread::spawn(move || {
        sending.write_all(head.as_bytes())?;
        sending.write_all(&vec![b'x'; ECHO_BYTES])
    });
    let timing = read_to_end(&mut stream, start)?;
    let sent = sender.join();
    ensure!(matches!(sent, Ok(Ok(()))), "not sent: {sent:?}");
    ensure!(timing.bytes > ECHO_BYTES as u64, "cut short: {timing:?}");
    Ok(milliseconds(timing.total))
}
