//! A raw HTTP/1 client over a blocking socket: reads as slowly as it likes, hangs up, sends anything.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;

use crate::PATIENCE;

/// One connection.
pub struct Connection {
    stream: TcpStream,
    /// Read and not yet taken.
    buffer: Vec<u8>,
}

/// A response's head.
#[derive(Clone, Debug)]
pub struct Head {
    /// The status code.
    pub status: u16,
    /// `HTTP/1.1` and the like.
    pub version: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
}

/// A response read to its end.
#[derive(Clone, Debug)]
pub struct Response {
    /// Its head.
    pub head: Head,
    /// Its body, without framing.
    pub body: Vec<u8>,
    /// How the body ended.
    pub end: BodyEnd,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// By its length, or its last chunk.
    Complete,
    /// By an orderly close, which completes a body without length and breaks any other.
    Closed,
    /// The connection was reset.
    Reset,
}

/// Sends each of these heads on a connection of its own, all at once; the answers as they come.
///
/// # Panics
///
/// When nobody listens.
#[must_use]
pub fn send_at_once(address: SocketAddr, heads: Vec<String>) -> mpsc::Receiver<Response> {
    let (answered, answers) = mpsc::channel();
    for head in heads {
        let answered = answered.clone();
        std::thread::spawn(move || {
            let mut connection = Connection::open(address);
            connection.send(head);
            // The test may have seen enough.
            let _ = answered.send(connection.response());
        });
    }
    answers
}

// === impl Connection ===

impl Connection {
    /// Connects.
    ///
    /// # Panics
    ///
    /// When nobody listens.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        Self::try_open(address).expect("the node listens")
    }

    /// As [`Self::open`], where perhaps nobody listens.
    ///
    /// # Panics
    ///
    /// When it cannot be set up.
    #[must_use]
    pub fn try_open(address: SocketAddr) -> Option<Self> {
        let stream = TcpStream::connect(address).ok()?;
        stream.set_nodelay(true).expect("a connected socket");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a connected socket");
        Some(Self {
            stream,
            buffer: Vec::new(),
        })
    }

    /// Sends bytes as they are.
    ///
    /// # Panics
    ///
    /// When the node has closed.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the node reads");
    }

    /// As [`Self::send`], for a node that may have closed.
    ///
    /// # Errors
    ///
    /// When it has.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Closes the sending half.
    pub fn finish_sending(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Closes with a reset instead of an orderly close.
    pub fn reset(self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket
            .set_linger(Some(std::time::Duration::ZERO))
            .expect("a connected socket");
    }

    /// The socket itself.
    #[must_use]
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Reads the next head; 1xx heads are returned, too.
    ///
    /// # Panics
    ///
    /// When none comes, or it is not one.
    #[must_use]
    pub fn head(&mut self) -> Head {
        let end = self.read_until(b"\r\n\r\n");
        let text = String::from_utf8(self.take(end)).expect("a head is text");
        Head::parse(&text)
    }

    /// Reads on until `text` has come, and returns all up to and with it.
    ///
    /// # Panics
    ///
    /// When the connection ends before.
    #[must_use]
    pub fn read_past(&mut self, text: &str) -> String {
        let end = self.read_until(text.as_bytes());
        String::from_utf8_lossy(&self.take(end)).into_owned()
    }

    /// Reads so many bytes, framing and all.
    ///
    /// # Panics
    ///
    /// When the connection ends before.
    #[must_use]
    pub fn read_bytes(&mut self, count: usize) -> Vec<u8> {
        let (bytes, end) = self.exactly(count);
        assert_eq!(end, BodyEnd::Complete, "after {} bytes", bytes.len());
        bytes
    }

    /// Reads one response to its end, as the answer to a request that may have a body.
    ///
    /// # Panics
    ///
    /// When no head comes.
    #[must_use]
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// As [`Self::response`], where the connection may end before the answer's first byte.
    ///
    /// # Panics
    ///
    /// When it ends within its head.
    #[must_use]
    pub fn try_response(&mut self) -> Option<Response> {
        while self.buffer.is_empty() {
            match self.fill() {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    let _reset = reset_or_panic(&error);
                    return None;
                }
            }
        }
        Some(self.response())
    }

    /// As [`Self::response`], for the answer to this method.
    ///
    /// # Panics
    ///
    /// When no head comes.
    #[must_use]
    pub fn response_to(&mut self, method: &str) -> Response {
        let mut head = self.head();
        while head.status == 100 {
            head = self.head();
        }
        let (body, end) = self.body(&head, method);
        Response { head, body, end }
    }

    /// Reads to the end of the connection; what came, and whether it was reset.
    pub fn rest(&mut self) -> (Vec<u8>, BodyEnd) {
        loop {
            match self.fill() {
                Ok(0) => return (std::mem::take(&mut self.buffer), BodyEnd::Closed),
                Ok(_) => {}
                Err(error) => return (std::mem::take(&mut self.buffer), reset_or_panic(&error)),
            }
        }
    }

    /// Reads the body behind a head to its end, as the answer to this method.
    ///
    /// # Panics
    ///
    /// When it is not framed as the head says.
    pub fn body(&mut self, head: &Head, method: &str) -> (Vec<u8>, BodyEnd) {
        let has_none = method == "HEAD" || matches!(head.status, 100..=199 | 204 | 304);
        if has_none {
            return (Vec::new(), BodyEnd::Complete);
        }
        if head.header("transfer-encoding") == Some("chunked") {
            return self.chunked();
        }
        match head.header("content-length") {
            Some(length) => self.exactly(length.parse().expect("a length is a number")),
            None => self.rest(),
        }
    }

    fn exactly(&mut self, length: usize) -> (Vec<u8>, BodyEnd) {
        while self.buffer.len() < length {
            match self.fill() {
                Ok(0) => return (std::mem::take(&mut self.buffer), BodyEnd::Closed),
                Ok(_) => {}
                Err(error) => return (std::mem::take(&mut self.buffer), reset_or_panic(&error)),
            }
        }
        (self.take(length), BodyEnd::Complete)
    }

    fn chunked(&mut self) -> (Vec<u8>, BodyEnd) {
        let mut body = Vec::new();
        loop {
            let line = match self.try_read_until(b"\r\n") {
                Ok(end) => self.take(end),
                Err(end) => return (body, end),
            };
            let line = String::from_utf8(line).expect("a chunk's size is text");
            let size = usize::from_str_radix(line.trim_end(), 16).expect("a chunk's size");
            let (chunk, end) = self.exactly(size + 2);
            if end != BodyEnd::Complete {
                body.extend_from_slice(&chunk);
                return (body, end);
            }
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                return (body, BodyEnd::Complete);
            }
        }
    }

    fn read_until(&mut self, pattern: &[u8]) -> usize {
        match self.try_read_until(pattern) {
            Ok(end) => end,
            Err(end) => panic!(
                "{end:?} before {:?}; read {:?}",
                String::from_utf8_lossy(pattern),
                String::from_utf8_lossy(&self.buffer)
            ),
        }
    }

    fn try_read_until(&mut self, pattern: &[u8]) -> Result<usize, BodyEnd> {
        loop {
            if let Some(end) = find_past(&self.buffer, pattern) {
                return Ok(end);
            }
            match self.fill() {
                Ok(0) => return Err(BodyEnd::Closed),
                Ok(_) => {}
                Err(error) => return Err(reset_or_panic(&error)),
            }
        }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 64 * 1024];
        let count = self.stream.read(&mut piece)?;
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(count)
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.buffer.split_off(count);
        std::mem::replace(&mut self.buffer, rest)
    }
}

