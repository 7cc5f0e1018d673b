//! How a connection's socket is closed once hyper is done with it.
//!
//! Closing a socket that holds unread bytes makes the kernel send a reset, and a
//! reset may destroy an answer that the client has not read yet. So a client
//! that may still be sending is read and ignored for a while; and where a reset
//! is wanted, it waits until what was written is on its way.

use std::io;
use std::mem::MaybeUninit;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::io::{is_transient, read, shutdown_write};

/// Reads and drops until the client closes, has sent `left` bytes, or `time` is over.
pub(super) async fn drain(tcp: &TcpStream, mut left: u64, time: Duration) -> io::Result<()> {
    shutdown_write(tcp)?;
    let drained = tokio::time::timeout(time, async {
        loop {
            tcp.readable().await?;
            // Inside the loop, or every connection would carry it along.
            let mut buffer = [MaybeUninit::<u8>::uninit(); 16 * 1024];
            match read(tcp, &mut buffer) {
                Ok([]) => return Ok(()),
                Ok(bytes) => {
                    left = left.saturating_sub(bytes.len() as u64);
                    if left == 0 {
                        return Ok(());
                    }
                }
                Err(error) if is_transient(&error) => {}
                Err(error) => return Err(error),
            }
        }
    });
    drained.await.unwrap_or(Ok(()))
}

/// Whether bytes wait that nobody read.
pub(super) fn has_unread(tcp: &TcpStream) -> bool {
    rustix::io::ioctl_fionread(tcp).is_ok_and(|count| count > 0)
}

/// Makes the close to come a reset, which discards what was not sent.
pub(super) fn reset(tcp: &TcpStream) {
    // It can only fail on a socket that is gone, which is what is wanted.
    let _ = tcp.set_zero_linger();
}

/// As [`reset`], once all that was written is sent, or `time` is over.
pub(super) async fn reset_when_sent(tcp: &TcpStream, time: Duration) {
    // A socket with this option is writable only when it has nothing to send.
    let armed = socket2::SockRef::from(tcp).set_tcp_notsent_lowat(1);
    if armed.is_ok() {
        let _ = tokio::time::timeout(time, all_sent(tcp)).await;
    }
    reset(tcp);
}

async fn all_sent(tcp: &TcpStream) -> io::Result<()> {
    loop {
        tcp.writable().await?;
        let sent = tcp.try_io(Interest::WRITABLE, || {
            let mut descriptor = [PollFd::new(tcp, PollFlags::OUT)];
            // tokio's readiness is from before the option. Asking the kernel
            // also makes it report when the answer changes.
            rustix::event::poll(&mut descriptor, Some(&rustix::event::Timespec::default()))?;
            if descriptor[0].revents().is_empty() {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(())
        });
        match sent {
            Err(error) if is_transient(&error) => {}
            outcome => return outcome,
        }
    }
}
