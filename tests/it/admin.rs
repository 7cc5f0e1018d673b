//! What whoever is paged sees: probes, metrics, routes, and a line for each request.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;

use node_runtime::admin::{Admin, Health, Pulse, RouteStatus, Shown, State};
use node_runtime::modules::metrics::{StoreUsage, register_store};
use node_runtime::route::Outcome;
use prometheus::{Registry, TextEncoder};
use serde_json::{Value, json};
use tests::access_log::AccessLog;
use tests::client::{Connection, Response};
use tests::guests::{self, Guest};
use tests::node::{Node, get};
use tests::request::{Request, chunk, new_id};
use tests::{PATIENCE, wagi};

/// An admin server without a runtime behind it.
fn admin(health: &Health, token: Option<&std::path::Path>) -> Admin {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let routes = || {
        vec![RouteStatus {
            name: "default/hello".to_owned(),
            hosts: vec!["test.example".to_owned()],
            path: "/hello".to_owned(),
            digest: None,
            state: State::NotLoaded,
            parts: Vec::new(),
            error: Some("no such file".to_owned()),
            in_flight: 3,
        }]
    };
    let shown = Shown {
        health: health.clone(),
        registry: Registry::new(),
        // Its answer is dropped, which is one.
        pulses: vec![Pulse::new("nobody", || tokio::sync::oneshot::channel().1)],
        routes: Arc::new(routes),
    };
    Admin::start(listener, token.map(Into::into), shown).expect("an admin server")
}

fn ask_with(address: SocketAddr, request: &Request) -> Response {
    let mut connection = Connection::open(address);
    connection.send(request.head());
    connection.response()
}

fn ask(address: SocketAddr, path: &str) -> (u16, String) {
    let response = ask_with(address, &Request::get(path));
    (response.head.status, response.text())
}

fn metrics(node: &Node) -> String {
    let response = node.ask("/metrics");
    assert_eq!(response.head.status, 200);
    let kind = response.head.header("content-type");
    assert_eq!(kind, Some("text/plain; version=0.0.4; charset=utf-8"));
    response.text()
}

#[test]
fn readiness_says_what_it_waits_for_and_ends_by_draining_only() {
    let health = Health::default();
    let admin = admin(&health, None);
    let address = admin.address();
    health.loading(vec!["default/a".to_owned(), "default/b".to_owned()]);
    assert_eq!(ask(address, "/readyz"), (503, "not ready\n".to_owned()));
    let reason = "loading: 2 routes were not tried yet: default/a, default/b\n";
    assert_eq!(ask(address, "/readyz?verbose"), (503, reason.to_owned()));
    assert_eq!(ask(address, "/livez"), (200, "ok\n".to_owned()));
    health.loaded();
    assert_eq!(ask(address, "/readyz"), (200, "ok\n".to_owned()));
    health.loading(vec!["default/c".to_owned()]);
    assert_eq!(ask(address, "/readyz"), (200, "ok\n".to_owned()));
    health.draining();
    let reason = "draining: the process is about to end\n";
    assert_eq!(ask(address, "/readyz?verbose"), (503, reason.to_owned()));
    assert_eq!(ask(address, "/livez"), (200, "ok\n".to_owned()));
}

#[test]
fn a_route_that_cannot_be_loaded_holds_no_node_back() {
    let broken = "\
        apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata:\n  name: absent\n\
        spec:\n  path: /absent\n  module:\n    image: file:absent.wasm\n";
    let node = Node::builder().admin().file("absent.yaml", broken).start();
    assert_eq!(node.get("/absent").head.status, 503);
    assert_eq!(node.ask("/readyz").head.status, 200);
}

#[test]
fn probes_are_answered_while_guests_compute_and_places_are_taken() {
    let node = Node::builder()
        .admin()
        .guest(guests::print_then_spin)
        .start();
    let mut busy = Vec::new();
    for _ in 0..32 {
        let mut client = node.connect();
        client.send(get("/print_then_spin"));
        assert_eq!(client.head().status, 200);
        busy.push(client);
    }
    // Whoever holds all of the admin server's connections turns no probe away.
    let idle: Vec<Connection> = (0..100).map(|_| node.admin()).collect();
    let response = node.ask("/livez?verbose");
    assert_eq!(response.head.status, 200);
    let text = response.text();
    assert_eq!(text.lines().count(), 4, "{text}");
    assert!(text.lines().all(|line| line.starts_with("ok: ")), "{text}");
    assert_eq!(node.ask("/readyz").head.status, 200);
    drop(idle);
}

#[test]
fn anything_else_is_404_with_what_there_is() {
    let health = Health::default();
    let admin = admin(&health, None);
    for path in ["/", "/healthz", "/livez/", "/metrics/x"] {
        let (status, text) = ask(admin.address(), path);
        assert_eq!(status, 404, "{path}");
        for there in ["/livez ", "/readyz ", "/metrics ", "/routes "] {
            assert!(text.contains(&format!("\n{there}")), "{text}");
        }
    }
    let response = ask_with(admin.address(), &Request::new("POST", "/livez"));
    assert_eq!(response.head.status, 405);
    assert_eq!(response.head.header("allow"), Some("GET, HEAD"));
}

