//! What was measured, beside what it must reach.

use std::fmt::{self, Write as _};
use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::plan::Plan;
use crate::rounds::Spread;

/// What no program can find out: kept beside the cases, so that it survives each run.
const NOTES: &str = include_str!("notes.md");

/// What a figure must reach.
#[derive(Clone, Copy, Debug)]
pub enum Target {
    /// Not more.
    AtMost(f64),
    /// Not less.
    AtLeast(f64),
    /// Nothing; it is stated.
    Stated,
}

/// Everything so far.
#[derive(Default)]
pub struct Report {
    rows: Vec<[String; 5]>,
    details: String,
    failures: usize,
}

// === impl Report ===

impl Report {
    /// Adds a figure: its median is what the target is held against. `noise` is bare against bare.
    pub fn figure(
        &mut self,
        name: &str,
        target: Target,
        unit: &str,
        measured: Spread,
        noise: Spread,
    ) {
        let target_text = match target {
            Target::AtMost(limit) => format!("≤ {limit} {unit}"),
            Target::AtLeast(limit) => format!("≥ {limit} {unit}"),
            Target::Stated => "stated".to_owned(),
        };
        let measured_text = format!("{} {unit}", Text(measured));
        let verdict = match target {
            Target::AtMost(limit) if measured.median <= limit => "reached".to_owned(),
            Target::AtLeast(limit) if measured.median >= limit => "reached".to_owned(),
            Target::Stated => String::new(),
            _ => "**falls short**".to_owned(),
        };
        eprintln!("  {name}: {measured_text}; target {target_text} {verdict}");
        self.rows.push([
            name.to_owned(),
            target_text.trim_end().to_owned(),
            measured_text.trim_end().to_owned(),
            Text(noise).to_string(),
            verdict,
        ]);
    }

    /// Adds a row for a case that could not be measured, so that the others still stand.
    pub fn failure(&mut self, case: &str, error: &anyhow::Error) {
        self.failures += 1;
        eprintln!("  {case}: {error:#}");
        let measured = format!("**not measured**: {error:#}").replace(['|', '\n'], " ");
        let nothing = String::new;
        self.rows
            .push([case.to_owned(), nothing(), measured, nothing(), nothing()]);
    }

    /// Adds a section with what lies behind the figures.
    pub fn section(&mut self, title: &str, text: &str) {
        let _ = write!(self.details, "\n## {title}\n\n{text}\n");
    }

    /// Adds a table below the section before it.
    pub fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let _ = write!(self.details, "\n{}", table(head, rows));
    }

    /// Prints everything; a whole run's is written to `docs/benchmarks.md`, too.
    pub fn publish(&self, plan: &Plan) -> anyhow::Result<()> {
        let text = self.document(plan);
        std::io::stdout().write_all(text.as_bytes())?;
        if plan.is_whole() {
            let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
            fs::write(docs.join("benchmarks.md"), text)?;
        }
        anyhow::ensure!(
            self.failures == 0,
            "{} cases could not be measured",
            self.failures
        );
        Ok(())
    }

    fn document(&self, plan: &Plan) -> String {
        let rows: Vec<Vec<String>> = self.rows.iter().map(|row| row.to_vec()).collect();
        let head = ["figure", "target", "measured", "bare against bare", ""];
        let figures = table(&head, &rows);
        format!(
            "# Benchmarks\n\n\
             Written by `make bench`; every figure is measured beside bare hyper \
             (`tests/bench/bare.rs`) that makes the same bytes on the same machine in the same \
             minutes.\n\n\
             {machine}\n\n\
             ## How\n\n\
             - `make bench` builds with cargo's release profile, starts `wagi up --listen 127.0.0.1:0 \
             --access-log=false --store EMPTY FOLDER` and `bare` as processes, and drives them over \
             loopback. The access log is off since bare has none, but for the rows that say what it \
             costs. Load and server share the cores: requests per second is a figure of the pair, server CPU per request of the \
             server alone.\n\
             - Rounds a figure: {rounds}. In each, bare is measured before and after ours; a ratio is \
             ours over the mean of the two. Written are the median and, in parentheses, the least \
             and the most of all rounds.\n\
             - *Bare against bare* is bare after a round over bare before it. Where a figure has no \
             counterpart, it is bare's median time for a small answer, so that a disturbed machine \
             shows.\n\
             - wrk runs as `wrk -t2 -cCONNECTIONS -d{seconds}s --latency URL`; other clients are in \
             `tests/bench`. Server CPU is user and system time of the process, memory is VmRSS + \
             VmPTE, peak memory VmHWM, all from `/proc/PID`.\n\n\
             ## What it must reach\n\n{figures}{details}{NOTES}",
            machine = machine(),
            rounds = plan.rounds,
            seconds = plan.cell_seconds(),
            details = self.details,
        )
    }
}

fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let mut text = format!("| {} |\n|{}\n", head.join(" | "), "---|".repeat(head.len()));
    for row in rows {
        let _ = writeln!(text, "| {} |", row.join(" | "));
    }
    text
}

fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let model = read("/proc/cpuinfo");
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores ({}), Linux {}, {}.",
        model.map_or("unknown", |(_, name)| name.trim()),
        kernel.trim().split('-').next().unwrap_or_default(),
        std::env::consts::ARCH
    )
}

/// Three figures of it, as a person would say it.
pub struct Number(pub f64);

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = self.0;
        if value.fract() == 0.0 && value.abs() < 1e7 {
            return write!(formatter, "{value:.0}");
        }
        let decimals = match value.abs() {
            size if size >= 100.0 => 0,
            size if size >= 10.0 => 1,
            size if size >= 1.0 => 2,
            _ => 3,
        };
        write!(formatter, "{value:.decimals$}")
    }
}

/// Median, least and most.
pub struct Text(pub Spread);

impl fmt::Display for Text {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread {
            median,
            least,
            most,
        } = self.0;
        if median.is_nan() {
            return Ok(());
        }
        if least.total_cmp(&most).is_eq() {
            return write!(formatter, "{}", Number(median));
        }
        write!(
            formatter,
            "{} ({}–{})",
            Number(median),
            Number(least),
            Number(most)
        )
    }
}
