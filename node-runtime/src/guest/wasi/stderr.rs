//! Standard error, handed to the host line by line.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{self, Pollable, StreamResult};

use crate::guest::host::SharedHost;

/// A longer line is handed over in pieces: a guest may not make the host hold more.
const LINE_BYTES: usize = 8 * 1024;

/// Splits what a guest writes into lines.
pub(crate) struct Stderr {
    host: SharedHost,
    line: Vec<u8>,
}

// === impl Stderr ===

impl Stderr {
    pub(crate) const fn new(host: SharedHost) -> Self {
        Self {
            host,
            line: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = LINE_BYTES - self.line.len();
            let piece = &bytes[..room.min(bytes.len())];
            match piece.iter().position(|byte| *byte == b'\n') {
                Some(end) => {
                    self.line.extend_from_slice(&piece[..end]);
                    self.hand_over();
                    bytes = &bytes[end + 1..];
                }
                None => {
                    self.line.extend_from_slice(piece);
                    bytes = &bytes[piece.len()..];
                    if self.line.len() == LINE_BYTES {
                        self.hand_over();
                    }
                }
            }
        }
    }

    fn hand_over(&mut self) {
        self.host.stderr(&self.line);
        self.line.clear();
    }
}

impl Drop for Stderr {
    /// A last line need not end.
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.hand_over();
        }
    }
}

/// Standard error as wasmtime-wasi wants it.
pub(crate) struct ErrorStream {
    host: SharedHost,
    stderr: Stderr,
}

// === impl ErrorStream ===

impl ErrorStream {
    pub(crate) fn new(host: SharedHost) -> Self {
        Self {
            stderr: Stderr::new(Arc::clone(&host)),
            host,
        }
    }
}

impl IsTerminal for ErrorStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for ErrorStream {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        // Preview 1 uses `p2_stream` only.
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn p2::OutputStream> {
        Box::new(Self::new(Arc::clone(&self.host)))
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for ErrorStream {
    async fn ready(&mut self) {}
}

impl p2::OutputStream for ErrorStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.stderr.write(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(64 * 1024)
    }
}
