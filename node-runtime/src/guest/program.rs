//! A module compiled and linked, ready to instantiate.

mod discover;
mod refusal;

use wasmtime::{InstancePre, Module, ModuleExport};

pub use self::discover::DiscoverError;
pub use self::refusal::LoadError;

use super::engine::Engine;
use super::state::State;

/// The command entry point of WASI preview 1.
pub const START: &str = "_start";
/// What a reactor wants called before anything else.
const INITIALIZE: &str = "_initialize";

/// A module that can be run any number of times.
pub struct Program {
    pub(super) engine: Engine,
    pub(super) pre: InstancePre<State>,
    pub(super) memory: Option<ModuleExport>,
    initial_bytes: usize,
}

/// An exported function without parameters and results.
#[derive(Clone)]
pub struct EntryPoint {
    pub(super) function: ModuleExport,
    pub(super) initialize: Option<ModuleExport>,
}

/// A module has no such entry point.
#[derive(Debug, thiserror::Error)]
#[error("the module exports no function {name:?} without parameters and results{}", also(.found))]
pub struct NoEntryPoint {
    name: String,
    found: Vec<String>,
}

// === impl Program ===

impl Program {
    /// Compiles a binary module; takes seconds for a large one, so not on an async thread.
    ///
    /// # Errors
    ///
    /// [`LoadError`] names what is wrong with the module.
    pub fn compile(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        let initial_bytes = refusal::check(engine, bytes)?;
        let module = Module::from_binary(engine.wasmtime(), bytes)
            .map_err(|error| LoadError::Compile(error.into()))?;
        refusal::check_imports(engine, &module)?;
        let pre = engine
            .linker()
            .instantiate_pre(&module)
            .map_err(|error| LoadError::Link(error.into()))?;
        Ok(Self {
            engine: engine.clone(),
            memory: module.get_export_index("memory"),
            pre,
            initial_bytes,
        })
    }

    /// As [`Self::compile`], and takes the text format, too.
    ///
    /// # Errors
    ///
    /// [`LoadError`] names what is wrong with the module.
    pub fn compile_any(engine: &Engine, bytes: &[u8]) -> Result<Self, LoadError> {
        if bytes.starts_with(b"\0asm") {
            return Self::compile(engine, bytes);
        }
        let binary = wat::parse_bytes(bytes).map_err(LoadError::Text)?;
        Self::compile(engine, &binary)
    }

    /// What its memories and tables take before it runs, in bytes.
    #[must_use]
    pub const fn initial_bytes(&self) -> usize {
        self.initial_bytes
    }

    /// Finds an entry point.
    ///
    /// # Errors
    ///
    /// [`NoEntryPoint`] names the functions that there are.
    pub fn entry(&self, name: &str) -> Result<EntryPoint, NoEntryPoint> {
        let module = self.pre.module();
        let function = self.is_entry(name).then(|| module.get_export_index(name));
        let Some(function) = function.flatten() else {
            return Err(NoEntryPoint {
                name: name.to_owned(),
                found: self.entries(),
            });
        };
        let initialize = (name != START && self.is_entry(INITIALIZE))
            .then(|| module.get_export_index(INITIALIZE))
            .flatten();
        Ok(EntryPoint {
            function,
            initialize,
        })
    }

    fn is_entry(&self, name: &str) -> bool {
        self.pre
            .module()
            .get_export(name)
            .is_some_and(|export| is_entry(&export))
    }

    fn entries(&self) -> Vec<String> {
        let exports = self.pre.module().exports();
        exports
            .filter(|export| is_entry(&export.ty()))
            .filter(|export| ![INITIALIZE, discover::ROUTES].contains(&export.name()))
            .map(|export| export.name().to_owned())
            .take(16)
            .collect()
    }
}

fn is_entry(export: &wasmtime::ExternType) -> bool {
    export
        .func()
        .is_some_and(|function| function.params().len() == 0 && function.results().len() == 0)
}

fn also(found: &[String]) -> String {
    match found {
        [] => String::new(),
        found => format!("; it has {}", found.join(", ")),
    }
}
