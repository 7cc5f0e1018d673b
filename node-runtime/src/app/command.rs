//! What the commands do with a runtime.

use std::process::ExitCode;

use crate::config;
use crate::guest::{Engine, EngineConfig, EngineError, LoadError, Program};
use crate::modules;

/// A command could not do its work.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Compiles modules and runs none.
pub struct Compiler(pub Engine);

// === impl Compiler ===

impl Compiler {
    /// Compiles what may be compiled under a configuration.
    ///
    /// # Errors
    ///
    /// When the kernel refuses address space.
    pub fn new(config: config::Compile) -> Result<Self, EngineError> {
        let engine = Engine::new(EngineConfig {
            max_guests: 1,
            guest_memory_bytes: usize::try_from(crds::limits::MEMORY.end().bytes())
                .unwrap_or(usize::MAX),
            wasm_exceptions: config.wasm_exceptions,
        })?;
        Ok(Self(engine))
    }
}

impl modules::Compile for Compiler {
    type Program = Program;
    type Error = LoadError;

    fn compile(&self, bytes: &[u8]) -> Result<Program, LoadError> {
        Program::compile_any(&self.0, bytes)
    }
}

/// Serves until it is told to stop.
///
/// # Errors
///
/// When nothing can be served.
pub fn serve(_config: config::Up) -> Result<(), Failure> {
    Err("serving is not wired up".into())
}

/// Runs one request through the whole path.
///
/// # Errors
///
/// When there is nothing to run.
pub fn call(_config: config::Call) -> Result<ExitCode, Failure> {
    Err("calling is not wired up".into())
}
