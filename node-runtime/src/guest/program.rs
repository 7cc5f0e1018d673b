//! A module compiled and linked, ready to instantiate.

mod discover;

use std::fs::File;
use std::io;

use wasmtime::{InstancePre, Module, ModuleExport};

pub use self::discover::DiscoverError;
pub(super) use self::discover::ROUTES;

use super::code::Trailer;
use super::engine::Engine;
use super::state::State;

/// The command entry point of WASI preview 1.
pub const START: &str = "_start";
/// What a reactor wants called before anything else.
pub(super) const INITIALIZE: &str = "_initialize";

/// A module that can be run any number of times.
pub struct Program {
    pub(super) engine: Engine,
    pub(super) pre: InstancePre<State>,
    pub(super) memory: Option<ModuleExport>,
    initial_bytes: usize,
    known: discover::Known,
}

/// An exported function without parameters and results.
#[derive(Clone)]
pub struct EntryPoint {
    pub(super) function: ModuleExport,
    pub(super) initialize: Option<ModuleExport>,
}

/// Compiled code cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// It does not end as it should: not compiled code, cut off, or of another version.
    #[error("this is no compiled module of this version of wagi")]
    Foreign,
    /// It is of another engine, damaged, or the module is larger than a guest may be.
    #[error("the compiled module does not fit this engine: {0}")]
    Unfit(Box<dyn std::error::Error + Send + Sync>),
    /// It cannot be read.
    #[error("cannot read the compiled module")]
    Io(#[from] io::Error),
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
    /// Maps compiled code, whose whole file is private to whoever calls this: nothing else writes
    /// to it, now or later. It must be what [`Compiler`](super::Compiler) made for a module, byte by
    /// byte: who stored it hashed it meanwhile, and compared.
    ///
    /// # Errors
    ///
    /// [`MapError`] says whether the file is at fault or the module.
    #[allow(unsafe_code, reason = "wasmtime cannot verify compiled code")]
    pub fn map(engine: &Engine, code: &File) -> Result<Self, MapError> {
        let trailer = Trailer::read(code)?.ok_or(MapError::Foreign)?;
        let file = code.try_clone()?;
        // SAFETY: wasmtime asks for a file that its own compiler wrote and that nobody changes.
        // - Who wrote it: the compile child, which is this same program with the same wasmtime, and
        //   which compiles with the same settings; wasmtime itself compares version, settings and
        //   processor with those that the file names. The child is trusted to make correct code
        //   of whatever module, as compiling in this process would be: what is not trusted of it
        //   is how long it takes and how much memory. A child that did not end well is not
        //   listened to.
        // - That this is what it wrote: the file is either a memory file, which nobody but the child
        //   and this process ever had open and which is sealed now, or one of the store's, whose
        //   bytes were hashed, on the very file that is open here, against the digest that they had
        //   when the child had ended.
        // - That it stays so: the store is a folder that only this user can enter, in which files
        //   are made under another name and never written to again, only unlinked, and one process
        //   holds its lock. Who can write to it all the same, this user or root, can change this
        //   process by other means, too.
        let module = unsafe { Module::deserialize_open_file(engine.wasmtime(), file) };
        let module = module.map_err(|error| MapError::Unfit(error.into()))?;
        let pre = engine.linker().instantiate_pre(&module);
        let pre = pre.map_err(|error| MapError::Unfit(error.into()))?;
        Ok(Self {
            engine: engine.clone(),
            memory: module.get_export_index("memory"),
            pre,
            initial_bytes: trailer.initial_bytes,
            known: discover::Known::default(),
        })
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
