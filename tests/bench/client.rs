//! A raw HTTP/1 client that notes when what came.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::server::Server;

/// Longer than anything takes that is not hung.
const PATIENCE: Duration = Duration::from_secs(60);

/// When the bytes of one answer came.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From the request to the first byte behind the head.
    pub first: Duration,
    /// From the request to the end.
    pub total: Duration,
    /// Bytes on the wire, head and framing included.
    pub bytes: u64,
}

/// Connects.
pub fn connect(address: SocketAddr) -> anyhow::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A request whose answer ends with the connection.
pub fn last_get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bench.example\r\nConnection: close\r\n\r\n")
}

/// A request that may be followed by others.
pub fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: bench.example\r\n\r\n")
}

/// Asks once on a connection of its own, and reads to the end.
pub fn ask(address: SocketAddr, path: &str) -> anyhow::Result<Timing> {
    let mut stream = connect(address)?;
    let start = Instant::now();
    stream.write_all(last_get(path).as_bytes())?;
    read_to_end(&mut stream, start)
}

/// Reads an answer that ends with the connection.
pub fn read_to_end(stream: &mut TcpStream, start: Instant) -> anyhow::Result<Timing> {
    let mut buffer = vec![0; 256 * 1024];
    let mut head = Vec::new();
    let mut first = None;
    let mut bytes = 0;
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            break;
        }
        bytes += count as u64;
        if first.is_none() {
            head.extend_from_slice(&buffer[..count]);
            let end = find(&head, b"\r\n\r\n");
            if end.is_some_and(|end| end < head.len()) {
                first = Some(start.elapsed());
            }
        }
    }
    ensure!(
        head.starts_with(b"HTTP/1.1 200"),
        "answered {:?}",
        String::from_utf8_lossy(&head[..head.len().min(200)])
    );
    Ok(Timing {
        first: first.context("it has a body")?,
        total: start.elapsed(),
        bytes,
    })
}

/// Reads until `text` has come, wherever it stands.
pub fn read_past(stream: &mut TcpStream, text: &[u8]) -> anyhow::Result<()> {
    let mut seen = Vec::new();
    let mut buffer = [0; 4096];
    while find(&seen, text).is_none() {
        let count = stream.read(&mut buffer)?;
        ensure!(
            count > 0,
            "ended before {:?}: {:?}",
            String::from_utf8_lossy(text),
            String::from_utf8_lossy(&seen)
        );
        seen.extend_from_slice(&buffer[..count]);
    }
    Ok(())
}

/// Where `pattern` ends in `bytes`.
pub fn find(bytes: &[u8], pattern: &[u8]) -> Option<usize> {
    let mut windows = bytes.windows(pattern.len());
    windows
        .position(|window| window == pattern)
        .map(|start| start + pattern.len())
}

/// Times, in ms, of so many small answers one after the other on one connection.
pub fn small_answers(server: &Server, path: &str, count: usize) -> anyhow::Result<Vec<f64>> {
    let mut stream = connect(server.address())?;
    let request = get(path);
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        stream.write_all(request.as_bytes())?;
        read_past(&mut stream, b"hello\n")?;
        times.push(milliseconds(start.elapsed()));
    }
    Ok(times)
}

/// Bare's median time for a small answer, in ms: how disturbed the machine is.
pub fn calm(bare: &Server) -> anyhow::Result<f64> {
    let times = small_answers(bare, "/hello", 300)?;
    Ok(crate::rounds::p50_p99(times).0)
}

/// A duration in ms.
pub const fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
