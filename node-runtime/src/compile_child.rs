//! The process that compiles one module: the hidden command `compile-module`.
//!
//! Module on stdin, code on stdout, and on stderr why not. It arms its limits before it looks at
//! the first byte, and has nothing but these three files: what a hostile module can do here is to
//! end this process early.

mod limits;

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;

use clap::Args;

use crate::compile::Exit;
use crate::guest::{Compiler, LoadError};

/// What is kept of a sentence: names of imports in it are the module's own.
const SENTENCE_CHARS: usize = 4_000;

/// What the parent tells; nobody else calls this.
#[derive(Debug, Args)]
pub struct ChildArgs {
    /// Bytes of address space.
    memory: u64,
    /// Seconds of CPU.
    cpu: u64,
    /// The process that waits.
    parent: u32,
    /// Whether the exceptions proposal is on.
    #[arg(action = clap::ArgAction::Set)]
    wasm_exceptions: bool,
}

/// Why there is no code.
enum Failure {
    Refused(String),
    Memory,
    Io(io::Error),
}

/// Compiles what stdin has.
pub fn run(args: &ChildArgs) -> ExitCode {
    let compiled = limits::arm(args.memory, args.cpu, args.parent)
        .map_err(Failure::Io)
        .and_then(|()| compile(args.wasm_exceptions));
    let (exit, text) = match compiled {
        Ok(()) => (Exit::Compiled, String::new()),
        Err(Failure::Refused(text)) => (Exit::Refused, text),
        Err(Failure::Memory) => (Exit::Memory, String::new()),
        Err(Failure::Io(error)) => {
            let number = error.raw_os_error().map(|number| number.to_string());
            (Exit::Io, number.unwrap_or_else(|| error.to_string()))
        }
    };
    // Whoever does not hear it sees the exit code.
    let _ = writeln!(io::stderr(), "{text}");
    ExitCode::from(exit as u8)
}

fn compile(wasm_exceptions: bool) -> Result<(), Failure> {
    let compiler = Compiler::new(wasm_exceptions).map_err(|error| refused(&error))?;
    let module = module()?;
    let compiled = compiler.compile(&module).map_err(|error| refused(&error))?;
    let code = io::stdout().as_fd().try_clone_to_owned();
    compiled
        .write(&mut File::from(code.map_err(Failure::Io)?))
        .map_err(Failure::Io)
}

fn module() -> Result<Vec<u8>, Failure> {
    let stdin = io::stdin();
    // Whoever wrote it may have left it at its end; a pipe has none.
    let _ = rustix::fs::seek(&stdin, rustix::fs::SeekFrom::Start(0));
    let size = rustix::fs::fstat(&stdin).map_or(0, |stat| stat.st_size);
    let mut bytes = Vec::new();
    bytes
        .try_reserve_exact(usize::try_from(size).unwrap_or(0))
        .map_err(|_| Failure::Memory)?;
    stdin.lock().read_to_end(&mut bytes).map_err(Failure::Io)?;
    Ok(bytes)
}

/// What a person reads, on one line; or that it was memory, which wasmtime gives as any other error.
fn refused(error: &(dyn std::error::Error + 'static)) -> Failure {
    let mut text = error.to_string();
    let mut cause = Some(error);
    while let Some(error) = cause {
        if is_memory(error) {
            return Failure::Memory;
        }
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Failure::Refused(line.chars().take(SENTENCE_CHARS).collect())
}

fn is_memory(error: &(dyn std::error::Error + 'static)) -> bool {
    let number = error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::raw_os_error);
    number == Some(rustix::io::Errno::NOMEM.raw_os_error())
        || error.downcast_ref::<rustix::io::Errno>() == Some(&rustix::io::Errno::NOMEM)
        || matches!(error.downcast_ref::<LoadError>(), Some(LoadError::Compile(cause))
            if cause.to_string().contains("Cannot allocate memory"))
}
