//! Places, deadlines and the stop.
//!
//! "Still there after the deadline" is proved against another connection that
//! the same deadline ends, never by waiting.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::bind;
use crate::http::Config;
use crate::http::testing::{
    Pipe, Served, dropped, pipe, read_all, read_to, send, serve, soon, text,
};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";
const SHORT: Duration = Duration::from_millis(30);

fn greeting(config: Config) -> Served {
    serve(config, |_, _| async { text("hi") })
}

/// Answers with a pipe whose other end the test gets.
fn piped(config: Config) -> (Served, mpsc::UnboundedReceiver<Pipe>) {
    let (calls, called) = mpsc::unbounded_channel();
    let served = serve(config, move |_, _| {
        let (pipe, body) = pipe();
        calls.send(pipe).expect("the test listens");
        async move { Response::new(body) }
    });
    (served, called)
}

async fn get(client: &mut TcpStream) {
    send(client, GET).await;
    read_to(client, "2\r\nhi\r\n0\r\n\r\n").await;
}

async fn assert_closed(client: &mut TcpStream) {
    assert_eq!(read_all(client).await.0, b"");
}

/// Sees a head deadline pass.
async fn pass_a_head_deadline(served: &Served) {
    let mut slow = served.connect().await;
    send(&mut slow, "GET / HT").await;
    assert_closed(&mut slow).await;
}

#[tokio::test]
async fn a_connection_without_a_first_byte_is_closed() {
    let config = Config {
        first_byte: SHORT,
        ..Config::default()
    };
    let served = greeting(config);
    assert_closed(&mut served.connect().await).await;
}

#[tokio::test]
async fn a_head_that_does_not_end_is_closed_on_both_protocols() {
    let config = Config {
        head: SHORT,
        ..Config::default()
    };
    let served = greeting(config);
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    for begun in ["G", "GET / HTTP/1.1\r\nhost: a\r\nx:", "PRI * HTTP/2.0"] {
        let mut client = served.connect().await;
        send(&mut client, begun).await;
        assert_closed(&mut client).await;
    }
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    for begun in [
        &[0, 0, 4][..],
        &[0, 0, 4, 1, 0, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41],
    ] {
        let mut client = served.connect().await;
        send(&mut client, [preface.as_bytes(), &settings, begun].concat()).await;
        // Ours are the settings and their acknowledgement.
        let _ = read_all(&mut client).await;
    }
}

#[tokio::test]
async fn a_second_head_on_a_connection_has_its_own_deadline() {
    let config = Config {
        head: SHORT,
        ..Config::default()
    };
    let served = greeting(config);
    let mut client = served.connect().await;
    get(&mut client).await;
    send(&mut client, "GET /").await;
    assert_closed(&mut client).await;
}

#[tokio::test]
async fn an_idle_connection_is_closed_after_keep_alive_and_not_after_a_heads_time() {
    let config = Config {
        head: SHORT,
        ..Config::default()
    };
    let served = greeting(config);
    let mut idle = served.connect().await;
    get(&mut idle).await;
    pass_a_head_deadline(&served).await;
    pass_a_head_deadline(&served).await;
    get(&mut idle).await;

    let config = Config {
        keep_alive: SHORT,
        ..Config::default()
    };
    let served = greeting(config);
    let mut idle = served.connect().await;
    get(&mut idle).await;
    assert_closed(&mut idle).await;
}

