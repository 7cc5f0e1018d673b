//! A gibibyte in pieces of 64 KiB, to one client and to eight.

use std::thread;
use std::time::Instant;

use anyhow::{anyhow, ensure};
use tests::guests;

use crate::client::ask;
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::{Series, Spread};
use crate::server::{Server, Site};

const BYTES: u64 = 1 << 30;
const MIB: f64 = 1024.0 * 1024.0;

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let site = Site::new()?;
    site.wat("big", guests::big.wat, "")?;
    let mut rows = Vec::new();
    let mut peaks = Vec::new();
    let mut noise = None;
    for (clients, target) in [(1, 0.7), (8, 0.8)] {
        if plan.quick && clients == 8 {
            break;
        }
        let bare = Server::bare()?;
        let series = Series::measure(
            plan.rounds,
            || Ok((throughput(&bare, clients)?, 0.0)),
            || {
                // A process of its own for each round, so that each has its own peak.
                let wagi = Server::wagi(&site)?;
                Ok((throughput(&wagi, clients)?, wagi.peak_kib()? / 1024.0))
            },
        )?;
        let change = series.noise(|(speed, _)| *speed);
        report.figure(
            &format!("1 GiB in 64 KiB writes, clients at once: {clients}; of bare copying"),
            Target::AtLeast(target),
            "×",
            series.ratio(|(speed, _)| *speed),
            change,
        );
        let peak = series.ours(|(_, peak)| *peak);
        peaks.push(peak);
        noise = Some(change);
        rows.push(vec![
            clients.to_string(),
            Text(series.ours(|(speed, _)| *speed)).to_string(),
            Text(series.bare(|(speed, _)| *speed)).to_string(),
            Text(peak).to_string(),
        ]);
    }
    let noise = noise.unwrap_or_else(|| Spread::of([]));
    let peak = peaks
        .into_iter()
        .max_by(|one, other| one.median.total_cmp(&other.median));
    report.figure(
        "1 GiB in 64 KiB writes: peak memory of the process",
        Target::AtMost(32.0),
        "MiB",
        peak.unwrap_or_else(|| Spread::of([])),
        noise,
    );
    report.section(
        "One gibibyte",
        "All clients together, in MiB/s; each reads in pieces of 256 KiB. Each of our rounds is a \
         process of its own, whose peak memory (VmHWM) is read at the end.",
    );
    report.table(
        &[
            "clients",
            "ours MiB/s",
            "bare copying MiB/s",
            "our peak MiB",
        ],
        &rows,
    );
    Ok(())
}

fn throughput(server: &Server, clients: u64) -> anyhow::Result<f64> {
    let address = server.address();
    let start = Instant::now();
    let readers: Vec<_> = (0..clients)
        .map(|_| thread::spawn(move || ask(address, "/big")))
        .collect();
    for reader in readers {
        let timing = reader.join().map_err(|_| anyhow!("a client panicked"))??;
        ensure!(timing.bytes > BYTES, "cut short: {timing:?}");
    }
    Ok((clients * BYTES) as f64 / MIB / start.elapsed().as_secs_f64())
}
