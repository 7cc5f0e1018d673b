//! Heads of HTTP/1 requests, as text for a [`Connection`](crate::client::Connection).

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};

/// A request's head in the making.
#[derive(Clone, Debug)]
pub struct Request {
    method: String,
    path: String,
    version: &'static str,
    fields: String,
}

/// An id that no other request of this process has, to find it on the log.
#[must_use]
pub fn new_id(of: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    // A full stop ends it, so that none is the beginning of another.
    format!("{of}-{}.", NEXT.fetch_add(1, Ordering::Relaxed))
}

// === impl Request ===

impl Request {
    /// A request by HTTP/1.1.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            version: "HTTP/1.1",
            fields: String::new(),
        }
    }

    /// A GET.
    #[must_use]
    pub fn get(path: &str) -> Self {
        Self::new("GET", path)
    }

    /// A POST of so many bytes.
    #[must_use]
    pub fn post(path: &str, length: usize) -> Self {
        Self::new("POST", path).field("Content-Length", &length.to_string())
    }

    /// A POST in chunks.
    #[must_use]
    pub fn post_chunked(path: &str) -> Self {
        Self::new("POST", path).field("Transfer-Encoding", "chunked")
    }

    /// The same by HTTP/1.0.
    #[must_use]
    pub const fn by_http_1_0(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// With an id to find it by.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        self.field("X-Request-Id", id)
    }

    /// With one more field.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        let _ = write!(self.fields, "{name}: {value}\r\n");
        self
    }

    /// The head, with its empty line.
    #[must_use]
    pub fn head(&self) -> String {
        let Self {
            method,
            path,
            version,
            fields,
        } = self;
        format!("{method} {path} {version}\r\nHost: test.example\r\n{fields}\r\n")
    }
}

/// One chunk of a chunked body; an empty one is the last.
#[must_use]
pub fn chunk(bytes: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
