//! Standard input, chunk by chunk as the request's body arrives.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use wasmtime::Caller;
use wasmtime_wasi::cli::{IsTerminal, StdinStream};
use wasmtime_wasi::p1::wasi_snapshot_preview1 as theirs;
use wasmtime_wasi::p2::{self, Pollable, StreamError, StreamResult};

use super::{Answer, Halt, MAX_VECTORS, errno, fails, parts, read_vector, slice_mut, write_u32};
use crate::guest::clocks::{Clocks, Wait};
use crate::guest::state::{STDIN, State};
use crate::guest::{InputError, Stop};

/// A guest's standard input.
#[derive(Clone)]
pub(crate) struct Input {
    /// Shared with the streams that wasmtime-wasi makes of it; never by two threads at once.
    body: Option<Arc<Mutex<Body>>>,
    clocks: Arc<Clocks>,
}

struct Body {
    source: Box<dyn crate::guest::Input>,
    chunk: Bytes,
    end: Option<Result<(), InputError>>,
}

// === impl Input ===

impl Input {
    pub(crate) fn new(source: Option<Box<dyn crate::guest::Input>>, clocks: Arc<Clocks>) -> Self {
        let body = source.map(|source| {
            Arc::new(Mutex::new(Body {
                source,
                chunk: Bytes::new(),
                end: None,
            }))
        });
        Self { body, clocks }
    }

    /// The same input as wasmtime-wasi wants it.
    pub(crate) fn stream(&self) -> InputStream {
        InputStream(self.clone())
    }

    /// Waits until there are bytes, the end, or an error.
    async fn ready(&self) {
        let Some(body) = &self.body else { return };
        let mut waited = false;
        poll_fn(|context| {
            let mut body = body.lock().unwrap_or_else(PoisonError::into_inner);
            let polled = body.poll_ready(context);
            if polled.is_pending() && !std::mem::replace(&mut waited, true) {
                self.clocks.wait(Wait::Input);
            }
            polled
        })
        .await;
        if waited {
            self.clocks.wait(Wait::Nothing);
        }
    }

    /// Takes at most `limit` bytes of those that are there; empty at the end.
    fn take(&self, limit: usize) -> Result<Bytes, InputError> {
        let Some(body) = &self.body else {
            return Ok(Bytes::new());
        };
        let mut body = body.lock().unwrap_or_else(PoisonError::into_inner);
        if let (true, Some(Err(error))) = (body.chunk.is_empty(), body.end) {
            return Err(error);
        }
        let length = limit.min(body.chunk.len());
        Ok(body.chunk.split_to(length))
    }

    fn has_ended(&self) -> bool {
        self.body.as_ref().is_none_or(|body| {
            let body = body.lock().unwrap_or_else(PoisonError::into_inner);
            body.chunk.is_empty() && body.end.is_some()
        })
    }
}

impl Body {
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.chunk.is_empty() && self.end.is_none() {
            match ready!(self.source.poll_chunk(context)) {
                Ok(Some(chunk)) => self.chunk = chunk,
                Ok(None) => self.end = Some(Ok(())),
                Err(error) => self.end = Some(Err(error)),
            }
        }
        Poll::Ready(())
    }
}

pub(super) fn fd_read(
    mut caller: Caller<'_, State>,
    (fd, list, entries, result): (i32, i32, i32, i32),
) -> Answer<'_> {
    if !caller.data().owns(fd) {
        return Box::new(async move {
            let (mut memory, context) = super::theirs(&mut caller)?;
            theirs::fd_read(context, &mut memory, fd, list, entries, result).await
        });
    }
    if usize::try_from(fd) != Ok(STDIN) {
        return fails(errno::BADF);
    }
    if entries.cast_unsigned() > MAX_VECTORS {
        return fails(errno::NOMEM);
    }
    Box::new(async move {
        let input = caller.data().stdin.clone();
        let (list, entries) = (list.cast_unsigned(), entries.cast_unsigned());
        if has_room(&mut caller, list, entries)? {
            input.ready().await;
        }
        let (bytes, _) = parts(&mut caller)?;
        Ok(match read_vectors(bytes, &input, list, entries) {
            Ok(total) => {
                write_u32(bytes, result.cast_unsigned(), total).map_or(errno::FAULT, |()| 0)
            }
            Err(ReadError::Number(number)) => number,
            Err(ReadError::TooLarge) => return Err(Halt(Stop::RequestBody).into()),
        })
    })
}

/// A read into nothing must not wait.
fn has_room(caller: &mut Caller<'_, State>, list: u32, entries: u32) -> wasmtime::Result<bool> {
    let (bytes, _) = parts(caller)?;
    Ok((0..entries)
        .any(|entry| read_vector(bytes, list, entry).is_some_and(|(_, length)| length > 0)))
}

/// Why a read gives nothing.
enum ReadError {
    Number(i32),
    TooLarge,
}

/// Fills the guest's buffers with what is there, which may be less than they hold.
fn read_vectors(
    memory: &mut [u8],
    input: &Input,
    list: u32,
    entries: u32,
) -> Result<u32, ReadError> {
    const FAULT: ReadError = ReadError::Number(errno::FAULT);
    let mut total = 0;
    for entry in 0..entries {
        let (address, length) = read_vector(memory, list, entry).ok_or(FAULT)?;
        let place = slice_mut(memory, address, length).ok_or(FAULT)?;
        let mut chunk = match input.take(place.len()) {
            Ok(chunk) => chunk,
            // What came before the break is delivered first.
            Err(_) if total > 0 => break,
            Err(InputError::Broken) => return Err(ReadError::Number(errno::IO)),
            Err(InputError::TooLarge) => return Err(ReadError::TooLarge),
        };
        let taken = chunk.len();
        chunk.copy_to_slice(&mut place[..taken]);
        total += u32::try_from(taken).unwrap_or(u32::MAX);
        if taken < place.len() {
            break;
        }
    }
    Ok(total)
}

/// Standard input as wasmtime-wasi wants it.
pub(crate) struct InputStream(Input);

impl IsTerminal for InputStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdinStream for InputStream {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncRead + Send + Sync> {
        // Preview 1 uses `p2_stream` only.
        Box::new(tokio::io::empty())
    }

    fn p2_stream(&self) -> Box<dyn p2::InputStream> {
        Box::new(Self(self.0.clone()))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for InputStream {
    async fn ready(&mut self) {
        self.0.ready().await;
    }
}

impl p2::InputStream for InputStream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        match self.0.take(size) {
            Ok(chunk) if chunk.is_empty() && self.0.has_ended() => Err(StreamError::Closed),
            Ok(chunk) => Ok(chunk),
            Err(InputError::TooLarge) => Err(StreamError::Trap(Halt(Stop::RequestBody).into())),
            Err(error) => Err(StreamError::LastOperationFailed(
                std::io::Error::new(std::io::ErrorKind::BrokenPipe, error).into(),
            )),
        }
    }
}
