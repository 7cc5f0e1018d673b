//! What the tests of this room share: a served closure and raw clients.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{BoxError, Config, Connections, Exchange, Service, Upload, server};

type Answering = Pin<Box<dyn Future<Output = Response<Piped>> + Send>>;

/// A service made of a closure.
#[derive(Clone)]
pub(super) struct Closure(Arc<dyn Fn(Request<Upload>, Exchange) -> Answering + Send + Sync>);

impl Service for Closure {
    type Body = Piped;

    async fn call(&self, request: Request<Upload>, exchange: Exchange) -> Response<Piped> {
        (self.0)(request, exchange).await
    }
}

/// A body fed through a channel; its sender learns when it is dropped.
pub(super) struct Piped(mpsc::Receiver<Result<Bytes, BoxError>>);

pub(super) type Pipe = mpsc::Sender<Result<Bytes, BoxError>>;

impl Body for Piped {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.0
            .poll_recv(context)
            .map(|item| item.map(|item| item.map(Frame::data)))
    }
}

pub(super) fn pipe() -> (Pipe, Piped) {
    let (sender, receiver) = mpsc::channel(64);
    (sender, Piped(receiver))
}

/// An answer that is complete from the start.
pub(super) fn text(text: &'static str) -> Response<Piped> {
    let (pipe, body) = pipe();
    pipe.try_send(Ok(Bytes::from_static(text.as_bytes())))
        .expect("the pipe is empty");
    Response::new(body)
}

/// Resolves when its twin is dropped.
pub(super) fn dropped() -> (oneshot::Sender<()>, impl Future<Output = ()>) {
    let (held, gone) = oneshot::channel::<()>();
    (held, async move {
        let _ = gone.await;
    })
}

/// A server under test; it stops when told, or when dropped.
pub(super) struct Served {
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

pub(super) fn closure<F, A>(answer: F) -> Closure
where
    F: Fn(Request<Upload>, Exchange) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Piped>> + Send + 'static,
{
    Closure(Arc::new(move |request, exchange| {
        Box::pin(answer(request, exchange))
    }))
}

pub(super) fn serve<F, A>(config: Config, answer: F) -> Served
where
    F: Fn(Request<Upload>, Exchange) -> A + Send + Sync + 'static,
    A: Future<Output = Response<Piped>> + Send + 'static,
{
    let listener = server::bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("loopback binds");
    let address = listener.local_addr().expect("it is bound");
    let (stop, stopped) = oneshot::channel();
    let service = closure(answer);
    let stopped = async {
        let _ = stopped.await;
    };
    let open = Connections::default();
    let task = tokio::spawn(async move {
        server::run(listener, stopped, config, open, service).await;
    });
    Served {
        address,
        stop: Some(stop),
        task,
    }
}

impl Served {
    pub(super) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.expect("it listens")
    }

    pub(super) fn stop(&mut self) {
        drop(self.stop.take());
    }

    pub(super) async fn stopped(mut self) {
        self.stop();
        soon(&mut self.task)
            .await
            .expect("the server does not panic");
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Waits for an event that must happen; the bound only ends a test that failed.
pub(super) async fn soon<F: Future>(event: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), event)
        .await
        .expect("it happens")
}

/// Writes all of `bytes`.
pub(super) async fn send(client: &mut TcpStream, bytes: impl AsRef<[u8]>) {
    client.write_all(bytes.as_ref()).await.expect("it is taken");
}

/// Reads until what was read ends with `end`; returns all of it.
pub(super) async fn read_to(client: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    soon(async {
        while !read.ends_with(end.as_bytes()) {
            match client.read_u8().await {
                Ok(byte) => read.push(byte),
                Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&read)),
            }
        }
    })
    .await;
    String::from_utf8(read).expect("the answer is text")
}

/// Reads to the end; returns it with how it ended.
pub(super) async fn read_all(client: &mut TcpStream) -> (Vec<u8>, std::io::Result<()>) {
    let mut read = Vec::new();
    let end = soon(client.read_to_end(&mut read)).await;
    (read, end.map(drop))
}
