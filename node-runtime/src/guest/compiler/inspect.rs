//! What a module is, without compiling it.
//!
//! Whether its imports would link is asked of the linker with a module of the same imports and no code.

use std::borrow::Cow;
use std::fmt;

use wasmparser::{
    CompositeInnerType, ExternalKind, Parser, Payload, TypeRef, Validator, WasmFeatures,
};
use wasmtime::Module;

use super::super::program::{INITIALIZE, ROUTES};
use super::refusal::{self, LoadError};
use super::{Compiler, binary};

/// What a module is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// What kind of thing.
    pub kind: Kind,
    /// What is in it, when it is a core module that can be read.
    pub parts: Option<Parts>,
    /// Why it would not be served.
    pub refusal: Option<String>,
}

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A core module in the binary format.
    Module,
    /// A core module in the text format.
    Text,
    /// A core module for the predecessor of WASI preview 1.
    Unstable,
    /// A component.
    Component,
    /// Something else.
    Unknown,
}

/// What is in a core module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    /// Exports that can be entry points.
    pub entries: Vec<String>,
    /// Whether it can be asked for its routes.
    pub has_routes: bool,
    /// Imports that are not provided.
    pub missing: Vec<String>,
    /// Proposals without which it is not valid.
    pub proposals: Vec<String>,
}

/// A module in the binary format, if it is a module or a component at all; text is translated.
///
/// # Errors
///
/// When it is neither.
pub fn to_binary(bytes: &[u8]) -> Result<Cow<'_, [u8]>, LoadError> {
    let text = bytes.trim_ascii_start();
    if !bytes.starts_with(b"\0asm") && !text.starts_with(b"(") && !text.starts_with(b";;") {
        let start = &bytes[..bytes.len().min(16)];
        let start = String::from_utf8_lossy(start).into_owned();
        return Err(LoadError::NotWasm(start));
    }
    binary(bytes)
}

// === impl Inspection ===

impl Inspection {
    /// Reads a module.
    pub(super) fn of(compiler: &Compiler, bytes: &[u8]) -> Self {
        let nothing = |kind, error: LoadError| Self {
            kind,
            parts: None,
            refusal: Some(error.to_string()),
        };
        let binary = match to_binary(bytes) {
            Ok(binary) => binary,
            Err(error @ LoadError::NotWasm(_)) => return nothing(Kind::Unknown, error),
            Err(error) => return nothing(Kind::Text, error),
        };
        let kind = match binary {
            Cow::Owned(_) => Kind::Text,
            Cow::Borrowed(_) => Kind::Module,
        };
        let checked = refusal::check(compiler.wasm_exceptions, &binary).map(drop);
        match checked {
            Err(error @ LoadError::Component) => return nothing(Kind::Component, error),
            Err(error @ LoadError::NotWasm(_)) => return nothing(Kind::Unknown, error),
            Ok(()) | Err(_) => {}
        }
        let Ok(mut found) = Found::read(&binary) else {
            return Self {
                kind,
                parts: None,
                refusal: checked.err().map(|error| error.to_string()),
            };
        };
        let linked = found.link(compiler);
        found.parts.proposals = proposals(&binary);
        Self {
            kind: if matches!(linked, Err(LoadError::Unstable)) {
                Kind::Unstable
            } else {
                kind
            },
            parts: Some(found.parts),
            refusal: checked.and(linked).err().map(|error| error.to_string()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Module => "core module",
            Self::Text => "core module in the text format",
            Self::Unstable => "core module for wasi_unstable",
            Self::Component => "component",
            Self::Unknown => "not WebAssembly",
        })
    }
}

/// What one walk over the sections finds.
#[derive(Default)]
struct Found {
    parts: Parts,
    has_memory: bool,
    imports: usize,
    /// Whether each type has neither parameters nor results.
    is_entry_type: Vec<bool>,
    /// The type of each function.
    functions: Vec<u32>,
    /// A module of types and imports alone.
    stub: Vec<u8>,
}

// === impl Found ===

impl Found {
    fn read(bytes: &[u8]) -> Result<Self, wasmparser::BinaryReaderError> {
        let mut found = Self {
            stub: bytes[..8].to_vec(),
            ..Self::default()
        };
        for payload in Parser::new(0).parse_all(bytes) {
            match payload? {
                Payload::TypeSection(types) => {
                    found.keep(1, &bytes[types.range()]);
                    for group in types {
                        for ty in group?.into_types() {
                            let is_entry = match ty.composite_type.inner {
                                CompositeInnerType::Func(function) => {
                                    function.params().is_empty() && function.results().is_empty()
                                }
                                _ => false,
                            };
                            found.is_entry_type.push(is_entry);
                        }
                    }
                }
                Payload::ImportSection(imports) => {
                    found.keep(2, &bytes[imports.range()]);
                    for import in imports.into_imports() {
                        found.imports += 1;
                        if let TypeRef::Func(ty) = import?.ty {
                            found.functions.push(ty);
                        }
                    }
                }
                Payload::FunctionSection(functions) => {
                    for ty in functions {
                        found.functions.push(ty?);
                    }
                }
                Payload::ExportSection(exports) => {
                    for export in exports {
                        let export = export?;
                        found.export(export.name, export.kind, export.index);
                    }
                }
                _ => {}
            }
        }
        Ok(found)
    }

    fn export(&mut self, name: &str, kind: ExternalKind, index: u32) {
        let ty = self.functions.get(index as usize);
        let is_entry = ty.and_then(|&ty| self.is_entry_type.get(ty as usize));
        match (kind, name) {
            (ExternalKind::Memory, "memory") => self.has_memory = true,
            (ExternalKind::Func, _) if is_entry == Some(&true) => match name {
                ROUTES => self.parts.has_routes = true,
                INITIALIZE => {}
                name => self.parts.entries.push(name.to_owned()),
            },
            _ => {}
        }
    }

    /// Copies a section: its number, its length (LEB128), its bytes.
    fn keep(&mut self, section: u8, bytes: &[u8]) {
        self.stub.push(section);
        let mut length = bytes.len();
        while length >= 0x80 {
            self.stub
                .push(u8::try_from(length & 0x7f).expect("seven bits") | 0x80);
            length >>= 7;
        }
        self.stub.push(u8::try_from(length).expect("seven bits"));
        self.stub.extend_from_slice(bytes);
    }

    /// Asks the linker.
    fn link(&mut self, compiler: &Compiler) -> Result<(), LoadError> {
        // A module that is not valid may not be one in part either; that was said already.
        let Ok(stub) = Module::from_binary(&compiler.engine, &self.stub) else {
            return Ok(());
        };
        self.parts.missing = refusal::missing_imports(&compiler.linker, &stub);
        match refusal::check_imports(&compiler.linker, &stub) {
            // The stub exports nothing.
            Err(LoadError::NoMemory) if self.has_memory => Ok(()),
            checked => checked,
        }
    }
}

/// Proposals that make it invalid when they are taken away.
fn proposals(bytes: &[u8]) -> Vec<String> {
    let is_valid = |features| {
        Validator::new_with_features(features)
            .validate_all(bytes)
            .is_ok()
    };
    if !is_valid(WasmFeatures::all()) {
        return Vec::new();
    }
    WasmFeatures::all()
        .difference(WasmFeatures::WASM1 | WasmFeatures::COMPONENT_MODEL)
        .iter_names()
        .filter(|(_, feature)| !is_valid(WasmFeatures::all().difference(*feature)))
        .map(|(name, _)| refusal::readable(name))
        .collect()
}
