//! Why a module is not taken, in a sentence that names the thing.
//!
//! Everything is checked before it is compiled or linked, so that a guest never traps over what
//! could have been said at load.

use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wasmtime::{ExternType, Linker, Module, UnknownImportError};

use super::super::engine::{MEMORIES_PER_MODULE, TABLE_ELEMENTS, TABLES_PER_MODULE};
use super::super::state::State;

/// The newest predecessor of preview 1, which nothing here serves.
const UNSTABLE: &str = "wasi_unstable";

/// Why a module cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// It is not WebAssembly at all.
    #[error("not a WebAssembly module: it begins with {0:?}")]
    NotWasm(String),
    /// It is a component.
    #[error(
        "this is a WebAssembly component; kube-wagi runs core modules: build for WASI preview 1 \
         (wasm32-wasip1) without wrapping the result into a component"
    )]
    Component,
    /// It needs `wasi_unstable`.
    #[error(
        "the module imports {UNSTABLE}, the predecessor of WASI preview 1: rebuild it with a newer toolchain"
    )]
    Unstable,
    /// It uses a proposal that is off.
    #[error("the module uses a WebAssembly proposal that is off: {proposal} ({detail})")]
    Proposal {
        /// Its name.
        proposal: String,
        /// What the validator says.
        detail: String,
    },
    /// It is broken.
    #[error("the module is not valid: {0}")]
    Invalid(String),
    /// It imports what is not there.
    #[error("the module imports what kube-wagi does not provide: {}", .0.join(", "))]
    MissingImports(Vec<String>),
    /// It imports functions of WASI but exports no memory.
    #[error("the module imports WASI functions but exports no memory named \"memory\"")]
    NoMemory,
    /// It is larger than a guest may be.
    #[error("the module has {found} {what}; a guest may have {limit}")]
    TooLarge {
        /// Of what.
        what: &'static str,
        /// How much it has.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
    /// Its text does not parse.
    #[error("the module's text does not parse: {0}")]
    Text(#[source] wat::Error),
    /// The compiler does not take it.
    #[error("the module does not compile: {0}")]
    Compile(Box<dyn std::error::Error + Send + Sync>),
    /// An import has another type than it says.
    #[error("the module does not link: {0}")]
    Link(Box<dyn std::error::Error + Send + Sync>),
}

/// Checks a module before it is compiled; what its memories and tables begin with, in bytes.
pub(super) fn check(wasm_exceptions: bool, bytes: &[u8]) -> Result<usize, LoadError> {
    if Parser::is_component(bytes) {
        return Err(LoadError::Component);
    }
    if !Parser::is_core_wasm(bytes) {
        let start = &bytes[..bytes.len().min(16)];
        return Err(LoadError::NotWasm(
            String::from_utf8_lossy(start).into_owned(),
        ));
    }
    validate(bytes, wasm_exceptions)?;
    let sizes = Sizes::read(bytes)?;
    sizes.check()?;
    Ok(sizes.bytes())
}

/// All imports that are not there, not only the first.
pub(super) fn check_imports(linker: &Linker<State>, module: &Module) -> Result<(), LoadError> {
    if module.imports().any(|import| import.module() == UNSTABLE) {
        return Err(LoadError::Unstable);
    }
    let missing = missing_imports(linker, module);
    if !missing.is_empty() {
        return Err(LoadError::MissingImports(missing));
    }
    let has_memory = module
        .get_export("memory")
        .is_some_and(|export| export.memory().is_some());
    if module.imports().len() > 0 && !has_memory {
        return Err(LoadError::NoMemory);
    }
    Ok(())
}

/// wasmtime names the first one only; so each is filled in, and the next one asked for.
pub(super) fn missing_imports(linker: &Linker<State>, module: &Module) -> Vec<String> {
    let mut missing = Vec::new();
    let mut linker = linker.clone();
    while let Err(error) = linker.instantiate_pre(module) {
        let Some(unknown) = error.downcast_ref::<UnknownImportError>() else {
            break;
        };
        let (from, name) = (unknown.module(), unknown.name());
        missing.push(format!("{from}.{name}"));
        let ExternType::Func(ty) = unknown.ty() else {
            break;
        };
        let filled = linker.func_new(from, name, ty, |_, _, _| Ok(()));
        if filled.is_err() {
            break;
        }
    }
    missing
}

fn validate(bytes: &[u8], exceptions: bool) -> Result<(), LoadError> {
    let on = proposals_on(exceptions);
    let Err(error) = Validator::new_with_features(on).validate_all(bytes) else {
        return Ok(());
    };
    match proposal_needed(bytes, on) {
        Some(proposal) => Err(LoadError::Proposal {
            proposal,
            detail: error.message().to_owned(),
        }),
        None => Err(LoadError::Invalid(error.to_string())),
    }
}

/// The same set that the engine compiles with.
fn proposals_on(exceptions: bool) -> WasmFeatures {
    let mut on = WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::SIMD
        | WasmFeatures::TAIL_CALL
        | WasmFeatures::FLOATS
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::EXTENDED_CONST;
    if exceptions {
        on |= WasmFeatures::EXCEPTIONS | WasmFeatures::GC_TYPES;
    }
    on
}

/// The proposal, or the proposals, without which the module is not valid.
fn proposal_needed(bytes: &[u8], on: WasmFeatures) -> Option<String> {
    let is_valid = |features| {
        Validator::new_with_features(features)
            .validate_all(bytes)
            .is_ok()
    };
    if !is_valid(WasmFeatures::all()) {
        return None;
    }
    let off = || WasmFeatures::all().difference(on).iter_names();
    if let Some((name, _)) = off().find(|(_, feature)| is_valid(on | *feature)) {
        return Some(readable(name));
    }
    let needed: Vec<String> = off()
        .filter(|(_, feature)| !is_valid(WasmFeatures::all().difference(*feature)))
        .map(|(name, _)| readable(name))
        .collect();
    Some(needed.join(", "))
}

/// As the proposals are called: `MEMORY64` is memory64, `RELAXED_SIMD` relaxed simd.
pub(super) fn readable(name: &str) -> String {
    match name {
        "GC_TYPES" => "reference types beyond funcref (externref)".to_owned(),
        name => name.to_lowercase().replace('_', " "),
    }
}

/// How much a module begins with.
#[derive(Default)]
struct Sizes {
    memories: u64,
    memory_bytes: u64,
    tables: u64,
    largest_table: u64,
    table_bytes: u64,
}

// === impl Sizes ===

impl Sizes {
    fn read(bytes: &[u8]) -> Result<Self, LoadError> {
        let mut sizes = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::MemorySection(memories) => {
                    for memory in memories {
                        sizes.add_memory(memory.map_err(invalid)?.initial);
                    }
                }
                Payload::TableSection(tables) => {
                    for table in tables {
                        sizes.add_table(table.map_err(invalid)?.ty.initial);
                    }
                }
                _ => {}
            }
        }
        Ok(sizes)
    }

    fn add_memory(&mut self, pages: u64) {
        self.memories += 1;
        self.memory_bytes = self
            .memory_bytes
            .saturating_add(pages.saturating_mul(64 * 1024));
    }

    fn add_table(&mut self, elements: u64) {
        self.tables += 1;
        self.largest_table = self.largest_table.max(elements);
        self.table_bytes = self
            .table_bytes
            .saturating_add(elements.saturating_mul(size_of::<usize>() as u64));
    }

    fn check(&self) -> Result<(), LoadError> {
        at_most("memories", self.memories, MEMORIES_PER_MODULE.into())?;
        at_most("tables", self.tables, TABLES_PER_MODULE.into())?;
        at_most(
            "elements in one table",
            self.largest_table,
            TABLE_ELEMENTS as u64,
        )
    }

    fn bytes(&self) -> usize {
        usize::try_from(self.memory_bytes.saturating_add(self.table_bytes)).unwrap_or(usize::MAX)
    }
}

fn at_most(what: &'static str, found: u64, limit: u64) -> Result<(), LoadError> {
    if found > limit {
        return Err(LoadError::TooLarge { what, found, limit });
    }
    Ok(())
}

fn invalid(error: wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Invalid(error.to_string())
}
