//! What one guest holds while it runs.

use std::sync::Arc;

use wasmtime::Caller;
use wasmtime_wasi::FsPerms;
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p1::WasiP1Ctx;

use super::clocks::Clocks;
use super::host::{Preopen, SharedHost, Strings};
use super::memory;
use super::wasi::{self, Input, Stderr};
use crate::bridge;

/// The descriptors that are ours until the guest closes or replaces them.
pub(crate) const STDIN: usize = 0;
pub(crate) const STDOUT: usize = 1;
pub(crate) const STDERR: usize = 2;

/// The state of one store.
pub(crate) struct State {
    pub(crate) stdin: Input,
    pub(crate) stdout: bridge::Writer,
    pub(crate) stderr: Stderr,
    pub(crate) host: SharedHost,
    pub(crate) limits: memory::Memory,
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) files: Arc<[Preopen]>,
    /// Which of the three standard descriptors still are what they were.
    pub(crate) own: [bool; 3],
    environment: Option<Strings>,
    arguments: Option<Strings>,
    memory: Option<wasmtime::Memory>,
    /// Made when a guest first calls what is not ours: making one for every request costs a
    /// tenth of the requests per second.
    wasi: Option<Box<WasiP1Ctx>>,
}

// === impl State ===

impl State {
    pub(crate) fn new(
        stdin: Input,
        stdout: bridge::Writer,
        host: SharedHost,
        limits: memory::Memory,
        clocks: Arc<Clocks>,
        files: Arc<[Preopen]>,
    ) -> Self {
        Self {
            stdin,
            stdout,
            stderr: Stderr::new(Arc::clone(&host)),
            host,
            limits,
            clocks,
            files,
            own: [true; 3],
            environment: None,
            arguments: None,
            memory: None,
            wasi: None,
        }
    }

    /// Whether `fd` is the standard descriptor it was at the start.
    pub(crate) fn owns(&self, fd: i32) -> bool {
        usize::try_from(fd).is_ok_and(|fd| self.own.get(fd).copied().unwrap_or(false))
    }

    /// From now on `fd` is whatever wasmtime-wasi says.
    pub(crate) fn disown(&mut self, fd: i32) {
        if let Some(own) = usize::try_from(fd).ok().and_then(|fd| self.own.get_mut(fd)) {
            *own = false;
        }
    }

    pub(crate) fn environment(&mut self) -> &Strings {
        self.environment
            .get_or_insert_with(|| self.host.environment())
    }

    pub(crate) fn arguments(&mut self) -> &Strings {
        self.arguments.get_or_insert_with(|| self.host.arguments())
    }

    /// Whether the guest has called anything that is not ours.
    pub(crate) const fn has_wasi(&self) -> bool {
        self.wasi.is_some()
    }

    /// The context of wasmtime-wasi, made now if it was not.
    pub(crate) fn wasi(&mut self) -> &mut WasiP1Ctx {
        let Self {
            wasi,
            stdin,
            stdout,
            clocks,
            host,
            files,
            ..
        } = self;
        wasi.get_or_insert_with(|| {
            let mut builder = WasiCtxBuilder::new();
            builder
                .stdin(stdin.stream())
                .stdout(wasi::OutputStream::new(stdout.clone(), Arc::clone(clocks)))
                .stderr(wasi::ErrorStream::new(Arc::clone(host)));
            for file in files.iter() {
                let opened =
                    builder.preopened_dir(&file.host_path, &file.guest_path, FsPerms::ReadOnly);
                if let Err(error) = opened {
                    let path = file.host_path.display();
                    tracing::warn!("volume {path} is not there for this request: {error}");
                }
            }
            Box::new(builder.build_p1())
        })
    }

    pub(crate) fn keep_memory(&mut self, memory: Option<wasmtime::Memory>) {
        self.memory = memory;
    }
}

/// The guest's memory: kept from instantiation, looked up only while its start function runs
/// (a look-up costs 70 ns a call).
pub(crate) fn memory(caller: &mut Caller<'_, State>) -> wasmtime::Result<wasmtime::Memory> {
    if let Some(memory) = caller.data().memory {
        return Ok(memory);
    }
    let memory = caller
        .get_export("memory")
        .and_then(wasmtime::Extern::into_memory)
        .ok_or_else(|| wasmtime::format_err!("the module exports no memory named \"memory\""))?;
    caller.data_mut().memory = Some(memory);
    Ok(memory)
}
