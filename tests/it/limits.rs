//! Each limit of a route, on both sides of the head.
//!
//! That a clock rests is proved against another guest, begun later, that the same clock ends.

use tests::client::{BodyEnd, Connection, Response, send_at_once};
use tests::guests::{self, Guest};
use tests::h2;
use tests::log;
use tests::node::{Node, get};
use tests::request::{Request, chunk, new_id};

/// A short limit that a test waits for.
const SHORT: &str = "100ms";

/// A node with this guest under these limits, as YAML in braces.
fn limited(guest: Guest, limits: &str) -> Node {
    let builder = Node::builder().guest_with(guest, &format!("limits: {limits}"));
    builder.start()
}

/// Sends a head, and returns when the guest's own head has come: the guest runs.
fn begin(node: &Node, request: &Request) -> Connection {
    let mut client = node.connect();
    client.send(request.head());
    assert_eq!(client.head().status, 200);
    client
}

fn send(node: &Node, request: &Request) -> Response {
    let mut client = node.connect();
    client.send(request.head());
    client.response()
}

fn assert_logged(id: &str, reason: &str) {
    let reason = format!("reason=\"{reason}\"");
    let _ = log::wait_for(&[id, &reason], 1);
}

fn assert_guest_ended(id: &str, reason: &str) {
    let reason = format!("reason=\"{reason}\"");
    let _ = log::wait_for(&[id, "guest ended", &reason], 1);
}

fn assert_turned_away(response: &Response, id: &str, reason: &str) {
    assert_eq!(response.head.status, 503, "{reason}");
    assert_eq!(response.head.header("retry-after"), Some("1"));
    assert_logged(id, reason);
}

/// One guest runs, as many as may; of two requests more one is turned away at once, and the
/// other, which waits, is answered when the one that runs has ended.
fn assert_one_waits_and_one_is_turned_away(node: &Node, runs: &str, waits: &str) {
    let running = begin(node, &Request::get(runs));
    let ids = [0, 1].map(|_| new_id("waits"));
    let heads = ids.iter().map(|id| Request::get(waits).id(id).head());
    let answers = send_at_once(node.address(), heads.collect());
    let turned_away = answers.recv().expect("it is answered");
    let id = turned_away.head.header("x-request-id").expect("an id");
    assert_turned_away(&turned_away, id, "queue_full");
    drop(running);
    let admitted = answers.recv().expect("it is answered");
    assert_eq!(admitted.head.status, 200);
}

#[test]
fn a_full_queue_is_503_at_once() {
    let node = limited(
        guests::read_forever,
        "{concurrency: 1, timeouts: {queue: 10m}}",
    );
    let mut running = node.connect();
    running.send(Request::post("/read_forever", 1).head());
    assert_eq!(running.head().status, 200);
    let ids = [0, 1].map(|_| new_id("waits"));
    let heads = ids
        .iter()
        .map(|id| Request::get("/read_forever").id(id).head());
    let answers = send_at_once(node.address(), heads.collect());
    let turned_away = answers.recv().expect("it is answered");
    let id = turned_away.head.header("x-request-id").expect("an id");
    assert_turned_away(&turned_away, id, "queue_full");
    running.send("x");
    let admitted = answers.recv().expect("it is answered");
    assert_eq!(admitted.head.status, 200);
}

#[test]
fn waiting_too_long_for_a_permit_is_503() {
    let node = limited(
        guests::sleep_after_head,
        "{concurrency: 1, timeouts: {queue: 50ms}}",
    );
    let running = begin(&node, &Request::get("/sleep_after_head"));
    let id = new_id("waits");
    let response = send(&node, &Request::get("/sleep_after_head").id(&id));
    assert_turned_away(&response, &id, "queue_timeout");
    drop(running);
}

#[test]
fn all_routes_share_the_process_wide_bound() {
    let limits = "limits: {timeouts: {queue: 10m}}";
    let node = Node::builder()
        .config(|config| config.max_requests = 1)
        .guest_with(guests::sleep_after_head, limits)
        .guest_with(guests::hello, limits)
        .start();
    assert_one_waits_and_one_is_turned_away(&node, "/sleep_after_head", "/hello");
}

