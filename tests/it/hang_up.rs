//! A client that goes away ends its guest, wherever the guest is and however it goes.
//!
//! Each guest here would run for long, or for ever, if its client did not end it; that it has
//! ended, and why, is read from the log.

use tests::client::Connection;
use tests::guests::{self, Guest};
use tests::h2;
use tests::log;
use tests::node::Node;
use tests::request::{Request, new_id};

/// Says on stderr that it began, and computes for ever: no head, no host call.
const SAYS_AND_SPINS: Guest = Guest {
    name: "says_and_spins",
    wat: r#"(module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\10\00\00\00\06\00\00\00")
      (data (i32.const 16) "began\n")
      (func (export "_start")
        (drop (call $fd_write (i32.const 2) (i32.const 0) (i32.const 1) (i32.const 8)))
        (loop $forever (br $forever))))"#,
};

/// Prints a head, and reads for ever, whatever its reads answer.
const READS_ON: Guest = Guest {
    name: "reads_on",
    wat: r#"(module
      (import "wasi_snapshot_preview1" "fd_write"
        (func $fd_write (param i32 i32 i32 i32) (result i32)))
      (import "wasi_snapshot_preview1" "fd_read"
        (func $fd_read (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 1)
      (data (i32.const 0) "\10\00\00\00\1a\00\00\00")
      (data (i32.const 16) "Content-Type: text/plain\n\n")
      (func (export "_start")
        (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
        (loop $forever
          (drop (call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 8)))
          (br $forever))))"#,
};

/// How a client leaves.
#[derive(Clone, Copy)]
enum Leave {
    Close,
    Reset,
}

/// Sends a head with `more` behind it, and returns when the guest's own head has come.
fn begin(node: &Node, request: &Request, more: &[u8]) -> Connection {
    let mut client = node.connect();
    client.send(request.head());
    client.send(more);
    assert_eq!(client.head().status, 200);
    client
}

fn leave(client: Connection, how: Leave) {
    match how {
        Leave::Close => drop(client),
        Leave::Reset => client.reset(),
    }
}

fn wait_until_it_is_ended(id: &str) {
    let _ = log::wait_for(&[id, "guest ended", "client_gone"], 1);
}

/// The guest is in the midst of it when its client leaves, once in each way.
fn assert_ended(guest: Guest, request: impl Fn(&str) -> Request, more: &[u8]) {
    let node = Node::with(&[guest]);
    for how in [Leave::Close, Leave::Reset] {
        let id = new_id(guest.name);
        let client = begin(&node, &request(&id), more);
        leave(client, how);
        wait_until_it_is_ended(&id);
    }
}

#[test]
fn a_guest_that_computes_is_ended() {
    let request = |id: &str| Request::get("/print_then_spin").id(id);
    assert_ended(guests::print_then_spin, request, b"");
}

#[test]
fn a_guest_that_computes_before_its_head_is_ended() {
    let node = Node::with(&[SAYS_AND_SPINS]);
    for how in [Leave::Close, Leave::Reset] {
        let id = new_id("spins");
        let mut client = node.connect();
        client.send(Request::get("/says_and_spins").id(&id).head());
        let _ = log::wait_for(&[&id, "began"], 1);
        leave(client, how);
        wait_until_it_is_ended(&id);
    }
}

#[test]
fn a_guest_that_prints_is_ended() {
    // The client reads nothing: the guest waits for room by the time it leaves, or prints.
    let request = |id: &str| Request::get("/print_forever").id(id);
    assert_ended(guests::print_forever, request, b"");
}

#[test]
fn a_guest_that_prints_to_one_who_reads_is_ended() {
    let node = Node::with(&[guests::print_forever]);
    let id = new_id("reads");
    let mut client = begin(&node, &Request::get("/print_forever").id(&id), b"");
    let _ = client.read_bytes(1 << 20);
    drop(client);
    wait_until_it_is_ended(&id);
}

#[test]
fn a_guest_that_sleeps_is_ended() {
    let request = |id: &str| Request::get("/sleep_after_head").id(id);
    assert_ended(guests::sleep_after_head, request, b"");
}

#[test]
fn a_guest_that_reads_is_ended() {
    let request = |id: &str| Request::post("/reads_on", 100).id(id);
    assert_ended(READS_ON, request, b"some of it");
}

#[test]
fn a_guest_that_ends_when_its_reads_fail_gives_its_place_back() {
    let limits = "limits:\n  concurrency: 1\n  timeouts:\n    queue: 1m";
    let builder = Node::builder().guest_with(guests::read_forever, limits);
    let node = builder.start();
    for how in [Leave::Close, Leave::Reset] {
        // The second one has its head only because the first one's guest is gone.
        let client = begin(&node, &Request::post("/read_forever", 100), b"some of it");
        leave(client, how);
    }
    drop(begin(&node, &Request::get("/read_forever"), b""));
}

#[test]
fn a_guest_that_does_not_read_its_body_is_ended() {
    // More than is read ahead of a guest: bytes lie in the socket when the end comes behind them.
    let unread = vec![b'x'; 300_000];
    let request = |id: &str| Request::post("/sleep_after_head", unread.len()).id(id);
    assert_ended(guests::sleep_after_head, request, &unread);
}

#[test]
fn a_guest_that_does_not_read_a_body_that_goes_on_is_ended() {
    let unread = vec![b'x'; 100_000];
    let request = |id: &str| Request::post("/sleep_after_head", 60_000_000).id(id);
    assert_ended(guests::sleep_after_head, request, &unread);
}

#[test]
fn a_guest_with_pipelined_bytes_behind_it_is_ended() {
    let pipelined = Request::get("/sleep_after_head").head().repeat(20);
    let request = |id: &str| Request::get("/sleep_after_head").id(id);
    assert_ended(guests::sleep_after_head, request, pipelined.as_bytes());
}

#[test]
fn a_guest_whose_answer_has_no_body_is_ended() {
    let node = Node::with(&[guests::sleep_after_head]);
    let id = new_id("head");
    let request = Request::new("HEAD", "/sleep_after_head").id(&id);
    let client = begin(&node, &request, b"");
    drop(client);
    wait_until_it_is_ended(&id);
}

#[test]
fn a_reset_stream_ends_its_guest_and_no_other() {
    let node = Node::with(&[
        guests::print_then_spin,
        guests::print_forever,
        guests::sleep_after_head,
        READS_ON,
        guests::answer_then_read,
    ]);
    let client = h2::Connection::open(node.address());
    let mut other = client.post("/answer_then_read", &[]);
    assert_eq!(other.read_to("first\n"), "first\n");
    for path in [
        "/print_then_spin",
        "/print_forever",
        "/sleep_after_head",
        "/reads_on",
    ] {
        let id = new_id("h2");
        let mut stream = client.post(path, &[("x-request-id", &id)]);
        assert_eq!(stream.head().status(), 200);
        stream.send("some of it", false);
        stream.reset();
        wait_until_it_is_ended(&id);
    }
    other.send("x", true);
    assert_eq!(other.read_to("second\n"), "second\n");
    assert_eq!(other.rest(), (Vec::new(), h2::BodyEnd::Complete));
}

#[test]
fn an_http2_connection_that_closes_ends_all_its_guests() {
    let node = Node::with(&[guests::sleep_after_head, guests::print_then_spin]);
    let client = h2::Connection::open(node.address());
    let ids = [new_id("h2"), new_id("h2")];
    let paths = ["/sleep_after_head", "/print_then_spin"];
    let mut streams = Vec::new();
    for (id, path) in ids.iter().zip(paths) {
        let mut stream = client.get(path, &[("x-request-id", id)]);
        assert_eq!(stream.head().status(), 200);
        streams.push(stream);
    }
    drop(streams);
    drop(client);
    for id in &ids {
        wait_until_it_is_ended(id);
    }
}

#[test]
fn a_client_that_closes_its_sending_half_counts_as_gone() {
    let node = Node::with(&[guests::sleep_after_head]);
    let id = new_id("half");
    let mut client = begin(&node, &Request::get("/sleep_after_head").id(&id), b"");
    client.finish_sending();
    wait_until_it_is_ended(&id);
    // Still open for reading, and nothing whole comes of it.
    let (rest, _) = client.rest();
    assert!(!rest.ends_with(b"0\r\n\r\n"));
}
