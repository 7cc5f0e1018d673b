//! Hosts as values, and a table of what RFC 9112 refuses, over sockets.

use std::net::SocketAddr;

use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response, Version};
use http_body_util::BodyExt;

use super::{Authority, Refusal, check};
use crate::http::Config;
use crate::http::testing::{Piped, Served, read_all, read_to, send, serve, soon, text};

fn local() -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 7], 8080))
}

/// `target` and Host fields to an authority, as `name port`, or a refusal.
#[track_caller]
fn check_host(version: Version, target: &str, hosts: &[&str], expected: Result<&str, Refusal>) {
    let mut request = Request::get(target).version(version);
    for host in hosts {
        request = request.header("host", *host);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    let found = check(&parts, local()).map(|Authority { name, port, .. }| format!("{name} {port}"));
    assert_eq!(
        found.as_deref().map_err(|refusal| *refusal),
        expected,
        "{target} {hosts:?}"
    );
}

#[test]
fn the_host_field_names_the_host_and_our_port_fills_in() {
    let check = |host: &str, expected| check_host(Version::HTTP_11, "/x?y", &[host], expected);
    check("a.example", Ok("a.example 8080"));
    check("A.Example:81", Ok("a.example 81"));
    check("a.example.", Ok("a.example 8080"));
    check("a.example:", Ok("a.example 8080"));
    check("[2001:DB8::1]", Ok("[2001:db8::1] 8080"));
    check("[::1]:80", Ok("[::1] 80"));
    check("192.0.2.1:80", Ok("192.0.2.1 80"));
    check("a_b.example", Ok("a_b.example 8080"));
    check("%61.example", Ok("%61.example 8080"));
    check("", Ok("192.0.2.7 8080"));
}

#[test]
fn an_invalid_host_is_refused() {
    for host in [
        "a b",
        "a,b",
        "a, b",
        "user@a",
        "a/",
        "a:x",
        "a:65536",
        "a:-1",
        "a:80:80",
        "::1",
        "[::1",
        "[::1]x",
        "[a]",
        "[",
        ":80",
        ".",
        "..",
        "a.example..",
        "a%4",
        "a%zz",
        "ä.example",
        "a\"",
        "a\\b",
        "a<b>",
        "a?b",
        "a#b",
        "[::1%25eth0]",
        "http://a",
    ] {
        check_host(Version::HTTP_11, "/", &[host], Err(Refusal::InvalidHost));
    }
}

#[test]
fn exactly_one_host_is_wanted_of_http_1_1_and_none_of_http_1_0() {
    check_host(Version::HTTP_11, "/", &[], Err(Refusal::NoHost));
    check_host(Version::HTTP_11, "http://a/", &[], Err(Refusal::NoHost));
    check_host(Version::HTTP_11, "/", &["a", "a"], Err(Refusal::ManyHosts));
    check_host(Version::HTTP_10, "/", &["a", "a"], Err(Refusal::ManyHosts));
    check_host(Version::HTTP_10, "/", &[], Ok("192.0.2.7 8080"));
    check_host(Version::HTTP_10, "/", &["a"], Ok("a 8080"));
}

#[test]
fn an_absolute_target_names_the_host_on_http1_and_must_agree_on_http2() {
    check_host(Version::HTTP_11, "http://a:81/x", &["b"], Ok("a 81"));
    check_host(
        Version::HTTP_11,
        "http://a/x",
        &["b c"],
        Err(Refusal::InvalidHost),
    );
    check_host(
        Version::HTTP_11,
        "http://u@a/",
        &["a"],
        Err(Refusal::InvalidHost),
    );
    check_host(
        Version::HTTP_11,
        "ftp://a/",
        &["a"],
        Err(Refusal::InvalidTarget),
    );
    check_host(Version::HTTP_2, "http://a/", &[], Ok("a 8080"));
    check_host(Version::HTTP_2, "http://A/", &["a"], Ok("a 8080"));
    check_host(
        Version::HTTP_2,
        "http://a/",
        &["b"],
        Err(Refusal::HostContradicts),
    );
    check_host(
        Version::HTTP_2,
        "http://a/",
        &["a:81"],
        Err(Refusal::HostContradicts),
    );
    check_host(Version::HTTP_2, "/", &["a"], Ok("a 8080"));
    check_host(Version::HTTP_2, "/", &[], Err(Refusal::NoHost));
}

#[test]
fn a_target_or_a_head_beyond_its_limit_is_refused() {
    let long = format!("/{}?{}", "x".repeat(10_000), "y".repeat(7000));
    check_host(Version::HTTP_11, &long, &["a"], Err(Refusal::UriTooLong));
    check_host(Version::HTTP_11, &long[..16_384], &["a"], Ok("a 8080"));
    let mut request = Request::get("http://a/").version(Version::HTTP_2);
    for at in 0..101 {
        request = request.header("x", at);
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    assert_eq!(check(&parts, local()), Err(Refusal::TooManyFields));
}

/// Answers as the handler does: 200, or the refusal's status and the end.
fn judging() -> Served {
    serve(Config::default(), |request, exchange| async move {
        let (parts, upload) = request.into_parts();
        drop(upload);
        let refused: Response<Piped> = match check(&parts, exchange.scope.local()) {
            Ok(_) => return text("served"),
            Err(refusal) => {
                let mut response = text("refused");
                *response.status_mut() = refusal.status();
                response
            }
        };
        let (mut parts, body) = refused.into_parts();
        parts
            .headers
            .insert(CONNECTION, HeaderValue::from_static("close"));
        Response::from_parts(parts, body)
    })
}

#[tokio::test]
async fn what_rfc_9112_tells_a_server_to_reject_is_rejected_and_closed() {
    let served = judging();
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(20_000));
    let longer = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(66_000));
    let wide = format!(
        "GET / HTTP/1.1\r\nhost: a\r\nx: {}\r\n\r\n",
        "x".repeat(70_000)
    );
    let many = format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "x: y\r\n".repeat(100)
    );
    let table = [
        // 2.2: whitespace before the first field; a bare CR.
        (400, "GET / HTTP/1.1\r\n host: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: a\r\nx: a\rb\r\n\r\n"),
        // 2.3 and 3: the version and the shape of the first line.
        (400, "GET / HTTP/9.1\r\nhost: a\r\n\r\n"),
        (400, "GET / http/1.1\r\nhost: a\r\n\r\n"),
        (400, "GET /\r\nhost: a\r\n\r\n"),
        (400, "GET / a HTTP/1.1\r\nhost: a\r\n\r\n"),
        (400, "G(T / HTTP/1.1\r\nhost: a\r\n\r\n"),
        // 3: targets and length.
        (414, &long),
        // A target that fills the whole head is a head too large.
        (431, &longer),
        // 3.2: Host.
        (400, "GET / HTTP/1.1\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: a b\r\n\r\n"),
        (400, "GET http://a/ HTTP/1.1\r\n\r\n"),
        // 3.2.1 to 3.2.4: forms.
        (400, "GET a HTTP/1.1\r\nhost: a\r\n\r\n"),
        (400, "GET a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n"),
        (400, "GET * HTTP/1.1\r\nhost: a\r\n\r\n"),
        (501, "CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n"),
        (501, "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n"),
        // 5: limits, and 5.1, 5.2: whitespace before the colon, folded lines.
        (431, &wide),
        (431, &many),
        (400, "GET / HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n"),
        (400, "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n z\r\n\r\n"),
        // RFC 9110 5.5: a NUL.
        (400, "GET / HTTP/1.1\r\nhost: a\r\nx: y\0z\r\n\r\n"),
        // 6.1: transfer codings.
        (
            400,
            "POST / HTTP/1.0\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, gzip\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: xchunked\r\n\r\n",
        ),
        (
            501,
            "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ),
        // 6.3: lengths.
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 4\r\n\r\nabcd",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3, 4\r\n\r\nabcd",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: +3\r\n\r\nabc",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: -3\r\n\r\nabc",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0x3\r\n\r\nabc",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: \r\n\r\nabc",
        ),
        (
            400,
            "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 99999999999999999999\r\n\r\nabc",
        ),
    ];
    for (status, request) in table {
        let mut client = served.connect().await;
        send(&mut client, request).await;
        let (answer, end) = read_all(&mut client).await;
        end.expect("closed, not reset");
        let answer = String::from_utf8(answer).expect("text");
        let shown = &request[..request.len().min(80)];
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} "))
                || answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{shown:?} got {answer:?}"
        );
        assert_eq!(
            answer.matches("HTTP/1.").count(),
            1,
            "{shown:?} got {answer:?}"
        );
    }
}

