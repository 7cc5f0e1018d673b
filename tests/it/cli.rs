//! The command line, by the real binary: what scripts depend on.

use std::io::Write;
use std::process::{Output, Stdio};

use tempfile::TempDir;
use tests::guests::{self, Guest};
use tests::node::manifest;
use tests::wagi::{Wagi, command, run};

/// A folder of guests, each on `/NAME/...`.
fn folder(of: &[Guest]) -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    for guest in of {
        write(&folder, &format!("{}.wat", guest.name), guest.wat);
        let text = manifest(guest.name, *guest, "");
        write(&folder, &format!("{}.yaml", guest.name), &text);
    }
    folder
}

fn write(folder: &TempDir, name: &str, text: &str) {
    std::fs::write(folder.path().join(name), text).expect("a file in a temporary folder");
}

fn path(folder: &TempDir) -> String {
    folder.path().display().to_string()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
}

/// What a person reads at start: not the settings, which are logged first.
fn listed(wagi: &Wagi, last: &str) -> Vec<String> {
    let mut lines = wagi.stderr_until(last);
    let settings = lines.remove(0);
    assert!(settings.contains("effective configuration"), "{settings}");
    lines
}

#[test]
fn up_logs_its_effective_configuration_once_without_secrets() {
    let folder = folder(&[guests::hello]);
    let path = path(&folder);
    let wagi = Wagi::up(&["--max-requests=7", &path]);
    let line = wagi.stderr_until("effective configuration").remove(0);
    let line: serde_json::Value = serde_json::from_str(&line).expect("a line of the log");
    let settings = line["settings"].as_str().expect("one field");
    let settings: serde_json::Value = serde_json::from_str(settings).expect("JSON");
    assert_eq!(settings["listen"], "127.0.0.1:0");
    assert_eq!(settings["max-requests"], "7");
    assert_eq!(settings["drain-deadline"], "30s");
    let help = stdout(&run(&["up", "--help"]));
    let flags = help
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("--"));
    for flag in flags.map(|flag| flag.trim_end_matches(|c: char| !c.is_ascii_alphanumeric())) {
        let flag = flag.split(['[', '=']).next().unwrap_or(flag);
        assert!(
            matches!(flag, "help" | "version") || settings.get(flag).is_some(),
            "--{flag} is not in {settings}"
        );
    }
}

#[test]
fn up_says_where_on_stdout_what_on_stderr_and_ends_with_0_when_told() {
    let folder = folder(&[guests::hello, guests::env_dump]);
    write(&folder, "other.yaml", "kind: ConfigMap\napiVersion: v1\n");
    for signal in ["TERM", "INT"] {
        let wagi = Wagi::up(&[&path(&folder)]);
        let listed = listed(&wagi, "skipped");
        let address = wagi.address();
        assert_eq!(
            listed,
            [
                format!("  http://{address}/env_dump/...  default/env-dump"),
                format!("  http://{address}/hello/...  default/hello"),
                "  1 object of another kind skipped".to_owned(),
            ]
        );
        assert_eq!(wagi.get("/hello").text(), "hello\n");
        let (status, printed) = wagi.stop(signal);
        assert_eq!(status.code(), Some(0), "{signal}");
        assert_eq!(printed, [""; 0], "the ready line is the only one on stdout");
    }
}

#[test]
fn up_serves_a_bare_module_on_every_path() {
    let folder = folder(&[guests::hello]);
    let module = folder.path().join("hello.wat").display().to_string();
    let wagi = Wagi::up(&[&module]);
    assert_eq!(wagi.get("/").text(), "hello\n");
    assert_eq!(wagi.get("/any/where").text(), "hello\n");
}

#[test]
fn up_lists_twenty_routes_and_counts_the_rest() {
    let folder = TempDir::new().expect("a temporary folder");
    write(&folder, "hello.wat", guests::hello.wat);
    for number in 10..35 {
        let text = manifest(&format!("r{number}"), guests::hello, "");
        write(&folder, &format!("r{number}.yaml"), &text);
    }
    let wagi = Wagi::up(&[&path(&folder)]);
    let listed = listed(&wagi, "and 5 more");
    assert_eq!(listed.len(), 21, "{listed:?}");
}

