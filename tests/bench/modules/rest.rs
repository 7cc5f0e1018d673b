//! What is left in memory of having compiled a large module.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tempfile::TempDir;

use super::made::Made;
use crate::client::{ask, calm};
use crate::memory::settled;
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::Series;
use crate::server::{Server, Site};

/// Each compiles 30 MB, for seconds.
const ROUNDS: usize = 3;
/// What an interpreter is: code, and a library as data.
const MODULE: Made = Made {
    functions: 31_000,
    data: 10_000_000,
    custom: 0,
};

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let bare = Server::bare()?;
    let module = MODULE.module();
    let site = Site::new()?;
    site.wasm("hello", &module)?;
    let megabytes = module.len() as f64 / 1e6;
    drop(module);
    let mut all = Series::interleave(
        plan.rounds.min(ROUNDS),
        || calm(&bare),
        vec![Box::new(|| {
            let store = TempDir::new()?;
            let begun = Instant::now();
            let server = Server::wagi_on(store.path(), &site)?;
            ask(server.address(), "/hello")?;
            let seconds = begun.elapsed().as_secs_f64();
            without_children(server.pid())?;
            let mib = settled(&server)? / 1024.0;
            anyhow::Ok((mib, seconds))
        })],
    )?;
    let series = all.pop().context("it ran")?;
    report.figure(
        &format!("process at rest after compiling a module of {megabytes:.0} MB"),
        Target::AtMost(40.0),
        "MiB",
        series.ours(|(mib, _)| *mib),
        series.noise(|ms| *ms),
    );
    report.section(
        "At rest",
        &format!(
            "A module of {megabytes:.1} MB, two thirds of it code ({} functions) and the rest data, \
             compiled by a process with an empty store, {ROUNDS} processes in all; memory once it no \
             longer changes, after one request and with no compiler left. From the process's start to \
             the answer: {} s.",
            MODULE.functions,
            Text(series.ours(|(_, seconds)| *seconds)),
        ),
    );
    Ok(())
}

/// Waits until a process has no child any more.
fn without_children(pid: u32) -> anyhow::Result<()> {
    let begun = Instant::now();
    loop {
        let mut children = String::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            // A thread may end while it is looked at.
            let of_thread = fs::read_to_string(thread?.path().join("children"));
            children += &of_thread.unwrap_or_default();
        }
        if children.trim().is_empty() {
            return Ok(());
        }
        ensure!(begun.elapsed() < Duration::from_secs(60), "still compiles");
        thread::sleep(Duration::from_millis(10));
    }
}
