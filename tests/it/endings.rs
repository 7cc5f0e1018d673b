//! How answers end, and what says so.
//!
//! All that a guest printed before its death is delivered, then the body breaks in a way that its
//! client can tell; what failed before the head is a status with a fixed phrase.

use tests::client::BodyEnd;
use tests::guests::{self, Guest};
use tests::h2;
use tests::log;
use tests::node::{Node, get};
use tests::request::{Request, chunk, new_id};

const MEGABYTE: usize = 1 << 20;

/// A line of the log for a guest that was ended, or for a request that no guest answered.
const GUEST: &str = "guest ended";
const REFUSED: &str = "not answered by a guest";

fn assert_logged(id: &str, what: &str, reason: &str) {
    let reason = format!("reason=\"{reason}\"");
    let _ = log::wait_for(&[id, what, &reason], 1);
}

#[test]
fn a_broken_chunked_body_has_no_last_chunk() {
    let node = Node::with(&[guests::trap_mid_body, guests::trap_after_megabyte]);
    let response = node.get("/trap_mid_body");
    assert_eq!(response.head.status, 200);
    assert_eq!(response.head.header("transfer-encoding"), Some("chunked"));
    assert_eq!(response.body.last(), Some(&b'\n'), "the line before it");
    assert_ne!(response.end, BodyEnd::Complete);

    let response = node.get("/trap_after_megabyte");
    assert!(response.body.len() > MEGABYTE, "{}", response.body.len());
    assert_eq!(response.body.last(), Some(&b'\n'));
    assert_ne!(response.end, BodyEnd::Complete);
}

#[test]
fn a_broken_body_resets_its_http2_stream_only() {
    let node = Node::with(&[guests::trap_after_megabyte, guests::answer_then_read]);
    let client = h2::Connection::open(node.address());
    let mut other = client.post("/answer_then_read", &[]);
    assert_eq!(other.read_to("first\n"), "first\n");
    for _ in 0..5 {
        let (body, end) = client.get("/trap_after_megabyte", &[]).rest();
        assert!(body.len() > MEGABYTE, "{}", body.len());
        assert_eq!(body.last(), Some(&b'\n'));
        assert_eq!(end, h2::BodyEnd::Broken);
    }
    other.send("x", true);
    assert_eq!(other.rest(), (b"second\n".to_vec(), h2::BodyEnd::Complete));
}

#[test]
fn a_broken_body_to_http_1_0_resets_the_socket() {
    let node = Node::with(&[guests::trap_after_megabyte, guests::hello, guests::drip]);
    let mut client = node.connect();
    client.send(Request::get("/trap_after_megabyte").by_http_1_0().head());
    let response = client.response();
    assert!(response.body.len() > MEGABYTE, "{}", response.body.len());
    assert_eq!(response.body.last(), Some(&b'\n'));
    assert_eq!(response.end, BodyEnd::Reset);

    // A whole one ends in an orderly close.
    let mut client = node.connect();
    client.send(Request::get("/drip").by_http_1_0().head());
    let response = client.response();
    assert_eq!(response.end, BodyEnd::Closed);
    assert!(response.text().ends_with("line 10\n"));
}

#[test]
fn our_own_answers_say_a_phrase_and_the_request_id() {
    let no_module = "\
        apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata:\n  name: absent\n\
        spec:\n  path: /absent\n  module:\n    image: file:absent.wasm\n";
    let limits = "limits:\n  requestBody: 10\n  timeouts:\n    head: 50ms";
    let node = Node::builder()
        .guest(guests::trap_before_head)
        .guest(guests::bad_status)
        .guest_with(guests::sleep, limits)
        .file("absent.yaml", no_module)
        .start();
    let answers = [
        (Request::get("/nothing"), "404 Not Found"),
        (Request::get("/a/../b"), "400 Bad Request"),
        (
            Request::get("/trap_before_head"),
            "500 Internal Server Error",
        ),
        (Request::get("/bad_status"), "502 Bad Gateway"),
        (Request::get("/absent"), "503 Service Unavailable"),
        (Request::get("/sleep"), "504 Gateway Timeout"),
        (Request::post("/sleep", 11), "413 Payload Too Large"),
    ];
    for (request, phrase) in answers {
        let id = new_id("own");
        let mut client = node.connect();
        client.send(request.id(&id).head());
        let response = client.response();
        let text = response.text();
        assert_eq!(text, format!("{phrase}\nrequest id: {id}\n"));
        assert_eq!(phrase.split_once(' ').map(|(code, _)| code.parse()), {
            Some(Ok(response.head.status))
        });
        assert_eq!(response.head.header("x-request-id"), Some(id.as_str()));
        assert_eq!(response.end, BodyEnd::Complete);
    }
    // An id is made where none was sent.
    let response = node.get("/nothing");
    let id = response.head.header("x-request-id").expect("an id");
    assert!(response.text().ends_with(&format!("request id: {id}\n")));
}