#[test]
fn a_head_that_does_not_come_is_504() {
    let node = limited(guests::sleep, &format!("{{timeouts: {{head: {SHORT}}}}}"));
    let id = new_id("head");
    let response = send(&node, &Request::get("/sleep").id(&id));
    assert_eq!(response.head.status, 504);
    assert_guest_ended(&id, "head_timeout");
    let client = h2::Connection::open(node.address());
    assert_eq!(client.get("/sleep", &[]).head().status(), 504);
}

#[test]
fn a_guest_that_does_nothing_before_its_head_is_504() {
    let node = limited(guests::sleep, &format!("{{timeouts: {{idle: {SHORT}}}}}"));
    let id = new_id("idle");
    let response = send(&node, &Request::get("/sleep").id(&id));
    assert_eq!(response.head.status, 504);
    assert_guest_ended(&id, "idle_timeout");
}

#[test]
fn a_guest_that_does_nothing_after_its_head_breaks_the_body() {
    let limits = format!("{{timeouts: {{idle: {SHORT}}}}}");
    let node = limited(guests::sleep_after_head, &limits);
    let id = new_id("idle");
    let response = send(&node, &Request::get("/sleep_after_head").id(&id));
    assert_eq!(response.head.status, 200);
    assert!(response.text().ends_with('\n'), "{}", response.text());
    assert_ne!(response.end, BodyEnd::Complete);
    assert_guest_ended(&id, "idle_timeout");
}

#[test]
fn waiting_for_the_client_is_not_idleness() {
    let limits = format!("limits: {{timeouts: {{idle: {SHORT}}}}}");
    let node = Node::builder()
        .guest_with(guests::answer_then_read, &limits)
        .guest_with(guests::print_forever, &limits)
        .guest_with(guests::sleep_after_head, &limits)
        .start();
    let mut sends_late = begin(&node, &Request::post("/answer_then_read", 1));
    let _ = sends_late.read_past("first\n");
    let mut reads_late = begin(&node, &Request::get("/print_forever"));
    // Three times as long as either may be idle.
    for _ in 0..3 {
        let idle = send(&node, &Request::get("/sleep_after_head"));
        assert_ne!(idle.end, BodyEnd::Complete);
    }
    sends_late.send("x");
    let _ = sends_late.read_past("second\n");
    let _ = sends_late.read_past("0\r\n\r\n");
    // More than can have been written before.
    let _ = reads_late.read_bytes(32 << 20);
}

#[test]
fn a_client_that_does_not_send_is_408() {
    let limits = format!("{{timeouts: {{client: {SHORT}}}}}");
    let node = limited(guests::read_all_then_answer, &limits);
    for (request, begins) in [
        (Request::post("/read_all_then_answer", 10), &b""[..]),
        (Request::post("/read_all_then_answer", 10), b"some"),
        (Request::post_chunked("/read_all_then_answer"), b"4\r\nso"),
    ] {
        let id = new_id("silent");
        let mut client = node.connect();
        client.send(request.id(&id).head());
        client.send(begins);
        assert_eq!(client.response().head.status, 408);
        assert_guest_ended(&id, "client_stalled");
    }
    let client = h2::Connection::open(node.address());
    let mut stream = client.post("/read_all_then_answer", &[]);
    stream.send("some", false);
    assert_eq!(stream.head().status(), 408);
}

#[test]
fn a_client_that_does_not_send_what_is_waited_for_breaks_the_body() {
    let limits = format!("{{timeouts: {{client: {SHORT}}}}}");
    let node = limited(guests::answer_then_read, &limits);
    let id = new_id("silent");
    let response = send(&node, &Request::post("/answer_then_read", 1).id(&id));
    assert_eq!(response.text(), "first\n");
    assert_ne!(response.end, BodyEnd::Complete);
    assert_guest_ended(&id, "client_stalled");
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let limits = format!("limits: {{timeouts: {{client: {SHORT}}}}}");
    let node = Node::builder()
        .guest_with(guests::print_forever, &limits)
        .guest(guests::answer_then_read)
        .start();
    let request = Request::get("/print_forever");
    for request in [request.clone(), request.by_http_1_0()] {
        let id = new_id("stalled");
        let mut client = begin(&node, &request.id(&id));
        assert_guest_ended(&id, "client_stalled");
        let (_, end) = client.rest();
        assert_eq!(end, BodyEnd::Reset);
    }
    // On HTTP/2 it is the stream that is cut off, and no other.
    let client = h2::Connection::open(node.address());
    let mut other = client.post("/answer_then_read", &[]);
    assert_eq!(other.read_to("first\n"), "first\n");
    let id = new_id("stalled");
    let mut stream = client.get("/print_forever", &[("x-request-id", &id)]);
    assert_eq!(stream.head().status(), 200);
    assert_guest_ended(&id, "client_stalled");
    assert_eq!(stream.rest().1, h2::BodyEnd::Broken);
    other.send("x", true);
    assert_eq!(other.rest(), (b"second\n".to_vec(), h2::BodyEnd::Complete));
}

