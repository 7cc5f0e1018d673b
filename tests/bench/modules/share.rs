//! Many routes on one module.

use std::fs;

use anyhow::{Context as _, ensure};
use tempfile::TempDir;
use tests::artifact::Artifact;
use tests::client::Connection;
use tests::node::get;
use tests::registry::Registry;
use tests::wagi::Wagi;

use super::made::Made;
use crate::client::calm;
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::{Series, Spread};
use crate::server::{Server, Site};

const ROUTES: usize = 100;
/// Each compiles its module, which takes much longer than what is counted.
const ROUNDS: usize = 3;

/// What one process did.
#[derive(Clone, Copy)]
struct Seen {
    pulls: f64,
    compiles: f64,
    /// Mappings of compiled code that can be run.
    copies: f64,
    /// What its mapped code takes, in KiB of resident memory.
    kib: f64,
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let bare = Server::bare()?;
    let module = Made {
        functions: 2_300,
        ..Made::default()
    };
    let artifact = Artifact::cncf(&module.module());
    let rounds = plan.rounds.min(ROUNDS);
    let mut all = Series::interleave(
        rounds,
        || calm(&bare),
        vec![
            Box::new(|| seen(&artifact, 1)),
            Box::new(|| seen(&artifact, ROUTES)),
        ],
    )?;
    let (many, one) = (all.pop(), all.pop());
    let (many, one) = (many.context("both ran")?, one.context("both ran")?);
    let mut figure = |name: &str, measured: Spread| {
        let noise = many.noise(|ms| *ms);
        let name = format!("{ROUTES} routes on one digest: {name}");
        report.figure(&name, Target::AtMost(1.0), "", measured, noise);
    };
    figure("pulls", many.ours(|seen| seen.pulls));
    figure("compiles", many.ours(|seen| seen.compiles));
    figure(
        "copies of its code in memory",
        many.ours(|seen| seen.copies),
    );
    report.section(
        "Many routes, one module",
        &format!(
            "{ROUTES} routes, half of which name the module by a tag and half by the manifest's \
             digest; each is asked once; {ROUNDS} processes in all. Pulls are requests for blobs that the registry saw, compiles \
             those of `/metrics`, copies the mappings of compiled code that can be executed in \
             `/proc/PID/smaps`. Resident memory of what is mapped of the file with the code and cannot \
             be written to: {} KiB with one route, {} KiB with {ROUTES}.",
            Text(one.ours(|seen| seen.kib)),
            Text(many.ours(|seen| seen.kib)),
        ),
    );
    Ok(())
}

fn seen(artifact: &Artifact, routes: usize) -> anyhow::Result<Seen> {
    let registry = Registry::start();
    registry.tag("bench/shared", "1", artifact);
    let site = Site::new()?;
    let by_digest = format!("bench/shared@{}", artifact.digest());
    for route in 0..routes {
        let name = ["bench/shared:1", &by_digest][route % 2];
        site.route(&format!("r{route}"), &registry.reference(name), "")?;
    }
    let store = TempDir::new()?;
    let store = store.path().join("store").display().to_string();
    let folder = site.folder().display().to_string();
    let wagi = Wagi::up(&[
        "--access-log=false",
        "--admin-listen",
        "127.0.0.1:0",
        "--store",
        &store,
        &folder,
    ]);
    for route in 0..routes {
        let answer = wagi.get(&format!("/r{route}"));
        ensure!(answer.head.status == 200, "{}", answer.text());
    }
    let (copies, kib) = mapped(wagi.pid(), &store)?;
    let blobs = registry.seen();
    let blobs = blobs.iter().filter(|seen| {
        let Some((_, blob)) = seen.path.split_once("/blobs/") else {
            return false;
        };
        seen.method == "GET" && !blob.is_empty()
    });
    Ok(Seen {
        pulls: blobs.count() as f64,
        compiles: compiles(&wagi)?,
        copies,
        kib,
    })
}

/// Of the admin server, which the log names.
fn compiles(wagi: &Wagi) -> anyhow::Result<f64> {
    let lines = wagi.stderr_until("admin server on http://");
    let line = lines.last().context("it says where")?;
    let (_, address) = line.rsplit_once("http://").context("it says where")?;
    let end = address.find(|c: char| !c.is_ascii_digit() && !".:".contains(c));
    let address = &address[..end.unwrap_or(address.len())];
    let mut connection = Connection::open(address.parse()?);
    connection.send(get("/metrics"));
    let metrics = connection.response().text();
    let counts = metrics.lines().filter_map(|line| {
        let counter = line.strip_prefix("wagi_module_compiles_total{")?;
        counter.rsplit_once(' ')?.1.parse::<f64>().ok()
    });
    Ok(counts.sum())
}

/// Mappings of files of the store that can be executed, and the resident KiB of all that cannot be
/// written to: what can is the memory of a guest, which begins as a copy of the module's data.
fn mapped(pid: u32, store: &str) -> anyhow::Result<(f64, f64)> {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps"))?;
    let mut copies = 0.0;
    let mut kib = 0.0;
    let mut is_code = false;
    for line in smaps.lines() {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        if !first.ends_with(':') {
            let rights = words.next().unwrap_or_default();
            is_code = line.contains(store) && !rights.contains('w');
            copies += f64::from(u8::from(is_code && rights.contains('x')));
        } else if is_code && first == "Rss:" {
            kib += words.next().context("a number")?.parse::<f64>()?;
        }
    }
    Ok((copies, kib))
}