/// One ending: what is asked, and the word that says what became of it.
struct Case {
    guest: Guest,
    limits: &'static str,
    status: u16,
    what: &'static str,
    reason: &'static str,
}

const fn case(
    guest: Guest,
    limits: &'static str,
    status: u16,
    what: &'static str,
    reason: &'static str,
) -> Case {
    Case {
        guest,
        limits,
        status,
        what,
        reason,
    }
}

#[test]
fn each_ending_has_its_reason_word() {
    let cases = [
        case(guests::trap_before_head, "", 500, GUEST, "trap"),
        case(guests::trap_mid_body, "", 200, GUEST, "trap"),
        case(guests::stack_overflow, "", 500, GUEST, "trap"),
        case(guests::exit_3_before_head, "", 500, GUEST, "exit_code"),
        case(guests::exit_3_after_head, "", 200, GUEST, "exit_code"),
        case(guests::no_blank_line, "", 500, REFUSED, "no_blank_line"),
        case(guests::silent, "", 500, REFUSED, "no_blank_line"),
        case(
            guests::no_required_field,
            "",
            500,
            REFUSED,
            "no_required_field",
        ),
        case(guests::bad_status, "", 502, REFUSED, "response_head"),
        case(guests::status_101, "", 502, REFUSED, "response_head"),
        case(guests::endless_head, "", 502, GUEST, "response_head"),
        case(guests::spin, "cpuTime: 50ms", 504, GUEST, "cpu_time"),
        case(
            guests::print_then_spin,
            "cpuTime: 50ms",
            200,
            GUEST,
            "cpu_time",
        ),
        case(
            guests::sleep,
            "timeouts: {head: 50ms}",
            504,
            GUEST,
            "head_timeout",
        ),
        case(
            guests::sleep_after_head,
            "timeouts: {idle: 50ms}",
            200,
            GUEST,
            "idle_timeout",
        ),
        case(
            guests::tick,
            "timeouts: {total: 50ms}",
            200,
            GUEST,
            "total_timeout",
        ),
        case(
            guests::grow_memory_then_trap,
            "memory: 8Mi",
            500,
            GUEST,
            "memory",
        ),
        case(
            guests::long_content_length,
            "",
            200,
            GUEST,
            "content_length",
        ),
    ];
    let node = cases
        .iter()
        .fold(Node::builder(), |builder, case| {
            let spec = match case.limits {
                "" => String::new(),
                limits => format!("limits:\n  {limits}"),
            };
            builder.guest_with(case.guest, &spec)
        })
        .start();
    for case in &cases {
        let id = new_id(case.guest.name);
        let mut client = node.connect();
        let path = format!("/{}", case.guest.name);
        client.send(Request::get(&path).id(&id).head());
        let head = client.head();
        assert_eq!(head.status, case.status, "{}", case.guest.name);
        assert_logged(&id, case.what, case.reason);
    }
}

#[test]
fn each_refusal_has_its_reason_word() {
    let limits = "limits:\n  requestBody: 10";
    let no_module = "\
        apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata:\n  name: absent\n\
        spec:\n  path: /absent\n  module:\n    image: file:absent.wasm\n";
    let suspended = no_module.replace("absent", "suspended") + "  suspend: true\n";
    let node = Node::builder()
        .guest_with(guests::read_all_then_answer, limits)
        .file("absent.yaml", no_module)
        .file("suspended.yaml", &suspended)
        .start();
    let refused = |request: Request, status: u16, reason: &str| {
        let id = new_id(reason);
        let mut client = node.connect();
        client.send(request.id(&id).head());
        assert_eq!(client.response().head.status, status, "{reason}");
        assert_logged(&id, REFUSED, reason);
    };
    refused(Request::get("/nothing"), 404, "not_found");
    refused(Request::get("/%2e%2e/x"), 400, "bad_request");
    refused(Request::get("/absent"), 503, "not_loaded");
    refused(Request::get("/suspended"), 503, "suspended");
    refused(
        Request::post("/read_all_then_answer", 11),
        413,
        "request_body",
    );

    let id = new_id("chunked");
    let mut client = node.connect();
    client.send(
        Request::post_chunked("/read_all_then_answer")
            .id(&id)
            .head(),
    );
    client.send(chunk(b"more than ten bytes"));
    assert_eq!(client.response().head.status, 413);
    assert_logged(&id, GUEST, "request_body");
}

#[test]
fn no_route_is_404() {
    let node = Node::with(&[guests::hello]);
    let mut client = node.connect();
    for path in ["/", "/hell", "/hellothere", "/HELLO"] {
        client.send(get(path));
        assert_eq!(client.response().head.status, 404, "{path}");
    }
    client.send(get("/hello"));
    assert_eq!(client.response().head.status, 200);
    let client = h2::Connection::open(node.address());
    assert_eq!(client.get("/nothing", &[]).head().status(), 404);
}