#[test]
fn a_client_that_does_not_take_the_rest_of_a_guest_that_has_ended_is_cut_off() {
    let limits = format!("limits: {{timeouts: {{client: {SHORT}}}}}");
    let node = Node::builder()
        .guest_with(guests::small_writes, &limits)
        .start();
    // Its 160 KiB fit between the guest, which ends, and the client's window.
    let client = h2::Connection::open(node.address());
    let mut stream = client.get("/small_writes", &[]);
    assert_eq!(stream.head().status(), 200);
    assert_eq!(stream.await_break(), h2::BodyEnd::Broken);
}

#[test]
fn the_total_time_is_bounded_on_both_sides_of_the_head() {
    let limits = format!("limits: {{timeouts: {{total: {SHORT}}}}}");
    let node = Node::builder()
        .guest_with(guests::sleep, &limits)
        .guest_with(guests::tick, &limits)
        .guest_with(guests::sleep_after_head, &limits)
        .start();
    let id = new_id("total");
    let response = send(&node, &Request::get("/sleep").id(&id));
    assert_eq!(response.head.status, 504);
    assert_guest_ended(&id, "total_timeout");
    for path in ["/tick", "/sleep_after_head"] {
        let id = new_id("total");
        let response = send(&node, &Request::get(path).id(&id));
        assert_eq!(response.head.status, 200);
        assert_ne!(response.end, BodyEnd::Complete);
        assert_guest_ended(&id, "total_timeout");
    }
}

#[test]
fn sleeping_costs_no_cpu_time() {
    // It sleeps for a second, and half of that is all it may compute.
    let node = limited(guests::drip, "{cpuTime: 500ms}");
    let response = node.get("/drip");
    assert!(response.text().ends_with("line 10\n"));
    assert_eq!(response.end, BodyEnd::Complete);
}

#[test]
fn waiting_costs_no_cpu_time() {
    let node = Node::builder()
        .guest_with(guests::answer_then_read, "limits: {cpuTime: 500ms}")
        .guest_with(guests::spin, "limits: {cpuTime: 600ms}")
        .start();
    let mut waits = begin(&node, &Request::post("/answer_then_read", 1));
    assert_eq!(node.get("/spin").head.status, 504);
    waits.send("x");
    let _ = waits.read_past("second\n");
}

#[test]
fn an_upload_known_to_be_too_large_is_413_without_a_guest() {
    // While the one that may run runs, no other guest starts; the refusal needs none.
    let node = limited(
        guests::sleep_after_head,
        "{concurrency: 1, requestBody: 1000, timeouts: {queue: 10m}}",
    );
    let running = begin(&node, &Request::get("/sleep_after_head"));
    let id = new_id("large");
    let response = send(&node, &Request::post("/sleep_after_head", 1001).id(&id));
    assert_eq!(response.head.status, 413);
    assert_logged(&id, "request_body");
    let client = h2::Connection::open(node.address());
    let fields = [("content-length", "1001")];
    let mut stream = client.post("/sleep_after_head", &fields);
    assert_eq!(stream.head().status(), 413);
    drop(running);
    let allowed = begin(&node, &Request::post("/sleep_after_head", 1000));
    drop(allowed);
}

#[test]
fn a_chunked_upload_that_grows_too_large_is_413() {
    let node = limited(guests::read_all_then_answer, "{requestBody: 1000}");
    let id = new_id("grows");
    let mut client = node.connect();
    let request = Request::post_chunked("/read_all_then_answer");
    client.send(request.clone().id(&id).head());
    client.send(chunk(&[b'x'; 600]));
    client.send(chunk(&[b'x'; 600]));
    assert_eq!(client.response().head.status, 413);
    assert_guest_ended(&id, "request_body");

    let mut client = node.connect();
    client.send(request.head());
    client.send(chunk(&[b'x'; 600]));
    client.send(chunk(&[b'x'; 400]));
    client.send(chunk(b""));
    assert_eq!(client.response().text(), "read 1000 bytes\n");

    let client = h2::Connection::open(node.address());
    let mut stream = client.post("/read_all_then_answer", &[]);
    stream.send(vec![b'x'; 1001], false);
    assert_eq!(stream.head().status(), 413);
}

