//! The socket as hyper reads and writes it.
//!
//! Three things that hyper-util's adapter cannot do: the stream is shared, so
//! that hang-up can be watched beside hyper; bytes read ahead are given first;
//! completed flushes are counted. It does not know HTTP beyond telling the
//! connection's clocks that bytes came.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use rustix::net::{RecvFlags, Shutdown};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::ahead::Ahead;
use super::frames::Scanner;
use super::scope::Scope;
use super::stall::is_stall;

/// What hyper asks for at first, and on connections without large uploads.
const SMALL_READ: usize = 8 * 1024;
/// The most that one read takes.
const LARGE_READ: usize = 32 * 1024;

/// One client's socket, in hyper's terms.
pub(super) struct Socket {
    tcp: Arc<TcpStream>,
    scope: Arc<Scope>,
    ahead: Arc<Ahead>,
    /// HTTP/2 only.
    frames: Option<Scanner>,
}

// === impl Socket ===

impl Socket {
    /// An HTTP/1 socket whose first bytes are `ahead`.
    pub(super) fn http1(tcp: Arc<TcpStream>, scope: Arc<Scope>, ahead: Arc<Ahead>) -> Self {
        Socket {
            tcp,
            scope,
            ahead,
            frames: None,
        }
    }

    /// An HTTP/2 socket whose first bytes are `ahead`.
    pub(super) fn http2(tcp: Arc<TcpStream>, scope: Arc<Scope>, ahead: Arc<Ahead>) -> Self {
        scope.phases.await_request();
        Socket {
            tcp,
            scope,
            ahead,
            frames: Some(Scanner::new()),
        }
    }

    fn give(&mut self, cursor: &mut ReadBufCursor<'_>, bytes: &[u8]) {
        self.ahead.asked(false);
        match &mut self.frames {
            Some(frames) => self.scope.phases.head_is_open(frames.scan(bytes)),
            None => {
                if self.scope.phases.bytes_came() {
                    self.scope.framing.see(bytes);
                }
            }
        }
        cursor.put_slice(bytes);
    }

    /// Passes an outcome on; one that says that the client stalled is reported.
    fn told<T>(&self, outcome: io::Result<T>) -> io::Result<T> {
        if outcome.as_ref().is_err_and(is_stall) {
            self.scope.stall.report(self.scope.peer());
        }
        outcome
    }

    /// Reads up to `ROOM` bytes by way of the stack, whose pages only a read touches.
    #[inline(never)]
    fn read_and_give<const ROOM: usize>(
        &mut self,
        cursor: &mut ReadBufCursor<'_>,
    ) -> io::Result<()> {
        let mut buffer = [MaybeUninit::<u8>::uninit(); ROOM];
        let room = ROOM.min(cursor.remaining());
        let bytes = read(&self.tcp, &mut buffer[..room])?;
        if !bytes.is_empty() {
            self.give(cursor, bytes);
        }
        Ok(())
    }
}

impl Read for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(bytes) = self.ahead.take(cursor.remaining()) {
            self.give(&mut cursor, &bytes);
            return Poll::Ready(Ok(()));
        }
        loop {
            let Poll::Ready(ready) = self.tcp.poll_read_ready(context) else {
                self.ahead.asked(true);
                return Poll::Pending;
            };
            ready?;
            let outcome = if cursor.remaining() > SMALL_READ {
                self.read_and_give::<LARGE_READ>(&mut cursor)
            } else {
                self.read_and_give::<SMALL_READ>(&mut cursor)
            };
            match outcome {
                Err(error) if is_transient(&error) => {}
                outcome => return Poll::Ready(self.told(outcome)),
            }
        }
    }
}

impl Write for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_write_ready(context))?;
            match self.tcp.try_write(bytes) {
                Err(error) if is_transient(&error) => {}
                outcome => return Poll::Ready(self.told(outcome)),
            }
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.tcp.poll_write_ready(context))?;
            match self.tcp.try_write_vectored(slices) {
                Err(error) if is_transient(&error) => {}
                outcome => return Poll::Ready(self.told(outcome)),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.scope.flushes.completed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(shutdown_write(&self.tcp))
    }
}

/// Reads what is there into `buffer`; `WouldBlock` waits for the next readiness.
pub(super) fn read<'buffer>(
    tcp: &TcpStream,
    buffer: &'buffer mut [MaybeUninit<u8>],
) -> io::Result<&'buffer [u8]> {
    let room = buffer.len();
    let mut taken = None;
    let outcome = tcp.try_io(Interest::READABLE, || {
        // recv(2) is cheaper on a socket than read(2).
        let ((bytes, _), _) = rustix::net::recv(tcp, buffer, RecvFlags::empty())?;
        let short = !bytes.is_empty() && bytes.len() < room;
        taken = Some(&*bytes);
        if short {
            // The socket is empty. Saying so here clears tokio's readiness, and
            // saves the read that would only find that out (as tokio's own does).
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(())
    });
    match taken {
        Some(bytes) => Ok(bytes),
        None => Err(outcome
            .err()
            .unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into())),
    }
}

/// Says that nothing more will be sent; a socket that is already gone is fine.
pub(super) fn shutdown_write(tcp: &TcpStream) -> io::Result<()> {
    match rustix::net::shutdown(tcp, Shutdown::Write) {
        Err(rustix::io::Errno::NOTCONN) => Ok(()),
        outcome => Ok(outcome?),
    }
}

pub(super) fn is_transient(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
