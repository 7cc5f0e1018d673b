//! How the real binary ends: in an order that loses no request, or at once.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;
use tests::client::{BodyEnd, Connection, Response};
use tests::guests::{self, Guest};
use tests::h2;
use tests::node::{get, manifest};
use tests::wagi::{Ended, Wagi};

/// Says `began` on stderr, prints a head and `first`, waits for 50 ms and prints `last`.
const NOTED: Guest = Guest {
    name: "noted",
    wat: r#"(module
  (import "wasi_snapshot_preview1" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 1024) "Content-Type: text/plain\n\nfirst\n")
  (data (i32.const 1056) "last\n")
  (data (i32.const 1072) "began\n")
  (func $write (param $to i32) (param $at i32) (param $length i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $length))
    (drop (call $fd_write (local.get $to) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func (export "_start")
    (call $write (i32.const 2) (i32.const 1072) (i32.const 6))
    (call $write (i32.const 1) (i32.const 1024) (i32.const 32))
    (i32.store (i32.const 80) (i32.const 1))
    (i64.store (i32.const 88) (i64.const 50000000))
    (drop (call $poll_oneoff (i32.const 64) (i32.const 112) (i32.const 1) (i32.const 144)))
    (call $write (i32.const 1) (i32.const 1056) (i32.const 5))))
"#,
};

/// A `wagi up` of these guests, each on `/NAME/...`.
fn up(of: &[(Guest, &str)], flags: &[&str]) -> (Wagi, TempDir) {
    let folder = TempDir::new().expect("a temporary folder");
    for (guest, spec) in of {
        let wat = folder.path().join(format!("{}.wat", guest.name));
        std::fs::write(wat, guest.wat).expect("a file in a temporary folder");
        let yaml = folder.path().join(format!("{}.yaml", guest.name));
        std::fs::write(yaml, manifest(guest.name, *guest, spec)).expect("a file");
    }
    let path = folder.path().display().to_string();
    let mut arguments = vec!["--log-format=text", "--stderr-rate=1000000", &path];
    arguments.extend(flags);
    (Wagi::up(&arguments), folder)
}

fn get_with_id(path: &str, id: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\nX-Request-Id: {id}\r\n\r\n")
}

#[track_caller]
fn assert_whole(response: &Response, text: &str) {
    assert_eq!(response.head.status, 200);
    assert_eq!((&*response.text(), response.end), (text, BodyEnd::Complete));
}

#[track_caller]
fn assert_ended_well(ended: &Ended) {
    assert_eq!(ended.status.code(), Some(0), "{:?}", ended.stderr);
}

/// What became of many requests.
#[derive(Default)]
struct Tally {
    answered: Mutex<BTreeSet<String>>,
    count: AtomicUsize,
}

impl Tally {
    fn next_id(&self) -> String {
        format!("load-{}-", self.count.fetch_add(1, Ordering::Relaxed))
    }

    fn answered(&self, id: String) {
        self.answered.lock().expect("no client panics").insert(id);
    }
}

/// Asks on one connection after the other until nobody listens. Whatever has a first byte must be
/// whole.
fn ask_http1(address: SocketAddr, tally: &Tally) {
    while let Some(mut connection) = Connection::try_open(address) {
        loop {
            let id = tally.next_id();
            if connection.try_send(get_with_id("/noted", &id)).is_err() {
                break;
            }
            let Some(response) = connection.try_response() else {
                break;
            };
            assert_whole(&response, "first\nlast\n");
            tally.answered(id);
            if response.head.header("connection") == Some("close") {
                break;
            }
        }
    }
}

fn ask_http2(address: SocketAddr, tally: &Tally) {
    let connection = h2::Connection::open(address);
    loop {
        let id = tally.next_id();
        let fields = [("x-request-id", &*id)];
        let Ok(mut stream) = connection.try_request("GET", "/noted", &fields, true) else {
            return;
        };
        if stream.try_head().is_err() {
            continue;
        }
        assert_eq!(
            stream.rest(),
            (b"first\nlast\n".to_vec(), h2::BodyEnd::Complete)
        );
        tally.answered(id);
    }
}

