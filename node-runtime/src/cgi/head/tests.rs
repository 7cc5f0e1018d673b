use proptest::prelude::*;

use super::*;

fn parse(text: &[u8]) -> Result<(Head, usize), Error> {
    let mut parser = Parser::new(64 << 10);
    match parser.feed(text)? {
        Progress::NeedMore => Err(parser.end()),
        Progress::Complete { head, consumed } => Ok((head, consumed)),
    }
}

#[track_caller]
fn head(text: &[u8]) -> Head {
    parse(text).expect("a head").0
}

/// Checks the status and the fields, written `name: value`, of a head that is taken.
#[track_caller]
fn check(text: &[u8], status: u16, fields: &[&str]) {
    let head = head(text);
    let printed: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    assert_eq!(head.status.as_u16(), status);
    assert_eq!(printed, fields);
}

#[test]
fn status_wins_over_the_redirect_that_location_implies() {
    check(b"Content-Type: a/b\n\n", 200, &["content-type: a/b"]);
    check(b"Location: http://a/\n\n", 302, &["location: http://a/"]);
    check(b"Status: 201\nLocation: /a\n\n", 201, &["location: /a"]);
    check(
        b"Location: /a\nStatus: 201 Created\n\n",
        201,
        &["location: /a"],
    );
    check(b"STATUS:404 Not \xff Found\n\n", 404, &[]);
    check(b"Status: 599\n\n", 599, &[]);
}

#[test]
fn lines_are_bytes_up_to_a_line_feed_without_carriage_returns() {
    check(b"Content-Type: a/b\r\n\r\n", 200, &["content-type: a/b"]);
    check(
        b"Content-Type: a\r/b\r\r\n\r\r\n",
        200,
        &["content-type: a/b"],
    );
    check(b" Content-Type :\t a/b \n\n", 200, &["content-type: a/b"]);
    check(
        b"Status: 200\nX: a:b\nY:\nZ: \xfc\n\n",
        200,
        &["x: a:b", "y: ", "z: \u{fffd}"],
    );
}

#[test]
fn repeated_fields_are_kept_in_order_and_single_ones_once() {
    check(
        b"Status: 200\nSet-Cookie: a\nX: 1\nset-cookie: b\n\n",
        200,
        &["set-cookie: a", "set-cookie: b", "x: 1"],
    );
    check(
        b"Content-Type: a/b\ncontent-type: c/d\n\n",
        200,
        &["content-type: c/d"],
    );
    check(
        b"Date: x\nServer: y\nStatus: 200\n\n",
        200,
        &["date: x", "server: y"],
    );
}

#[test]
fn hop_by_hop_fields_are_dropped_and_those_a_connection_field_names() {
    check(
        b"Status: 200\nX-A: 1\nConnection: close, x-a ,X-B\nX-B: 2\nKeep-Alive: 5\nTE: a\n\
          Proxy-Connection: a\nTrailer: a\nTransfer-Encoding: chunked\nUpgrade: a\nX-C: 3\n\n",
        200,
        &["x-c: 3"],
    );
}

#[test]
fn a_length_is_taken_where_it_is_clear() {
    #[rustfmt::skip]
    let table: [(&[u8], Option<u64>, usize); 11] = [
        // fields                                            length     notes
        (b"Content-Length: 5\n",                             Some(5),   0),
        (b"Content-Length: 5\ncontent-length: 05\n",         Some(5),   0),
        (b"Content-Length: 5\nContent-Length: 6\n",          None,      1),
        (b"Content-Length: 5, 5\n",                          None,      1),
        (b"Content-Length: +5\n",                            None,      1),
        (b"Content-Length: -5\n",                            None,      1),
        (b"Content-Length:\n",                               None,      1),
        (b"Content-Length: 18446744073709551615\n",          Some(u64::MAX), 0),
        (b"Content-Length: 18446744073709551616\n",          None,      1),
        (b"Transfer-Encoding: chunked\nContent-Length: 5\n", None,      0),
        (b"Content-Length: 5\nTransfer-Encoding: chunked\n", None,      0),
    ];
    for (fields, length, notes) in table {
        let text = [b"Status: 200\n", fields, b"\n"].concat();
        let head = head(&text);
        assert_eq!(head.content_length, length, "{text:?}");
        assert_eq!(head.notes.len(), notes, "{text:?}");
    }
}

