//! Environment and arguments, written straight into guest memory.

use wasmtime::Caller;

use super::{errno, parts, write_u32};
use crate::guest::Strings;
use crate::guest::state::State;

pub(super) fn environ_sizes_get(
    mut caller: Caller<'_, State>,
    count: i32,
    size: i32,
) -> wasmtime::Result<i32> {
    let (memory, state) = parts(&mut caller)?;
    Ok(sizes(memory, state.environment(), count, size))
}

pub(super) fn environ_get(
    mut caller: Caller<'_, State>,
    pointers: i32,
    buffer: i32,
) -> wasmtime::Result<i32> {
    let (memory, state) = parts(&mut caller)?;
    Ok(strings(memory, state.environment(), pointers, buffer))
}

pub(super) fn args_sizes_get(
    mut caller: Caller<'_, State>,
    count: i32,
    size: i32,
) -> wasmtime::Result<i32> {
    let (memory, state) = parts(&mut caller)?;
    Ok(sizes(memory, state.arguments(), count, size))
}

pub(super) fn args_get(
    mut caller: Caller<'_, State>,
    pointers: i32,
    buffer: i32,
) -> wasmtime::Result<i32> {
    let (memory, state) = parts(&mut caller)?;
    Ok(strings(memory, state.arguments(), pointers, buffer))
}

fn sizes(memory: &mut [u8], strings: &Strings, count: i32, size: i32) -> i32 {
    let write = || {
        write_u32(
            memory,
            count.cast_unsigned(),
            u32::try_from(strings.count).ok()?,
        )?;
        write_u32(
            memory,
            size.cast_unsigned(),
            u32::try_from(strings.bytes.len()).ok()?,
        )
    };
    or_fault(write)
}

fn strings(memory: &mut [u8], strings: &Strings, pointers: i32, buffer: i32) -> i32 {
    let write = || {
        let buffer = buffer.cast_unsigned();
        let start = usize::try_from(buffer).ok()?;
        let end = start.checked_add(strings.bytes.len())?;
        memory.get_mut(start..end)?.copy_from_slice(&strings.bytes);
        let mut pointer = pointers.cast_unsigned();
        let mut offset = 0u32;
        for string in strings.bytes.split_inclusive(|byte| *byte == 0) {
            write_u32(memory, pointer, buffer.checked_add(offset)?)?;
            pointer = pointer.checked_add(4)?;
            offset += u32::try_from(string.len()).ok()?;
        }
        Some(())
    };
    or_fault(write)
}

fn or_fault(write: impl FnOnce() -> Option<()>) -> i32 {
    write().map_or(errno::FAULT, |()| errno::SUCCESS)
}
