//! Compiled code that was made before: hashed, then mapped.

use std::fs::File;
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use node_runtime::compile::{self, compile};
use node_runtime::guest::{Engine, EngineConfig, Program, Reset};
use node_runtime::store::{CompiledKey, Store};
use tempfile::TempDir;
use tests::artifact::digest;
use tests::wagi::compile_config;

use super::made::Made;
use crate::client::{calm, milliseconds};
use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::{Measure, Series, p50_p99};
use crate::server::Server;

/// Tries a round.
const TRIES: usize = 20;
const MIB: f64 = 1024.0 * 1024.0;
/// Functions of the two modules: what makes code of about 1.4 and 2.3 MB.
const FUNCTIONS: [u32; 2] = [1_300, 2_140];

/// One module's times, in ms.
#[derive(Clone, Copy)]
struct Times {
    hash: f64,
    map: f64,
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let bare = Server::bare()?;
    let folder = TempDir::new()?;
    let store = Store::open(folder.path().join("store"), 1 << 30)?;
    let engine = Engine::new(EngineConfig {
        max_guests: 1_000,
        guest_memory_bytes: 1 << 30,
        wasm_exceptions: false,
        reset: Reset::default(),
    })?;
    let mut ours: Vec<Measure<'_, Times>> = Vec::new();
    let mut sizes = Vec::new();
    for functions in FUNCTIONS {
        let made = Made {
            functions,
            ..Made::default()
        };
        let (key, size) = publish(&store, &engine, &made.module())?;
        sizes.push(size as f64 / 1e6);
        let (store, engine) = (&store, &engine);
        ours.push(Box::new(move || times(store, engine, &key)));
    }
    let all = Series::interleave(plan.rounds, || calm(&bare), ours)?;
    let mut rows = Vec::new();
    for (megabytes, series) in sizes.iter().zip(all) {
        report.figure(
            &format!("mapping compiled code of {megabytes:.1} MB, hash apart"),
            Target::AtMost(1.0),
            "ms",
            series.ours(|times| times.map),
            series.noise(|ms| *ms),
        );
        let speed = |times: &Times| megabytes * 1e6 / MIB / times.hash * 1e3;
        rows.push(vec![
            format!("{megabytes:.2}"),
            Text(series.ours(|times| times.map)).to_string(),
            Text(series.ours(|times| times.hash)).to_string(),
            Text(series.ours(speed)).to_string(),
        ]);
    }
    report.section(
        "Mapping",
        &format!(
            "In process, on an engine of 1,000 guests: from the open file to a program that can be \
             started, and before that opening the store's file and hashing it whole (SHA-256). \
             Medians of {TRIES} tries a round; the file is in the page cache."
        ),
    );
    report.table(&["code MB", "map ms", "hash ms", "hash MiB/s"], &rows);
    Ok(())
}

fn publish(store: &Store, engine: &Engine, module: &[u8]) -> anyhow::Result<(CompiledKey, u64)> {
    let mut input = compile::memory_file()?;
    input.write_all(module)?;
    let mut code = store.begin_compiled()?;
    let output: File = code.file().try_clone()?;
    super::tokio()?.block_on(compile(&compile_config(), input, output))?;
    let key = CompiledKey::new(digest(module), &engine.compatibility());
    let published = code.publish_compiled(&key)?;
    Ok((key, published.size))
}

fn times(store: &Store, engine: &Engine, key: &CompiledKey) -> anyhow::Result<Times> {
    let mut hash = Vec::with_capacity(TRIES);
    let mut map = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let begun = Instant::now();
        let code = store.compiled(key).context("the store has it")?;
        hash.push(milliseconds(begun.elapsed()));
        let begun = Instant::now();
        let program = Program::map(engine, &code.file)?;
        map.push(milliseconds(begun.elapsed()));
        ensure!(program.entry("_start").is_ok(), "it can be started");
    }
    Ok(Times {
        hash: p50_p99(hash).0,
        map: p50_p99(map).0,
    })
}
