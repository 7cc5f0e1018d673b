//! How modules are compiled.

use crds::duration::Duration;
use crds::quantity::Quantity;

use super::{ConfigError, Mistakes, parse};
use crate::cli::args::compile::CompileArgs;

/// Less than this is not enough for any module.
const LEAST_MEMORY: u64 = 64 << 20;

/// How modules are compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compile {
    /// Whether the exceptions proposal is on.
    pub wasm_exceptions: bool,
    /// How long one module may take.
    pub timeout: Duration,
    /// How much memory it may take; a part of what the process may use when not said.
    pub memory: Option<Quantity>,
}

// === impl Compile ===

impl TryFrom<&CompileArgs> for Compile {
    type Error = ConfigError;

    fn try_from(args: &CompileArgs) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let compile = parse(&mut mistakes, args);
        mistakes.finish(|| compile)
    }
}

impl Compile {
    /// The number of bytes, of so many that the process may use.
    #[must_use]
    pub fn memory_bytes(self, available: u64) -> u64 {
        self.memory.map_or_else(
            || crate::compile::default_memory_bytes(available).max(LEAST_MEMORY),
            Quantity::bytes,
        )
    }
}

pub(super) fn parse(mistakes: &mut Mistakes, args: &CompileArgs) -> Option<Compile> {
    let wasm_exceptions = mistakes.flag("--wasm-exceptions", &args.wasm_exceptions, parse::switch);
    let timeout = mistakes.flag("--compile-timeout", &args.compile_timeout, timeout);
    let memory = match &args.compile_memory {
        Some(text) => mistakes.flag("--compile-memory", text, memory).map(Some),
        None => Some(None),
    };
    Some(Compile {
        wasm_exceptions: wasm_exceptions?,
        timeout: timeout?,
        memory: memory?,
    })
}

fn timeout(text: &str) -> Result<Duration, String> {
    let duration = Duration::parse(text).map_err(|error| error.to_string())?;
    if duration.get().is_zero() {
        return Err("write at least 1ms".to_owned());
    }
    Ok(duration)
}

fn memory(text: &str) -> Result<Quantity, String> {
    let quantity = Quantity::parse(text).map_err(|error| error.to_string())?;
    if quantity.bytes() < LEAST_MEMORY {
        return Err("no module compiles in that; write at least 64Mi".to_owned());
    }
    Ok(quantity)
}
