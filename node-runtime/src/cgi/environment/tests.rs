use std::collections::BTreeMap;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;

use super::*;
use crate::routing::RequestPath;

/// Names with their values.
type Pairs = &'static [(&'static str, &'static str)];

/// A request in words: what the tables below vary.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    target: &'static str,
    route: &'static str,
    version: Version,
    scheme: Scheme,
    authority: Option<&'static str>,
    host: (&'static str, u16),
    peer: &'static str,
    fields: Pairs,
    body: ContentLength,
    env: Pairs,
}

const GET: Sent = Sent {
    method: "GET",
    target: "/hello",
    route: "/hello",
    version: Version::HTTP_11,
    scheme: Scheme::Http,
    authority: None,
    host: ("shop.example", 8080),
    peer: "192.0.2.7",
    fields: &[],
    body: ContentLength::None,
    env: &[],
};

impl Sent {
    fn block(&self) -> Block {
        let (path, query) = match self.target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (self.target, None),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in self.fields {
            let name: HeaderName = name.parse().expect("a field name");
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a field value");
            headers.append(name, value);
        }
        let own = |&(name, value): &(&str, &str)| (name.to_owned(), value.to_owned());
        let env: Vec<_> = self.env.iter().map(own).collect();
        let facts = RequestFacts {
            method: &Method::from_bytes(self.method.as_bytes()).expect("a method"),
            scheme: self.scheme,
            authority: self.authority,
            path: &RequestPath::parse(path).expect("a path"),
            query,
            version: self.version,
            headers: &headers,
            server_name: self.host.0,
            server_port: self.host.1,
            peer: self.peer.parse().expect("an address"),
            request_id: "id-1",
            pattern: &self.route.parse().expect("a pattern"),
            content_length: self.body,
        };
        let fixed = StaticVariables::new(&env);
        let block = variables(&facts, &fixed);
        assert_eq!(
            block.bytes.capacity(),
            most_bytes(&facts, &fixed),
            "one allocation, large enough"
        );
        block
    }

    /// The variables by name; each is set once.
    #[track_caller]
    fn variables(&self) -> BTreeMap<String, String> {
        let block = self.block();
        assert_eq!(block.iter().count(), block.count);
        let mut variables = BTreeMap::new();
        for string in block.iter() {
            let text = std::str::from_utf8(string).expect("text");
            let (name, value) = text.split_once('=').expect("a name and a value");
            let before = variables.insert(name.to_owned(), value.to_owned());
            assert_eq!(before, None, "{name} is set twice");
        }
        variables
    }

    #[track_caller]
    fn check(&self, expected: &[(&str, Option<&str>)]) {
        let variables = self.variables();
        for (name, value) in expected {
            assert_eq!(variables.get(*name).map(String::as_str), *value, "{name}");
        }
    }
}

#[test]
fn a_request_without_a_body_sets_these_variables_and_no_others() {
    #[rustfmt::skip]
    let expected = [
        ("AUTH_TYPE", ""), ("CONTENT_LENGTH", "0"), ("CONTENT_TYPE", ""),
        ("GATEWAY_INTERFACE", "CGI/1.1"), ("GREETING", "hi"),
        ("HTTP_ACCEPT", "*/*"), ("HTTP_HOST", "shop.example:8080"), ("HTTP_X_REQUEST_ID", "id-1"),
        ("PATH_INFO", "/a b"), ("PATH_TRANSLATED", "/a b"), ("QUERY_STRING", "x=1&y"),
        ("REMOTE_ADDR", "192.0.2.7"), ("REMOTE_HOST", "192.0.2.7"), ("REMOTE_USER", ""),
        ("REQUEST_METHOD", "GET"), ("REQUEST_SCHEME", "http"),
        ("REQUEST_URI", "/hello/a%20b?x=1&y"), ("SCRIPT_NAME", "/hello"),
        ("SERVER_NAME", "shop.example"), ("SERVER_PORT", "8080"), ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_SOFTWARE", "WAGI/1"),
        ("X_FULL_URL", "http://shop.example:8080/hello/a%20b?x=1&y"),
        ("X_MATCHED_ROUTE", "/hello/..."), ("X_RAW_PATH_INFO", "/a%20b"),
    ];
    let sent = Sent {
        target: "/hello/a%20b?x=1&y",
        route: "/hello/...",
        fields: &[("Host", "shop.example:8080"), ("Accept", "*/*")],
        env: &[("GREETING", "hi")],
        ..GET
    };
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    assert_eq!(sent.variables(), expected);
}

