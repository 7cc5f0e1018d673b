//! Short answers under load: each with its length, and none of a million streamed ones unfinished.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tests::guests;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{calm, find, get};
use crate::plan::Plan;
use crate::report::{Report, Target};
use crate::rounds::{Series, Spread};
use crate::server::{Server, Site};

const CONNECTIONS: usize = 64;
/// An answer that takes longer counts as unfinished.
const PATIENCE: Duration = Duration::from_secs(20);
const PARTS: &str = include_str!("guests/two_parts.wat");

/// What became of many short answers.
#[derive(Clone, Copy, Default)]
struct Counts {
    asked: usize,
    /// Ended, with the right bytes.
    complete: usize,
    /// Of those, with `Content-Length`.
    with_length: usize,
    seconds: f64,
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::new()?;
    site.wat("hello", guests::hello.wat, "")?;
    site.wat("parts", PARTS, "")?;
    let wagi = Server::wagi(&site)?;
    let bare = Server::bare()?;
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;

    let count = plan.count(20_000);
    let series = Series::measure(
        plan.rounds,
        || calm(&bare),
        || tokio.block_on(many(wagi.address(), "/hello", b"hello\n", count)),
    )?;
    report.figure(
        "short answers with Content-Length, of all",
        Target::AtLeast(1.0),
        "",
        series.ours(|counts| counts.with_length as f64 / counts.asked as f64),
        series.noise(|ms| *ms),
    );

    let before = calm(&bare)?;
    let parts = tokio.block_on(many(
        wagi.address(),
        "/parts",
        b"first\nsecond\n",
        plan.million,
    ))?;
    let after = calm(&bare)?;
    report.figure(
        &format!(
            "short streamed responses under load, of {}: unfinished",
            parts.asked
        ),
        Target::AtMost(0.0),
        "",
        Spread::of([(parts.asked - parts.complete) as f64]),
        Spread::of([after / before]),
    );
    report.section(
        "Short answers",
        &format!(
            "{CONNECTIONS} connections, each asking again as soon as its answer has ended, by a \
             client that checks every byte; {count} answers of hello a round. The streamed ones \
             print a line, sleep for a nanosecond and print another: {streamed} of {complete} came \
             in chunks, the others were whole before their head left; {rate:.0} a second.",
            streamed = parts.complete - parts.with_length,
            complete = parts.complete,
            rate = parts.asked as f64 / parts.seconds,
        ),
    );
    Ok(())
}

async fn many(
    address: SocketAddr,
    path: &'static str,
    body: &'static [u8],
    count: usize,
) -> anyhow::Result<Counts> {
    let left = Arc::new(AtomicUsize::new(count));
    let start = Instant::now();
    let clients: Vec<_> = (0..CONNECTIONS)
        .map(|_| tokio::spawn(one_after_the_other(address, path, body, Arc::clone(&left))))
        .collect();
    let mut all = Counts::default();
    for client in clients {
        let counts = client.await?;
        all.asked += counts.asked;
        all.complete += counts.complete;
        all.with_length += counts.with_length;
    }
    all.seconds = start.elapsed().as_secs_f64();
    ensure!(all.asked == count, "{} of {count} were asked", all.asked);
    Ok(all)
}

async fn one_after_the_other(
    address: SocketAddr,
    path: &str,
    body: &[u8],
    left: Arc<AtomicUsize>,
) -> Counts {
    let mut counts = Counts::default();
    let request = get(path);
    let mut connection = None;
    while take_one(&left) {
        counts.asked += 1;
        let asked = answer(&mut connection, address, &request, body);
        match tokio::time::timeout(PATIENCE, asked).await {
            Ok(Ok(has_length)) => {
                counts.complete += 1;
                counts.with_length += usize::from(has_length);
            }
            failed => {
                if let Ok(Err(error)) = failed {
                    eprintln!("  {path}: {error:#}");
                }
                connection = None;
            }
        }
    }
    counts
}

fn take_one(left: &AtomicUsize) -> bool {
    let taken = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
        left.checked_sub(1)
    });
    taken.is_ok()
}

/// Asks, reads to the end, checks; whether the answer had a length.
async fn answer(
    connection: &mut Option<TcpStream>,
    address: SocketAddr,
    request: &str,
    body: &[u8],
) -> anyhow::Result<bool> {
    let stream = match connection {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            connection.insert(stream)
        }
    };
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        let count = stream.read(&mut buffer[filled..]).await?;
        ensure!(count > 0, "closed in mid-answer");
        filled += count;
        let Some(head) = find(&buffer[..filled], b"\r\n\r\n") else {
            continue;
        };
        ensure!(buffer.starts_with(b"HTTP/1.1 200 "), "not a 200");
        let text = std::str::from_utf8(&buffer[..filled])?;
        let (head, rest) = text.split_at(head);
        let chunked = head.contains("transfer-encoding: chunked");
        if chunked && !rest.ends_with("0\r\n\r\n") || !chunked && rest.len() < body.len() {
            continue;
        }
        let text = if chunked {
            joined(rest)?
        } else {
            rest.to_owned()
        };
        ensure!(text.as_bytes() == body, "other bytes: {text:?}");
        return Ok(head.contains("content-length: "));
    }
}

/// The bytes of all chunks.
fn joined(mut chunks: &str) -> anyhow::Result<String> {
    let mut text = String::new();
    loop {
        let (size, rest) = chunks.split_once("\r\n").context("a chunk has a size")?;
        let size = usize::from_str_radix(size, 16)?;
        if size == 0 {
            return Ok(text);
        }
        text.push_str(rest.get(..size).context("a chunk is whole")?);
        chunks = rest.get(size + 2..).context("a chunk ends")?;
    }
}