#[tokio::test]
async fn what_rfc_9112_allows_is_served() {
    let served = judging();
    for request in [
        "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET http://a/ HTTP/1.1\r\nhost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHOST:\ta \r\n\r\n",
        "OPTIONS /x HTTP/1.1\r\nhost: a\r\n\r\n",
        "WHATEVER / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: Chunked\r\n\r\n1;x=y\r\na\r\n0\r\nt: u\r\n\r\n",
    ] {
        let mut client = served.connect().await;
        send(&mut client, request).await;
        let answer = read_to(&mut client, "6\r\nserved\r\n0\r\n\r\n").await;
        assert!(
            answer.starts_with("HTTP/1.1 200"),
            "{request:?} got {answer:?}"
        );
    }
    let mut client = served.connect().await;
    send(&mut client, "GET / HTTP/1.0\r\n\r\n").await;
    let (answer, _) = read_all(&mut client).await;
    assert!(answer.starts_with(b"HTTP/1.0 200") && answer.ends_with(b"served"));
}

#[tokio::test]
async fn http2_fields_that_are_too_many_are_refused() {
    let served = judging();
    let (client, connection) = h2::client::handshake(served.connect().await)
        .await
        .expect("h2");
    let _connection = tokio::spawn(connection);
    let mut client = client.ready().await.expect("ready");
    let mut request = Request::get("http://a/");
    for at in 0..101 {
        request = request.header("x", at);
    }
    let request = request.body(()).expect("valid");
    let (answer, _) = client.send_request(request, true).expect("sent");
    assert_eq!(soon(answer).await.expect("answered").status(), 431);
}

#[tokio::test]
async fn a_request_with_two_lengths_is_the_last_on_its_connection() {
    let served = serve(Config::default(), |request, _| async move {
        request.into_body().collect().await.expect("it is whole");
        text("served")
    });
    let chunked = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    let mut client = served.connect().await;
    for _ in 0..2 {
        send(&mut client, chunked).await;
        let answer = read_to(&mut client, "6\r\nserved\r\n0\r\n\r\n").await;
        assert!(!answer.contains("close"), "{answer}");
    }
    for lengths in [
        "content-length: 5\r\ntransfer-encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
    ] {
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{lengths}\r\n");
        let smuggled = "GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n";
        let mut client = served.connect().await;
        send(&mut client, [&head, "0\r\n\r\n", smuggled].concat()).await;
        let (answer, _) = read_all(&mut client).await;
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
}
