//! What a handler is told of its request, over real connections. (How each variable is made has
//! tables of its own beside the code.)

use std::sync::OnceLock;

use tests::h2;
use tests::node::Node;
use tests::request::Request;
use tests::{client, guests};

/// What a guest was given: a line each, arguments as `argv: TEXT`.
struct Given(String);

fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| {
        let own = "path: /own\nenv:\n- {name: GREETING, value: hi}\n- {name: SERVER_SOFTWARE, value: x}\n\
                   argv: [own, '${SCRIPT_NAME}', '${ARGS}']";
        Node::builder()
            .guest(guests::env_dump)
            .route("static", guests::env_dump, "path: /static/...")
            .route("exact", guests::env_dump, "path: /exact")
            .route("rest", guests::env_dump, "path: /...")
            .route("own", guests::env_dump, own)
            .start()
    })
}

fn answer(request: &Request) -> client::Response {
    let mut connection = node().connect();
    connection.send(request.head());
    connection.response()
}

fn given(request: &Request) -> Given {
    Given(answer(request).text())
}

impl Given {
    fn variable(&self, name: &str) -> Option<&str> {
        let mut variables = self.0.lines().filter_map(|line| line.split_once('='));
        variables.find_map(|(other, value)| (other == name).then_some(value))
    }

    fn arguments(&self) -> Vec<&str> {
        let lines = self.0.lines();
        lines
            .filter_map(|line| line.strip_prefix("argv: "))
            .collect()
    }

    #[track_caller]
    fn check(&self, expected: &[(&str, Option<&str>)]) {
        for (name, value) in expected {
            assert_eq!(self.variable(name), *value, "{name} in {}", self.0);
        }
    }
}

#[test]
fn a_handler_sees_the_variables_on_every_version() {
    let port = node().address().port().to_string();
    let path = "/static/images/a%20b.png?x=1&y";
    let local = format!("127.0.0.1:{port}");
    let by_http_2 = {
        let connection = h2::Connection::open(node().address());
        let (body, _) = connection.get(path, &[]).rest();
        String::from_utf8(body).expect("the variables are text")
    };
    let table = [
        (
            "HTTP/1.0",
            "test.example",
            given(&Request::get(path).by_http_1_0()),
        ),
        ("HTTP/1.1", "test.example", given(&Request::get(path))),
        ("HTTP/2.0", "127.0.0.1", Given(by_http_2)),
    ];
    for (protocol, host, given) in table {
        let url = format!("http://{host}:{port}{path}");
        #[rustfmt::skip]
        given.check(&[
            ("AUTH_TYPE", Some("")), ("CONTENT_LENGTH", Some("0")), ("CONTENT_TYPE", Some("")),
            ("GATEWAY_INTERFACE", Some("CGI/1.1")), ("HTTPS", None),
            ("PATH_INFO", Some("/images/a b.png")), ("PATH_TRANSLATED", Some("/images/a b.png")),
            ("QUERY_STRING", Some("x=1&y")), ("REMOTE_ADDR", Some("127.0.0.1")),
            ("REMOTE_HOST", Some("127.0.0.1")), ("REMOTE_USER", Some("")),
            ("REQUEST_METHOD", Some("GET")), ("REQUEST_SCHEME", Some("http")),
            ("REQUEST_URI", Some(path)), ("SCRIPT_NAME", Some("/static")),
            ("SERVER_NAME", Some(host)), ("SERVER_PORT", Some(&port)),
            ("SERVER_PROTOCOL", Some(protocol)), ("SERVER_SOFTWARE", Some("WAGI/1")),
            ("X_FULL_URL", Some(&url)), ("X_MATCHED_ROUTE", Some("/static/...")),
            ("X_RAW_PATH_INFO", Some("/images/a%20b.png")),
        ]);
        assert_eq!(given.arguments(), ["/static/images/a%20b.png"]);
    }
    let mut connection = node().connect();
    connection.send(format!("GET /exact HTTP/1.1\r\nHost: {local}\r\n\r\n"));
    Given(connection.response().text()).check(&[("SERVER_PORT", Some(&port))]);
}

