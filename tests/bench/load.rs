//! wrk, and the server's CPU while it runs.

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::server::Server;

/// What one run of wrk showed.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// Requests a second.
    pub rate: f64,
    /// Server CPU a request, in µs.
    pub cpu_us: f64,
    /// The part of it in the kernel.
    pub system_us: f64,
    /// 99 of 100 answers took at most so many ms.
    pub p99_ms: f64,
}

/// Drives one path for some seconds.
pub fn wrk(server: &Server, path: &str, connections: u32, seconds: u32) -> anyhow::Result<Cell> {
    let before = server.cpu()?;
    let output = Command::new("wrk")
        .arg("-t2")
        .arg(format!("-c{connections}"))
        .arg(format!("-d{seconds}s"))
        .arg("--latency")
        .arg(format!("http://{}{path}", server.address()))
        .output()
        .context("wrk")?;
    let after = server.cpu()?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() || text.contains("Non-2xx") || text.contains("Socket errors") {
        bail!(
            "wrk {path}: {text}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let requests: f64 = word_before(&text, " requests in")?.parse()?;
    Ok(Cell {
        rate: word_after(&text, "Requests/sec:")?.parse()?,
        cpu_us: (after.total() - before.total()) * 1e6 / requests,
        system_us: (after.system - before.system) * 1e6 / requests,
        // The table above it has shares, which may end so, too.
        p99_ms: milliseconds(word_after(&text, "\n     99%")?)?,
    })
}

fn word_after<'a>(text: &'a str, mark: &str) -> anyhow::Result<&'a str> {
    let (_, rest) = text.split_once(mark).context("wrk says it")?;
    rest.split_whitespace().next().context("wrk says how much")
}

fn word_before<'a>(text: &'a str, mark: &str) -> anyhow::Result<&'a str> {
    let (rest, _) = text.split_once(mark).context("wrk says it")?;
    let word = rest.split_whitespace().next_back();
    word.context("wrk says how many")
}

fn milliseconds(text: &str) -> anyhow::Result<f64> {
    for (unit, factor) in [("us", 1e-3), ("ms", 1.0), ("s", 1e3)] {
        if let Some(Ok(number)) = text.strip_suffix(unit).map(str::parse::<f64>) {
            return Ok(number * factor);
        }
    }
    bail!("not a time of wrk's: {text}")
}
