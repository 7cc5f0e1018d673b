//! A client that takes nothing is cut off by its route's limit; one that reads on is not.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use http::{Request, Response};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::http::testing::{Pipe, Served, pipe, read_all, read_to, send, serve, soon};
use crate::http::{Config, Scope};

const LIMIT: Duration = Duration::from_millis(200);
const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// Answers with a pipe whose other end the test gets, within the limit.
fn piped() -> (Served, mpsc::UnboundedReceiver<(Pipe, Weak<Scope>)>) {
    let (calls, called) = mpsc::unbounded_channel();
    let served = serve(Config::default(), move |_, exchange| {
        exchange.scope.limit_stall(LIMIT);
        let (pipe, body) = pipe();
        let call = (pipe, Arc::downgrade(&exchange.scope));
        calls.send(call).expect("the test listens");
        async move { Response::new(body) }
    });
    (served, called)
}

/// A client whose kernel takes next to nothing for it.
async fn small_client(served: &Served) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(2048).expect("a size");
    socket.connect(served.address).await.expect("it listens")
}

/// Waits until a connection is over.
async fn over(scope: &Weak<Scope>) {
    soon(async {
        while scope.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_an_answer_that_is_over_is_reset_and_a_reader_is_not() {
    let (served, mut called) = piped();
    for length in [40_000, 150_000] {
        let mut reader = served.connect().await;
        send(&mut reader, GET).await;
        let (pipe, reads) = soon(called.recv()).await.expect("called");
        pipe.try_send(Ok(Bytes::from(vec![b'x'; length])))
            .expect("room");
        drop(pipe);
        read_to(&mut reader, "0\r\n\r\n").await;

        let mut stalled = small_client(&served).await;
        send(&mut stalled, GET).await;
        let (pipe, stalls) = soon(called.recv()).await.expect("called");
        pipe.try_send(Ok(Bytes::from(vec![b'x'; length])))
            .expect("room");
        drop(pipe);
        over(&stalls).await;
        // What its kernel holds it may still read.
        let (read, end) = read_all(&mut stalled).await;
        assert!(read.len() < length, "{} bytes", read.len());
        end.expect_err("reset");

        assert!(reads.strong_count() > 0, "the reader was asked for nothing");
        send(&mut reader, GET).await;
        drop(soon(called.recv()).await.expect("called"));
        read_to(&mut reader, "0\r\n\r\n").await;
    }
}

#[tokio::test]
async fn an_http2_stream_whose_client_takes_nothing_is_reset_and_the_others_go_on() {
    let (served, mut called) = piped();
    let mut builder = h2::client::Builder::new();
    builder.initial_window_size(1000);
    let handshake = builder.handshake::<_, Bytes>(served.connect().await);
    let (client, connection) = handshake.await.expect("h2");
    let _connection = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let request = || Request::get("http://a/").body(()).expect("valid");

    // One waits for its guest and owes its client nothing.
    let (quiet, _) = client.send_request(request(), true).expect("sent");
    let (quiet_pipe, _) = soon(called.recv()).await.expect("called");
    let mut quiet = soon(quiet).await.expect("answered").into_body();
    client = client.ready().await.expect("ready");
    let (stalled, _) = client.send_request(request(), true).expect("sent");
    let (pipe, _) = soon(called.recv()).await.expect("called");
    pipe.try_send(Ok(Bytes::from(vec![b'x'; 40_000])))
        .expect("room");
    drop(pipe);
    let mut stalled = soon(stalled).await.expect("answered").into_body();
    let first = soon(stalled.data()).await.expect("data").expect("whole");
    assert_eq!(first.len(), 1000, "as much as it has room for");
    let error = soon(stalled.data())
        .await
        .expect("an end")
        .expect_err("a reset");
    assert!(error.is_reset(), "{error}");

    let late = Bytes::from_static(b"late");
    quiet_pipe.send(Ok(late.clone())).await.expect("taken");
    drop(quiet_pipe);
    assert_eq!(
        soon(quiet.data()).await.expect("data").expect("whole"),
        late
    );
}

#[test]
fn a_limit_is_never_none() {
    let stall = Stall::default();
    assert_eq!(stall.limit(), None);
    stall.set_limit(Duration::ZERO);
    assert_eq!(stall.limit(), Some(Duration::from_millis(1)));
}
