//! What was printed arrives, when, and how.
//!
//! Order is proved by cause: a guest that waits for its client's next byte cannot have gone on
//! before the client saw what it waits for.

use std::io::Write;
use std::sync::mpsc;

use tests::client::{BodyEnd, Connection, send_at_once};
use tests::guests::{self, Guest};
use tests::h2;
use tests::log;
use tests::node::{Node, get};
use tests::request::{Request, chunk, new_id};

/// Prints 64 KiB a write for ever, and says `wrote` on stderr after each.
const COUNTS_ITS_WRITES: Guest = Guest {
    name: "counts_its_writes",
    wat: r#"(module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 2)
      (data (i32.const 0) "\80\00\00\00\1a\00\00\00")
      (data (i32.const 8) "\00\00\01\00\00\00\01\00")
      (data (i32.const 16) "\c0\00\00\00\06\00\00\00")
      (data (i32.const 128) "Content-Type: text/plain\n\n")
      (data (i32.const 192) "wrote\n")
      (func (export "_start")
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
        (memory.fill (i32.const 65536) (i32.const 120) (i32.const 65536))
        (loop $forever
          (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 64)))
          (drop (call $fd_write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 64)))
          (br $forever))))"#,
};

/// Answers 204, and runs on until it has read a byte.
const RUNS_ON_UNTIL_TOLD: Guest = Guest {
    name: "runs_on_until_told",
    wat: r#"(module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_read"
        (func $fd_read (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\10\00\00\00\0d\00\00\00")
      (data (i32.const 16) "Status: 204\n\n")
      (func (export "_start")
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))))"#,
};

/// More than any socket of this machine holds, and far less than an unbounded guest would write.
const MOST_IN_SOCKETS: usize = 16 << 20;

/// Reads a head and then on until `text` has come.
fn read_head_and(client: &mut Connection, text: &str) {
    assert_eq!(client.head().status, 200);
    let _ = client.read_past(text);
}

#[test]
fn first_byte_arrives_before_the_guest_goes_on() {
    let node = Node::with(&[guests::answer_then_read]);
    let request = Request::post("/answer_then_read", 1);
    for request in [request.clone(), request.by_http_1_0()] {
        let mut client = node.connect();
        client.send(request.head());
        read_head_and(&mut client, "first\n");
        client.send("x");
        let _ = client.read_past("second\n");
    }
    let client = h2::Connection::open(node.address());
    let mut stream = client.post("/answer_then_read", &[]);
    assert_eq!(stream.read_to("first\n"), "first\n");
    stream.send("x", true);
    assert_eq!(stream.read_to("second\n"), "second\n");
    assert_eq!(stream.rest(), (Vec::new(), h2::BodyEnd::Complete));
}

#[test]
fn a_line_arrives_while_its_guest_computes_for_ever() {
    let limits = "limits:\n  cpuTime: 10m";
    let builder = Node::builder().guest_with(guests::print_then_spin, limits);
    let node = builder.start();
    let request = Request::get("/print_then_spin");
    for request in [request.clone(), request.by_http_1_0()] {
        let mut client = node.connect();
        client.send(request.head());
        read_head_and(&mut client, "\n");
    }
    let client = h2::Connection::open(node.address());
    let mut stream = client.get("/print_then_spin", &[]);
    assert!(stream.read_to("\n").ends_with('\n'));
}

#[test]
fn every_chunk_arrives_before_the_guest_goes_on() {
    let node = Node::with(&[guests::echo]);
    let mut client = node.connect();
    client.send(Request::post_chunked("/echo").head());
    for number in 0..500 {
        let text = format!("chunk {number}.");
        client.send(chunk(text.as_bytes()));
        if number == 0 {
            assert_eq!(client.head().status, 200);
        }
        let _ = client.read_past(&text);
    }
    client.send(chunk(b""));
    let _ = client.read_past("0\r\n\r\n");

    let client = h2::Connection::open(node.address());
    let mut stream = client.post("/echo", &[]);
    for number in 0..500 {
        let text = format!("chunk {number}.");
        stream.send(text.clone(), false);
        assert_eq!(stream.read_to("."), text);
    }
    stream.send("", true);
    assert_eq!(stream.rest(), (Vec::new(), h2::BodyEnd::Complete));
}

