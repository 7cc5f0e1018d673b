//! Every example is served by the real binary and asked by the real curl.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tests::client::Connection;
use tests::wagi::{Wagi, repository, run};

/// The examples that need no compiler.
const PLAIN: [&str; 5] = ["clock", "echo", "hello", "lines", "slow"];
/// The examples that `make examples` builds.
const COMPILED: [&str; 2] = ["c", "go"];

fn up(example: &str) -> Wagi {
    let folder = repository(&format!("examples/{example}"));
    if COMPILED.contains(&example) {
        let module = format!("{folder}/{example}.wasm");
        assert!(
            Path::new(&module).exists(),
            "examples/{example}/{example}.wasm is not there: run `make examples` first"
        );
    }
    Wagi::up(&[&folder])
}

/// What curl prints, which must succeed.
fn curl(arguments: &[&str]) -> String {
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--fail"])
        .args(arguments)
        .output()
        .expect("curl is there");
    assert!(output.status.success(), "curl {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).expect("an example answers text")
}

/// A curl that still runs, killed when dropped.
struct Curl(Child);

impl Curl {
    fn start(arguments: &[&str]) -> Self {
        let child = Command::new("curl")
            .args(["--silent", "--show-error", "--fail", "--no-buffer"])
            // Only a hang takes so long.
            .args(["--max-time", "60"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        Self(child.expect("curl is there"))
    }

    fn stdout(&mut self) -> impl BufRead + use<> {
        BufReader::new(self.0.stdout.take().expect("stdout is piped"))
    }
}

impl Drop for Curl {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn line(from: &mut impl BufRead) -> String {
    let mut line = String::new();
    from.read_line(&mut line).expect("curl prints text");
    line
}

#[test]
fn every_example_has_a_test_here_and_says_how_it_is_built() {
    let folders: BTreeSet<String> = std::fs::read_dir(repository("examples"))
        .expect("the examples")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let tested = PLAIN.iter().chain(&COMPILED).map(|name| (*name).to_owned());
    assert_eq!(folders, tested.collect());
    for name in &folders {
        let text = std::fs::read_to_string(repository(&format!("examples/{name}/README.md")));
        let text = text.expect("an example has a README");
        assert!(text.contains(&format!("wagi up examples/{name}")), "{text}");
        assert!(
            text.contains("uilt by `make") || text.contains("nothing to build"),
            "{text}"
        );
    }
}

#[test]
fn every_example_answers() {
    let folders = PLAIN.map(|name| repository(&format!("examples/{name}")));
    let folders: Vec<&str> = folders.iter().map(String::as_str).collect();
    let checked = run(&[&["check"], &folders[..]].concat());
    let said = String::from_utf8_lossy(&checked.stdout);
    assert_eq!(said, "ok: 5 routes in 5 files\n", "{checked:?}");
    let wagi = Wagi::up(&folders);
    for name in PLAIN.iter().filter(|name| **name != "clock") {
        let body = curl(&["--data", "a line\n", &wagi.url(&format!("/{name}"))]);
        assert!(!body.is_empty(), "{name}");
    }
}

#[test]
fn hello_greets() {
    let wagi = up("hello");
    let answer = curl(&["--include", &wagi.url("/hello")]);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head ends");
    assert!(body.to_lowercase().contains("hello"), "{body}");
    assert!(
        answer.contains(&format!("content-length: {}\r\n", body.len())),
        "{answer}"
    );
}

#[test]
fn lines_come_all_and_in_order() {
    let wagi = up("lines");
    for version in ["--http1.0", "--http1.1", "--http2-prior-knowledge"] {
        let body = curl(&[version, &wagi.url("/lines")]);
        let mut lines = body.lines();
        for number in 1..=100_000 {
            assert_eq!(
                lines.next(),
                Some(&*format!("<p>Line {number}</p>")),
                "{version}"
            );
        }
        assert_eq!(lines.next(), None, "{version}");
    }
}

#[test]
fn slow_lines_come_whole() {
    let wagi = up("slow");
    let body = curl(&[&wagi.url("/slow")]);
    let expected: String = (1..=5).map(|line| format!("line {line} of 5\n")).collect();
    assert_eq!(body, expected);
}

#[test]
fn the_clocks_events_come_one_by_one_from_a_response_that_never_ends() {
    let wagi = up("clock");
    let mut curl = Curl::start(&[&wagi.url("/clock")]);
    let mut events = curl.stdout();
    for second in 0..2 {
        assert_eq!(line(&mut events), format!("data: {second}\n"));
        assert_eq!(line(&mut events), "\n");
        let ended = curl.0.try_wait().expect("curl was started");
        assert_eq!(
            ended, None,
            "the clock ticks for as long as its client stays"
        );
    }
}

#[test]
fn echo_gives_back_what_curl_sends() {
    let wagi = up("echo");
    let text: String = (0..100_000).map(|line| format!("{line}\n")).collect();
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), &text).expect("a temporary file");
    let file = file.path().display().to_string();
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let url = wagi.url("/echo");
        let echoed = curl(&[version, "--upload-file", &file, "--request", "POST", &url]);
        assert!(
            echoed == text,
            "{version}: {} of {} bytes",
            echoed.len(),
            text.len()
        );
    }
}

#[test]
fn echo_answers_each_line_before_the_next_is_sent() {
    let wagi = up("echo");
    let mut client = Connection::open(wagi.address());
    client.send("POST /echo HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n");
    for said in ["one\n", "two\n", "three\n"] {
        client.send(format!("{:x}\r\n{said}\r\n", said.len()));
        let _ = client.read_past(said);
    }
    client.send("0\r\n\r\n");
    assert!(
        client.read_past("\r\n0\r\n\r\n").len() < 16,
        "nothing else came"
    );
}

#[test]
fn c_greets_who_sent_a_form() {
    let wagi = up("c");
    let url = wagi.url("/c");
    let form = curl(&[&url]);
    assert!(
        form.contains("<form method=\"post\" action=\"/c\">"),
        "{form}"
    );
    let greeted = curl(&["--data", "x=1&name=Ada+%3CLovelace%3E", &url]);
    assert_eq!(greeted, "<p>Good day, Ada &lt;Lovelace&gt;.</p>\n");
    let chunked = [
        "--header",
        "Transfer-Encoding: chunked",
        "--data",
        "name=Ada",
        &url,
    ];
    assert_eq!(curl(&chunked), "<p>Good day, Ada.</p>\n");
}

#[test]
fn go_serves_its_own_mux() {
    let wagi = up("go");
    let answer = curl(&["--include", &wagi.url("/go/hello?name=Ada")]);
    assert!(
        answer.to_lowercase().contains("set-cookie: seen=yes\r\n"),
        "{answer}"
    );
    assert!(
        answer.contains("Hello, Ada. You sent GET ")
            && answer.contains("/go/hello?name=Ada from 127.0.0.1"),
        "{answer}"
    );
    let megabyte = "x".repeat(1 << 20);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), megabyte).expect("a temporary file");
    let upload = format!("@{}", file.path().display());
    let length = curl(&["--data-binary", &upload, &wagi.url("/go/length")]);
    assert_eq!(length, "1048576 bytes\n");
    assert_eq!(curl(&[&wagi.url("/go/count")]), "1\n2\n3\n4\n5\n");
    // The mux, and not the server, knows no such page.
    assert_eq!(wagi.get("/go/nothing").text(), "404 page not found\n");
}
