//! Has a module compiled by a child process, within bounds of time and memory.
//!
//! The child is this same program. It gets the module as stdin and the file for the code as stdout,
//! both open already, says in a sentence on stderr why not, and nothing else: no environment, no
//! other file. It bounds itself ([`crate::cli`]'s hidden `compile-module`); here the clock is kept,
//! and whoever no longer waits for a child has ended it. What a module or compiled code is, this
//! room does not know.

mod child;
mod outcome;

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

pub use self::outcome::{CompileError, Exit};

/// The name of the hidden command.
pub const COMMAND: &str = "compile-module";
/// With less than this, one child at a time: each may take up to a quarter of it.
const ROOM_FOR_MORE: u64 = 4 << 30;
/// The most memory a child gets by default.
const MOST_MEMORY: u64 = 2 << 30;

/// How modules are compiled.
#[derive(Clone, Debug)]
pub struct CompileConfig {
    /// What is run as the child: this program, or one of the same build.
    pub program: PathBuf,
    /// How long one module may take, on the clock and of CPU.
    pub timeout: Duration,
    /// How much address space the child may have.
    pub memory_bytes: u64,
    /// Whether the exceptions proposal and `externref` are on.
    pub wasm_exceptions: bool,
}

// === impl CompileConfig ===

impl CompileConfig {
    /// This program itself, also after its file was replaced by an update.
    #[must_use]
    pub fn own_program() -> PathBuf {
        PathBuf::from("/proc/self/exe")
    }
}

/// Memory of one child by default, of so much that this process may use.
#[must_use]
pub const fn default_memory_bytes(available: u64) -> u64 {
    let share = available / 4;
    if share < MOST_MEMORY {
        share
    } else {
        MOST_MEMORY
    }
}

/// How many children at a time, with so much memory that this process may use. Each compiles on
/// every core; a second one keeps them busy while the first reads, or ends on a single function.
#[must_use]
pub const fn parallel(available: u64) -> usize {
    if available < ROOM_FOR_MORE { 1 } else { 2 }
}

/// A file in memory: for code where there is no store or its disk is full, and for modules that
/// are in no file.
///
/// # Errors
///
/// When the kernel has no memory or no file descriptor left.
pub fn memory_file() -> io::Result<File> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    Ok(File::from(memfd_create("wagi", flags)?))
}

/// Makes a [`memory_file`] one that nobody can write to any more.
///
/// # Errors
///
/// When it is another file.
pub fn seal(file: &File) -> io::Result<()> {
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    Ok(fcntl_add_seals(file, seals)?)
}

/// Compiles `module`, a file in binary or text form, into `code`, an empty file. Only when this is
/// `Ok` is there anything of use in `code`.
///
/// # Errors
///
/// [`CompileError`] tells the module's fault from a lack of time, memory or disk.
///
/// # Cancellation
///
/// Dropping the future kills the child, and nothing is left of it.
pub async fn compile(config: &CompileConfig, module: File, code: File) -> Result<(), CompileError> {
    let child = child::start(config, module, code).map_err(CompileError::Start)?;
    let ended = child.ended().await.map_err(CompileError::Start)?;
    outcome::of(ended, config)
}

#[cfg(test)]
mod tests;