#[test]
fn the_status_is_fixed_once_the_head_is_committed() {
    let node = Node::builder()
        .guest(guests::trap_mid_body)
        .guest(guests::exit_3_after_head)
        .guest_with(
            guests::sleep_after_head,
            "limits:\n  timeouts:\n    total: 50ms",
        )
        .guest_with(guests::print_then_spin, "limits:\n  cpuTime: 50ms")
        .start();
    for path in [
        "/trap_mid_body",
        "/exit_3_after_head",
        "/sleep_after_head",
        "/print_then_spin",
    ] {
        assert_eq!(node.get(path).head.status, 200, "{path}");
        let client = h2::Connection::open(node.address());
        assert_eq!(client.get(path, &[]).head().status(), 200, "{path}");
    }
}

#[test]
fn tiny_writes_leave_as_few_frames() {
    const WRITES: usize = 10_000;
    let node = Node::with(&[guests::small_writes]);
    let expected: String = (1..=WRITES).map(|n| format!("<p>Line {n}</p>\n")).collect();

    let response = node.get("/small_writes");
    assert_eq!(response.text(), expected);
    assert_eq!(response.end, BodyEnd::Complete);

    let mut client = node.connect();
    client.send(
        Request::get("/small_writes")
            .field("Connection", "close")
            .head(),
    );
    let _ = client.head();
    let (chunked, _) = client.rest();
    // A line never contains CR: each chunk brings two, before and behind it.
    let chunks = chunked.iter().filter(|byte| **byte == b'\r').count() / 2;
    assert!(chunks < WRITES / 20, "{chunks} chunks");

    let client = h2::Connection::open(node.address());
    let mut stream = client.get("/small_writes", &[]);
    let (mut body, mut frames) = (Vec::new(), 0);
    while let Ok(bytes) = stream.chunk() {
        body.extend_from_slice(&bytes);
        frames += 1;
    }
    assert_eq!(String::from_utf8_lossy(&body), expected);
    assert!(frames < WRITES / 20, "{frames} frames");
}

#[test]
fn a_short_answer_has_its_length() {
    let node = Node::with(&[guests::hello]);
    let mut client = node.connect();
    for _ in 0..100 {
        client.send(get("/hello"));
        let response = client.response();
        assert_eq!(response.head.header("content-length"), Some("6"));
        assert_eq!(response.head.header("transfer-encoding"), None);
        assert_eq!(response.head.header("x-accel-buffering"), None);
    }
    let mut client = node.connect();
    client.send(Request::get("/hello").by_http_1_0().head());
    assert_eq!(client.response().head.header("content-length"), Some("6"));
    let client = h2::Connection::open(node.address());
    for _ in 0..100 {
        let mut stream = client.get("/hello", &[]);
        assert_eq!(stream.head().headers()["content-length"], "6");
        assert_eq!(stream.rest(), (b"hello\n".to_vec(), h2::BodyEnd::Complete));
    }
}

#[test]
fn a_stream_asks_proxies_not_to_buffer_it() {
    let node = Node::with(&[guests::sleep_after_head]);
    let mut client = node.connect();
    client.send(get("/sleep_after_head"));
    let head = client.head();
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("transfer-encoding"), Some("chunked"));

    let mut client = node.connect();
    client.send(Request::get("/sleep_after_head").by_http_1_0().head());
    let head = client.head();
    assert_eq!(head.header("x-accel-buffering"), Some("no"));
    assert_eq!(head.header("transfer-encoding"), None);
    assert_eq!(head.header("content-length"), None);

    let client = h2::Connection::open(node.address());
    let head = client.get("/sleep_after_head", &[]).head();
    assert_eq!(head.headers()["x-accel-buffering"], "no");
    assert!(!head.headers().contains_key("transfer-encoding"));
}

/// A node whose guest says how much it wrote, and whose stalled clients are soon cut off.
fn counting(client_timeout: &str) -> Node {
    let limits = format!("limits:\n  timeouts:\n    client: {client_timeout}");
    Node::builder()
        .config(|config| config.stderr_rate = 1_000_000)
        .guest_with(COUNTS_ITS_WRITES, &limits)
        .start()
}

