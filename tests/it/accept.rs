//! What is accepted from clients, and what is not.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use tests::client::BodyEnd;
use tests::node::{self, Node};
use tests::request::Request;
use tests::{guests, h2};

fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| {
        Node::builder()
            .guest(guests::hello)
            .guest(guests::echo)
            .guest(guests::env_dump)
            .guest(guests::read_all_then_answer)
            .route("healthz", guests::hello, "path: /healthz")
            .route("metrics", guests::hello, "path: /metrics")
            .route("paths", guests::hello, "path: /paths/...")
            .route("a", guests::env_dump, "hosts: [a.example]\npath: /...")
            .route("b", guests::env_dump, "hosts: [b.example]\npath: /...")
            .start()
    })
}

#[test]
fn all_three_versions_are_served_on_one_port() {
    for request in [Request::get("/hello"), Request::get("/hello").by_http_1_0()] {
        let mut connection = node().connect();
        connection.send(request.head());
        let response = connection.response();
        assert_eq!(
            (response.head.status, response.text().as_str()),
            (200, "hello\n")
        );
        assert_eq!(response.end, BodyEnd::Complete);
    }
    let connection = h2::Connection::open(node().address());
    let mut stream = connection.get("/hello", &[]);
    assert_eq!(stream.head().status(), 200);
    assert_eq!(stream.rest(), (b"hello\n".to_vec(), h2::BodyEnd::Complete));
}

