//! Requests are counted and logged by what became of them.

use std::time::Instant;

use node_runtime::route::Outcome;
use serde_json::Value;
use tests::PATIENCE;
use tests::access_log::AccessLog;
use tests::guests::{self, Guest};
use tests::node::Node;
use tests::request::{Request, chunk, new_id};

use super::metrics;

/// What is asked of a guest, and what becomes of it.
struct Case {
    guest: Guest,
    limits: &'static str,
    request: fn(&str) -> Request,
    body: &'static [u8],
    outcome: Outcome,
}

fn case(guest: Guest, limits: &'static str, outcome: Outcome) -> Case {
    Case {
        guest,
        limits,
        request: Request::get,
        body: b"",
        outcome,
    }
}

fn cases() -> Vec<Case> {
    vec![
        case(guests::hello, "", Outcome::Completed),
        case(guests::drip, "", Outcome::Completed),
        case(guests::head_only_204, "", Outcome::Completed),
        case(guests::own_content_length, "", Outcome::Completed),
        case(guests::exit_3_before_head, "", Outcome::ExitCode),
        case(guests::exit_3_after_head, "", Outcome::ExitCode),
        case(guests::trap_before_head, "", Outcome::Trap),
        case(guests::trap_mid_body, "", Outcome::Trap),
        case(
            guests::grow_memory_then_trap,
            "memory: 8Mi",
            Outcome::Memory,
        ),
        case(
            guests::sleep,
            "timeouts: {head: 50ms}",
            Outcome::HeadTimeout,
        ),
        case(
            guests::sleep_after_head,
            "timeouts: {idle: 50ms}",
            Outcome::IdleTimeout,
        ),
        case(
            guests::tick,
            "timeouts: {total: 50ms}",
            Outcome::TotalTimeout,
        ),
        case(guests::spin, "cpuTime: 20ms", Outcome::CpuTime),
        Case {
            request: |path| Request::post(path, 11),
            ..case(guests::echo, "requestBody: 10", Outcome::RequestBody)
        },
        Case {
            request: Request::post_chunked,
            body: b"more than ten bytes",
            ..case(
                guests::read_all_then_answer,
                "requestBody: 10",
                Outcome::RequestBody,
            )
        },
        Case {
            request: |path| Request::post(path, 11),
            ..case(
                guests::read_forever,
                "timeouts: {client: 100ms}",
                Outcome::ClientStalled,
            )
        },
        case(guests::bad_status, "", Outcome::ResponseHead),
        case(guests::long_content_length, "", Outcome::ContentLength),
        case(guests::short_content_length, "", Outcome::ShortBody),
        case(guests::no_blank_line, "", Outcome::NoBlankLine),
        case(guests::no_required_field, "", Outcome::NoRequiredField),
    ]
}

fn sample(text: &str, line: &str) -> Option<f64> {
    let found = text.lines().find_map(|found| found.strip_prefix(line));
    found.map(|number| number.trim().parse().expect("a number"))
}

/// What was counted of the requests of a route, by outcome, without what never happened.
fn outcomes(text: &str, route: &str) -> Vec<(String, f64)> {
    let end = format!("\",route=\"{route}\"}} ");
    let counted = text.lines().filter_map(|line| {
        let line = line.strip_prefix("wagi_requests_total{outcome=\"")?;
        let (outcome, count) = line.split_once(&end)?;
        let count: f64 = count.parse().expect("a number");
        (count > 0.0).then(|| (outcome.to_owned(), count))
    });
    counted.collect()
}

#[test]
fn each_ending_is_counted_once_and_logged_once() {
    let cases = cases();
    let log = AccessLog::default();
    let builder = Node::builder()
        .admin()
        .config(|config| config.access_log = Some(log.log()));
    let node = cases
        .iter()
        .fold(builder, |builder, case| {
            let spec = match case.limits {
                "" => String::new(),
                limits => format!("limits:\n  {limits}"),
            };
            builder.guest_with(case.guest, &spec)
        })
        .start();
    for case in &cases {
        let name = case.guest.name;
        let id = new_id(name);
        let request = (case.request)(&format!("/{name}")).id(&id);
        let mut client = node.connect();
        client.send(request.head());
        if !case.body.is_empty() {
            client.send(chunk(case.body));
        }
        let status = client.response().head.status;
        let line = log.of(&id);
        let word = case.outcome.word();
        assert_eq!(line["ending"], word, "{name}: {line}");
        assert_eq!(line["status"], status, "{name}");
        let route = format!("default/{}", name.replace('_', "-"));
        assert_eq!(line["route"], route.as_str());
        let text = metrics(&node);
        assert_eq!(outcomes(&text, &route), [(word.to_owned(), 1.0)], "{name}");
        let in_flight = format!("wagi_requests_in_flight{{route=\"{route}\"}}");
        assert_eq!(sample(&text, &in_flight), Some(0.0));
        let ends = format!("wagi_request_seconds_count{{route=\"{route}\"}}");
        assert_eq!(sample(&text, &ends), Some(1.0));
    }
}