#[test]
fn no_request_accepted_before_the_signal_is_cut_under_load() {
    let (wagi, _folder) = up(&[(NOTED, ""), (guests::drip, "")], &["--drain-deadline=1h"]);
    let drip: String = (1..=10).map(|line| format!("line {line}\n")).collect();
    let tally = Tally::default();
    let address = wagi.address();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| ask_http1(address, &tally));
            scope.spawn(|| ask_http2(address, &tally));
        }
        let mut streams: Vec<_> = (0..4).map(|_| Connection::open(wagi.address())).collect();
        let multiplexed = h2::Connection::open(wagi.address());
        let mut on_http2: Vec<_> = (0..4).map(|_| multiplexed.get("/drip", &[])).collect();
        for stream in &mut streams {
            stream.send(get("/drip"));
        }
        for stream in &mut on_http2 {
            assert_eq!(stream.head().status(), 200);
        }
        let heads: Vec<_> = streams.iter_mut().map(Connection::head).collect();
        // The load is running by now.
        while tally.answered.lock().expect("no client panics").len() < 50 {
            std::thread::yield_now();
        }
        wagi.signal("TERM");
        for (stream, head) in streams.iter_mut().zip(&heads) {
            let (body, end) = stream.body(head, "GET");
            assert_eq!(
                (&*String::from_utf8_lossy(&body), end),
                (&*drip, BodyEnd::Complete)
            );
        }
        for stream in &mut on_http2 {
            assert_eq!(
                stream.rest(),
                (drip.clone().into_bytes(), h2::BodyEnd::Complete)
            );
        }
    });
    let ended = wagi.wait();
    assert_ended_well(&ended);
    // Every guest that began has answered its client.
    let answered = tally.answered.into_inner().expect("no client panics");
    let began: BTreeSet<_> = ended
        .stderr
        .iter()
        .filter(|line| line.contains("began"))
        .map(|line| {
            let from = line
                .find("load-")
                .expect("the load alone says that it began");
            let end = line[from + 5..].find('-').expect("an id ends") + from + 6;
            line[from..end].to_owned()
        })
        .collect();
    assert!(began.len() >= 50, "{} began", began.len());
    let lost: Vec<_> = began.difference(&answered).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}

#[test]
fn what_had_reached_the_server_by_the_signal_is_answered() {
    let (wagi, _folder) = up(&[(guests::hello, "")], &["--drain-deadline=1h"]);
    let mut kept_alive = Connection::open(wagi.address());
    kept_alive.send(get("/hello"));
    assert_whole(&kept_alive.response(), "hello\n");
    let multiplexed = h2::Connection::open(wagi.address());
    assert_eq!(multiplexed.get("/hello", &[]).rest().0, b"hello\n");
    // All of this, and the signal, is there when it goes on.
    wagi.pause();
    kept_alive.send(get("/hello"));
    let mut fresh = Connection::open(wagi.address());
    fresh.send(get("/hello"));
    let mut in_two = Connection::open(wagi.address());
    in_two.send("GET /hello HTTP/1.1\r\nHo");
    let mut on_http2 = multiplexed.get("/hello", &[]);
    wagi.signal("TERM");
    wagi.signal("CONT");
    in_two.send("st: a\r\n\r\n");
    for connection in [&mut kept_alive, &mut fresh, &mut in_two] {
        assert_whole(&connection.response(), "hello\n");
        assert_eq!(connection.rest(), (Vec::new(), BodyEnd::Closed));
    }
    assert_eq!(
        on_http2.rest(),
        (b"hello\n".to_vec(), h2::BodyEnd::Complete)
    );
    assert_ended_well(&wagi.wait());
}

#[test]
fn idle_connections_end_at_once() {
    let (wagi, _folder) = up(&[(guests::hello, "")], &["--drain-deadline=1h"]);
    let mute = Connection::open(wagi.address());
    let mut idle = Connection::open(wagi.address());
    idle.send(get("/hello"));
    assert_whole(&idle.response(), "hello\n");
    let multiplexed = h2::Connection::open(wagi.address());
    assert_eq!(multiplexed.get("/hello", &[]).rest().0, b"hello\n");
    wagi.signal("TERM");
    // It would wait for an hour otherwise.
    assert_ended_well(&wagi.wait());
    for mut connection in [mute, idle] {
        assert_eq!(connection.rest(), (Vec::new(), BodyEnd::Closed));
    }
}

#[test]
fn requests_are_served_during_the_wait_before_the_stop() {
    let (wagi, _folder) = up(&[(guests::hello, "")], &["--pre-stop-wait=1h"]);
    wagi.signal("TERM");
    let stopping = wagi.stderr_until("stopping: not ready");
    let line = stopping.last().expect("it was waited for");
    assert!(
        line.contains("SIGTERM") && line.contains("connections=0"),
        "{line}"
    );
    assert_eq!(wagi.get("/hello").text(), "hello\n");
    wagi.signal("TERM");
    let ended = wagi.wait();
    assert_eq!(ended.status.code(), Some(1), "{:?}", ended.stderr);
}

