//! Answers that come before their upload, and `100 Continue`.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use tokio::io::AsyncWriteExt;
use tokio::sync::{mpsc, oneshot};

use crate::http::Config;
use crate::http::testing::{Piped, Served, pipe, read_all, read_to, send, serve, soon, text};

const UPLOAD: usize = 20_000_000;

fn too_large() -> Response<Piped> {
    let mut response = text("no\n");
    *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
    response
}

/// Answers 413 and never looks at the body.
fn refusing(config: Config) -> Served {
    serve(config, |_, _| async { too_large() })
}

fn head(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n")
}

#[tokio::test]
async fn twenty_of_twenty_clients_that_send_first_see_the_early_answer() {
    let served = refusing(Config::default());
    for _ in 0..20 {
        let mut client = served.connect().await;
        send(&mut client, head(UPLOAD)).await;
        soon(client.write_all(&vec![b'x'; UPLOAD]))
            .await
            .expect("it is read");
        let (answer, end) = read_all(&mut client).await;
        end.expect("closed, not reset");
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(answer.ends_with("3\r\nno\n\r\n0\r\n\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn twenty_of_twenty_clients_see_the_answer_to_a_head_that_hyper_refuses() {
    let served = refusing(Config::default());
    for _ in 0..20 {
        let mut client = served.connect().await;
        send(
            &mut client,
            "POST / HTTP/1.1\r\nhost: a\r\nbad header: x\r\n\r\n",
        )
        .await;
        soon(client.write_all(&vec![b'x'; UPLOAD]))
            .await
            .expect("it is read");
        let (answer, end) = read_all(&mut client).await;
        end.expect("closed, not reset");
        assert!(answer.starts_with(b"HTTP/1.1 400"));
    }
}

#[tokio::test]
async fn an_http2_client_sees_the_early_answer_and_its_other_streams_go_on() {
    let served = refusing(Config::default());
    let (mut client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("h2");
    let _connection = tokio::spawn(connection);
    for _ in 0..20 {
        client = client.ready().await.expect("ready");
        let request = Request::post("http://a/").body(()).expect("valid");
        let (answer, mut upload) = client.send_request(request, false).expect("sent");
        upload
            .send_data(Bytes::from(vec![b'x'; UPLOAD]), true)
            .expect("queued");
        let answer = soon(answer).await.expect("answered");
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let mut read = Vec::new();
        let mut body = answer.into_body();
        while let Some(data) = soon(body.data()).await {
            read.extend(data.expect("whole"));
        }
        assert_eq!(read, b"no\n");
    }
}

#[tokio::test]
async fn no_more_is_drained_than_the_service_allows() {
    let served = serve(Config::default(), |mut request, _| async move {
        request.body_mut().set_drain_bytes(100_000);
        too_large()
    });
    let mut client = served.connect().await;
    send(&mut client, head(usize::MAX >> 1)).await;
    // It ends: a server that read on would take these for ever.
    soon(async { while client.write_all(&[b'x'; 65536]).await.is_ok() {} }).await;
}

#[tokio::test]
async fn a_client_that_stops_sending_is_drained_for_a_while_only() {
    let served = refusing(Config {
        drain_time: Duration::from_millis(20),
        ..Config::default()
    });
    let mut client = served.connect().await;
    send(&mut client, head(UPLOAD)).await;
    let (answer, end) = read_all(&mut client).await;
    end.expect("closed");
    assert!(answer.starts_with(b"HTTP/1.1 413"));
}

#[tokio::test]
async fn beyond_their_number_no_upload_is_drained() {
    let served = refusing(Config {
        max_drains: 1,
        ..Config::default()
    });
    let mut first = served.connect().await;
    send(&mut first, head(UPLOAD)).await;
    read_to(&mut first, "0\r\n\r\n").await;
    let mut second = served.connect().await;
    send(&mut second, head(UPLOAD)).await;
    let (answer, _) = read_all(&mut second).await;
    assert!(answer.starts_with(b"HTTP/1.1 413"));
    // The first is still read.
    send(&mut first, vec![b'x'; UPLOAD]).await;
    read_all(&mut first).await.1.expect("closed, not reset");
}

#[tokio::test]
async fn a_client_that_waits_to_be_asked_is_not_asked_by_a_refusal() {
    let served = refusing(Config::default());
    let mut client = served.connect().await;
    let expecting =
        "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    send(&mut client, expecting).await;
    let answer = read_to(&mut client, "0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    client.shutdown().await.expect("shut down");
    assert_eq!(read_all(&mut client).await.0, b"");
}

#[tokio::test]
async fn the_first_read_asks_a_client_that_waits() {
    let (calls, mut called) = mpsc::unbounded_channel();
    let served = serve(Config::default(), move |request, _| {
        let (read, may_read) = oneshot::channel::<()>();
        calls.send(read).expect("the test listens");
        async move {
            may_read.await.expect("told");
            let body = request.into_body().collect().await.expect("whole");
            assert_eq!(body.to_bytes(), "hello");
            text("ok")
        }
    });
    let mut client = served.connect().await;
    let expecting =
        "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-Continue\r\ncontent-length: 5\r\n\r\n";
    send(&mut client, expecting).await;
    let read = soon(called.recv()).await.expect("called");
    // The service has been polled, and hyper has written what it would.
    let mut other = served.connect().await;
    send(&mut other, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    soon(called.recv()).await.expect("called");
    assert!(client.try_read(&mut [0]).is_err(), "nothing before a read");
    read.send(()).expect("the service waits");
    let asked = read_to(&mut client, "\r\n\r\n").await;
    assert_eq!(asked, "HTTP/1.1 100 Continue\r\n\r\n");
    send(&mut client, "hello").await;
    let answer = read_to(&mut client, "0\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn a_head_committed_first_follows_100_continue_and_the_upload_still_arrives() {
    for sends_at_once in [false, true] {
        let served = serve(Config::default(), |mut request, _| async move {
            request.body_mut().continue_first().await;
            request.body_mut().continue_first().await;
            let (pipe, answer) = pipe();
            tokio::spawn(async move {
                let body = request.into_body().collect().await.expect("whole");
                pipe.send(Ok(body.to_bytes())).await.expect("taken");
            });
            Response::new(answer)
        });
        let mut client = served.connect().await;
        let expecting =
            "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
        send(&mut client, expecting).await;
        if sends_at_once {
            send(&mut client, "hello").await;
        }
        let asked = read_to(&mut client, "\r\n\r\n").await;
        assert_eq!(asked, "HTTP/1.1 100 Continue\r\n\r\n");
        let head = read_to(&mut client, "\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        if !sends_at_once {
            send(&mut client, "hello").await;
        }
        read_to(&mut client, "5\r\nhello\r\n0\r\n\r\n").await;
    }
}

#[tokio::test]
async fn an_upload_given_up_after_the_head_is_drained_and_the_connection_goes_on() {
    let (give_up, given_up) = mpsc::channel::<()>(1);
    let given_up = std::sync::Arc::new(tokio::sync::Mutex::new(given_up));
    let served = serve(Config::default(), move |request, _| {
        let given_up = given_up.clone();
        async move {
            let (pipe, answer) = pipe();
            tokio::spawn(async move {
                given_up.lock().await.recv().await.expect("told");
                drop(request);
                pipe.send(Ok(Bytes::from_static(b"done")))
                    .await
                    .expect("taken");
            });
            Response::new(answer)
        }
    });
    let mut client = served.connect().await;
    for _ in 0..2 {
        send(&mut client, head(1_000_000)).await;
        let answer = read_to(&mut client, "\r\n\r\n").await;
        assert!(!answer.contains("close"), "{answer}");
        give_up.send(()).await.expect("listens");
        soon(client.write_all(&[b'x'; 1_000_000]))
            .await
            .expect("it is read");
        read_to(&mut client, "4\r\ndone\r\n0\r\n\r\n").await;
    }
}