#[test]
fn up_logs_each_change_in_one_line() {
    let folder = folder(&[guests::hello]);
    let wagi = Wagi::up(&["--log-format", "text", &path(&folder)]);
    write(&folder, "hello.wat", guests::set_cookies.wat);
    let lines = wagi.stderr_until("changed: default/hello now sha256:");
    let changes = lines
        .iter()
        .filter(|line| line.contains("default/hello now"));
    assert_eq!(changes.count(), 1, "{lines:?}");
}

#[test]
fn the_log_is_json_where_no_person_reads_it() {
    let folder = folder(&[guests::hello]);
    let wagi = Wagi::up(&[&path(&folder)]);
    write(&folder, "hello.wat", guests::set_cookies.wat);
    let lines = wagi.stderr_until("changed: default/hello now sha256:");
    let line = lines.last().expect("it was waited for");
    assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    assert!(line.contains(r#""level":"INFO""#), "{line}");
}

#[test]
fn the_environment_sets_what_no_flag_sets() {
    let folder = folder(&[guests::hello]);
    let folder = path(&folder);
    let mut by_environment = command(&["up", &folder]);
    by_environment.env("WAGI_LISTEN", "127.0.0.1:0");
    let wagi = Wagi::start(by_environment);
    assert_ne!(wagi.address().port(), 3000);
    assert_eq!(wagi.get("/hello").text(), "hello\n");
    let mut flag_wins = command(&["up", &folder, "--listen", "localhost:0"]);
    flag_wins.env("WAGI_LISTEN", "nonsense");
    assert_eq!(Wagi::start(flag_wins).get("/hello").text(), "hello\n");
    let wrong = command(&["up", &folder])
        .env("WAGI_LISTEN", "nonsense")
        .output()
        .expect("wagi runs");
    assert_code(&wrong, 64);
    assert!(
        stderr(&wrong).contains("write an address and a port"),
        "{wrong:?}"
    );
}

#[test]
fn every_wrong_flag_is_said_at_once() {
    let output = run(&[
        "up",
        ".",
        "--listen=everywhere",
        "--max-requests=0",
        "--max-connections=many",
        "--guest-memory=110%",
        "--keep-alive=soon",
        "--stderr-rate=-1",
        "--wasm-exceptions=perhaps",
    ]);
    assert_code(&output, 64);
    let said = stderr(&output);
    for flag in [
        "--listen \"everywhere\": write an address and a port, as in 127.0.0.1:3000",
        "--max-requests \"0\": write a whole number, at least 1",
        "--max-connections \"many\": write",
        "--guest-memory \"110%\": write",
        "--keep-alive \"soon\": ",
        "--stderr-rate \"-1\": write",
        "--wasm-exceptions \"perhaps\": write true or false",
    ] {
        assert!(said.contains(flag), "{flag} is not in {said}");
    }
    assert_eq!(stdout(&output), "");
}

#[test]
fn wrong_use_is_64_and_says_how() {
    for wrong in [
        &["up"][..],
        &["dance"],
        &["up", "--nonsense", "."],
        &["call", "."],
        &["completions", "forth"],
        &[],
    ] {
        let output = run(wrong);
        assert_code(&output, 64);
        assert!(
            stderr(&output).contains("--help") || wrong.is_empty(),
            "{output:?}"
        );
    }
}

#[test]
fn what_does_not_work_is_1_and_says_why() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let folder = folder(&[guests::hello]);
    let busy = run(&["up", &path(&folder), "--listen", &address]);
    assert_code(&busy, 1);
    let said = stderr(&busy);
    assert!(
        said.contains(&format!("cannot listen on {address}: ")),
        "{said}"
    );
    assert!(
        said.to_lowercase().contains("address already in use"),
        "{said}"
    );
    for missing in [
        run(&["up", "/nowhere/at/all"]),
        run(&["check", "/nowhere/at/all"]),
        run(&["call", "/nowhere/at/all", "/"]),
    ] {
        assert_code(&missing, 1);
        assert!(stderr(&missing).contains("/nowhere/at/all"), "{missing:?}");
        assert_eq!(stdout(&missing), "");
    }
}

#[test]
fn check_is_0_for_what_can_be_served() {
    let folder = folder(&[guests::hello, guests::env_dump]);
    let output = run(&["check", &path(&folder)]);
    assert_code(&output, 0);
    assert_eq!(stdout(&output), "ok: 2 routes in 2 files\n");
}

#[test]
fn check_looks_at_no_registry_and_says_so() {
    let folder = folder(&[guests::hello]);
    let image = "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {name: far}\n\
                 spec: {path: /far, module: {image: \"127.0.0.1:1/far:1\"}}\n";
    write(&folder, "far.yaml", image);
    let output = run(&["check", &path(&folder)]);
    assert_code(&output, 0);
    assert_eq!(stdout(&output), "ok: 2 routes in 2 files\n");
    let said = "not looked at: 1 image in registries; wagi inspect looks at one\n";
    assert_eq!(stderr(&output), said);
}

#[test]
fn check_says_every_mistake_with_file_line_and_field() {
    let folder = folder(&[guests::hello, guests::threads]);
    let wrong = "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata:\n  name: wrong\nspec:\n  \
                 path: nowhere\n  colour: red\n  limits:\n    memory: 1k\n    timeouts: {total: soon}\n  \
                 module:\n    image: file:absent.wasm\n";
    write(&folder, "wrong.yaml", wrong);
    let output = run(&["check", &path(&folder)]);
    assert_code(&output, 1);
    let said = stdout(&output);
    let file = folder.path().join("wrong.yaml").display().to_string();
    for expected in [
        format!("{file}:6:9: spec.path"),
        format!("{file}:7:3: spec.colour"),
        format!("{file}:9:13: spec.limits.memory"),
        format!("{file}:10:23: spec.limits.timeouts.total"),
    ] {
        assert!(said.contains(&expected), "{expected} is not in {said}");
    }
    assert!(
        said.contains("default/threads: spec.module.image: "),
        "{said}"
    );
    assert!(stderr(&output).contains("mistakes\n"), "{output:?}");
}

#[test]
fn call_shows_head_and_body_on_stdout_and_the_rest_on_stderr() {
    let folder = folder(&[guests::hello, guests::stderr_lines]);
    let output = run(&["call", &path(&folder), "/hello"]);
    assert_code(&output, 0);
    let said = stdout(&output);
    assert!(said.starts_with("HTTP/1.1 200 OK\n"), "{said}");
    assert!(said.contains("\ncontent-type: text/plain\n"), "{said}");
    assert!(said.ends_with("\n\nhello\n"), "{said}");
    assert!(stderr(&output).contains("ending: "), "{output:?}");
    let module = folder.path().join("stderr_lines.wat").display().to_string();
    let loud = run(&["call", &module, "/"]);
    assert_code(&loud, 0);
    let said = stderr(&loud);
    let (lines, _) = said.split_once("ending: ").expect("the ending is last");
    assert!(lines.lines().count() > 1, "the guest's own lines: {said}");
}

#[test]
fn call_sends_what_it_is_told() {
    let folder = folder(&[guests::env_dump, guests::read_all_then_answer]);
    let output = run(&[
        "call",
        &path(&folder),
        "/env_dump/x?a=b",
        "-X",
        "PUT",
        "-H",
        "X-Colour: red",
        "-H",
        "Host: shop.example:81",
        "-d",
        "text",
    ]);
    assert_code(&output, 0);
    let said = stdout(&output);
    for variable in [
        "REQUEST_METHOD=PUT\n",
        "HTTP_X_COLOUR=red\n",
        "SERVER_NAME=shop.example\n",
        "SERVER_PORT=81\n",
        "PATH_INFO=/x\n",
        "QUERY_STRING=a=b\n",
        "CONTENT_LENGTH=4\n",
    ] {
        assert!(said.contains(variable), "{variable} is not in {said}");
    }
    let file = folder.path().join("body");
    std::fs::write(&file, "from a file").expect("a file");
    let data = format!("@{}", file.display());
    let from_file = run(&["call", &path(&folder), "/env_dump", "--data", &data]);
    assert!(
        stdout(&from_file).contains("CONTENT_LENGTH=11\n"),
        "{from_file:?}"
    );
    assert!(
        stdout(&from_file).contains("REQUEST_METHOD=POST\n"),
        "{from_file:?}"
    );
    let mut child = command(&["call", &path(&folder), "/env_dump", "-d", "@-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("wagi runs");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(b"typed").expect("wagi reads");
    drop(stdin);
    let from_stdin = child.wait_with_output().expect("it ends");
    assert!(
        stdout(&from_stdin).contains("CONTENT_LENGTH=5\n"),
        "{from_stdin:?}"
    );
}

#[test]
fn call_is_1_when_the_guest_failed_or_nobody_answers() {
    let folder = folder(&[guests::trap_before_head, guests::trap_mid_body]);
    let folder = path(&folder);
    let trapped = run(&["call", &folder, "/trap_before_head"]);
    assert_code(&trapped, 1);
    assert!(stdout(&trapped).starts_with("HTTP/1.1 500 "), "{trapped:?}");
    assert!(stderr(&trapped).contains("ending: trap"), "{trapped:?}");
    let broken = run(&["call", &folder, "/trap_mid_body"]);
    assert_code(&broken, 1);
    assert!(
        stdout(&broken).starts_with("HTTP/1.1 200 OK\n"),
        "{broken:?}"
    );
    assert!(
        stderr(&broken).contains("ending: trap: the answer broke off"),
        "{broken:?}"
    );
    let absent = run(&["call", &folder, "/nothing"]);
    assert_code(&absent, 1);
    assert!(stdout(&absent).starts_with("HTTP/1.1 404 "), "{absent:?}");
    assert!(
        stderr(&absent).contains("ending: no guest answered"),
        "{absent:?}"
    );
}

#[test]
fn completions_are_scripts_that_name_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        assert_code(&output, 0);
        for word in ["up", "call", "check", "completions", "max-requests"] {
            assert!(stdout(&output).contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_version_has_the_commit() {
    let output = run(&["--version"]);
    assert_code(&output, 0);
    let said = stdout(&output);
    let expected = concat!("wagi ", env!("CARGO_PKG_VERSION"), " (commit ");
    assert!(
        said.starts_with(expected) && said.ends_with(")\n"),
        "{said}"
    );
}

#[test]
fn help_is_complete_and_fits_a_terminal() {
    for (arguments, expected) in [
        (
            &["--help"][..],
            &[
                "up",
                "call",
                "check",
                "completions",
                "--log-format",
                "64 wrong use",
            ][..],
        ),
        (
            &["up", "--help"],
            &[
                "--listen",
                "[env: WAGI_LISTEN=]",
                "[default: 127.0.0.1:3000]",
                "--max-requests",
                "[default: 1000]",
                "--max-connections",
                "[default: 10000]",
                "--guest-memory",
                "[default: 60%]",
                "--keep-alive",
                "[default: 10m]",
                "--stderr-rate",
                "[default: 100]",
                "--wasm-exceptions",
                "WAGI_LOG_FORMAT",
                "64 wrong use",
            ],
        ),
        (
            &["call", "--help"],
            &["--data", "--header", "--request", "@FILE", "64 wrong use"],
        ),
        (&["check", "--help"], &["PATH", "64 wrong use"]),
        (&["completions", "--help"], &["bash", "64 wrong use"]),
    ] {
        let output = run(arguments);
        assert_code(&output, 0);
        let said = stdout(&output);
        for text in expected {
            assert!(said.contains(text), "{arguments:?} lacks {text}: {said}");
        }
        let widest = said.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{said}");
    }
    // Without a command there is nothing to do, and help says what there could be.
    assert!(stderr(&run(&[])).contains("Usage: wagi"), "usage");
}
