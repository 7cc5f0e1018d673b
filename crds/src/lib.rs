//! The contract of kube-wagi: what a `WagiRoute` says, and the values it is made of.
//!
//! Types here are parsed once, where text enters the program, and cannot hold a wrong value.
//! The crate does no I/O and knows no runtime, no HTTP server and no WebAssembly.

pub mod host;
pub mod path;
