//! An answer that breaks delivers its last byte first, and cannot look complete.

use std::io::ErrorKind;

use bytes::Bytes;
use h2::Reason;
use http::header::CONTENT_LENGTH;
use http::{Request, Response};
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;
use tokio::sync::mpsc;

use crate::http::Config;
use crate::http::testing::{Served, pipe, read_all, send, serve, soon};

/// Larger than every buffer of a reader that has not begun, on its way out.
const LARGE: usize = 9 << 20;

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// Answers with `length` bytes in pieces, and then breaks.
fn breaking(length: usize) -> Served {
    serve(Config::default(), move |request, _| async move {
        let (pipe, body) = pipe();
        tokio::spawn(async move {
            for piece in pattern(length).chunks(10_000) {
                let piece = Bytes::copy_from_slice(piece);
                if pipe.send(Ok(piece)).await.is_err() {
                    return;
                }
            }
            let _ = pipe.send(Err("the guest trapped".into())).await;
        });
        let mut response = Response::new(body);
        if request.uri().path() == "/known" {
            let promised = (length + 1).into();
            response.headers_mut().insert(CONTENT_LENGTH, promised);
        }
        response
    })
}

fn body_of(answer: &[u8]) -> &[u8] {
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n");
    &answer[head.expect("a head") + 4..]
}

/// Undoes chunking; also says whether the last chunk was there.
fn unchunk(mut body: &[u8]) -> (Vec<u8>, bool) {
    let mut data = Vec::new();
    while let Some(line) = body.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&body[..line]).expect("text");
        let size = usize::from_str_radix(size, 16).expect("a size");
        if size == 0 {
            return (data, true);
        }
        body = &body[line + 2..];
        data.extend_from_slice(&body[..size]);
        body = &body[size + 2..];
    }
    assert!(body.is_empty(), "cut inside a chunk");
    (data, false)
}

#[tokio::test]
async fn a_chunked_answer_breaks_after_its_last_byte_and_has_no_last_chunk() {
    for length in [0, 1, 100_000, LARGE] {
        let served = breaking(length);
        let mut client = served.connect().await;
        send(&mut client, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let (answer, end) = read_all(&mut client).await;
        end.expect("closed, not reset");
        let (data, is_complete) = unchunk(body_of(&answer));
        assert!(data == pattern(length), "{} of {length}", data.len());
        assert!(!is_complete);
    }
}

#[tokio::test]
async fn an_answer_of_known_length_breaks_after_its_last_byte_and_is_short() {
    for length in [0, 1, 100_000, LARGE] {
        let served = breaking(length);
        let mut client = served.connect().await;
        send(&mut client, "GET /known HTTP/1.1\r\nhost: a\r\n\r\n").await;
        let (answer, end) = read_all(&mut client).await;
        end.expect("closed, not reset");
        assert!(body_of(&answer) == pattern(length));
    }
}

#[tokio::test]
async fn an_answer_to_http_1_0_is_reset_after_its_last_byte() {
    for length in [0, 1, 100_000, LARGE] {
        let served = breaking(length);
        let mut client = served.connect().await;
        send(&mut client, "GET / HTTP/1.0\r\n\r\n").await;
        let (answer, end) = read_all(&mut client).await;
        assert_eq!(end.expect_err("reset").kind(), ErrorKind::ConnectionReset);
        let data = body_of(&answer);
        assert!(data == pattern(length), "{} of {length}", data.len());
    }
}

#[tokio::test]
async fn a_reader_that_takes_little_at_a_time_gets_everything_before_the_break() {
    for head in [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
    ] {
        let served = breaking(1 << 20);
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("set");
        let mut client = socket.connect(served.address).await.expect("connects");
        send(&mut client, head).await;
        let mut answer = Vec::new();
        let mut piece = [0; 700];
        let reset = loop {
            match soon(client.read(&mut piece)).await {
                Ok(0) => break false,
                Ok(count) => answer.extend_from_slice(&piece[..count]),
                Err(_) => break true,
            }
            tokio::task::yield_now().await;
        };
        let old = head.contains("1.0");
        assert_eq!(reset, old);
        let body = body_of(&answer);
        let data = if old { body.to_vec() } else { unchunk(body).0 };
        assert!(data == pattern(1 << 20), "{} bytes", data.len());
    }
}

#[tokio::test]
async fn an_http2_stream_is_reset_after_its_last_byte_however_late_the_window_opens() {
    for length in [0, 1, 100_000, 300_000] {
        let served = breaking(length);
        let (client, connection) = h2::client::handshake(served.connect().await)
            .await
            .expect("h2");
        let _connection = tokio::spawn(connection);
        let mut client = client.ready().await.expect("ready");
        let request = Request::get("http://a/").body(()).expect("valid");
        let (answer, _) = client.send_request(request, true).expect("sent");
        let mut body = soon(answer).await.expect("answered").into_body();
        let mut data = Vec::new();
        let reset = loop {
            match soon(body.data()).await.expect("not a clean end") {
                Ok(piece) => {
                    data.extend_from_slice(&piece);
                    // Flushes of other streams come between ours and its window.
                    let request = Request::get("http://a/").body(()).expect("valid");
                    client = client.ready().await.expect("ready");
                    let (other, _) = client.send_request(request, true).expect("sent");
                    drop(soon(other).await.expect("answered"));
                    let _ = body.flow_control().release_capacity(piece.len());
                }
                Err(error) => break error,
            }
        };
        assert!(data == pattern(length), "{} of {length}", data.len());
        assert_eq!(reset.reason(), Some(Reason::INTERNAL_ERROR));
    }
}

#[tokio::test]
async fn http2_holds_a_break_back_while_the_window_is_closed() {
    let (calls, mut called) = mpsc::unbounded_channel();
    let served = serve(Config::default(), move |_, _| {
        let (pipe, body) = pipe();
        calls.send(pipe).expect("the test listens");
        async move { Response::new(body) }
    });
    let (client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("h2");
    let _connection = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let request = Request::get("http://a/").body(()).expect("valid");
    let (answer, _) = client.send_request(request, true).expect("sent");
    let pipe = soon(called.recv()).await.expect("called");
    // More than the window, in one piece: its end is queued in h2, not sent.
    pipe.try_send(Ok(pattern(70_000).into())).expect("room");
    pipe.try_send(Err("the guest trapped".into()))
        .expect("room");
    let mut body = soon(answer).await.expect("answered").into_body();
    let mut data = Vec::new();
    while data.len() < 65_535 {
        let piece = soon(body.data())
            .await
            .expect("data")
            .expect("not yet broken");
        data.extend_from_slice(&piece);
    }
    // A round trip on the connection: h2 has flushed since.
    client = client.ready().await.expect("ready");
    let request = Request::get("http://a/").body(()).expect("valid");
    let (other, _) = client.send_request(request, true).expect("sent");
    soon(other).await.expect("answered");
    body.flow_control()
        .release_capacity(data.len())
        .expect("held");
    while let Some(Ok(piece)) = soon(body.data()).await {
        data.extend_from_slice(&piece);
    }
    assert!(data == pattern(70_000), "{} bytes", data.len());
}
