//! The access log, which nobody can write to or hold up.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use serde_json::{Value, json};
use tests::access_log::AccessLog;
use tests::client::Connection;
use tests::node::{Node, get};
use tests::request::{Request, new_id};
use tests::{guests, wagi};

#[test]
fn a_line_says_what_a_request_was_and_took() {
    let log = AccessLog::default();
    let node = Node::builder()
        .config(|config| config.access_log = Some(log.log()))
        .guest(guests::echo)
        .start();
    let id = new_id("echo");
    let mut client = node.connect();
    client.send(Request::post("/echo/a?secret=1", 5).id(&id).head());
    client.send("12345");
    let response = client.response();
    assert_eq!(response.head.status, 200);
    let line = log.of(&id);
    let object = line.as_object().expect("an object");
    let names: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    let expected = [
        "timestamp",
        "level",
        "message",
        "method",
        "host",
        "path",
        "status",
        "ending",
        "route",
        "digest",
        "bytes_in",
        "bytes_out",
        "head_ms",
        "total_ms",
        "cpu_ms",
        "request_id",
    ];
    assert_eq!(names, BTreeSet::from(expected));
    assert_eq!(line["method"], "POST");
    assert_eq!(line["host"], "test.example");
    // No query: it may hold secrets.
    assert_eq!(line["path"], "/echo/a");
    assert_eq!(line["bytes_in"], 5);
    assert_eq!(line["bytes_out"], response.body.len());
    let (head, total) = (line["head_ms"].as_f64(), line["total_ms"].as_f64());
    assert!(head > Some(0.0) && head <= total, "{line}");
}

#[test]
fn nobody_can_write_lines_of_their_own() {
    let log = AccessLog::default();
    let node = Node::builder()
        .config(|config| config.access_log = Some(log.log()))
        .guest(guests::hello)
        .start();
    let paths = [
        "/hello/%0d%0a{\"level\":\"ERROR\"}",
        "/hello/\",\"status\":500,\"x\":\"",
        "/hello/\\u0022",
        "/hello/\u{9b}31m\u{202e}",
        "/hello/\x7f",
        "/hello/a\tb",
    ];
    for path in paths {
        let id = new_id("\"}{\\u000a");
        let mut client = node.connect();
        client.send(Request::get(path).id(&id).head());
        // What is not a path is not one of ours to log.
        if client.head().status != 200 {
            continue;
        }
        let line = log.of(&id);
        assert_eq!(line["path"], path);
        assert_eq!(
            (&line["status"], &line["level"]),
            (&json!(200), &json!("INFO"))
        );
    }
}

#[test]
fn a_reader_of_the_log_that_stalls_holds_up_nobody() {
    let folder = wagi::repository("tests/guests/hello.wat");
    let arguments = ["up", "--listen", "127.0.0.1:0", &folder];
    let mut child = wagi::command(&arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("wagi runs");
    let mut ready = String::new();
    let stdout = child.stdout.take().expect("stdout is piped");
    BufReader::new(stdout)
        .read_line(&mut ready)
        .expect("it says that it is ready");
    let address = ready.trim().rsplit('/').next().expect("an address");
    let mut client = Connection::open(address.parse().expect("an address"));
    // Each line has more than 300 bytes: this is more than the pipe and the queue take.
    for _ in 0..6_000 {
        client.send(get("/hello"));
        assert_eq!(client.response().head.status, 200);
    }
    let pid = child.id().to_string();
    let told = std::process::Command::new("kill").arg(&pid).status();
    assert!(told.expect("kill runs").success());
    let mut log = String::new();
    let mut stderr = child.stderr.take().expect("stderr is piped");
    stderr.read_to_string(&mut log).expect("the log is text");
    let _ = child.wait().expect("it ends");
    assert!(log.contains("lines of the log were dropped"), "nothing was");
    let lines = log.lines().filter(|line| line.starts_with('{'));
    for line in lines {
        let _: Value = serde_json::from_str(line).expect("whole lines");
    }
}
