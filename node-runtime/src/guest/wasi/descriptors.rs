//! What the standard descriptors are, and how they cease to be ours.

use wasmtime::Caller;
use wasmtime_wasi::p1::wasi_snapshot_preview1 as theirs;

use super::{Answer, Success, errno, fails, parts, slice_mut};
use crate::guest::state::{STDIN, State};

/// `rights` of WASI preview 1.
const FD_READ: u64 = 1 << 1;
const FD_WRITE: u64 = 1 << 6;

pub(super) fn fd_fdstat_get(mut caller: Caller<'_, State>, (fd, result): (i32, i32)) -> Answer<'_> {
    if !caller.data().owns(fd) {
        return Box::new(async move {
            let (mut memory, context) = super::theirs(&mut caller)?;
            theirs::fd_fdstat_get(context, &mut memory, fd, result).await
        });
    }
    let rights = if usize::try_from(fd) == Ok(STDIN) {
        FD_READ
    } else {
        FD_WRITE
    };
    match parts(&mut caller) {
        Ok((memory, _)) => match slice_mut(memory, result.cast_unsigned(), 24) {
            Some(place) => {
                // File type "unknown": preview 1 has none for a pipe, and what is not a
                // character device makes a C library buffer.
                place[..8].fill(0);
                place[8..16].copy_from_slice(&rights.to_le_bytes());
                place[16..].copy_from_slice(&rights.to_le_bytes());
                Box::new(Success)
            }
            None => fails(errno::FAULT),
        },
        Err(error) => Box::new(std::future::ready(Err(error))),
    }
}

pub(super) fn fd_close(mut caller: Caller<'_, State>, (fd,): (i32,)) -> Answer<'_> {
    Box::new(async move {
        let (mut memory, context) = super::theirs(&mut caller)?;
        let number = theirs::fd_close(context, &mut memory, fd).await?;
        if number == errno::SUCCESS {
            caller.data_mut().disown(fd);
        }
        Ok(number)
    })
}

pub(super) fn fd_renumber(mut caller: Caller<'_, State>, (from, to): (i32, i32)) -> Answer<'_> {
    Box::new(async move {
        let (mut memory, context) = super::theirs(&mut caller)?;
        let number = theirs::fd_renumber(context, &mut memory, from, to).await?;
        if number == errno::SUCCESS {
            caller.data_mut().disown(from);
            caller.data_mut().disown(to);
        }
        Ok(number)
    })
}

/// Every C program asks at start which folders it was given; mostly none.
pub(super) fn fd_prestat_get(
    mut caller: Caller<'_, State>,
    fd: i32,
    result: i32,
) -> wasmtime::Result<i32> {
    let state = caller.data();
    if state.files.is_empty() && !state.has_wasi() {
        return Ok(errno::BADF);
    }
    let (mut memory, context) = super::theirs(&mut caller)?;
    theirs::fd_prestat_get(context, &mut memory, fd, result)
}
