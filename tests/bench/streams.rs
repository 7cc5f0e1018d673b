//! A thousand slow streams at once: their gaps, threads and memory.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tests::guests;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use crate::client::{calm, find, get, milliseconds};
use crate::plan::Plan;
use crate::report::{Report, Target};
use crate::rounds::{Series, p50_p99};
use crate::server::{Server, Site};

const STREAMS: usize = 1_000;

#[derive(Clone, Copy)]
struct Streams {
    gap_p50_ms: f64,
    gap_p99_ms: f64,
    threads: f64,
    each_kib: f64,
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::new()?;
    site.wat("tick", guests::tick.wat, "concurrency: 2000")?;
    let bare = Server::bare()?;
    let streams = plan.count(STREAMS);
    let time = Duration::from_secs(if plan.quick { 1 } else { 4 });
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let series = Series::measure(
        plan.rounds,
        || calm(&bare),
        || {
            let wagi = Server::wagi(&site)?;
            tokio.block_on(measure(&wagi, streams, time))
        },
    )?;
    let noise = series.noise(|ms| *ms);
    let cores = std::thread::available_parallelism()?.get() as f64;
    let name = format!("{streams} streams ticking every 100 ms");
    let mut figure = |name: &str, limit: f64, unit: &str, of: fn(&Streams) -> f64| {
        report.figure(name, Target::AtMost(limit), unit, series.ours(of), noise);
    };
    figure(&format!("{name}: gap p50"), 105.0, "ms", |all| {
        all.gap_p50_ms
    });
    figure(&format!("{name}: gap p99"), 130.0, "ms", |all| {
        all.gap_p99_ms
    });
    figure(
        &format!("{name}: threads (7 × cores + 8)"),
        7.0f64.mul_add(cores, 8.0),
        "",
        |all| all.threads,
    );
    figure("memory per live slow stream", 60.0, "KiB", |all| {
        all.each_kib
    });
    report.section(
        "Slow streams",
        &format!(
            "{streams} connections to a guest that prints an event every 100 ms, read by one \
             thread; gaps between any stream's reads over {} s, begun a second after all had \
             their first. Memory of the process less what it was before any client; a fresh \
             process a round.",
            time.as_secs()
        ),
    );
    Ok(())
}

async fn measure(wagi: &Server, streams: usize, time: Duration) -> anyhow::Result<Streams> {
    let idle_kib = wagi.memory_kib()?;
    let mut readers = Vec::with_capacity(streams);
    for _ in 0..streams {
        readers.push(open(wagi.address()).await?);
    }
    let from = Instant::now() + Duration::from_secs(1);
    let until = from + time;
    let readers: Vec<_> = readers
        .into_iter()
        .map(|stream| gaps(stream, from, until))
        .collect();
    tokio::time::sleep_until(until.into()).await;
    // Every stream still ticks: its reader stays until the first tick after `until`.
    let threads = wagi.threads()?;
    let each_kib = (wagi.memory_kib()? - idle_kib) / streams as f64;
    let mut all = Vec::new();
    for reader in readers {
        all.extend(reader.await??);
    }
    let (gap_p50_ms, gap_p99_ms) = p50_p99(all);
    Ok(Streams {
        gap_p50_ms,
        gap_p99_ms,
        threads,
        each_kib,
    })
}

/// Asks for a stream and waits for its first event.
pub async fn open(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(get("/tick").as_bytes()).await?;
    let mut seen = Vec::new();
    while find(&seen, b"data: 1").is_none() {
        let count = stream.read_buf(&mut seen).await?;
        ensure!(count > 0, "no stream: {:?}", String::from_utf8_lossy(&seen));
    }
    Ok(stream)
}

/// Times between a stream's reads, in ms, of those that end between two moments.
pub fn gaps(
    mut stream: TcpStream,
    from: Instant,
    until: Instant,
) -> JoinHandle<anyhow::Result<Vec<f64>>> {
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        let mut gaps = Vec::new();
        let mut last: Option<Instant> = None;
        loop {
            let count = stream.read(&mut buffer).await?;
            ensure!(count > 0, "the stream ended");
            let now = Instant::now();
            if let Some(last) = last.filter(|last| *last >= from) {
                gaps.push(milliseconds(now - last));
            }
            if now >= until {
                return Ok(gaps);
            }
            last = Some(now);
        }
    })
}