#[test]
fn the_route_divides_the_path() {
    #[rustfmt::skip]
    let table = [
        // request                 X_MATCHED_ROUTE   SCRIPT_NAME  PATH_INFO         X_RAW_PATH_INFO
        ("/static/images/a.png",   "/static/...",    "/static",   "/images/a.png",  "/images/a.png"),
        ("/static",                "/static/...",    "/static",   "",               ""),
        ("/static/",               "/static/...",    "/static",   "/",              "/"),
        ("/static/a%2Fb",          "/static/...",    "/static",   "/a/b",           "/a%2Fb"),
        ("/st%61tic/x",            "/static/...",    "/static",   "/x",             "/x"),
        ("/static//x",             "/static/...",    "/static",   "//x",            "//x"),
        ("/exact",                 "/exact",         "/exact",    "",               ""),
        ("/exact/",                "/...",           "/",         "/exact/",        "/exact/"),
        ("/staticky",              "/...",           "/",         "/staticky",      "/staticky"),
        ("/static%2Fx",            "/...",           "/",         "/static/x",      "/static%2Fx"),
        ("/Static/x",              "/...",           "/",         "/Static/x",      "/Static/x"),
        ("/",                      "/...",           "/",         "/",              "/"),
    ];
    for (request, matched, script_name, path_info, raw) in table {
        given(&Request::get(request)).check(&[
            ("X_MATCHED_ROUTE", Some(matched)),
            ("SCRIPT_NAME", Some(script_name)),
            ("PATH_INFO", Some(path_info)),
            ("X_RAW_PATH_INFO", Some(raw)),
        ]);
    }
}

#[test]
fn a_route_adds_variables_and_arguments() {
    let given = given(&Request::get("/own?-a&b=c%20d"));
    given.check(&[
        ("GREETING", Some("hi")),
        ("SERVER_SOFTWARE", Some("WAGI/1")),
    ]);
    assert_eq!(given.arguments(), ["own", "/own", "-a", "b=c%20d"]);
}

#[test]
fn headers_become_variables() {
    let request = Request::get("/exact")
        .field("X-Any-Name", "a value")
        .field("Authorization", "Bearer secret")
        .field(
            "traceparent",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        )
        .field("Content-Type", "text/x-own")
        .field("Proxy", "http://evil.example")
        .field("Proxy-Authorization", "Basic secret")
        .field("Connection", "keep-alive")
        .field("X_Any_Name", "another value");
    #[rustfmt::skip]
    given(&request).check(&[
        ("HTTP_X_ANY_NAME", Some("a value")),
        ("HTTP_AUTHORIZATION", Some("Bearer secret")),
        ("HTTP_TRACEPARENT", Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")),
        ("HTTP_HOST", Some("test.example")),
        ("CONTENT_TYPE", Some("text/x-own")),
        // httpoxy: what it would be taken for is a setting of the program's own.
        ("HTTP_PROXY", None),
        ("HTTP_PROXY_AUTHORIZATION", None),
        ("HTTP_CONNECTION", None),
    ]);
}

#[test]
fn repeated_headers_are_joined() {
    let request = Request::get("/exact")
        .field("X-List", "a")
        .field("Cookie", "a=1")
        .field("x-list", "b, c")
        .field("Cookie", "b=2");
    given(&request).check(&[
        ("HTTP_X_LIST", Some("a, b, c")),
        ("HTTP_COOKIE", Some("a=1; b=2")),
    ]);
}

#[test]
fn a_value_that_is_not_ascii_is_named_corrupt() {
    let request = Request::get("/exact")
        .field("X-Umlaut", "\u{fc}")
        .field("X-Plain", "u");
    given(&request).check(&[
        ("HTTP_X_UMLAUT", Some("CORRUPT VALUE")),
        ("HTTP_X_PLAIN", Some("u")),
    ]);
}

#[test]
fn the_request_id_is_made_kept_and_sent_back() {
    let asked = answer(&Request::get("/exact").id("of-the-client"));
    assert_eq!(asked.head.header("x-request-id"), Some("of-the-client"));
    Given(asked.text()).check(&[("HTTP_X_REQUEST_ID", Some("of-the-client"))]);

    let made = answer(&Request::get("/exact"));
    let id = made.head.header("x-request-id").expect("an id").to_owned();
    assert!(!id.is_empty());
    Given(made.text()).check(&[("HTTP_X_REQUEST_ID", Some(&id))]);
    let other = answer(&Request::get("/exact"));
    assert_ne!(other.head.header("x-request-id"), Some(&*id));
}

#[test]
fn the_length_of_the_body_is_given_where_it_is_known() {
    let mut connection = node().connect();
    connection.send(Request::post("/exact", 3).head() + "abc");
    Given(connection.response().text()).check(&[("CONTENT_LENGTH", Some("3"))]);
    let mut connection = node().connect();
    connection.send(Request::post_chunked("/exact").head() + "3\r\nabc\r\n0\r\n\r\n");
    Given(connection.response().text()).check(&[("CONTENT_LENGTH", None)]);
}
