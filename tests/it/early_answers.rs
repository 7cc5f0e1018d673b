//! Answers given before the request was read reach clients that send first and look later.

use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};

use tests::guests;
use tests::node::Node;
use tests::request::Request;

/// Far more than the sockets hold, and than the route allows that answers 413.
const UPLOAD_BYTES: usize = 20_000_000;
const TRIES: usize = 20;

/// Each route, and what it answers without having read a byte.
const ROUTES: [(&str, &str); 4] = [
    ("/read_all_then_answer", "413"),
    ("/nothing", "404"),
    ("/absent", "503"),
    ("/refuse_without_reading", "403"),
];

fn node() -> Node {
    let no_module = "\
        apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata:\n  name: absent\n\
        spec:\n  path: /absent\n  module:\n    image: file:absent.wasm\n";
    Node::builder()
        .guest_with(guests::read_all_then_answer, "limits: {requestBody: 1Ki}")
        .guest(guests::refuse_without_reading)
        .file("absent.yaml", no_module)
        .start()
}

fn output_of(command: &mut Command) -> String {
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    String::from_utf8(output.stdout).expect("it prints text")
}

fn assert_all(client: &str, path: &str, status: &str, seen: &[String]) {
    assert_eq!(seen, vec![status; TRIES], "{client}, {path}");
}

/// Each try is a process: a connection of its own.
fn curl(version: &str) {
    let node = node();
    let upload = tempfile::NamedTempFile::new().expect("a temporary file");
    File::set_len(upload.as_file(), UPLOAD_BYTES as u64).expect("a sparse file");
    for (path, status) in ROUTES {
        let url = format!("http://{}{path}", node.address());
        let seen: Vec<String> = (0..TRIES)
            .map(|_| {
                output_of(
                    Command::new("curl")
                        .args([version, "--silent", "--show-error", "--output", "/dev/null"])
                        // It would ask first, and so never send.
                        .args(["--header", "Expect:", "--write-out", "%{http_code}"])
                        .args(["--max-time", "60", "--request", "POST", "--upload-file"])
                        .arg(upload.path())
                        .arg(&url),
                )
            })
            .collect();
        assert_all(&format!("curl {version}"), path, status, &seen);
    }
}

#[test]
fn twenty_of_twenty_clients_see_the_early_answer() {
    let node = node();
    let piece = vec![b'x'; 1_000_000];
    for (path, status) in ROUTES {
        let seen: Vec<String> = (0..TRIES)
            .map(|_| {
                // All of it is sent before anything is read.
                let mut client = node.connect();
                client.send(Request::post(path, UPLOAD_BYTES).head());
                for _ in 0..UPLOAD_BYTES / piece.len() {
                    client.send(&piece);
                }
                client.response().head.status.to_string()
            })
            .collect();
        assert_all("raw socket", path, status, &seen);
    }
}

#[test]
fn curl_sees_the_early_answer_by_http_1_1() {
    curl("--http1.1");
}

#[test]
fn curl_sees_the_early_answer_by_http_2() {
    curl("--http2-prior-knowledge");
}

#[test]
fn go_sees_the_early_answer() {
    let node = node();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let program = folder.path().join("early");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/early.go");
    let built = Command::new("go")
        .args(["build", "-o"])
        .args([&program, &source])
        .status()
        .expect("go is installed");
    assert!(built.success());
    for (path, status) in ROUTES {
        let seen = output_of(
            Command::new(&program)
                .arg(format!("http://{}{path}", node.address()))
                .args([UPLOAD_BYTES.to_string(), TRIES.to_string()]),
        );
        let seen: Vec<String> = seen.lines().map(str::to_owned).collect();
        assert_all("Go", path, status, &seen);
    }
}
