//! Reads a connection's first bytes, and tells HTTP/2 from HTTP/1 by them.
//!
//! hyper-util's own detection has no deadline; here the connection's clocks run
//! from the start. What was read is handed on, nothing is lost.

use std::io;
use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use tokio::net::TcpStream;

use super::frames::PREFACE;
use super::io::{is_transient, read};
use super::scope::Scope;

/// What the client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A head usually fits; more is left to hyper.
const READ: usize = 2048;

/// Waits for enough bytes to choose; `None` when the client left before.
pub(super) async fn choose(
    tcp: &TcpStream,
    scope: &Scope,
) -> io::Result<Option<(Protocol, Bytes)>> {
    let mut read_so_far = BytesMut::new();
    loop {
        tcp.readable().await?;
        let mut buffer = [MaybeUninit::<u8>::uninit(); READ];
        match read(tcp, &mut buffer) {
            Ok([]) => return Ok(None),
            Ok(bytes) => {
                scope.phases.bytes_came();
                read_so_far.extend_from_slice(bytes);
            }
            Err(error) if is_transient(&error) => continue,
            Err(error) => return Err(error),
        }
        if let Some(protocol) = judge(&read_so_far) {
            return Ok(Some((protocol, read_so_far.freeze())));
        }
    }
}

fn judge(bytes: &[u8]) -> Option<Protocol> {
    let compared = bytes.len().min(PREFACE.len());
    if bytes[..compared] != PREFACE[..compared] {
        Some(Protocol::Http1)
    } else if compared == PREFACE.len() {
        Some(Protocol::Http2)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_that_differs_from_the_preface_decides() {
        let check = |bytes: &[u8], expected| assert_eq!(judge(bytes), expected, "{bytes:?}");
        check(b"G", Some(Protocol::Http1));
        check(b"P", None);
        check(b"PO", Some(Protocol::Http1));
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", None);
        check(PREFACE, Some(Protocol::Http2));
        check(
            &[PREFACE.as_slice(), b"more"].concat(),
            Some(Protocol::Http2),
        );
        check(b"PRI * HTTP/1.1\r\n", Some(Protocol::Http1));
    }
}
