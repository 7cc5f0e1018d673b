//! How long to measure: from the environment, so that `cargo bench`'s own arguments do not matter.

use std::env;

use anyhow::Context as _;

/// How much of everything.
pub struct Plan {
    /// Whether this only tries everything out.
    pub quick: bool,
    /// Rounds a figure.
    pub rounds: usize,
    /// Short streamed responses in all.
    pub million: usize,
    only: Vec<String>,
}

impl Plan {
    /// Reads `BENCH_QUICK`, `BENCH_ROUNDS`, `BENCH_MILLION` and `BENCH_ONLY`.
    pub fn from_environment() -> anyhow::Result<Self> {
        let quick = env::var_os("BENCH_QUICK").is_some_and(|value| value != "0");
        let only = env::var("BENCH_ONLY").unwrap_or_default();
        Ok(Self {
            quick,
            rounds: number("BENCH_ROUNDS")?.unwrap_or(if quick { 1 } else { 9 }),
            million: number("BENCH_MILLION")?.unwrap_or(if quick { 2_000 } else { 1_000_000 }),
            only: only
                .split(',')
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }

    /// Whether a case runs.
    pub fn wants(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == case)
    }

    /// Whether the figures may stand in the document.
    pub const fn is_whole(&self) -> bool {
        !self.quick && self.only.is_empty()
    }

    /// So many, or a tenth of them for a quick run.
    pub const fn count(&self, whole: usize) -> usize {
        if self.quick {
            whole.div_ceil(10)
        } else {
            whole
        }
    }

    /// Seconds of one wrk cell: server CPU is counted in steps of 10 ms.
    pub const fn cell_seconds(&self) -> u32 {
        if self.quick { 1 } else { 2 }
    }
}

fn number(name: &str) -> anyhow::Result<Option<usize>> {
    match env::var(name) {
        Ok(text) => {
            let number = text.parse();
            Ok(Some(number.with_context(|| {
                format!("{name}={text} is not a number")
            })?))
        }
        Err(_) => Ok(None),
    }
}