#[test]
fn requests_that_reach_no_guest_are_counted_and_logged_too() {
    let log = AccessLog::default();
    let broken = "\
        apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata:\n  name: absent\n\
        spec:\n  path: /absent\n  module:\n    image: file:absent.wasm\n";
    let suspended = "\
        apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata:\n  name: suspended\n\
        spec:\n  path: /suspended\n  module:\n    image: file:absent.wasm\n  suspend: true\n";
    let one = "limits: {concurrency: 1, timeouts: {queue: 50ms}}";
    let node = Node::builder()
        .admin()
        .config(|config| config.access_log = Some(log.log()))
        .file("absent.yaml", broken)
        .file("suspended.yaml", suspended)
        .guest_with(guests::print_until_error, one)
        .start();
    let asked = |path: &str, status: u16, outcome: Outcome, route: Option<&str>| {
        let id = new_id("refused");
        let mut client = node.connect();
        client.send(Request::get(path).id(&id).head());
        assert_eq!(client.response().head.status, status);
        let line = log.of(&id);
        assert_eq!(line["ending"], outcome.word());
        assert_eq!(line["status"], status);
        assert_eq!(line.get("route").and_then(Value::as_str), route);
        let found = outcomes(&metrics(&node), route.unwrap_or_default());
        assert!(
            found.contains(&(outcome.word().to_owned(), 1.0)),
            "{found:?}"
        );
    };
    asked("/nothing", 404, Outcome::NotFound, None);
    asked("/%2e%2e/x", 400, Outcome::BadRequest, None);
    asked("/absent", 503, Outcome::NotLoaded, Some("default/absent"));
    let route = Some("default/suspended");
    asked("/suspended", 503, Outcome::Suspended, route);

    let id = new_id("runs");
    let mut running = node.connect();
    running.send(Request::get("/print_until_error").id(&id).head());
    assert_eq!(running.head().status, 200);
    let route = Some("default/print-until-error");
    asked("/print_until_error", 503, Outcome::QueueTimeout, route);
    let text = metrics(&node);
    let in_use = "wagi_route_permits_in_use{route=\"default/print-until-error\"}";
    assert_eq!(sample(&text, in_use), Some(1.0));
    assert_eq!(sample(&text, "wagi_permits_in_use "), Some(1.0));
    assert_eq!(sample(&text, "wagi_queue_wait_seconds_count "), Some(1.0));
    // Its client leaves: that is how it ends.
    drop(running);
    let line = log.of(&id);
    assert_eq!(line["ending"], "client_gone");
    assert_eq!(line["status"], 200);
    assert!(line["bytes_out"].as_u64() > Some(0), "{line}");
}

#[test]
fn a_client_that_leaves_while_it_waits_is_said_to_have_left() {
    let log = AccessLog::default();
    let node = Node::builder()
        .config(|config| config.access_log = Some(log.log()))
        .guest(guests::read_all_then_answer)
        .start();
    let id = new_id("leaves");
    let mut client = node.connect();
    let request = Request::post("/read_all_then_answer", 4).id(&id);
    client.send(request.field("Expect", "100-continue").head());
    // The guest reads: who leaves before that may leave before its request was seen.
    assert_eq!(client.head().status, 100);
    client.finish_sending();
    let line = log.of(&id);
    assert_eq!(line["ending"], "client_gone");
    assert_eq!((line.get("status"), line.get("head_ms")), (None, None));
}

#[test]
fn the_series_of_a_deleted_route_go() {
    let node = Node::builder()
        .admin()
        .guest(guests::hello)
        .guest(guests::echo)
        .start();
    for guest in ["hello", "echo"] {
        assert_eq!(node.get(&format!("/{guest}")).head.status, 200);
    }
    let text = metrics(&node);
    assert!(text.contains("route=\"default/echo\"") && text.contains("route=\"default/hello\""));
    std::fs::remove_file(node.folder().join("echo.yaml")).expect("it was there");
    let _ = node.wait_for_change("removed: default/echo");
    // The last request, and the table it was found in, may be let go of a little later.
    let deadline = Instant::now() + PATIENCE;
    let mut text = metrics(&node);
    while text.contains("default/echo") {
        assert!(Instant::now() < deadline, "{text}");
        text = metrics(&node);
    }
    assert!(text.contains("route=\"default/hello\""));
}
