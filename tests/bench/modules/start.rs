//! From the start of a process to its first answer.

use std::io::{Read as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tests::artifact::Artifact;
use tests::guests;
use tests::registry::Registry;

use crate::client::{calm, connect, last_get, milliseconds};
use crate::plan::Plan;
use crate::report::{Report, Target};
use crate::rounds::{Measure, Series, p50_p99};
use crate::server::{Server, Site};

/// Starts a round.
const STARTS: usize = 3;

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let bare = Server::bare()?;
    let image = Site::new()?;
    let registry = Registry::start();
    let module = Artifact::cncf(&wat::parse_str(guests::hello.wat)?);
    registry.tag("bench/hello", "1", &module);
    let by_digest = format!("bench/hello@{}", module.digest());
    image.route("hello", &registry.reference(&by_digest), "")?;
    let file = Site::new()?;
    file.wat("hello", guests::hello.wat, "")?;
    let stores = [TempDir::new()?, TempDir::new()?];
    let sites = [&image, &file];
    for (site, store) in sites.iter().zip(&stores) {
        first_answer(store.path(), site)?;
    }
    // From now on there is only what was kept.
    drop(registry);

    let ours = sites.iter().zip(&stores).map(|(site, store)| {
        let measure: Measure<'_, f64> = Box::new(move || {
            let starts = (0..STARTS).map(|_| first_answer(store.path(), site));
            Ok(p50_p99(starts.collect::<anyhow::Result<_>>()?).0)
        });
        measure
    });
    let all = Series::interleave(plan.rounds, || calm(&bare), ours.collect())?;
    for (kind, series) in ["image by digest, its registry gone", "file"]
        .iter()
        .zip(all)
    {
        report.figure(
            &format!("compiled module in the store, {kind}: process start to first 200, p50"),
            Target::AtMost(25.0),
            "ms",
            series.ours(|ms| *ms),
            series.noise(|ms| *ms),
        );
    }
    report.section(
        "Starting",
        &format!(
            "`wagi up` with its default of 1,000 requests at once, from before the process is made to \
             the first byte of the answer of hello, {STARTS} starts a round. The store has the \
             compiled module of an earlier process, which was killed; the registry that the image came \
             from no longer listens."
        ),
    );
    Ok(())
}

/// In ms.
fn first_answer(store: &Path, site: &Site) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let server = Server::wagi_on(store, site)?;
    let mut status = first_status(server.address())?;
    while status == "503" {
        ensure!(milliseconds(begun.elapsed()) < 10_000.0, "not loaded");
        status = first_status(server.address())?;
    }
    let time = milliseconds(begun.elapsed());
    ensure!(status == "200", "answered {status}");
    Ok(time)
}

fn first_status(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = connect(address)?;
    stream.write_all(last_get("/hello").as_bytes())?;
    let mut head = [0; "HTTP/1.1 200".len()];
    stream.read_exact(&mut head)?;
    let head = String::from_utf8(head.to_vec())?;
    let (_, status) = head.split_once(' ').context("a status line")?;
    Ok(status.to_owned())
}
