//! What is printed before the blank line, and what becomes of it.

use tests::client::BodyEnd;
use tests::{guests, log};

use super::nodes::{get, send};

#[test]
pub(super) fn no_blank_line() {
    get(guests::no_blank_line).fails(500, "no_blank_line");
}

#[test]
pub(super) fn no_required_field() {
    get(guests::no_required_field).fails(500, "no_required_field");
}

#[test]
pub(super) fn bad_status() {
    get(guests::bad_status).fails(502, "response_head");
}

#[test]
pub(super) fn status_101() {
    get(guests::status_101).fails(502, "response_head");
}

#[test]
pub(super) fn status_418() {
    get(guests::status_418).answers(418, "teapot\n");
}

#[test]
pub(super) fn huge_head() {
    get(guests::huge_head).fails(502, "response_head");
}

#[test]
pub(super) fn endless_head() {
    let mut sent = get(guests::endless_head);
    assert_eq!(sent.response().head.status, 502);
    sent.ended("response_head");
}

#[test]
pub(super) fn two_writes_split_head() {
    let head = get(guests::two_writes_split_head).answers(200, "body\n");
    assert_eq!(head.header("content-type"), Some("text/plain"));
    assert_eq!(head.header("x-after"), Some("1"));
}

#[test]
pub(super) fn crlf_head() {
    let head = get(guests::crlf_head).answers(200, "a\r\nb\r\n");
    assert_eq!(head.header("content-type"), Some("text/plain"));
    assert_eq!(head.header("x-other"), Some("1"));
}

#[test]
pub(super) fn head_only() {
    let head = get(guests::head_only).answers(200, "");
    assert_eq!(head.header("content-length"), Some("0"));
}

/// RFC 9110, 8.6: no length goes with 204.
#[test]
pub(super) fn head_only_204() {
    let head = get(guests::head_only_204).answers(204, "");
    assert_eq!(head.header("content-length"), None);
    assert_eq!(head.header("transfer-encoding"), None);
}

/// RFC 9110, 15.3.6: that nothing follows is said by its length.
#[test]
pub(super) fn head_205() {
    let head = get(guests::head_205).answers(205, "");
    assert_eq!(head.header("content-length"), Some("0"));
}

#[test]
pub(super) fn head_304() {
    let head = get(guests::head_304).answers(304, "");
    assert_eq!(head.header("content-length"), Some("1234"));
    assert_eq!(head.header("etag"), Some("\"a\""));
}

#[test]
pub(super) fn run_on_after_204() {
    let mut sent = get(guests::run_on_after_204);
    assert_eq!(sent.response().head.status, 204);
    sent.logged("ran to its end");
}

#[test]
pub(super) fn run_on() {
    let mut sent = send("HEAD", guests::run_on, &[], b"");
    assert_eq!(sent.response().head.status, 200);
    sent.logged("ran to its end");
}

#[test]
pub(super) fn location() {
    let head = get(guests::location).answers(302, "moved\n");
    assert_eq!(head.header("location"), Some("https://example.test/there"));
}

#[test]
pub(super) fn location_with_status() {
    let head = get(guests::location_with_status).answers(201, "created\n");
    assert_eq!(head.header("location"), Some("/things/1"));
}

#[test]
pub(super) fn set_cookies() {
    let head = get(guests::set_cookies).answers(200, "body\n");
    let cookies: Vec<_> = head.all("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2", "c=3"]);
}

#[test]
pub(super) fn bad_header_bytes() {
    let mut sent = send(
        "GET",
        guests::bad_header_bytes,
        &[("Connection", "close")],
        b"",
    );
    let (answer, _) = sent.connection.rest();
    let answer = answer.to_ascii_lowercase();
    let has = |text: &[u8]| answer.windows(text.len()).any(|window| window == text);
    assert!(has(b"\r\nx-latin: caf\xe9\r\n") && has(b"\r\nx-good: 1\r\n"));
    assert!(!has(b"x-control") && !has(b"bad name") && !has(b"\r\n: 1") && !has(b"no colon"));
    assert!(answer.ends_with(b"\r\n\r\nbody\n"));
    let _ = log::wait_for(&["a line of the guest's head was skipped", &sent.id], 4);
}

#[test]
pub(super) fn own_content_length() {
    let head = get(guests::own_content_length).answers(200, "ten bytes\n");
    assert_eq!(head.header("content-length"), Some("10"));
    assert_eq!(head.header("transfer-encoding"), None);
}

#[test]
pub(super) fn wrong_content_length_at_once() {
    let head = get(guests::wrong_content_length_at_once).answers(200, "ten bytes\n");
    assert_eq!(head.header("content-length"), Some("10"));
}

#[test]
pub(super) fn short_content_length() {
    let response = get(guests::short_content_length).response();
    assert_eq!(response.head.header("content-length"), Some("100"));
    let found = (response.text(), response.end);
    assert_eq!(found, ("ten bytes\n".to_owned(), BodyEnd::Closed));
}

#[test]
pub(super) fn long_content_length() {
    let mut sent = get(guests::long_content_length);
    let response = sent.response();
    assert_eq!(response.head.header("content-length"), Some("10"));
    let found = (response.text(), response.end);
    assert_eq!(found, ("ten bytes\n".to_owned(), BodyEnd::Complete));
    sent.ended("content_length");
    // Nothing of the surplus is on the connection.
    sent.connection.send(tests::node::get("/hello"));
    assert_eq!(sent.response().text(), "hello\n");
}

#[test]
pub(super) fn bad_content_length() {
    let head = get(guests::bad_content_length).answers(200, "ten bytes\n");
    assert_eq!(head.header("content-length"), None);
}

#[test]
pub(super) fn transfer_encoding() {
    let head = get(guests::transfer_encoding).answers(200, "ten bytes\n");
    let encodings: Vec<_> = head.all("transfer-encoding").collect();
    assert_eq!(encodings, ["chunked"], "that of the connection itself");
    for name in [
        "content-length",
        "connection",
        "x-named",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    ] {
        assert_eq!(head.header(name), None, "{name}");
    }
}

#[test]
pub(super) fn own_accel_buffering() {
    let head = get(guests::own_accel_buffering).answers(200, "first\nsecond\n");
    let fields: Vec<_> = head.all("x-accel-buffering").collect();
    assert_eq!(fields, ["yes"]);
}