#[test]
fn paths_are_divided_as_in_wagi() {
    #[rustfmt::skip]
    let table = [
        // route          request                   SCRIPT_NAME   PATH_INFO          X_RAW_PATH_INFO
        ("/static/...",   "/static/images/a.png",   "/static",    "/images/a.png",   "/images/a.png"),
        ("/static/...",   "/static",                "/static",    "",                ""),
        ("/static/...",   "/static/",               "/static",    "/",               "/"),
        ("/hello",        "/hello",                 "/hello",     "",                ""),
        ("/...",          "/",                      "/",          "/",               "/"),
        ("/...",          "/a/b",                   "/",          "/a/b",            "/a/b"),
        ("/",             "/",                      "/",          "",                ""),
        ("/app/sub/...",  "/app/sub/x",             "/app/sub",   "/x",              "/x"),
        ("/a/...",        "/a/%7Eb%2Fc%2523",       "/a",         "/~b/c%23",        "/%7Eb%2Fc%2523"),
        ("/a/...",        "/%61/caf%C3%A9",         "/a",         "/caf\u{e9}",      "/caf%C3%A9"),
        ("/a/...",        "/a/x%FFy%c3",            "/a",         "/x\u{fffd}y\u{fffd}", "/x%FFy%c3"),
        ("/a/...",        "/a//b",                  "/a",         "//b",             "//b"),
    ];
    for (route, target, script_name, path_info, raw_path_info) in table {
        let sent = Sent {
            route,
            target,
            ..GET
        };
        sent.check(&[
            ("SCRIPT_NAME", Some(script_name)),
            ("PATH_INFO", Some(path_info)),
            ("PATH_TRANSLATED", Some(path_info)),
            ("X_RAW_PATH_INFO", Some(raw_path_info)),
            ("X_MATCHED_ROUTE", Some(route)),
            ("REQUEST_URI", Some(target)),
        ]);
    }
}

#[test]
fn the_query_is_given_as_it_came() {
    #[rustfmt::skip]
    let table = [
        // target           QUERY_STRING   REQUEST_URI        X_FULL_URL
        ("/hello",          "",            "/hello",          "http://shop.example:8080/hello"),
        ("/hello?",         "",            "/hello?",         "http://shop.example:8080/hello?"),
        ("/hello?a=%20&b",  "a=%20&b",     "/hello?a=%20&b",  "http://shop.example:8080/hello?a=%20&b"),
        ("/hello?a?b",      "a?b",         "/hello?a?b",      "http://shop.example:8080/hello?a?b"),
    ];
    for (target, query, uri, url) in table {
        let sent = Sent { target, ..GET };
        sent.check(&[
            ("QUERY_STRING", Some(query)),
            ("REQUEST_URI", Some(uri)),
            ("X_FULL_URL", Some(url)),
        ]);
    }
}

#[test]
fn the_server_is_named_as_the_client_named_it() {
    #[rustfmt::skip]
    let table = [
        // host               port  SERVER_NAME       X_FULL_URL
        ("shop.example",      80,    "shop.example",  "http://shop.example:80/hello"),
        ("[::1]",             3000,  "[::1]",         "http://[::1]:3000/hello"),
        ("::1",               65535, "[::1]",         "http://[::1]:65535/hello"),
        ("192.0.2.1",         1,     "192.0.2.1",     "http://192.0.2.1:1/hello"),
    ];
    for (host, port, name, url) in table {
        let sent = Sent {
            host: (host, port),
            ..GET
        };
        sent.check(&[
            ("SERVER_NAME", Some(name)),
            ("SERVER_PORT", Some(&port.to_string())),
            ("X_FULL_URL", Some(url)),
        ]);
    }
}

#[test]
fn the_protocol_is_the_one_that_was_spoken() {
    for (version, protocol) in [
        (Version::HTTP_10, "HTTP/1.0"),
        (Version::HTTP_11, "HTTP/1.1"),
        (Version::HTTP_2, "HTTP/2.0"),
    ] {
        let sent = Sent { version, ..GET };
        sent.check(&[("SERVER_PROTOCOL", Some(protocol))]);
    }
}

#[test]
fn https_is_on_or_unset() {
    let sent = Sent {
        env: &[("HTTPS", "on")],
        ..GET
    };
    sent.check(&[("HTTPS", None), ("REQUEST_SCHEME", Some("http"))]);
    let sent = Sent {
        scheme: Scheme::Https,
        ..GET
    };
    sent.check(&[
        ("HTTPS", Some("on")),
        ("REQUEST_SCHEME", Some("https")),
        ("X_FULL_URL", Some("https://shop.example:8080/hello")),
    ]);
}

