//! An HTTP/2 client with prior knowledge that decides itself when it reads, and how much.
//!
//! What was received is given back to the peer's window only when it is taken from
//! [`Stream::chunk`]: a stream that is not asked for its chunks stalls.

use std::net::SocketAddr;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Request, Response};
use tokio::runtime::Runtime;

use crate::PATIENCE;

/// One connection; dropped is closed.
pub struct Connection {
    runtime: Runtime,
    sender: SendRequest<Bytes>,
    authority: SocketAddr,
}

/// One request on a connection.
pub struct Stream<'a> {
    runtime: &'a Runtime,
    upload: SendStream<Bytes>,
    response: Option<ResponseFuture>,
    body: Option<RecvStream>,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyEnd {
    /// As its sender meant it to.
    Complete,
    /// The stream was reset, or its connection closed.
    Broken,
}

// === impl Connection ===

impl Connection {
    /// Connects.
    ///
    /// # Panics
    ///
    /// When nobody listens, or it does not speak HTTP/2.
    #[must_use]
    pub fn open(address: SocketAddr) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a tokio runtime");
        let sender = runtime.block_on(async {
            let socket = tokio::net::TcpStream::connect(address)
                .await
                .expect("the node listens");
            let (sender, connection) = h2::client::handshake(socket)
                .await
                .expect("the node speaks HTTP/2");
            // What ends it is seen on its streams.
            tokio::spawn(connection);
            sender
        });
        Self {
            runtime,
            sender,
            authority: address,
        }
    }

    /// Sends a request without a body.
    pub fn get(&self, path: &str, fields: &[(&str, &str)]) -> Stream<'_> {
        self.request("GET", path, fields, true)
    }

    /// Sends a request whose body follows.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Stream<'_> {
        self.request("POST", path, fields, false)
    }

    /// Sends a request's head, and says whether that is all of it.
    ///
    /// # Panics
    ///
    /// When the connection is over.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        ends: bool,
    ) -> Stream<'_> {
        self.try_request(method, path, fields, ends)
            .expect("the connection goes on")
    }

    /// As [`Self::request`], on a connection that may take no more of them.
    ///
    /// # Errors
    ///
    /// When it does not.
    ///
    /// # Panics
    ///
    /// When nothing happens at all.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        ends: bool,
    ) -> Result<Stream<'_>, h2::Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.authority));
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a test's request is one");
        let mut sender = self.sender.clone();
        let (response, upload) = self.runtime.block_on(async {
            within(std::future::poll_fn(|context| sender.poll_ready(context))).await?;
            sender.send_request(request, ends)
        })?;
        Ok(Stream {
            runtime: &self.runtime,
            upload,
            response: Some(response),
            body: None,
        })
    }
}

// === impl Stream ===

impl Stream<'_> {
    /// The answer's head.
    ///
    /// # Panics
    ///
    /// When there is none; [`Self::try_head`] is for who expects that.
    pub fn head(&mut self) -> Response<()> {
        self.try_head().expect("an answer has a head")
    }

    /// The answer's head.
    ///
    /// # Errors
    ///
    /// When the stream ends before it.
    ///
    /// # Panics
    ///
    /// When it was asked for before, or nothing happens at all.
    pub fn try_head(&mut self) -> Result<Response<()>, h2::Error> {
        let response = self.response.take().expect("a head is read once");
        let response = self.runtime.block_on(within(response))?;
        let (parts, body) = response.into_parts();
        self.body = Some(body);
        Ok(Response::from_parts(parts, ()))
    }

    /// Sends a part of the request's body, all of it by the time it returns or as the peer reads.
    ///
    /// # Panics
    ///
    /// When the stream is over.
    pub fn send(&mut self, bytes: impl Into<Bytes>, ends: bool) {
        self.upload
            .send_data(bytes.into(), ends)
            .expect("the stream goes on");
    }

    /// Gives the stream up.
    pub fn reset(mut self) {
        self.upload.send_reset(Reason::CANCEL);
    }

    /// The next bytes of the body, as one DATA frame brought them; `Err` is its end.
    ///
    /// # Errors
    ///
    /// The end of the body.
    ///
    /// # Panics
    ///
    /// When nothing happens at all.
    pub fn chunk(&mut self) -> Result<Bytes, BodyEnd> {
        if self.body.is_none() {
            let _ = self.try_head().map_err(|_| BodyEnd::Broken)?;
        }
        let body = self.body.as_mut().expect("a head has a body");
        match self.runtime.block_on(within(body.data())) {
            None => Err(BodyEnd::Complete),
            Some(Err(_)) => Err(BodyEnd::Broken),
            Some(Ok(bytes)) => {
                // A stream that is over has no window any more.
                let _ = body.flow_control().release_capacity(bytes.len());
                Ok(bytes)
            }
        }
    }

    /// Waits until the stream is broken, without taking a byte.
    ///
    /// # Panics
    ///
    /// When nothing happens at all.
    pub fn await_break(&mut self) -> BodyEnd {
        let upload = &mut self.upload;
        let broken = std::future::poll_fn(|context| upload.poll_reset(context));
        let _ = self.runtime.block_on(within(broken));
        BodyEnd::Broken
    }

    /// Reads on until what came ends with `text`, and returns it.
    ///
    /// # Panics
    ///
    /// When the body ends before.
    pub fn read_to(&mut self, text: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(text.as_bytes()) {
            match self.chunk() {
                Ok(bytes) => read.extend_from_slice(&bytes),
                Err(end) => panic!("{end:?} after {:?}", String::from_utf8_lossy(&read)),
            }
        }
        String::from_utf8_lossy(&read).into_owned()
    }

    /// The rest of the body, and how it ended.
    pub fn rest(&mut self) -> (Vec<u8>, BodyEnd) {
        let mut read = Vec::new();
        loop {
            match self.chunk() {
                Ok(bytes) => read.extend_from_slice(&bytes),
                Err(end) => return (read, end),
            }
        }
    }
}

async fn within<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(PATIENCE, event)
        .await
        .unwrap_or_else(|_| panic!("nothing came for {PATIENCE:?}"))
}