#[tokio::test]
async fn an_idle_http2_connection_outlives_a_heads_time() {
    let config = Config {
        head: SHORT,
        ..Config::default()
    };
    let served = greeting(config);
    let (mut client, mut connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("h2");
    let mut ping = connection.ping_pong().expect("once");
    let _connection = tokio::spawn(connection);
    for _ in 0..2 {
        client = client.ready().await.expect("ready");
        let request = Request::get("http://a/").body(()).expect("valid");
        let (answer, _) = client.send_request(request, true).expect("sent");
        let mut body = soon(answer).await.expect("answered").into_body();
        while let Some(data) = soon(body.data()).await {
            data.expect("whole");
        }
        soon(ping.ping(h2::Ping::opaque())).await.expect("pong");
        pass_a_head_deadline(&served).await;
        pass_a_head_deadline(&served).await;
    }
}

#[tokio::test]
async fn no_deadline_here_ends_an_answer_under_way() {
    let config = Config {
        head: SHORT,
        keep_alive: SHORT,
        ..Config::default()
    };
    let (served, mut called) = piped(config);
    let mut client = served.connect().await;
    send(&mut client, GET).await;
    let pipe = soon(called.recv()).await.expect("called");
    pass_a_head_deadline(&served).await;
    pass_a_head_deadline(&served).await;
    assert!(!pipe.is_closed());
    pipe.send(Ok(Bytes::from_static(b"late")))
        .await
        .expect("taken");
    read_to(&mut client, "4\r\nlate\r\n").await;
}

#[tokio::test]
async fn at_the_limit_an_idle_connection_gives_its_place() {
    let config = Config {
        max_connections: 1,
        ..Config::default()
    };
    let served = greeting(config);
    let mut idle = served.connect().await;
    get(&mut idle).await;
    let mut next = served.connect().await;
    get(&mut next).await;
    assert_closed(&mut idle).await;
}

#[tokio::test]
async fn a_connection_that_never_sent_a_byte_gives_its_place_too() {
    let config = Config {
        max_connections: 1,
        ..Config::default()
    };
    let served = greeting(config);
    let mut mute = served.connect().await;
    let mut second = served.connect().await;
    get(&mut second).await;
    assert_closed(&mut mute).await;
}

#[tokio::test]
async fn while_every_connection_is_busy_the_next_one_waits_and_is_then_served() {
    let config = Config {
        max_connections: 1,
        ..Config::default()
    };
    let (served, mut called) = piped(config);
    let mut busy = served.connect().await;
    send(&mut busy, GET).await;
    let pipe = soon(called.recv()).await.expect("called");
    let mut next = served.connect().await;
    send(&mut next, GET).await;
    pipe.send(Ok(Bytes::from_static(b"one")))
        .await
        .expect("taken");
    read_to(&mut busy, "3\r\none\r\n").await;
    assert!(called.try_recv().is_err(), "the second waits");
    drop(pipe);
    read_to(&mut busy, "0\r\n\r\n").await;
    let pipe = soon(called.recv()).await.expect("the idle one made room");
    drop(pipe);
    read_to(&mut next, "0\r\n\r\n").await;
    assert_closed(&mut busy).await;
}

#[tokio::test]
async fn a_stop_closes_idle_connections_and_lets_answers_finish() {
    let (mut served, mut called) = piped(Config::default());
    let mut mute = served.connect().await;
    let mut idle = served.connect().await;
    send(&mut idle, GET).await;
    drop(soon(called.recv()).await.expect("called"));
    read_to(&mut idle, "0\r\n\r\n").await;
    let mut busy = served.connect().await;
    send(&mut busy, GET).await;
    let pipe = soon(called.recv()).await.expect("called");
    pipe.send(Ok(Bytes::from_static(b"one")))
        .await
        .expect("taken");
    read_to(&mut busy, "3\r\none\r\n").await;
    served.stop();
    assert_closed(&mut idle).await;
    assert_closed(&mut mute).await;
    pipe.send(Ok(Bytes::from_static(b"two")))
        .await
        .expect("taken");
    drop(pipe);
    read_to(&mut busy, "3\r\ntwo\r\n0\r\n\r\n").await;
    assert_closed(&mut busy).await;
    let address = served.address;
    served.stopped().await;
    TcpStream::connect(address)
        .await
        .expect_err("nobody listens");
}

#[tokio::test]
async fn a_stop_lets_http2_streams_finish_and_takes_no_new_ones() {
    let (mut served, mut called) = piped(Config::default());
    let (client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("h2");
    let connection = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let request = Request::get("http://a/").body(()).expect("valid");
    let (answer, _) = client.send_request(request, true).expect("sent");
    let pipe = soon(called.recv()).await.expect("called");
    let mut body = soon(answer).await.expect("answered").into_body();
    served.stop();
    // GOAWAY came when the client may open no more.
    soon(async {
        while client.clone().ready().await.is_ok() {
            tokio::task::yield_now().await
        }
    })
    .await;
    pipe.send(Ok(Bytes::from_static(b"late")))
        .await
        .expect("taken");
    drop(pipe);
    assert_eq!(
        soon(body.data()).await.expect("data").expect("whole"),
        "late"
    );
    while let Some(data) = soon(body.data()).await {
        data.expect("a clean end");
    }
    soon(connection)
        .await
        .expect("no panic")
        .expect("a clean end");
    served.stopped().await;
}

/// An HTTP/2 frame: its type, flags, stream and payload.
async fn frame(client: &mut TcpStream) -> (u8, u8, u32, Vec<u8>) {
    let mut head = [0; 9];
    soon(client.read_exact(&mut head)).await.expect("a frame");
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    let mut payload = vec![0; length as usize];
    soon(client.read_exact(&mut payload))
        .await
        .expect("its payload");
    (head[3], head[4], stream, payload)
}

/// Reads up to the next frame of that type, which is no acknowledgement.
async fn frame_of(client: &mut TcpStream, wanted: u8) -> (u32, Vec<u8>) {
    loop {
        let (kind, flags, stream, payload) = frame(client).await;
        if kind == wanted && (kind == DATA || flags & 1 == 0) {
            return (stream, payload);
        }
    }
}

const DATA: u8 = 0;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// `GET http://a/`, complete, on that stream.
fn get_on(stream: u8) -> Vec<u8> {
    let head = [0, 0, 6, 1, 5, 0, 0, 0, stream];
    [&head[..], &[0x82, 0x86, 0x84, 0x41, 1, b'a']].concat()
}

#[tokio::test]
async fn an_http2_request_that_crosses_the_stop_is_answered() {
    let mut served = greeting(Config::default());
    let mut client = served.connect().await;
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    send(&mut client, [&preface[..], &settings, &get_on(1)].concat()).await;
    assert_eq!(frame_of(&mut client, DATA).await, (1, b"hi".to_vec()));
    served.stop();
    // First it says that it will go, and takes whatever is on its way.
    let (_, goaway) = frame_of(&mut client, GOAWAY).await;
    assert_eq!(goaway[..8], [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let (_, ping) = frame_of(&mut client, PING).await;
    send(&mut client, get_on(3)).await;
    assert_eq!(frame_of(&mut client, DATA).await, (3, b"hi".to_vec()));
    // Then which was the last.
    send(
        &mut client,
        [&[0, 0, 8, PING, 1, 0, 0, 0, 0], &ping[..]].concat(),
    )
    .await;
    let (_, goaway) = frame_of(&mut client, GOAWAY).await;
    assert_eq!(goaway[..8], [0, 0, 0, 3, 0, 0, 0, 0]);
    assert_closed(&mut client).await;
    served.stopped().await;
}

#[tokio::test]
async fn what_a_client_had_sent_by_the_stop_is_answered_and_the_last() {
    let (mut served, mut called) = piped(Config::default());
    let mut client = served.connect().await;
    send(&mut client, GET).await;
    let pipe = soon(called.recv()).await.expect("called");
    pipe.send(Ok(Bytes::from_static(b"one")))
        .await
        .expect("taken");
    let head = read_to(&mut client, "3\r\none\r\n").await;
    assert!(!head.contains("connection: close"), "{head}");
    // The next one waits behind an answer that was begun before.
    send(&mut client, GET).await;
    served.stop();
    drop(pipe);
    drop(soon(called.recv()).await.expect("called again"));
    let _first = read_to(&mut client, "0\r\n\r\n").await;
    let answer = read_to(&mut client, "0\r\n\r\n").await;
    assert!(answer.contains("connection: close"), "{answer}");
    assert_closed(&mut client).await;
    served.stopped().await;
}

#[tokio::test]
async fn what_goes_on_past_the_drain_deadline_is_cut() {
    let config = Config {
        drain_deadline: SHORT,
        ..Config::default()
    };
    let (served, mut called) = piped(config);
    let mut client = served.connect().await;
    send(&mut client, GET).await;
    let pipe = soon(called.recv()).await.expect("called");
    served.stopped().await;
    soon(pipe.closed()).await;
    let _ = read_all(&mut client).await;
}

#[tokio::test]
async fn work_beside_an_answer_lives_as_long_as_its_client() {
    let config = Config {
        head: SHORT,
        keep_alive: SHORT,
        ..Config::default()
    };
    let (calls, mut called) = mpsc::unbounded_channel();
    let served = serve(config, move |_, exchange| {
        let (held, gone) = dropped();
        calls.send(gone).expect("the test listens");
        exchange.scope.beside(async move {
            let _held = held;
            std::future::pending().await
        });
        async move { text("hi") }
    });
    let mut client = served.connect().await;
    get(&mut client).await;
    let mut gone = Box::pin(soon(called.recv()).await.expect("called"));
    // Neither idle for the deadline, nor for the stop.
    pass_a_head_deadline(&served).await;
    pass_a_head_deadline(&served).await;
    assert!(futures::poll!(&mut gone).is_pending());
    drop(client);
    soon(gone).await;
}

#[tokio::test]
async fn any_address_serves_both_families() {
    let listener = bind(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).expect("it binds");
    let port = listener.local_addr().expect("bound").port();
    let v4 = TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .await
        .expect("IPv4");
    drop(v4);
    if listener.local_addr().expect("bound").is_ipv6() {
        TcpStream::connect((Ipv6Addr::LOCALHOST, port))
            .await
            .expect("IPv6");
    }
}

#[test]
fn an_address_that_is_in_use_is_an_error() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("built");
    let _entered = runtime.enter();
    let first = bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("it binds");
    bind(first.local_addr().expect("bound")).expect_err("in use");
}

#[tokio::test]
async fn a_server_that_is_dropped_drops_everything_on_its_connections() {
    let (calls, mut called) = mpsc::unbounded_channel();
    let served = serve(Config::default(), move |request, exchange| {
        calls
            .send(std::sync::Arc::downgrade(&exchange.scope))
            .expect("the test listens");
        async move {
            let _unread = (request, exchange);
            std::future::pending().await
        }
    });
    let mut client = served.connect().await;
    send(
        &mut client,
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\n",
    )
    .await;
    let scope = soon(called.recv()).await.expect("called");
    drop(served);
    let _ = read_all(&mut client).await;
    soon(async {
        while scope.strong_count() > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}
