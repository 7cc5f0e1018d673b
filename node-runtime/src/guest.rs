//! Guests: WebAssembly programs, each run of which is one invocation.
//!
//! [`Compiler`] makes code of a module, in a process of its own; [`Program`] is that code ready to instantiate, [`Executor::start`] begins an [`Invocation`] of
//! it on threads of its own, and what the guest prints comes out of a [`crate::bridge`].
//! Only this room names wasmtime. It knows neither HTTP nor CGI: whoever starts a guest is a
//! [`Host`], which is asked for what the guest is given and told what became of it.

mod budget;
mod clocks;
mod code;
mod compiler;
mod ending;
mod engine;
mod executor;
mod host;
mod invocation;
mod memory;
pub mod metrics;
mod program;
mod state;
#[cfg(test)]
mod tests;

mod wasi;
mod watch;

pub use self::budget::{Budget, Reservation};
pub use self::compiler::{Compiled, Compiler, Inspection, Kind, LoadError, Parts, to_binary};
pub use self::ending::{Ending, Stop};
pub use self::engine::{Engine, EngineConfig, EngineError, Reset};
pub use self::executor::{Executor, ExecutorConfig, ExecutorError, Full, Threads};
pub use self::host::{Host, Input, InputError, Preopen, Strings, Used};
pub use self::invocation::{Invocation, Start, Timeouts};
pub use self::program::{DiscoverError, EntryPoint, MapError, NoEntryPoint, Program};