#[test]
fn nothing_is_accepted_once_it_drains_while_a_stream_goes_on() {
    let flags = ["--pre-stop-wait=1ms", "--drain-deadline=1h"];
    let (wagi, _folder) = up(&[(guests::tick, "")], &flags);
    let mut stream = Connection::open(wagi.address());
    stream.send(get("/tick"));
    let _ = stream.read_past("data: 1\n");
    wagi.signal("TERM");
    let draining = wagi.stderr_until("draining: no new connections");
    let line = draining.last().expect("it was waited for");
    assert!(line.contains("connections=1 requests=1"), "{line}");
    // The listener closes right behind that line.
    while Connection::try_open(wagi.address()).is_some() {
        std::thread::yield_now();
    }
    let _ = stream.read_past("data: 4\n");
}

#[test]
fn what_goes_on_past_the_deadline_ends_as_broken() {
    let served = [
        (guests::tick, ""),
        (guests::sleep, ""),
        (guests::print_forever, ""),
    ];
    let (wagi, _folder) = up(&served, &["--drain-deadline=100ms"]);
    let mut chunked = Connection::open(wagi.address());
    chunked.send(get("/tick"));
    let mut old = Connection::open(wagi.address());
    old.send("GET /tick HTTP/1.0\r\nHost: a\r\n\r\n");
    let multiplexed = h2::Connection::open(wagi.address());
    let mut stream = multiplexed.get("/tick", &[]);
    let mut without_head = Connection::open(wagi.address());
    without_head.send(get("/sleep"));
    let mut stalled = Connection::open(wagi.address());
    stalled.send(get("/print_forever"));
    let mut stalled_stream = multiplexed.get("/print_forever", &[]);
    let head = chunked.head();
    let old_head = old.head();
    assert_eq!(stream.head().status(), 200);
    assert_eq!(stalled.head().status, 200);
    assert_eq!(stalled_stream.head().status(), 200);
    wagi.signal("TERM");
    let (body, end) = chunked.body(&head, "GET");
    assert_ne!(end, BodyEnd::Complete, "no final chunk");
    assert!(
        body.ends_with(b"\n"),
        "what was printed came before the break"
    );
    assert_eq!(old.body(&old_head, "GET").1, BodyEnd::Reset);
    assert_eq!(stream.rest().1, h2::BodyEnd::Broken);
    assert_eq!(stalled_stream.await_break(), h2::BodyEnd::Broken);
    let response = without_head.response();
    assert_eq!(response.head.status, 503);
    assert_eq!(response.head.header("connection"), Some("close"));
    assert_eq!(stalled.rest().1, BodyEnd::Reset);
    let ended = wagi.wait();
    assert_ended_well(&ended);
    let has = |text: &str| ended.stderr.iter().any(|line| line.contains(text));
    assert!(has("what is left is cut"), "{:?}", ended.stderr);
    assert!(has("reason=\"shutdown\""), "{:?}", ended.stderr);
}

#[test]
fn a_second_signal_ends_at_once() {
    for second in ["TERM", "INT"] {
        let (wagi, _folder) = up(&[(guests::tick, "")], &["--drain-deadline=1h"]);
        let mut stream = Connection::open(wagi.address());
        stream.send(get("/tick"));
        let _ = stream.read_past("data: 1\n");
        wagi.signal("TERM");
        let _ = wagi.stderr_until("draining: no new connections");
        let _ = stream.read_past("data: 3\n");
        wagi.signal(second);
        let ended = wagi.wait();
        assert_eq!(ended.status.code(), Some(1), "{:?}", ended.stderr);
        let mut rest = String::new();
        // However it ends, the last chunk does not come.
        let _ = stream.stream().read_to_string(&mut rest);
        assert!(!rest.ends_with("0\r\n\r\n"), "{rest:?}");
    }
}

#[test]
fn ctrl_c_does_not_wait_for_streams_that_do_not_end() {
    let flags = ["--pre-stop-wait=1h", "--drain-deadline=1h"];
    let (wagi, _folder) = up(&[(guests::tick, "")], &flags);
    let mut stream = Connection::open(wagi.address());
    stream.send(get("/tick"));
    let head = stream.head();
    wagi.signal("INT");
    assert_ne!(stream.body(&head, "GET").1, BodyEnd::Complete);
    assert_ended_well(&wagi.wait());
}

#[test]
fn a_guest_that_may_finish_without_its_client_does() {
    let finish = [(guests::finish_after_client, "onDisconnect: Finish")];
    let (wagi, _folder) = up(&finish, &["--drain-deadline=1h"]);
    let mut client = Connection::open(wagi.address());
    client.send(get("/finish_after_client"));
    let _ = client.read_past("first\n");
    client.reset();
    wagi.signal("TERM");
    let ended = wagi.wait();
    assert_ended_well(&ended);
    let finished = ended.stderr.iter().any(|line| line.contains("finished"));
    assert!(finished, "{:?}", ended.stderr);
}