#[test]
fn what_http_cannot_carry_is_skipped_and_noted() {
    let head = head(b"Status: 200\nno colon\nb d: 1\n: 2\nX: a\0b\nY: \x7f\nZ: fine\n\n");
    let notes: Vec<_> = head.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "line 2 of the head: no colon",
            "line 3 of the head: not a field name",
            "line 4 of the head: not a field name",
            "line 5 of the head: the value of x holds bytes that HTTP forbids",
            "line 6 of the head: the value of y holds bytes that HTTP forbids",
        ]
    );
    assert_eq!(head.headers.len(), 1);
    let many = [b"Status: 200\n".as_slice(), &b"x\n".repeat(1000), b"\n"].concat();
    assert_eq!(parse(&many).expect("a head").0.notes.len(), MAX_NOTES);
}

#[test]
fn what_is_not_a_head_is_an_error() {
    let bad = |text: &str| Error::BadStatus(text.to_owned());
    #[rustfmt::skip]
    let table: [(&[u8], Error); 14] = [
        (b"",                        Error::NoBlankLine),
        (b"Status: 200\n",           Error::NoBlankLine),
        (b"\n",                      Error::NoRequiredField),
        (b"X: 1\n\n",                Error::NoRequiredField),
        (b"Content-Type: \x01\n\n",  Error::NoRequiredField),
        (b"Status: \n",              bad("")),
        (b"Status: ok\n",            bad("ok")),
        (b"Status: 20\n",            bad("20")),
        (b"Status: 2000\n",          bad("2000")),
        (b"Status: +20\n",           bad("+20")),
        (b"Status: 099\n",           bad("099")),
        (b"Status: 600\n",           bad("600")),
        (b"Status: 100 Continue\n",  Error::Informational(100)),
        (b"Status: 101\n",           Error::Informational(101)),
    ];
    for (text, error) in table {
        assert_eq!(parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn body_bytes_are_not_touched() {
    let text = b"Status: 200\r\n\r\n\r\nbody\r\n";
    assert_eq!(&text[parse(text).expect("a head").1..], b"\r\nbody\r\n");
}

#[test]
fn the_limit_counts_the_empty_line_and_no_byte_of_the_body() {
    let text = b"Status: 200\n\nbody";
    let feed = |limit_bytes| Parser::new(limit_bytes).feed(text);
    assert!(matches!(
        feed(13),
        Ok(Progress::Complete { consumed: 13, .. })
    ));
    assert_eq!(feed(12), Err(Error::TooLarge { limit_bytes: 12 }));
    assert_eq!(feed(0), Err(Error::TooLarge { limit_bytes: 0 }));
}

#[test]
fn more_names_than_a_map_holds_are_too_large_and_no_panic() {
    let mut text: Vec<u8> = (0..40_000)
        .flat_map(|n| format!("x{n}:\n").into_bytes())
        .collect();
    text.extend(b"Status: 200\n\n");
    let refused = Parser::new(1 << 20).feed(&text);
    assert_eq!(
        refused,
        Err(Error::TooLarge {
            limit_bytes: 1 << 20
        })
    );
}

proptest! {
    #[test]
    fn any_chunking_of_the_same_head_parses_alike(
        text in "((Status: [0-9 ]{2,4}|Content-Type: [ -~]{0,5}|Location: /|Connection: x|x: [\r\u{1}é]?|Content-Length: [0-9]|Transfer-Encoding: a|[ -~]{0,9}|)\r?\n){0,12}[\r\n a]{0,4}"
    ) {
        fuzz::fuzz_head(text.as_bytes());
    }

    #[test]
    fn no_bytes_break_the_parser(data: Vec<u8>) {
        fuzz::fuzz_head(&data);
    }
}