/// Where `pattern` ends in `buffer`. A chunk may begin anywhere in it: a guest's slice may end
/// between two of its writes.
fn find_past(buffer: &[u8], pattern: &[u8]) -> Option<usize> {
    (0..buffer.len()).find_map(|start| {
        let mut at = start;
        for wanted in pattern {
            if buffer.get(at) != Some(wanted) {
                at += chunk_head(buffer.get(at..)?)?;
            }
            if buffer.get(at) != Some(wanted) {
                return None;
            }
            at += 1;
        }
        Some(at)
    })
}

/// How long the end of one chunk and the size of the next are, if `bytes` begin with them.
fn chunk_head(bytes: &[u8]) -> Option<usize> {
    let size = bytes.strip_prefix(b"\r\n")?;
    let digits = size
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let is_whole = digits > 0 && size[digits..].starts_with(b"\r\n");
    is_whole.then_some(2 + digits + 2)
}

/// A time-out is a hang, which no test may take for an ending.
fn reset_or_panic(error: &io::Error) -> BodyEnd {
    match error.kind() {
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => BodyEnd::Reset,
        _ => panic!("nothing came for {PATIENCE:?}: {error}"),
    }
}

// === impl Head ===

impl Head {
    /// The first header of that name, which is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(other, _)| other == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every header of that name, in order.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(other, _)| other == name);
        named.map(|(_, value)| value.as_str())
    }

    fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let status_line = lines.next().expect("a status line");
        let mut words = status_line.splitn(3, ' ');
        let version = words.next().expect("a version").to_owned();
        let status = words
            .next()
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("no status in {status_line:?}"));
        let headers = lines
            .take_while(|line| !line.is_empty())
            .map(|line| {
                let (name, value) = line.split_once(':').expect("a header has a colon");
                (name.to_ascii_lowercase(), value.trim().to_owned())
            })
            .collect();
        Self {
            status,
            version,
            headers,
        }
    }
}

// === impl Response ===

impl Response {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}