/// The tool's binary, built where it is not given.
fn h2spec() -> PathBuf {
    if let Some(path) = std::env::var_os("H2SPEC") {
        return path.into();
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let built = Command::new(root.join("scripts/tool"))
        .arg("h2spec")
        .output()
        .expect("scripts/tool runs");
    assert!(built.status.success(), "{built:?}");
    String::from_utf8(built.stdout)
        .expect("a path is text")
        .trim_end()
        .into()
}

/// Cases that cannot hold where HTTP/1 is served on the same port: what is no preface of HTTP/2
/// (section 3.5) is a request line that RFC 9112 wants answered with 400 before the close. h2spec
/// reads that answer as a frame; [`what_is_no_preface_is_answered_as_http_1_and_closed`].
const NOT_WITH_HTTP_1: &[&str] = &["2: Sends invalid connection preface"];

#[test]
fn h2spec_finds_nothing() {
    let port = node().address().port().to_string();
    // Its guest awaits the end of the request: no stream is over before a case has had its say.
    let path = "/read_all_then_answer";
    let arguments = ["--strict", "--timeout", "10", "--path", path, "--port"];
    let found = Command::new(h2spec())
        .args(arguments)
        .arg(&port)
        .output()
        .expect("h2spec runs");
    let text = String::from_utf8_lossy(&found.stdout);
    let (_, failures) = text.split_once("Failures:").unwrap_or_default();
    let failed: Vec<_> = failures
        .lines()
        .filter_map(|line| line.trim().strip_prefix("\u{d7} "))
        .collect();
    assert_eq!(failed, NOT_WITH_HTTP_1, "{text}");
    assert!(text.contains(" 0 skipped, 1 failed"), "{text}");
}

#[test]
fn what_is_no_preface_is_answered_as_http_1_and_closed() {
    let mut connection = node().connect();
    connection.send("INVALID CONNECTION PREFACE\r\n\r\n");
    assert_eq!(connection.response().head.status, 400);
    assert_eq!(connection.rest(), (Vec::new(), BodyEnd::Closed));
}

#[test]
fn options_of_everything_and_connect_are_501() {
    for request in [
        "OPTIONS * HTTP/1.1\r\nHost: test.example\r\n\r\n",
        "CONNECT test.example:80 HTTP/1.1\r\nHost: test.example:80\r\n\r\n",
    ] {
        let mut connection = node().connect();
        connection.send(request);
        assert_eq!(connection.response().head.status, 501, "{request}");
        assert_eq!(
            connection.rest(),
            (Vec::new(), BodyEnd::Closed),
            "{request}"
        );
    }
    // With a path it is a request like any other.
    let mut connection = node().connect();
    connection.send(Request::new("OPTIONS", "/hello").head());
    assert_eq!(connection.response().head.status, 200);
}

#[test]
fn an_upgrade_is_not_taken() {
    for (protocol, settings) in [("websocket", ""), ("h2c", "AAMAAABkAAQAoAAAAAIAAAAA")] {
        let mut connection = node().connect();
        let request = Request::get("/hello")
            .field("Connection", "Upgrade, HTTP2-Settings")
            .field("Upgrade", protocol)
            .field("HTTP2-Settings", settings);
        connection.send(request.head());
        let response = connection.response();
        assert_eq!(
            (response.head.status, response.text().as_str()),
            (200, "hello\n")
        );
        assert_eq!(response.head.header("upgrade"), None);
        // The connection still speaks what it spoke.
        connection.send(node::get("/hello"));
        assert_eq!(connection.response().head.version, "HTTP/1.1");
    }
}

#[test]
fn trailers_of_a_request_are_dropped() {
    let mut connection = node().connect();
    let head = Request::post_chunked("/echo")
        .field("Trailer", "X-Sum")
        .head();
    connection.send(head + "3\r\nabc\r\n0\r\nX-Sum: 1\r\nX-Other: 2\r\n\r\n");
    let response = connection.response();
    assert_eq!(
        (response.text().as_str(), response.end),
        ("abc", BodyEnd::Complete)
    );
    assert_eq!(response.head.header("x-sum"), None);
    connection.send(node::get("/hello"));
    assert_eq!(connection.response().text(), "hello\n");
}

#[test]
fn paths_that_climb_or_hold_nul_are_400() {
    #[rustfmt::skip]
    let table = [
        (400, "/paths/../hello"),
        (400, "/paths/.."),
        (400, "/paths/./x"),
        (400, "/paths/."),
        (400, "/../paths/x"),
        (400, "/paths/%2e%2e/hello"),
        (400, "/paths/%2E/x"),
        (400, "/paths/.%2e/x"),
        (400, "/paths/%2e./x"),
        (400, "/paths/a%00b"),
        (400, "/paths/%zz"),
        (400, "/paths/%4"),
        (200, "/paths/..."),
        (200, "/paths/.well-known"),
        (200, "/paths/a..b"),
        (200, "/paths//x"),
        (200, "/paths/a%2Fb"),
        (200, "/paths/%252e%252e/x"),
        (200, "/paths/x?y=../.."),
        (404, "/paths%2Fx"),
    ];
    for (status, path) in table {
        assert_eq!(node().get(path).head.status, status, "{path}");
    }
    let connection = h2::Connection::open(node().address());
    for path in ["/paths/../hello", "/paths/%2e%2e/hello", "/paths/a%00b"] {
        assert_eq!(connection.get(path, &[]).head().status(), 400, "{path}");
    }
}

#[test]
fn no_path_is_reserved() {
    for path in ["/healthz", "/metrics"] {
        assert_eq!(node().get(path).text(), "hello\n", "{path}");
    }
    for path in ["/readyz", "/livez", "/favicon.ico", "/"] {
        assert_eq!(node().get(path).head.status, 404, "{path}");
    }
}

#[test]
fn ranges_conditionals_and_compression_are_left_to_the_handler() {
    let mut connection = node().connect();
    let request = Request::get("/env_dump")
        .field("Range", "bytes=0-3")
        .field("If-None-Match", "*")
        .field("If-Modified-Since", "Sat, 29 Oct 2044 19:43:31 GMT")
        .field("Accept-Encoding", "gzip, br");
    connection.send(request.head());
    let response = connection.response();
    assert_eq!(response.head.status, 200);
    let text = response.text();
    for variable in [
        "HTTP_RANGE=bytes=0-3",
        "HTTP_IF_NONE_MATCH=*",
        "HTTP_IF_MODIFIED_SINCE=Sat, 29 Oct 2044 19:43:31 GMT",
        "HTTP_ACCEPT_ENCODING=gzip, br",
    ] {
        assert!(
            text.lines().any(|line| line == variable),
            "{variable} in {text}"
        );
    }
    for name in [
        "accept-ranges",
        "content-range",
        "content-encoding",
        "vary",
        "etag",
        "last-modified",
        "cache-control",
        "server",
    ] {
        assert_eq!(response.head.header(name), None, "{name}");
    }
}

#[test]
fn an_absolute_target_names_its_host() {
    #[rustfmt::skip]
    let table = [
        // target               Host           SERVER_NAME
        ("http://a.example/x",  "b.example",   "a.example"),
        ("http://B.Example/x",  "a.example",   "b.example"),
        ("/x",                  "a.example",   "a.example"),
        ("/x",                  "A.EXAMPLE.",  "a.example"),
    ];
    for (target, host, name) in table {
        let mut connection = node().connect();
        connection.send(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        let text = connection.response().text();
        let line = format!("SERVER_NAME={name}");
        assert!(
            text.lines().any(|other| other == line),
            "{target} {host}: {text}"
        );
    }
}

/// The whole table stands beside the code; here is one of each kind, with a guest behind it.
#[test]
fn what_breaks_a_rule_is_answered_closed_and_reaches_no_guest() {
    let many = format!(
        "GET /hello HTTP/1.1\r\nHost: a\r\n{}\r\n",
        "x: y\r\n".repeat(100)
    );
    let wide = format!(
        "GET /hello HTTP/1.1\r\nHost: a\r\nx: {}\r\n\r\n",
        "x".repeat(66_000)
    );
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(17_000));
    #[rustfmt::skip]
    let table = [
        (400, "GET /hello HTTP/1.1\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nHost: a b\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nHost: a\r\nx : y\r\n\r\n"),
        (400, "GET /hello HTTP/1.1\r\nHost: a\r\nx: y\r\n z\r\n\r\n"),
        (400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        (400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n"),
        (501, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
        (414, &long),
        (431, &many),
        (431, &wide),
    ];
    for (status, request) in table {
        let mut connection = node().connect();
        connection.send(request);
        let response = connection.response();
        let start = &request[..request.len().min(90)];
        assert_eq!(response.head.status, status, "{start}");
        assert!(!response.text().contains("hello"), "{start}");
        assert_eq!(connection.rest(), (Vec::new(), BodyEnd::Closed), "{start}");
    }
}