#[test]
fn the_peer_is_named_by_its_address() {
    for (peer, address) in [
        ("192.0.2.255", "192.0.2.255"),
        ("10.0.0.1", "10.0.0.1"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
    ] {
        let sent = Sent { peer, ..GET };
        sent.check(&[
            ("REMOTE_ADDR", Some(address)),
            ("REMOTE_HOST", Some(address)),
        ]);
    }
}

#[test]
fn the_method_is_given_whatever_it_is() {
    for method in ["GET", "HEAD", "POST", "PROPFIND", "x-own"] {
        let sent = Sent { method, ..GET };
        sent.check(&[("REQUEST_METHOD", Some(method))]);
    }
}

#[test]
fn the_length_of_the_body_is_given_where_it_is_known() {
    #[rustfmt::skip]
    let table: [(ContentLength, Pairs, Option<&str>, Option<&str>); 5] = [
        // body                        fields                                CONTENT_LENGTH              HTTP_CONTENT_LENGTH
        (ContentLength::None,          &[],                                  Some("0"),                  None),
        (ContentLength::Known(0),      &[("Content-Length", "0")],           Some("0"),                  Some("0")),
        (ContentLength::Known(5),      &[("Content-Length", "5"), ("Content-Length", "5")], Some("5"),   Some("5")),
        (ContentLength::Known(u64::MAX), &[],                                Some("18446744073709551615"), None),
        (ContentLength::Chunked,       &[("Content-Length", "5")],           None,                       None),
    ];
    for (body, fields, length, field) in table {
        let sent = Sent {
            body,
            fields,
            ..GET
        };
        sent.check(&[("CONTENT_LENGTH", length), ("HTTP_CONTENT_LENGTH", field)]);
    }
    let sent = Sent {
        body: ContentLength::Chunked,
        fields: &[("Transfer-Encoding", "chunked")],
        env: &[("CONTENT_LENGTH", "7")],
        ..GET
    };
    sent.check(&[
        ("CONTENT_LENGTH", None),
        ("HTTP_TRANSFER_ENCODING", Some("chunked")),
    ]);
}

#[test]
fn the_type_of_the_body_is_given_twice() {
    let sent = Sent {
        fields: &[("Content-Type", "text/plain; charset=utf-8")],
        ..GET
    };
    sent.check(&[
        ("CONTENT_TYPE", Some("text/plain; charset=utf-8")),
        ("HTTP_CONTENT_TYPE", Some("text/plain; charset=utf-8")),
    ]);
    let sent = Sent {
        fields: &[("Content-Type", "text/\u{fc}")],
        ..GET
    };
    sent.check(&[("CONTENT_TYPE", Some("CORRUPT VALUE"))]);
}

#[test]
fn fields_become_variables_except_those_a_guest_must_not_trust_or_know() {
    #[rustfmt::skip]
    let table: [(Pairs, &str, Option<&str>); 20] = [
        // fields                                       variable                      value
        (&[("accept-language", "de")],                  "HTTP_ACCEPT_LANGUAGE",       Some("de")),
        (&[("traceparent", "00-ab-cd-01")],             "HTTP_TRACEPARENT",           Some("00-ab-cd-01")),
        (&[("Authorization", "Bearer x")],              "HTTP_AUTHORIZATION",         Some("Bearer x")),
        (&[("X-A.b", "1")],                             "HTTP_X_A.B",                 Some("1")),
        (&[("X-Empty", "")],                            "HTTP_X_EMPTY",               Some("")),
        (&[("X-Tab", "a\tb")],                          "HTTP_X_TAB",                 Some("a\tb")),
        (&[("Connection", "close")],                    "HTTP_CONNECTION",            None),
        (&[("Proxy-Authorization", "Basic x")],         "HTTP_PROXY_AUTHORIZATION",   None),
        (&[("Proxy", "http://evil")],                   "HTTP_PROXY",                 None),
        (&[("X_User", "evil")],                         "HTTP_X_USER",                None),
        (&[("X_User", "evil"), ("X-User", "good")],     "HTTP_X_USER",                Some("good")),
        (&[("X-User", "good"), ("X_User", "evil")],     "HTTP_X_USER",                Some("good")),
        (&[("Content_Length", "9")],                    "HTTP_CONTENT_LENGTH",        None),
        (&[("X-A", "1"), ("X-A", "2"), ("X-A", "3")],   "HTTP_X_A",                   Some("1, 2, 3")),
        (&[("X-A", "1"), ("X-B", "b"), ("X-A", "2")],   "HTTP_X_A",                   Some("1, 2")),
        (&[("Cookie", "a=1"), ("Cookie", "b=2")],       "HTTP_COOKIE",                Some("a=1; b=2")),
        (&[("X-A", "\u{fc}")],                          "HTTP_X_A",                   Some("CORRUPT VALUE")),
        (&[("X-A", "1"), ("X-A", "\u{fc}"), ("X-A", "3")], "HTTP_X_A",                Some("CORRUPT VALUE")),
        (&[("X-Request-Id", "sent")],                   "HTTP_X_REQUEST_ID",          Some("id-1")),
        (&[("Expect", "100-continue")],                 "HTTP_EXPECT",                Some("100-continue")),
    ];
    for (fields, name, value) in table {
        let sent = Sent { fields, ..GET };
        sent.check(&[(name, value)]);
    }
}

#[test]
fn the_authority_of_the_target_takes_the_place_of_the_host_field() {
    let sent = Sent {
        version: Version::HTTP_2,
        authority: Some("shop.example:8443"),
        ..GET
    };
    sent.check(&[("HTTP_HOST", Some("shop.example:8443"))]);
    let sent = Sent {
        authority: Some("shop.example"),
        fields: &[("Host", "other.example")],
        env: &[("HTTP_HOST", "route.example")],
        ..GET
    };
    sent.check(&[("HTTP_HOST", Some("shop.example"))]);
    GET.check(&[("HTTP_HOST", None)]);
}

#[test]
fn a_route_cannot_override_what_the_server_sets() {
    for name in [
        "AUTH_TYPE",
        "GATEWAY_INTERFACE",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "X_RAW_PATH_INFO",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_USER",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SOFTWARE",
        "X_MATCHED_ROUTE",
        "X_FULL_URL",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "REQUEST_SCHEME",
        "REQUEST_URI",
        "HTTPS",
        "HTTP_X_REQUEST_ID",
    ] {
        assert!(is_server_name(name), "{name}");
        let fixed = StaticVariables::new(&[(name.to_owned(), "route".to_owned())]);
        assert_eq!(fixed.len(), StaticVariables::new(&[]).len(), "{name}");
    }
}

#[test]
fn a_routes_own_variables_are_given_and_the_requests_fields_win() {
    #[rustfmt::skip]
    let table: [(Pairs, Pairs, &str, Option<&str>); 9] = [
        // route's own                        fields                variable       value
        (&[("A", "1"), ("B", "2")],           &[],                  "A",           Some("1")),
        (&[("A", "1"), ("A", "2")],           &[],                  "A",           Some("2")),
        (&[("A", "x=y")],                     &[],                  "A",           Some("x=y")),
        (&[("HTTP_X_A", "own")],              &[],                  "HTTP_X_A",    Some("own")),
        (&[("HTTP_X_A", "own")],              &[("X-A", "sent")],   "HTTP_X_A",    Some("sent")),
        (&[("HTTP_PROXY", "http://proxy")],   &[("Proxy", "evil")], "HTTP_PROXY",  Some("http://proxy")),
        (&[("http_x_a", "own")],              &[("X-A", "sent")],   "http_x_a",    Some("own")),
        (&[("NUL", "a\0B=c")],                &[],                  "B",           None),
        (&[("A=B", "c"), ("", "d")],          &[],                  "A",           None),
    ];
    for (env, fields, name, value) in table {
        let sent = Sent { env, fields, ..GET };
        sent.check(&[(name, value)]);
    }
}

proptest! {
    #[test]
    fn any_request_makes_one_block_of_whole_strings(
        fields in prop::collection::vec(("[a-z_-]{1,4}", "[ -~é]{0,8}"), 0..24),
        path in "(/[a-z%]{0,3}){1,4}",
        query in prop::option::of("[!-~]{0,8}"),
    ) {
        let path = path.replace('%', "%e9");
        let Ok(path) = RequestPath::parse(&path) else { return Ok(()) };
        let mut headers = HeaderMap::new();
        for (name, value) in &fields {
            let name: HeaderName = name.parse().expect("a field name");
            let value = HeaderValue::from_bytes(value.as_bytes()).expect("a field value");
            headers.append(name, value);
        }
        let facts = RequestFacts {
            method: &Method::GET,
            scheme: Scheme::Https,
            authority: None,
            path: &path,
            query: query.as_deref(),
            version: Version::HTTP_2,
            headers: &headers,
            server_name: "::1",
            server_port: 1,
            peer: [0xffff; 8].into(),
            request_id: "",
            pattern: &"/...".parse().expect("a pattern"),
            content_length: ContentLength::Known(u64::MAX),
        };
        let fixed = StaticVariables::new(&[]);
        let block = variables(&facts, &fixed);
        prop_assert_eq!(block.bytes.capacity(), most_bytes(&facts, &fixed));
        let mut names: Vec<_> = block
            .iter()
            .map(|string| {
                let text = std::str::from_utf8(string).expect("text");
                text.split_once('=').expect("a name and a value").0.to_owned()
            })
            .collect();
        prop_assert_eq!(names.len(), block.count);
        names.sort();
        names.dedup();
        prop_assert_eq!(names.len(), block.count, "a name is set twice");
    }
}
