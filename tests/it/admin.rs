//! What whoever is paged sees: probes, metrics, routes, and a line for each request.

mod counted;
mod document;
mod log;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use node_runtime::admin::{self, Admin, Health, Pulse, RouteStatus, Shown, State};
use prometheus::Registry;
use serde_json::{Value, json};
use tests::client::{Connection, Response};
use tests::guests;
use tests::node::{Node, get};
use tests::request::Request;

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
    admin::start(listener, token.map(Into::into), shown).expect("an admin server")
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