#[test]
fn an_upload_too_large_after_the_head_is_a_read_error() {
    let node = limited(guests::stdin_error, "{requestBody: 1000}");
    let mut client = node.connect();
    client.send(Request::post_chunked("/stdin_error").head());
    let head = client.head();
    assert_eq!(head.status, 200);
    let _ = client.read_past("reading\n");
    client.send(chunk(&[b'x'; 600]));
    client.send(chunk(&[b'x'; 600]));
    let _ = client.read_past("read: errno 29 after 600 bytes\n");
    let _ = client.read_past("0\r\n\r\n");
}

#[test]
fn a_guest_past_a_limit_is_gone() {
    // The one place is free again although the guest did nothing towards that.
    let limits = "concurrency: 1, cpuTime: 50ms, timeouts: {queue: 10m, head: 10s}";
    let guests = [
        guests::spin,
        guests::spin_in_host_calls,
        guests::start_function_spins,
    ];
    for guest in guests {
        let node = limited(guest, &format!("{{{limits}}}"));
        for _ in 0..2 {
            let id = new_id(guest.name);
            let response = send(&node, &Request::get(&format!("/{}", guest.name)).id(&id));
            assert_eq!(response.head.status, 504, "{}", guest.name);
            assert_guest_ended(&id, "cpu_time");
        }
    }
}

#[test]
fn guests_share_the_memory_of_the_process() {
    let guest = guests::grow_and_hold;
    let node = Node::builder()
        .config(|config| config.engine.guest_memory_bytes = 128 << 20)
        .guest_with(guest, "limits: {timeouts: {queue: 10m}}")
        .guest(guests::grow_memory_then_trap)
        .guest_with(guests::one_big_write, "limits: {timeouts: {queue: 10m}}")
        .route(
            "impatient",
            guests::one_big_write,
            "limits: {timeouts: {queue: 50ms}}",
        )
        .start();
    let held = |client: &mut Connection| -> usize {
        let _ = client.read_past("held ");
        let pages = client.read_past(" pages\n");
        // A chunk may begin before the number, with its size on a line of its own.
        let number = pages.trim_end_matches(" pages\n").split_whitespace();
        let number = number.last().expect("something is held");
        number.parse().expect("a number of pages")
    };
    let mut first = begin(&node, &Request::post("/grow_and_hold", 1));
    let first_pages = held(&mut first);
    assert!(first_pages >= 1024, "{first_pages}");
    let mut second = begin(&node, &Request::post("/grow_and_hold", 1));
    let second_pages = held(&mut second);
    assert!(second_pages < 1024, "{second_pages}");
    assert!(first_pages + second_pages <= 2048);

    // A guest that grows now is told that there is no more, and why is on the log.
    let id = new_id("grows");
    let response = send(&node, &Request::get("/grow_memory_then_trap").id(&id));
    assert_eq!(response.head.status, 500);
    assert_guest_ended(&id, "node_memory");

    // A guest that needs more to begin with waits in the queue.
    let id = new_id("impatient");
    let response = send(&node, &Request::get("/impatient").id(&id));
    assert_turned_away(&response, &id, "queue_timeout");
    let answers = send_at_once(node.address(), vec![get("/one_big_write")]);
    first.send("x");
    let response = answers.recv().expect("it is answered");
    assert_eq!(response.head.status, 200);
    assert_eq!(response.end, BodyEnd::Complete);
}

#[test]
fn the_cap_of_the_kernel_is_said() {
    log::keep();
    let asked = 1 << 30;
    let guests = node_runtime::app::capacity::guests(asked);
    assert!(guests < asked);
    let said = format!("--max-requests is {guests}, not {asked}: vm.max_map_count is ");
    let _ = log::wait_for(&[&said], 1);
    let connections = node_runtime::app::capacity::connections(usize::MAX);
    let said = format!("--max-connections is {connections}, not ");
    let _ = log::wait_for(&[&said, "files may be open"], 1);
}
