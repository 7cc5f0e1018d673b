//! WASI preview 1 as guests see it: which functions are ours, and which wasmtime-wasi's.
//!
//! Ours are those on the path of an ordinary handler: standard streams straight between guest
//! memory and the bridge, environment, arguments, random bytes, exit. All else is
//! wasmtime-wasi's, and so are the standard descriptors once a guest has closed or replaced
//! them: a function asks what the descriptor *is*, not which number it has.

mod descriptors;
mod environ;
mod input;
mod output;
mod random;
mod stderr;

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use wasmtime::{AsContextMut, Caller, Linker};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wiggle::GuestMemory;

pub(crate) use self::input::Input;
pub(crate) use self::output::OutputStream;
pub(crate) use self::stderr::{ErrorStream, Stderr};

use super::Stop;
use super::state::{self, State};

/// The module name of all functions.
pub(crate) const MODULE: &str = "wasi_snapshot_preview1";

/// What one call of a guest may make the host copy, in bytes (wasmtime's default is 128 MiB).
pub(crate) const HOSTCALL_FUEL: usize = 16 * 1024 * 1024;

/// Entries of one scatter or gather list: as many as that fuel is worth, some milliseconds.
const MAX_VECTORS: u32 = (HOSTCALL_FUEL / 8) as u32;

/// Error numbers of WASI preview 1 (`errno` in its witx).
pub(crate) mod errno {
    pub(crate) const SUCCESS: i32 = 0;
    pub(crate) const BADF: i32 = 8;
    pub(crate) const FAULT: i32 = 21;
    pub(crate) const IO: i32 = 29;
    pub(crate) const NOMEM: i32 = 48;
    pub(crate) const PIPE: i32 = 64;
}

/// A guest called `proc_exit`.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("exit code {0}")]
pub(crate) struct Exit(pub(crate) i32);

/// A host function ends the guest.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("ended: {}", .0.reason())]
pub(crate) struct Halt(pub(crate) Stop);

/// The functions a module may import.
pub(crate) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_async(&mut linker, State::wasi)?;
    linker.allow_shadowing(true);
    linker.func_wrap_async(MODULE, "fd_write", output::fd_write)?;
    linker.func_wrap_async(MODULE, "fd_read", input::fd_read)?;
    linker.func_wrap_async(MODULE, "random_get", random::random_get)?;
    linker.func_wrap_async(MODULE, "fd_fdstat_get", descriptors::fd_fdstat_get)?;
    linker.func_wrap_async(MODULE, "fd_close", descriptors::fd_close)?;
    linker.func_wrap_async(MODULE, "fd_renumber", descriptors::fd_renumber)?;
    linker.func_wrap(MODULE, "fd_prestat_get", descriptors::fd_prestat_get)?;
    linker.func_wrap(MODULE, "environ_sizes_get", environ::environ_sizes_get)?;
    linker.func_wrap(MODULE, "environ_get", environ::environ_get)?;
    linker.func_wrap(MODULE, "args_sizes_get", environ::args_sizes_get)?;
    linker.func_wrap(MODULE, "args_get", environ::args_get)?;
    linker.func_wrap(MODULE, "proc_exit", proc_exit)?;
    linker.allow_shadowing(false);
    Ok(linker)
}

fn proc_exit(_: Caller<'_, State>, code: i32) -> wasmtime::Result<()> {
    Err(Exit(code).into())
}

/// What an async import returns.
pub(crate) type Answer<'a> = Box<dyn Future<Output = wasmtime::Result<i32>> + Send + 'a>;

/// Ready with success. It has no size, so that boxing it allocates nothing.
pub(crate) struct Success;

impl Future for Success {
    type Output = wasmtime::Result<i32>;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(Ok(errno::SUCCESS))
    }
}

/// Ready with an error number.
pub(crate) fn fails<'a>(number: i32) -> Answer<'a> {
    Box::new(std::future::ready(Ok(number)))
}

/// The bytes of the guest's memory, and its state.
fn parts<'a>(caller: &'a mut Caller<'_, State>) -> wasmtime::Result<(&'a mut [u8], &'a mut State)> {
    let memory = state::memory(caller)?;
    Ok(memory.data_and_store_mut(caller))
}

/// What wasmtime-wasi's own functions take.
fn theirs<'a>(
    caller: &'a mut Caller<'_, State>,
) -> wasmtime::Result<(GuestMemory<'a>, &'a mut WasiP1Ctx)> {
    let fuel = caller.as_context_mut().hostcall_fuel();
    let (bytes, state) = parts(caller)?;
    let context = state.wasi();
    context.set_hostcall_fuel(fuel);
    Ok((GuestMemory::Unshared(bytes), context))
}

/// The 32-bit number at `address`; guests' numbers are little-endian.
fn read_u32(bytes: &[u8], address: u32) -> Option<u32> {
    let start = usize::try_from(address).ok()?;
    let number = bytes.get(start..)?.first_chunk::<4>()?;
    Some(u32::from_le_bytes(*number))
}

/// Writes a 32-bit number at `address`.
#[must_use]
fn write_u32(bytes: &mut [u8], address: u32, number: u32) -> Option<()> {
    let start = usize::try_from(address).ok()?;
    let place = bytes.get_mut(start..)?.first_chunk_mut::<4>()?;
    *place = number.to_le_bytes();
    Some(())
}

/// One entry of a scatter or gather list: where, and how long.
fn read_vector(bytes: &[u8], list: u32, index: u32) -> Option<(u32, u32)> {
    let entry = list.checked_add(index.checked_mul(8)?)?;
    let address = read_u32(bytes, entry)?;
    let length = read_u32(bytes, entry.checked_add(4)?)?;
    Some((address, length))
}

/// The guest's bytes at `address`.
fn slice(bytes: &[u8], address: u32, length: u32) -> Option<&[u8]> {
    let start = usize::try_from(address).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(length).ok()?)?)
}

/// The guest's bytes at `address`, to be written.
fn slice_mut(bytes: &mut [u8], address: u32, length: u32) -> Option<&mut [u8]> {
    let start = usize::try_from(address).ok()?;
    bytes.get_mut(start..start.checked_add(usize::try_from(length).ok()?)?)
}

/// Ends the slice; the guest goes on when it is its turn again.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
