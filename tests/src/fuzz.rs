//! A small fuzzer without instrumentation: a kept corpus, changed at random, for a bounded time.
//!
//! It finds what a few million odd inputs near the corpus find, on every machine and with every
//! run of the tests. The same seed makes the same inputs in the same order; a failure prints seed
//! and input. Knows nothing of what it runs.
//!
//! The other way to run the same bodies is libFuzzer, which watches which code an input reaches
//! (`make fuzz`, the bin `fuzz`). Both find them by name.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What a fuzzer runs: takes any bytes, and panics where a promise is broken.
pub type Body = fn(&[u8]);

/// Every fuzz body by the name of its corpus, `tests/corpus/NAME`.
pub const BODIES: &[(&str, Body)] = &[
    (
        "forwarded",
        node_runtime::http::forwarded::fuzz::fuzz_forwarded,
    ),
    ("head", node_runtime::cgi::head::fuzz::fuzz_head),
    ("host_pattern", crds::host::fuzz::fuzz_host_pattern),
    ("manifest", node_runtime::source::fuzz::fuzz_manifest),
    ("oci_manifest", registry::artifact::fuzz::fuzz_oci_manifest),
    ("path", crds::path::fuzz::fuzz_normalize),
    ("path_pattern", crds::path::fuzz::fuzz_path_pattern),
];

/// Longer inputs find nothing that shorter ones do not, and are slower.
const MAX_BYTES: usize = 4096;

/// Numbers that look random, the same for the same seed (xorshift64*).
struct Random(u64);

/// The body of this name.
#[must_use]
pub fn body(name: &str) -> Option<Body> {
    let named = BODIES.iter().find(|(known, _)| *known == name);
    named.map(|(_, body)| *body)
}

/// Runs the body of this name on each input of its corpus, then on changed ones, for `FUZZ_SECONDS`
/// (10 where it is not set). `FUZZ_SEED` repeats a run.
///
/// # Panics
///
/// When the body does, with the input that broke it on stderr; or when body or corpus is not there.
pub fn run(name: &str) {
    let body = body(name).expect("one of BODIES");
    let number = |variable: &str, otherwise: u64| match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .expect("FUZZ_SECONDS and FUZZ_SEED are numbers"),
        Err(_) => otherwise,
    };
    let time = Duration::from_secs(number("FUZZ_SECONDS", 10));
    let seed = number("FUZZ_SEED", u64::from(std::process::id())).max(1);
    let corpus = corpus(name);
    let mut random = Random(seed);
    for input in &corpus {
        check(name, seed, body, input);
    }
    let end = Instant::now() + time;
    let mut inputs = 0_u64;
    while Instant::now() < end {
        // The clock costs more than many a body.
        for _ in 0..64 {
            check(name, seed, body, &random.input(&corpus));
        }
        inputs += 64;
    }
    eprintln!("{name}: {inputs} inputs held, seed {seed}");
}

/// Where the inputs are kept that every run begins with, a folder a body.
#[must_use]
pub fn corpora() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = corpora().join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .collect();
    // In order, so that a seed means the same everywhere.
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    let read = |path| std::fs::read(path).expect("a file of the corpus");
    files.into_iter().map(read).collect()
}

fn check(name: &str, seed: u64, body: Body, input: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| body(input))) {
        eprintln!(
            "{name}: FUZZ_SEED={seed} broke it; keep this as a file of tests/corpus/{name}: {:?}",
            String::from_utf8_lossy(input)
        );
        eprintln!("{name}: the same as bytes: {input:?}");
        resume_unwind(panic);
    }
}

// === impl Random ===

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `bound`, which is not 0.
    fn below(&mut self, bound: usize) -> usize {
        let bound = u64::try_from(bound).expect("a size");
        usize::try_from(self.next() % bound).expect("below a size")
    }

    /// One of the corpus, changed in one to eight places.
    fn input(&mut self, corpus: &[Vec<u8>]) -> Vec<u8> {
        let mut input = corpus[self.below(corpus.len())].clone();
        for _ in 0..=self.below(8) {
            self.change(&mut input, corpus);
        }
        input.truncate(MAX_BYTES);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>, corpus: &[Vec<u8>]) {
        /// What means something to the parsers that are fuzzed.
        const TELLING: &[u8] = b"\n\r:/.%*-_ \t,;=?&#[]{}'\"|><!@\0\x7f\x80\xc3\xff";
        let at = self.below(input.len() + 1);
        let end = at + self.below((input.len() - at).min(16) + 1);
        match self.below(7) {
            0 if at < input.len() => input[at] ^= 1 << self.below(8),
            1 => input.insert(at, TELLING[self.below(TELLING.len())]),
            2 => drop(input.drain(at..end)),
            3 => {
                let piece = input[at..end].to_vec();
                input.splice(at..at, piece);
            }
            4 => {
                let other = &corpus[self.below(corpus.len())];
                let from = self.below(other.len() + 1);
                let to = from + self.below((other.len() - from).min(64) + 1);
                input.splice(at..end, other[from..to].iter().copied());
            }
            5 => input.truncate(at),
            _ if at < input.len() => input[at] = u8::try_from(self.below(256)).expect("a byte"),
            _ => input.push(TELLING[self.below(TELLING.len())]),
        }
    }
}
