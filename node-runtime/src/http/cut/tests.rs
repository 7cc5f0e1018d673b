//! A cut reaches a client that reads nothing, and nothing else.

use std::io::ErrorKind;

use bytes::Bytes;
use h2::Reason;
use http::{Request, Response};
use tokio::sync::mpsc;

use crate::http::testing::{Pipe, Served, pipe, read_all, read_to, send, serve, soon};
use crate::http::{Config, Cut};

/// Answers with a pipe each, and gives the test its other end and the cut.
fn piped() -> (Served, mpsc::UnboundedReceiver<(Pipe, Cut)>) {
    let (calls, called) = mpsc::unbounded_channel();
    let served = serve(Config::default(), move |_, exchange| {
        let (pipe, body) = pipe();
        calls.send((pipe, exchange.cut)).expect("the test listens");
        async move { Response::new(body) }
    });
    (served, called)
}

/// Sends until hyper takes no more, which is when the client's side is full.
async fn fill(pipe: &Pipe) {
    let block = Bytes::from(vec![b'x'; 1 << 20]);
    while pipe.try_send(Ok(block.clone())).is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_http1_client_that_stalls_is_reset() {
    let (served, mut called) = piped();
    let mut client = served.connect().await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let (pipe, cut) = soon(called.recv()).await.expect("called");
    fill(&pipe).await;
    cut.now();
    soon(pipe.closed()).await;
    let (_, end) = read_all(&mut client).await;
    assert_eq!(end.expect_err("reset").kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn the_cut_of_an_answer_that_is_complete_does_nothing() {
    let (served, mut called) = piped();
    let mut client = served.connect().await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
    send(&mut client, request).await;
    let (pipe, first_cut) = soon(called.recv()).await.expect("called");
    drop(pipe);
    read_to(&mut client, "0\r\n\r\n").await;
    first_cut.now();
    send(&mut client, request).await;
    let (pipe, _) = soon(called.recv()).await.expect("the connection lives");
    first_cut.now();
    pipe.try_send(Ok(Bytes::from_static(b"second")))
        .expect("room");
    drop(pipe);
    read_to(&mut client, "6\r\nsecond\r\n0\r\n\r\n").await;
}

#[tokio::test]
async fn an_http2_stream_that_stalls_is_reset_and_the_others_go_on() {
    let (served, mut called) = piped();
    let (mut client, connection) = h2::client::Builder::new()
        .initial_connection_window_size(1 << 20)
        .handshake::<_, Bytes>(served.connect().await)
        .await
        .expect("h2");
    let _connection = tokio::spawn(connection);
    let mut open = Vec::new();
    for _ in 0..2 {
        client = client.ready().await.expect("ready");
        let request = Request::get("http://a/").body(()).expect("valid");
        let (answer, _) = client.send_request(request, true).expect("sent");
        let (pipe, cut) = soon(called.recv()).await.expect("called");
        let body = soon(answer).await.expect("answered").into_body();
        open.push((pipe, cut, body));
    }
    let (other_pipe, _, mut other) = open.pop().expect("two");
    let (pipe, cut, mut stalled) = open.pop().expect("two");
    // No window is given back: the stream's 64 KiB fill, and more is queued.
    fill(&pipe).await;
    cut.now();
    soon(pipe.closed()).await;
    let reset = loop {
        match soon(stalled.data()).await.expect("not a clean end") {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(reset.reason(), Some(Reason::CANCEL));
    other_pipe
        .try_send(Ok(Bytes::from_static(b"alive")))
        .expect("room");
    assert_eq!(
        soon(other.data()).await.expect("data").expect("whole"),
        "alive"
    );
}
