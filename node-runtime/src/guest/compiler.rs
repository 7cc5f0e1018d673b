//! From a module's bytes to compiled code, which [`Program::map`](super::Program::map) takes.
//!
//! Compiling is not trusted: it can be neither interrupted nor bounded in memory, so this runs in a
//! child process whose limits are its own, and no server calls it. All parsing of a module is here,
//! too. What it makes depends on the same settings as the [`Engine`](super::Engine) that maps it,
//! but needs no pool, whose reservations are terabytes.

mod inspect;
mod refusal;

use std::borrow::Cow;
use std::io::{self, Write};

use wasmtime::{Linker, Module};

pub use self::inspect::{Inspection, Kind, Parts, to_binary};
pub use self::refusal::LoadError;

use super::code::{self, Trailer};
use super::engine::{EngineError, settings};
use super::state::State;
use super::wasi;

/// Checks modules and compiles them.
pub struct Compiler {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    wasm_exceptions: bool,
}

/// A module's code, and what is to be known of the module.
pub struct Compiled {
    code: Vec<u8>,
    trailer: Trailer,
}

// === impl Compiler ===

impl Compiler {
    /// Compiles for every engine that has the same proposals.
    ///
    /// # Errors
    ///
    /// When this processor is not one that is compiled for.
    pub fn new(wasm_exceptions: bool) -> Result<Self, EngineError> {
        let engine = wasmtime::Engine::new(&settings(wasm_exceptions)).map_err(EngineError::new)?;
        let linker = wasi::linker(&engine).map_err(EngineError::new)?;
        Ok(Self {
            engine,
            linker,
            wasm_exceptions,
        })
    }

    /// Compiles a module in binary or in text form; takes seconds for a large one.
    ///
    /// # Errors
    ///
    /// [`LoadError`] names what is wrong with the module.
    pub fn compile(&self, bytes: &[u8]) -> Result<Compiled, LoadError> {
        let binary = binary(bytes)?;
        let initial_bytes = refusal::check(self.wasm_exceptions, &binary)?;
        let module = Module::from_binary(&self.engine, &binary)
            .map_err(|error| LoadError::Compile(error.into()))?;
        drop(binary);
        refusal::check_imports(&self.linker, &module)?;
        self.linker
            .instantiate_pre(&module)
            .map_err(|error| LoadError::Link(error.into()))?;
        let code = module
            .serialize()
            .map_err(|error| LoadError::Compile(error.into()))?;
        Ok(Compiled {
            code,
            trailer: Trailer { initial_bytes },
        })
    }

    /// Says what a module is, and compiles no code of it.
    #[must_use]
    pub fn inspect(&self, bytes: &[u8]) -> Inspection {
        Inspection::of(self, bytes)
    }

    /// As [`Engine::compatibility`](super::Engine::compatibility), and equal to it.
    #[must_use]
    pub fn compatibility(&self) -> String {
        code::compatibility(&self.engine)
    }
}

/// The text format is for people with an editor; a registry has binaries.
fn binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    if bytes.starts_with(b"\0asm") {
        return Ok(Cow::Borrowed(bytes));
    }
    wat::parse_bytes(bytes).map_err(LoadError::Text)
}

// === impl Compiled ===

impl Compiled {
    /// Writes the form that is mapped.
    ///
    /// # Errors
    ///
    /// What the writer fails with.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        to.write_all(&self.code)?;
        to.write_all(&self.trailer.to_bytes())?;
        to.flush()
    }
}