/// The end of a stalled client is the event that shows that its guest had come to a halt; what
/// the guest had written by then was all that the program held.
fn written_until_cut_off(id: &str) -> usize {
    let _ = log::wait_for(&[id, "guest ended", "client_stalled"], 1);
    log::lines_with(id)
        .iter()
        .filter(|line| line.contains("wrote"))
        .count()
        * (64 << 10)
}

#[test]
fn a_slow_client_slows_its_guest_in_bounded_memory() {
    let node = counting("300ms");
    let path = "/counts_its_writes";

    let id = new_id("slow");
    let mut client = node.connect();
    client.send(Request::get(path).id(&id).head());
    let written = written_until_cut_off(&id);
    assert!(written < MOST_IN_SOCKETS, "HTTP/1.1: {written}");
    drop(client);

    // Its window is 64 KiB, and so is what waits to be sent; 256 KiB stand before that.
    let id = new_id("slow");
    let client = h2::Connection::open(node.address());
    let mut stream = client.get(path, &[("x-request-id", &id)]);
    assert_eq!(stream.head().status(), 200);
    let written = written_until_cut_off(&id);
    assert!(written <= 512 << 10, "HTTP/2: {written}");
}

#[test]
fn a_guest_goes_on_when_its_slow_client_does() {
    let node = counting("1m");
    let mut client = node.connect();
    client.send(get("/counts_its_writes"));
    // More than can lie in between: the last of it was written after the first of it was read.
    let _ = client.read_bytes(2 * MOST_IN_SOCKETS);
}

#[test]
fn an_echo_answers_while_its_client_still_sends() {
    const PIECE: usize = 32 << 10;
    const PIECES: usize = 1_000;
    let node = Node::with(&[guests::echo]);
    let request = Request::post("/echo", PIECE * PIECES).field("Connection", "close");
    for request in [request.clone(), request.by_http_1_0()] {
        let mut client = node.connect();
        client.send(request.head());
        let mut sender = client.stream().try_clone().expect("a socket has two ends");
        let (seen, has_seen) = mpsc::channel();
        let sending = std::thread::spawn(move || {
            let piece = vec![b'\t'; PIECE];
            for number in 0..PIECES {
                if number + 1 == PIECES {
                    has_seen.recv().expect("the test waits for an answer");
                }
                sender.write_all(&piece).expect("the guest reads on");
            }
        });
        // The last piece is sent when much of the answer has come.
        let mut answer = client.read_bytes(8 << 20);
        seen.send(()).expect("it waits for that");
        let (rest, end) = client.rest();
        answer.extend(rest);
        assert_eq!(end, BodyEnd::Closed);
        let echoed = answer.iter().filter(|byte| **byte == b'\t').count();
        assert_eq!(echoed, PIECE * PIECES);
        sending.join().expect("all was sent");
    }
}

#[test]
fn an_upload_that_breaks_off_is_a_read_error() {
    let node = Node::builder()
        .guest_with(guests::stdin_error, "onDisconnect: Finish")
        .start();
    // By going away: the guest may finish, and learns of it.
    let id = new_id("breaks");
    let mut client = node.connect();
    client.send(Request::post("/stdin_error", 100).id(&id).head());
    client.send("0123456789");
    read_head_and(&mut client, "reading\n");
    drop(client);
    let _ = log::wait_for(&[&id, "read: errno 29 after 10 bytes"], 1);

    // By a chunk that is none, on a connection that stays open.
    let id = new_id("breaks");
    let mut client = node.connect();
    client.send(Request::post_chunked("/stdin_error").id(&id).head());
    client.send(chunk(b"0123456789"));
    client.send("no chunk\r\n");
    let _ = log::wait_for(&[&id, "read: errno 29 after 10 bytes"], 1);

    let id = new_id("breaks");
    let client = h2::Connection::open(node.address());
    let mut stream = client.post("/stdin_error", &[("x-request-id", &id)]);
    stream.send("0123456789", false);
    assert_eq!(stream.read_to("reading\n"), "reading\n");
    stream.reset();
    let _ = log::wait_for(&[&id, "read: errno 29 after 10 bytes"], 1);
}

