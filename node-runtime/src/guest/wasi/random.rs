//! Random bytes from the kernel, piece by piece straight into guest memory.
//!
//! wasmtime-wasi's takes as much host memory as the guest asks for.

use rustix::rand::{GetRandomFlags, getrandom};
use wasmtime::Caller;

use super::{Answer, Success, errno, fails, parts, slice_mut};
use crate::guest::state::State;

/// What is filled before others get a turn: about 0.2 ms.
const PIECE_BYTES: u32 = 64 * 1024;

pub(super) fn random_get(
    mut caller: Caller<'_, State>,
    (buffer, length): (i32, i32),
) -> Answer<'_> {
    let (buffer, length) = (buffer.cast_unsigned(), length.cast_unsigned());
    if length <= PIECE_BYTES {
        return match fill(&mut caller, buffer, length) {
            Ok(errno::SUCCESS) => Box::new(Success),
            Ok(number) => fails(number),
            Err(error) => Box::new(std::future::ready(Err(error))),
        };
    }
    Box::new(async move {
        let mut done = 0;
        while done < length {
            let piece = PIECE_BYTES.min(length - done);
            let Some(address) = buffer.checked_add(done) else {
                return Ok(errno::FAULT);
            };
            let number = fill(&mut caller, address, piece)?;
            if number != errno::SUCCESS {
                return Ok(number);
            }
            done += piece;
            super::yield_now().await;
        }
        Ok(errno::SUCCESS)
    })
}

fn fill(caller: &mut Caller<'_, State>, address: u32, length: u32) -> wasmtime::Result<i32> {
    let (memory, _) = parts(caller)?;
    let Some(place) = slice_mut(memory, address, length) else {
        return Ok(errno::FAULT);
    };
    let mut filled = 0;
    while filled < place.len() {
        match getrandom(&mut place[filled..], GetRandomFlags::empty()) {
            Ok(more) => filled += more,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Ok(errno::IO),
        }
    }
    Ok(errno::SUCCESS)
}
