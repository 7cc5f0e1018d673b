use proptest::prelude::*;

use super::*;
use crate::route::Outcome;

const SUMMARY: Request = Request {
    outcome: Outcome::Completed,
    head: Some(Duration::from_micros(1_234)),
    total: Duration::from_micros(60_000_007),
    bytes_in: 0,
    bytes_out: u64::MAX,
    cpu: Duration::from_micros(90),
};

fn line(format: LogFormat, entry: &Entry<'_>) -> String {
    let mut text = Vec::new();
    let line = Line {
        text: &mut text,
        format,
    };
    line.entry(entry);
    String::from_utf8(text).expect("a line is ASCII")
}

fn entry<'a>(path: &'a str, host: &'a [u8], digest: &'a Digest) -> Entry<'a> {
    Entry {
        request_id: b"abc\"1",
        method: "GET",
        host: Some(host),
        path,
        route: Some("default/hello"),
        digest: Some(digest),
        status: 200,
        summary: &SUMMARY,
    }
}

const DIGEST: Digest = Digest::from_bytes([0xab; 32]);

#[test]
fn a_line_of_json_has_these_fields() {
    let line = line(LogFormat::Json, &entry("/hello", b"test.example", &DIGEST));
    let (_, rest) = line.split_once("Z\",").expect("a time");
    assert_eq!(
        rest,
        "\"level\":\"INFO\",\"message\":\"request\",\"method\":\"GET\",\
         \"host\":\"test.example\",\"path\":\"/hello\",\"status\":200,\"ending\":\"completed\",\
         \"route\":\"default/hello\",\"digest\":\"sha256:abababababab\",\"bytes_in\":0,\
         \"bytes_out\":18446744073709551615,\"head_ms\":1.234,\"total_ms\":60000.007,\
         \"cpu_ms\":0.090,\"request_id\":\"abc\\u00221\"}\n"
    );
}

#[test]
fn a_line_of_text_has_them_too() {
    let line = line(LogFormat::Text, &entry("/a b", b"x", &DIGEST));
    let (_, rest) = line.split_once("Z  INFO ").expect("a time");
    assert_eq!(
        rest,
        "request method=GET host=x path=/a\\u0020b status=200 ending=completed \
         route=default/hello digest=sha256:abababababab bytes_in=0 \
         bytes_out=18446744073709551615 head_ms=1.234 total_ms=60000.007 cpu_ms=0.090 \
         request_id=abc\\u00221\n"
    );
}

#[test]
fn what_is_not_known_is_left_out() {
    let summary = Request {
        head: None,
        outcome: Outcome::ClientGone,
        ..SUMMARY
    };
    let mut entry = entry("/", b"", &DIGEST);
    (entry.host, entry.route, entry.digest) = (None, None, None);
    (entry.status, entry.summary) = (0, &summary);
    let line = line(LogFormat::Json, &entry);
    let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    for name in ["host", "route", "digest", "status", "head_ms"] {
        assert_eq!(value.get(name), None, "{name}");
    }
    assert_eq!(value["ending"], "client_gone");
}

#[test]
fn long_text_is_cut() {
    let path = format!("/{}", "x".repeat(5000));
    let line = line(LogFormat::Json, &entry(&path, b"x", &DIGEST));
    let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let expected = format!("{}\u{2026}", &path[..MAX_TEXT_BYTES]);
    assert_eq!(value["path"], expected);
}

proptest! {
    #[test]
    fn whatever_is_sent_is_one_line_that_says_it(path: String, host: Vec<u8>) {
        let json = line(LogFormat::Json, &entry(&path, &host, &DIGEST));
        prop_assert!(json.bytes().all(|byte| byte == b'\n' || matches!(byte, b' '..=b'~')));
        prop_assert_eq!(json.matches('\n').count(), 1);
        let value: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        prop_assert_eq!(value["path"].as_str(), Some(&*path));
        let host_text = String::from_utf8_lossy(&host);
        prop_assert_eq!(value["host"].as_str(), Some(&*host_text));
        let text = line(LogFormat::Text, &entry(&path, &host, &DIGEST));
        prop_assert_eq!(text.matches(['\n', '\r', '\x1b']).count(), 1);
        prop_assert_eq!(text.split(' ').filter(|field| field.contains('=')).count(), 13);
    }
}