#[test]
fn an_upload_that_ends_is_no_read_error() {
    let node = Node::with(&[guests::stdin_error]);
    let mut client = node.connect();
    client.send(Request::post("/stdin_error", 10).head());
    client.send("0123456789");
    let text = client.response().text();
    assert_eq!(text, "reading\nread: errno 0 after 10 bytes\n");
}

#[test]
fn a_client_that_waits_to_be_asked_is_asked_when_its_body_is_wanted() {
    let node = Node::with(&[
        guests::read_all_then_answer,
        guests::answer_then_read,
        guests::refuse_without_reading,
    ]);
    let ask = |path: &str| {
        let mut client = node.connect();
        let request = Request::post(path, 4).field("Expect", "100-continue");
        client.send(request.head());
        let status = client.head().status;
        (client, status)
    };
    // By the guest's first read, before its head.
    let (mut client, status) = ask("/read_all_then_answer");
    assert_eq!(status, 100);
    client.send("body");
    assert_eq!(client.response().text(), "read 4 bytes\n");
    // Before a good head that comes first: afterwards it could not be said any more.
    let (mut client, status) = ask("/answer_then_read");
    assert_eq!(status, 100);
    read_head_and(&mut client, "first\n");
    client.send("body");
    let _ = client.read_past("second\n");
    // Not by a guest that does not want it.
    let (_, status) = ask("/refuse_without_reading");
    assert_eq!(status, 403);
}

#[test]
fn answers_without_a_body_have_none_on_every_version() {
    let node = Node::with(&[
        guests::hello,
        guests::head_only,
        guests::head_only_204,
        guests::head_205,
        guests::head_304,
        guests::run_on_after_204,
        guests::run_on,
    ]);
    let answers = [
        ("HEAD", "/hello", 200),
        ("HEAD", "/run_on", 200),
        ("GET", "/head_only", 200),
        ("GET", "/head_only_204", 204),
        ("GET", "/head_205", 205),
        ("GET", "/head_304", 304),
        ("GET", "/run_on_after_204", 204),
        ("HEAD", "/head_304", 304),
    ];
    let client = h2::Connection::open(node.address());
    for (method, path, status) in answers {
        let of = format!("{method} {path}");
        // What stands behind the head on a connection that is then closed is the body.
        for version in ["HTTP/1.1", "HTTP/1.0"] {
            let mut request = Request::new(method, path).field("Connection", "close");
            if version == "HTTP/1.0" {
                request = request.by_http_1_0();
            }
            let mut old = node.connect();
            old.send(request.head());
            let head = old.head();
            assert_eq!(head.status, status, "{of}");
            assert_eq!(head.header("transfer-encoding"), None, "{of} {version}");
            let (rest, end) = old.rest();
            assert_eq!(
                (rest.as_slice(), end),
                (&b""[..], BodyEnd::Closed),
                "{of} {version}"
            );
        }
        // And the next answer stands right behind it on one that goes on.
        let mut kept = node.connect();
        kept.send(Request::new(method, path).head());
        let _ = kept.head();
        kept.send(get("/hello"));
        assert_eq!(kept.response().text(), "hello\n", "{of}");

        let mut stream = client.request(method, path, &[], true);
        assert_eq!(stream.head().status(), status, "{of}");
        assert_eq!(stream.rest(), (Vec::new(), h2::BodyEnd::Complete), "{of}");
    }
}

#[test]
fn a_guest_that_runs_on_keeps_its_permit() {
    let limits = "limits:\n  concurrency: 1\n  timeouts:\n    queue: 1m";
    let builder = Node::builder().guest_with(RUNS_ON_UNTIL_TOLD, limits);
    let node = builder.start();
    let mut first = node.connect();
    first.send(Request::post("/runs_on_until_told", 1).head());
    assert_eq!(first.head().status, 204);

    // One may wait while one runs: of two more one is turned away, and the other waits.
    let head = get("/runs_on_until_told");
    let answers = send_at_once(node.address(), vec![head.clone(), head]);
    let turned_away = answers.recv().expect("it is answered");
    assert_eq!(turned_away.head.status, 503);
    first.send("x");
    let admitted = answers.recv().expect("it is answered");
    assert_eq!(admitted.head.status, 204);
}
