//! A large module from the registry that most people run.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use crds::module_reference::ModuleReference;
use registry::{Client, Credentials, Settings, Sink};
use tempfile::TempDir;
use tests::artifact::{Artifact, digest};
use tests::docker_registry::DockerRegistry;

use super::made::Made;
use crate::client::calm;
use crate::memory::settled;
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::Series;
use crate::server::{Server, Site};

const BYTES: usize = 100_000_000;
const MIB: f64 = 1024.0 * 1024.0;
/// Rounds of processes: each has its own peak.
const PROCESSES: usize = 3;

/// A file, as the store writes one.
struct ToFile(File);

impl Sink for ToFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let bare = Server::bare()?;
    let registry = DockerRegistry::start();
    let module = Made {
        custom: BYTES,
        ..Made::default()
    };
    let module = module.module();
    registry.push_by_hand("bench/large", "1", &Artifact::cncf(&module));
    let small = Made::default().module();
    registry.push_by_hand("bench/small", "1", &Artifact::cncf(&small));
    let blob = format!(
        "http://{}",
        registry.reference(&format!("v2/bench/large/blobs/{}", digest(&module)))
    );
    drop(module);
    let folder = TempDir::new()?;
    let file = folder.path().join("blob");
    let large = registry.reference("bench/large:1");
    let speeds = Series::measure(plan.rounds, || curl(&blob, &file), || pull(&large, &file))?;
    report.figure(
        "100 MB blob from a loopback docker-registry: throughput, of curl -o",
        Target::AtLeast(0.7),
        "×",
        speeds.ratio(|speed| *speed),
        speeds.noise(|speed| *speed),
    );
    let peak = |image: &str| {
        let site = Site::new()?;
        site.route("hello", &registry.reference(image), "")?;
        let store = TempDir::new()?;
        let server = Server::wagi_on(store.path(), &site)?;
        crate::client::ask(server.address(), "/hello")?;
        settled(&server)?;
        anyhow::Ok(server.peak_kib()? / 1024.0)
    };
    let mut peaks = Series::interleave(
        plan.rounds.min(PROCESSES),
        || calm(&bare),
        vec![Box::new(|| {
            let least = peak("bench/small:1")?;
            anyhow::Ok((least, peak("bench/large:1")?))
        })],
    )?;
    let peaks = peaks.pop().context("it ran")?;
    report.figure(
        "100 MB blob from a loopback docker-registry: peak memory of the process, more than with a small module",
        Target::AtMost(16.0),
        "MiB",
        peaks.ours(|(small, large)| large - small),
        peaks.noise(|ms| *ms),
    );
    report.section(
        "A large module",
        &format!(
            "A module of {BYTES} bytes, nearly all of them random and in a custom section, which is no \
             part of the program. Throughput: the client alone, in process, from the tag to a \
             file whose bytes were hashed, against `curl -sSo FILE` of the blob's URL (curl's \
             start included): {} and {} MiB/s. Peak memory (VmHWM): `wagi up` that pulls, compiles and \
             serves it, {PROCESSES} processes in all: {} MiB; with a module of {} bytes {} MiB.",
            Text(speeds.ours(|speed| *speed)),
            Text(speeds.bare(|speed| *speed)),
            Text(peaks.ours(|(_, large)| *large)),
            small.len(),
            Text(peaks.ours(|(small, _)| *small)),
        ),
    );
    Ok(())
}

/// In MiB/s.
fn curl(url: &str, file: &Path) -> anyhow::Result<f64> {
    let begun = Instant::now();
    let mut curl = Command::new("curl");
    let ended = curl.args(["-sSf", "-o"]).arg(file).arg(url).status()?;
    ensure!(ended.success(), "curl: {ended}");
    speed(begun, file)
}

fn pull(reference: &str, file: &Path) -> anyhow::Result<f64> {
    let ModuleReference::Registry(reference) = ModuleReference::parse(reference)? else {
        anyhow::bail!("{reference} is no reference to a registry");
    };
    let client = Client::new(Settings::default())?;
    let credentials = Credentials::Anonymous;
    let tokio = super::tokio()?;
    let begun = Instant::now();
    let mut sink = ToFile(File::create(file)?);
    tokio.block_on(async {
        let resolved = client.resolve(&reference, &credentials).await?;
        let limit = 2 * BYTES as u64;
        let pulled = client.pull(&reference, &resolved, &credentials, limit, &mut sink);
        anyhow::Ok(pulled.await?)
    })?;
    speed(begun, file)
}

fn speed(begun: Instant, file: &Path) -> anyhow::Result<f64> {
    let seconds = begun.elapsed().as_secs_f64();
    let bytes = file.metadata()?.len();
    ensure!(bytes > BYTES as u64, "cut short: {bytes}");
    Ok(bytes as f64 / MIB / seconds)
}
