//! Standard output, straight from guest memory into the bridge.
//!
//! To a guest `fd_write` is a blocking pipe: it returns when all it was given is taken, never
//! short, and fails only when the client has left, because simple guests do not loop over short
//! writes. It copies at once and waits only when the bridge is full, which keeps the bridge's
//! bound hard.

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use wasmtime::Caller;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as theirs;
use wasmtime_wasi::p2::{self, Pollable, StreamError, StreamResult};

use super::{Answer, MAX_VECTORS, Success, errno, fails, parts, read_vector, slice, write_u32};
use crate::bridge::{self, Closed};
use crate::guest::clocks::{Clocks, Wait};
use crate::guest::state::{STDERR, STDOUT, State};

/// What is taken of standard error before others get a turn.
const PIECE_BYTES: usize = 64 * 1024;

/// The arguments of one call.
#[derive(Clone, Copy)]
struct Call {
    list: u32,
    entries: u32,
    result: u32,
}

/// How far a write has come.
#[derive(Clone, Copy, Default)]
struct Position {
    entry: u32,
    within: u32,
    total: u32,
}

/// Why a write did not get through at once.
enum Stuck {
    /// The bridge is full; go on from here.
    Full(Position),
    Fails(i32),
}

pub(super) fn fd_write(
    mut caller: Caller<'_, State>,
    (fd, list, entries, result): (i32, i32, i32, i32),
) -> Answer<'_> {
    if !caller.data().owns(fd) {
        return Box::new(async move {
            let (mut memory, context) = super::theirs(&mut caller)?;
            theirs::fd_write(context, &mut memory, fd, list, entries, result).await
        });
    }
    let call = Call {
        list: list.cast_unsigned(),
        entries: entries.cast_unsigned(),
        result: result.cast_unsigned(),
    };
    if call.entries > MAX_VECTORS {
        return fails(errno::NOMEM);
    }
    match usize::try_from(fd) {
        Ok(STDOUT) => {}
        Ok(STDERR) => return write_stderr(caller, call),
        _ => return fails(errno::BADF),
    }
    match write(&mut caller, call, Position::default()) {
        Ok(Ok(())) => Box::new(Success),
        Ok(Err(Stuck::Fails(number))) => fails(number),
        Ok(Err(Stuck::Full(position))) => Box::new(write_on(caller, call, position)),
        Err(error) => Box::new(std::future::ready(Err(error))),
    }
}

/// Waits for room as often as needed.
async fn write_on(
    mut caller: Caller<'_, State>,
    call: Call,
    mut position: Position,
) -> wasmtime::Result<i32> {
    loop {
        let state = caller.data();
        if wait_for_room(&state.stdout, &state.clocks).await.is_err() {
            return Ok(errno::PIPE);
        }
        match write(&mut caller, call, position)? {
            Ok(()) => return Ok(errno::SUCCESS),
            Err(Stuck::Fails(number)) => return Ok(number),
            Err(Stuck::Full(reached)) => position = reached,
        }
    }
}

async fn wait_for_room(stdout: &bridge::Writer, clocks: &Clocks) -> Result<(), Closed> {
    clocks.wait(Wait::Room);
    let room = poll_fn(|context| stdout.poll_ready(context)).await;
    clocks.wait(Wait::Nothing);
    room
}

/// Writes from `position` until all is taken or the bridge is full.
fn write(
    caller: &mut Caller<'_, State>,
    call: Call,
    position: Position,
) -> wasmtime::Result<Result<(), Stuck>> {
    let (bytes, state) = parts(caller)?;
    let write = |bytes: &[u8]| state.stdout.write(bytes);
    Ok(write_vectors(bytes, call, position, write))
}

/// Hands the guest's bytes to `take`, which says how many it took.
fn write_vectors(
    memory: &mut [u8],
    call: Call,
    mut position: Position,
    mut take: impl FnMut(&[u8]) -> Result<usize, Closed>,
) -> Result<(), Stuck> {
    const FAULT: Stuck = Stuck::Fails(errno::FAULT);
    while position.entry < call.entries {
        let (address, length) = read_vector(memory, call.list, position.entry).ok_or(FAULT)?;
        let whole = slice(memory, address, length).ok_or(FAULT)?;
        // The guest may have changed its list while it waited; a shorter entry is simply done.
        let rest = whole.get(position.within as usize..).unwrap_or_default();
        if !rest.is_empty() {
            let accepted = take(rest).map_err(|Closed| Stuck::Fails(errno::PIPE))?;
            let taken = u32::try_from(accepted).unwrap_or(u32::MAX);
            position.total = position.total.wrapping_add(taken);
            if accepted < rest.len() {
                position.within += taken;
                return Err(Stuck::Full(position));
            }
        }
        position.entry += 1;
        position.within = 0;
    }
    write_u32(memory, call.result, position.total).ok_or(FAULT)
}

fn write_stderr<'a>(mut caller: Caller<'a, State>, call: Call) -> Answer<'a> {
    match write_lines(&mut caller, call, Position::default()) {
        Ok(Ok(())) => Box::new(Success),
        Ok(Err(Stuck::Fails(number))) => fails(number),
        Ok(Err(Stuck::Full(position))) => Box::new(write_lines_on(caller, call, position)),
        Err(error) => Box::new(std::future::ready(Err(error))),
    }
}

/// Gives others a turn between pieces: a guest may write all its memory in one call.
async fn write_lines_on(
    mut caller: Caller<'_, State>,
    call: Call,
    mut position: Position,
) -> wasmtime::Result<i32> {
    loop {
        super::yield_now().await;
        match write_lines(&mut caller, call, position)? {
            Ok(()) => return Ok(errno::SUCCESS),
            Err(Stuck::Fails(number)) => return Ok(number),
            Err(Stuck::Full(reached)) => position = reached,
        }
    }
}

fn write_lines(
    caller: &mut Caller<'_, State>,
    call: Call,
    position: Position,
) -> wasmtime::Result<Result<(), Stuck>> {
    let (bytes, state) = parts(caller)?;
    let mut left = PIECE_BYTES;
    Ok(write_vectors(bytes, call, position, |line| {
        let piece = &line[..line.len().min(left)];
        left -= piece.len();
        state.stderr.write(piece);
        Ok(piece.len())
    }))
}

/// Standard output as wasmtime-wasi wants it, for guests that reach it in other ways.
pub(crate) struct OutputStream {
    stdout: bridge::Writer,
    clocks: Arc<Clocks>,
}

// === impl OutputStream ===

impl OutputStream {
    pub(crate) const fn new(stdout: bridge::Writer, clocks: Arc<Clocks>) -> Self {
        Self { stdout, clocks }
    }
}

impl IsTerminal for OutputStream {
    /// A pipe: a terminal would make a C library flush at each line.
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for OutputStream {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Preview 1 uses `p2_stream` only.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn p2::OutputStream> {
        Box::new(Self {
            stdout: self.stdout.clone(),
            clocks: Arc::clone(&self.clocks),
        })
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for OutputStream {
    async fn ready(&mut self) {
        // A closed bridge is ready, too: the next write says so.
        let _ = wait_for_room(&self.stdout, &self.clocks).await;
    }
}

impl p2::OutputStream for OutputStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        match self.stdout.write(&bytes) {
            Ok(accepted) if accepted == bytes.len() => Ok(()),
            Ok(_) => Err(StreamError::trap("a write without leave")),
            Err(Closed) => Err(StreamError::Closed),
        }
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.stdout
            .room()
            .map(|room| room.min(64 * 1024))
            .map_err(|Closed| StreamError::Closed)
    }
}
