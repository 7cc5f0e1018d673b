//! Serving, and hang-up wherever the request is.

use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::http::Config;
use crate::http::testing::{dropped, pipe, read_all, read_to, send, serve, soon, text};

#[tokio::test]
async fn one_connection_answers_many_http1_requests_and_pipelined_ones() {
    let served = serve(Config::default(), |request, _| async move {
        assert_eq!(request.version(), Version::HTTP_11);
        let body = request.into_body().collect().await.expect("it is whole");
        let (pipe, answer) = pipe();
        pipe.try_send(Ok(body.to_bytes())).expect("room");
        Response::new(answer)
    });
    let mut client = served.connect().await;
    let request = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc";
    send(&mut client, request).await;
    assert!(
        read_to(&mut client, "3\r\nabc\r\n0\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 200")
    );
    send(&mut client, [request, request].concat()).await;
    read_to(&mut client, "3\r\nabc\r\n0\r\n\r\n").await;
    read_to(&mut client, "3\r\nabc\r\n0\r\n\r\n").await;
    drop(client);
    served.stopped().await;
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_served_on_the_same_port() {
    let served = serve(Config::default(), |request, exchange| async move {
        assert_eq!(request.version(), Version::HTTP_2);
        assert!(exchange.scope.peer().ip().is_loopback());
        text("hello")
    });
    let (mut client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("h2");
    let connection = tokio::spawn(connection);
    for _ in 0..2 {
        client = client.ready().await.expect("ready");
        let request = Request::get("http://a/").body(()).expect("valid");
        let (answer, _) = client.send_request(request, true).expect("sent");
        let mut body = soon(answer).await.expect("answered").into_body();
        let mut read = Vec::new();
        while let Some(data) = soon(body.data()).await {
            read.extend(data.expect("whole"));
        }
        assert_eq!(read, b"hello");
    }
    drop(client);
    soon(connection)
        .await
        .expect("no panic")
        .expect("a clean end");
    served.stopped().await;
}

/// A service that never answers and never reads; the receiver gets one item a call.
fn silent() -> (
    crate::http::testing::Served,
    mpsc::UnboundedReceiver<impl Future<Output = ()>>,
) {
    let (calls, called) = mpsc::unbounded_channel();
    let served = serve(Config::default(), move |request, _| {
        let (held, gone) = dropped();
        calls.send(gone).expect("the test listens");
        async move {
            let _request = request;
            let _held = held;
            std::future::pending().await
        }
    });
    (served, called)
}

#[tokio::test]
async fn a_client_that_closes_ends_a_service_that_left_a_megabyte_unread() {
    let (served, mut called) = silent();
    let mut client = served.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2000000\r\n\r\n";
    send(&mut client, head).await;
    let gone = soon(called.recv()).await.expect("called");
    // More than the kernel holds for a reader that does not read.
    send(&mut client, vec![b'x'; 1_000_000]).await;
    drop(client);
    soon(gone).await;
}

#[tokio::test]
async fn what_was_read_ahead_is_bounded_and_arrives_in_order() {
    let (calls, mut called) = mpsc::unbounded_channel();
    let served = serve(Config::default(), move |request, exchange| {
        let (go, wait) = tokio::sync::oneshot::channel();
        calls.send((go, exchange.scope)).expect("the test listens");
        async move {
            wait.await.expect("told");
            let body = request.into_body().collect().await.expect("whole");
            let (pipe, answer) = pipe();
            pipe.try_send(Ok(body.to_bytes())).expect("room");
            Response::new(answer)
        }
    });
    let mut client = served.connect().await;
    let upload: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    for _ in 0..2 {
        let head = format!(
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
            upload.len()
        );
        send(&mut client, head).await;
        let (go, scope) = soon(called.recv()).await.expect("called");
        let (mut reader, mut writer) = client.split();
        let answer = async {
            // Until it has taken all that it may.
            let ahead = || {
                scope
                    .shared
                    .ahead
                    .load(std::sync::atomic::Ordering::Relaxed)
            };
            while ahead() < 1 << 20 {
                tokio::task::yield_now().await;
            }
            assert!(ahead() < (1 << 20) + 65_536);
            go.send(()).expect("it waits");
            let mut answer = Vec::new();
            while !answer.ends_with(b"\r\n0\r\n\r\n") {
                reader.read_buf(&mut answer).await.expect("an answer");
            }
            assert_eq!(ahead(), 0);
            answer
        };
        let (sent, answer) = soon(async { tokio::join!(writer.write_all(&upload), answer) }).await;
        sent.expect("it is taken");
        let head = answer
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .expect("a head");
        let body = &answer[head + 4..answer.len() - 7];
        assert!(body.strip_prefix(b"2DC6C0\r\n") == Some(&upload[..]));
    }
}

#[tokio::test]
async fn a_client_that_aborts_ends_a_service_however_much_is_unread() {
    let (served, mut called) = silent();
    let mut client = served.connect().await;
    send(
        &mut client,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9000000\r\n\r\n",
    )
    .await;
    let gone = soon(called.recv()).await.expect("called");
    while client.try_write(&[b'x'; 65536]).is_ok() {}
    client.set_zero_linger().expect("set");
    drop(client);
    soon(gone).await;
}

#[tokio::test]
async fn a_client_that_closes_ends_a_service_although_pipelined_bytes_wait() {
    let (served, mut called) = silent();
    for abort in [false, true] {
        let mut client = served.connect().await;
        send(
            &mut client,
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n".repeat(10_000),
        )
        .await;
        let gone = soon(called.recv()).await.expect("called");
        if abort {
            client.set_zero_linger().expect("set");
        }
        drop(client);
        soon(gone).await;
        assert!(called.try_recv().is_err(), "no later request was begun");
    }
}

#[tokio::test]
async fn a_client_that_closes_its_sending_half_counts_as_gone() {
    let (served, mut called) = silent();
    let mut client = served.connect().await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let gone = soon(called.recv()).await.expect("called");
    client.shutdown().await.expect("shut down");
    soon(gone).await;
    assert_eq!(read_all(&mut client).await.0, b"");
}

#[tokio::test]
async fn an_http2_client_that_closes_ends_all_its_streams() {
    let (served, mut called) = silent();
    let (mut client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("h2");
    let connection = tokio::spawn(connection);
    let mut streams = Vec::new();
    let mut calls = Vec::new();
    for _ in 0..3 {
        client = client.ready().await.expect("ready");
        let request = Request::post("http://a/").body(()).expect("valid");
        let (answer, mut upload) = client.send_request(request, false).expect("sent");
        upload
            .send_data(Bytes::from(vec![b'x'; 200_000]), false)
            .expect("queued");
        streams.push((answer, upload));
        calls.push(soon(called.recv()).await.expect("called"));
    }
    connection.abort();
    for gone in calls {
        soon(gone).await;
    }
}

#[tokio::test]
async fn resetting_one_http2_stream_ends_its_service_and_no_other() {
    let (served, mut called) = silent();
    let (mut client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("h2");
    let _connection = tokio::spawn(connection);
    let mut open = Vec::new();
    for _ in 0..2 {
        client = client.ready().await.expect("ready");
        let request = Request::get("http://a/").body(()).expect("valid");
        let (answer, stream) = client.send_request(request, true).expect("sent");
        open.push((answer, stream, soon(called.recv()).await.expect("called")));
    }
    let (_second_answer, _second, second_gone) = open.pop().expect("two");
    let (_first_answer, mut first, first_gone) = open.pop().expect("two");
    let mut second_gone = Box::pin(second_gone);
    first.send_reset(h2::Reason::CANCEL);
    soon(first_gone).await;
    assert!(futures::poll!(&mut second_gone).is_pending());
}

#[tokio::test]
async fn a_client_that_closes_drops_a_body_that_waits_for_its_next_bytes() {
    let (calls, mut called) = mpsc::unbounded_channel();
    let served = serve(Config::default(), move |_, _| {
        let (pipe, body) = pipe();
        calls.send(pipe).expect("the test listens");
        async move { Response::new(body) }
    });
    let mut client = served.connect().await;
    send(&mut client, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let pipe = soon(called.recv()).await.expect("called");
    pipe.try_send(Ok(Bytes::from_static(b"first")))
        .expect("room");
    read_to(&mut client, "5\r\nfirst\r\n").await;
    assert!(!pipe.is_closed());
    drop(client);
    soon(pipe.closed()).await;
}

#[tokio::test]
async fn a_connection_costs_little_memory_of_its_own() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("bound");
    let address = listener.local_addr().expect("bound");
    let client = tokio::net::TcpStream::connect(address)
        .await
        .expect("connects");
    let shared = std::sync::Arc::new(crate::http::scope::Shared::new(Config::default()));
    let scope = crate::http::Scope::new(address, address, shared);
    let service = crate::http::testing::closure(|_, _| async { text("hi") });
    let connection = super::serve(client, scope, service);
    let size = std::mem::size_of_val(&connection);
    assert!(size < 4096, "{size} bytes");
}
