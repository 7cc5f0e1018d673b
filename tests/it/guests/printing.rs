//! What prints and reads.

use std::io::{BufRead, BufReader, Read, Write};

use tests::{PATIENCE, guests, log};

use super::nodes::{get, node, post, send};

// === Printing ===

#[test]
pub(super) fn drip() {
    let lines: String = (1..=10).map(|line| format!("line {line}\n")).collect();
    get(guests::drip).answers(200, &lines);
}

#[test]
pub(super) fn tick() {
    let mut sent = get(guests::tick);
    let _ = sent.connection.read_past("data: 1\n\n");
    sent.ends_when_left_after("data: 2\n\n");
}

#[test]
pub(super) fn print_forever() {
    get(guests::print_forever).ends_when_left_after("xxxx");
}

/// The error of its write is its end: a guest whose client has left is not asked.
#[test]
pub(super) fn print_until_error() {
    get(guests::print_until_error).ends_when_left_after("xxxx");
}

/// By HTTP/1.0, so that the body comes without framing and need not be kept.
#[test]
pub(super) fn big() {
    let mut socket = std::net::TcpStream::connect(node().address()).expect("the node listens");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a connected socket");
    socket
        .write_all(b"GET /big HTTP/1.0\r\n\r\n")
        .expect("the node reads");
    let mut answer = BufReader::with_capacity(1 << 20, socket);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        answer.read_line(&mut line).expect("a head");
    }
    let mut block = vec![0; 64 * 1024];
    let rest = vec![b'x'; 64 * 1024 - 8];
    for number in 0_u64..16_384 {
        answer.read_exact(&mut block).expect("a block");
        assert_eq!(block[..8], number.to_le_bytes());
        assert!(block[8..] == rest, "block {number} is torn");
    }
    assert_eq!(answer.read(&mut block).expect("an orderly close"), 0);
}

#[test]
pub(super) fn one_big_write() {
    let text = "x".repeat(1 << 20) + "1048576\n";
    get(guests::one_big_write).answers(200, &text);
}

#[test]
pub(super) fn many_vectors() {
    let text = "0123456789abcde\n".repeat(4096) + "65536\n";
    get(guests::many_vectors).answers(200, &text);
}

#[test]
pub(super) fn small_writes() {
    let lines: String = (1..=10_000)
        .map(|line| format!("<p>Line {line}</p>\n"))
        .collect();
    get(guests::small_writes).answers(200, &lines);
}

#[test]
pub(super) fn finish_after_client() {
    let mut sent = get(guests::finish_after_client);
    let _ = sent.connection.read_past("first\n");
    drop(sent.connection);
    let _ = log::wait_for(&["finished", &sent.id], 1);
}

// === Reading ===

#[test]
pub(super) fn read_all_then_answer() {
    get(guests::read_all_then_answer).answers(200, "read 0 bytes\n");
    post(guests::read_all_then_answer, &[b'x'; 300_000]).answers(200, "read 300000 bytes\n");
    let chunked = &[("Transfer-Encoding", "chunked")];
    let body = b"3\r\nabc\r\n4;a=b\r\ndefg\r\n0\r\n\r\n";
    send("POST", guests::read_all_then_answer, chunked, body).answers(200, "read 7 bytes\n");
}

#[test]
pub(super) fn read_forever() {
    let fields = &[("Transfer-Encoding", "chunked")];
    let mut sent = send("POST", guests::read_forever, fields, b"3\r\nabc\r\n");
    let _ = sent.connection.read_past("reading\n");
    sent.connection.send("3\r\ndef\r\n0\r\n\r\n");
    let _ = sent.connection.read_past("end\n");
    let _ = sent.connection.read_past("\r\n0\r\n\r\n");
}

#[test]
pub(super) fn echo() {
    let fields = &[("Transfer-Encoding", "chunked")];
    let mut sent = send("POST", guests::echo, fields, b"4\r\nabc\n\r\n");
    let _ = sent.connection.read_past("abc\n");
    sent.connection.send("4\r\ndef\n\r\n");
    let _ = sent.connection.read_past("def\n");
    sent.connection.send("0\r\n\r\n");
    let _ = sent.connection.read_past("\r\n0\r\n\r\n");
}

#[test]
pub(super) fn answer_then_read() {
    let fields = &[("Content-Length", "1")];
    let mut sent = send("POST", guests::answer_then_read, fields, b"");
    let _ = sent.connection.read_past("first\n");
    sent.connection.send("x");
    let _ = sent.connection.read_past("second\n");
}

#[test]
pub(super) fn answer_without_reading() {
    post(guests::answer_without_reading, b"nobody reads this").answers(200, "not read\n");
}

#[test]
pub(super) fn refuse_without_reading() {
    let fields = &[("Content-Length", "5"), ("Expect", "100-continue")];
    let mut sent = send("POST", guests::refuse_without_reading, fields, b"");
    assert_eq!(sent.head().status, 403);
}

#[test]
pub(super) fn stdin_error() {
    let fields = &[("Transfer-Encoding", "chunked")];
    let mut sent = send("POST", guests::stdin_error, fields, b"3\r\nabc\r\n");
    let _ = sent.connection.read_past("reading\n");
    sent.connection.send("no size\r\n");
    sent.logged("read: errno 29 after 3 bytes");
}

#[test]
pub(super) fn poll_stdin() {
    let mut sent = send("POST", guests::poll_stdin, &[("Content-Length", "3")], b"");
    sent.connection.send("abc");
    sent.answers(200, "stdin 3\n");
}