#[test]
fn routes_are_shown_to_whoever_has_the_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    std::fs::write(&file, "first\n").expect("a file");
    let health = Health::default();
    let admin = admin(&health, Some(&file));
    let status = |token: &str| {
        let request = Request::get("/routes").field("Authorization", token);
        ask_with(admin.address(), &request).head.status
    };
    assert_eq!(status("Bearer first"), 200);
    assert_eq!(status("Bearer second"), 401);
    let without = ask_with(admin.address(), &Request::get("/routes"));
    assert_eq!(without.head.status, 401);
    assert_eq!(without.head.header("www-authenticate"), Some("Bearer"));
    std::fs::write(&file, "second\n").expect("a file");
    assert_eq!(
        (status("Bearer first"), status("Bearer second")),
        (401, 200)
    );
    std::fs::remove_file(&file).expect("it was there");
    assert_eq!(status("Bearer second"), 500);
    // Probes and metrics are for everybody.
    for path in ["/livez", "/metrics"] {
        assert_eq!(ask(admin.address(), path).0, 200, "{path}");
    }
}

#[test]
fn routes_are_shown_as_they_are() {
    let health = Health::default();
    let admin = admin(&health, None);
    let (status, text) = ask(admin.address(), "/routes");
    assert_eq!(status, 200);
    let shown: Value = serde_json::from_str(&text).expect("JSON");
    let route = json!({
        "name": "default/hello", "hosts": ["test.example"], "path": "/hello", "digest": null,
        "state": "not_loaded", "parts": [], "error": "no such file", "in_flight": 3,
    });
    assert_eq!(shown, json!({ "routes": [route] }));

    let node = Node::builder().admin().guest(guests::routes).start();
    let shown: Value = serde_json::from_str(&node.ask("/routes").text()).expect("JSON");
    let route = &shown["routes"][0];
    assert_eq!(route["name"], "default/routes");
    assert_eq!(route["state"], "serving");
    assert_eq!(route["path"], "/routes/...");
    let digest = route["digest"].as_str().expect("a digest");
    assert!(
        digest.starts_with("sha256:") && digest.len() == 71,
        "{digest}"
    );
    assert!(!route["parts"].as_array().expect("a list").is_empty());
}

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

/// The names of ours in a text of metrics, each with its labels.
fn families(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut families = BTreeMap::new();
    let mut family = String::new();
    for line in text.lines() {
        if let Some(head) = line.strip_prefix("# TYPE wagi_") {
            let name = head.split(' ').next().expect("a name");
            family = format!("wagi_{name}");
            families.insert(family.clone(), BTreeSet::new());
        } else if let Some((_, rest)) = line.split_once('{').filter(|_| line.starts_with("wagi_")) {
            let labels = rest.split(',').filter_map(|label| label.split_once("=\""));
            let labels = labels.map(|(name, _)| name.to_owned());
            let of: &mut BTreeSet<String> = families.entry(family.clone()).or_default();
            of.extend(labels.filter(|name| name != "le"));
        }
    }
    families
}

#[test]
fn the_document_names_every_metric_and_every_ending() {
    let node = Node::builder()
        .admin()
        .config(|config| config.access_log = Some(AccessLog::default().log()))
        .guest(guests::hello)
        .start();
    assert_eq!(node.get("/hello").head.status, 200);
    let mut text = metrics(&node);
    assert!(text.contains("\nprocess_cpu_seconds_total "), "no process");
    let store = Registry::new();
    register_store(&store, StoreUsage::default).expect("a new registry");
    text += &TextEncoder::new()
        .encode_to_string(&store.gather())
        .expect("metrics are text");

    let document = wagi::repository("docs/metrics.md");
    let document = std::fs::read_to_string(document).expect("docs/metrics.md");
    // Another program's, which counts other things.
    let (document, _) = document
        .split_once("\n## The operator")
        .expect("a part on the operator");
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows
        .map(|row| row.trim_matches('|').split('|').map(str::trim).collect())
        .collect();
    let quoted = |text: &str| -> BTreeSet<String> {
        let words = text.split('`').skip(1).step_by(2);
        words.map(str::to_owned).collect()
    };
    let documented: BTreeMap<String, BTreeSet<String>> = rows
        .iter()
        .filter(|row| row[0].starts_with("`wagi_"))
        .map(|row| (row[0].trim_matches('`').to_owned(), quoted(row[1])))
        .collect();
    assert_eq!(documented, families(&text));
    for (name, _) in documented {
        let help = format!("# HELP {name} ");
        let help = text.lines().find_map(|line| line.strip_prefix(&help));
        assert!(
            help.is_some_and(|help| help.ends_with(['.', ')'])),
            "{name}"
        );
    }

    let words: BTreeSet<String> = Outcome::ALL.map(|outcome| outcome.word().to_owned()).into();
    let endings: BTreeSet<String> = rows
        .iter()
        .map(|row| row[0].trim_matches('`').to_owned())
        .filter(|word| words.contains(word))
        .collect();
    assert_eq!(endings, words);
}
