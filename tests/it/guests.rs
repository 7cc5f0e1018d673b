//! What becomes of each guest: a test for every file in `guests/`, named like it.

mod nodes;

use std::io::{BufRead, BufReader, Read, Write};

use tests::client::BodyEnd;
use tests::node::Node;
use tests::{PATIENCE, guests, log};

use nodes::{get, is_refused, node, post, refused_on, send};

tests::require_a_test_for_each_guest!();

// === Answers, and none ===

#[test]
fn hello() {
    let head = get(guests::hello).answers(200, "hello\n");
    assert_eq!(head.header("content-type"), Some("text/plain"));
    assert_eq!(head.header("content-length"), Some("6"));
}

#[test]
fn silent() {
    get(guests::silent).fails(500, "no_blank_line");
}

// === Computing ===

#[test]
fn spin() {
    get(guests::spin).fails(504, "cpu_time");
}

#[test]
fn print_then_spin() {
    get(guests::print_then_spin).breaks("first\n", "cpu_time");
}

#[test]
fn spin_in_host_calls() {
    get(guests::spin_in_host_calls).fails(504, "cpu_time");
}

#[test]
fn spin_in_bulk() {
    get(guests::spin_in_bulk).breaks("first\n", "cpu_time");
}

#[test]
fn start_function_spins() {
    get(guests::start_function_spins).fails(504, "cpu_time");
}

#[test]
fn first_line_then_compute() {
    get(guests::first_line_then_compute).ends_when_left_after("first\n");
}

#[test]
fn sched_yield() {
    get(guests::sched_yield).answers(200, "yielded\n");
}

// === Printing ===

#[test]
fn drip() {
    let lines: String = (1..=10).map(|line| format!("line {line}\n")).collect();
    get(guests::drip).answers(200, &lines);
}

#[test]
fn tick() {
    let mut sent = get(guests::tick);
    let _ = sent.connection.read_past("data: 1\n\n");
    sent.ends_when_left_after("data: 2\n\n");
}

#[test]
fn print_forever() {
    get(guests::print_forever).ends_when_left_after("xxxx");
}

/// The error of its write is its end: a guest whose client has left is not asked.
#[test]
fn print_until_error() {
    get(guests::print_until_error).ends_when_left_after("xxxx");
}

/// By HTTP/1.0, so that the body comes without framing and need not be kept.
#[test]
fn big() {
    let mut socket = std::net::TcpStream::connect(node().address()).expect("the node listens");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a connected socket");
    socket
        .write_all(b"GET /big HTTP/1.0\r\n\r\n")
        .expect("the node reads");
    let mut answer = BufReader::with_capacity(1 << 20, socket);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        answer.read_line(&mut line).expect("a head");
    }
    let mut block = vec![0; 64 * 1024];
    let rest = vec![b'x'; 64 * 1024 - 8];
    for number in 0_u64..16_384 {
        answer.read_exact(&mut block).expect("a block");
        assert_eq!(block[..8], number.to_le_bytes());
        assert!(block[8..] == rest, "block {number} is torn");
    }
    assert_eq!(answer.read(&mut block).expect("an orderly close"), 0);
}

#[test]
fn one_big_write() {
    let text = "x".repeat(1 << 20) + "1048576\n";
    get(guests::one_big_write).answers(200, &text);
}

#[test]
fn many_vectors() {
    let text = "0123456789abcde\n".repeat(4096) + "65536\n";
    get(guests::many_vectors).answers(200, &text);
}

#[test]
fn small_writes() {
    let lines: String = (1..=10_000)
        .map(|line| format!("<p>Line {line}</p>\n"))
        .collect();
    get(guests::small_writes).answers(200, &lines);
}

#[test]
fn finish_after_client() {
    let mut sent = get(guests::finish_after_client);
    let _ = sent.connection.read_past("first\n");
    drop(sent.connection);
    let _ = log::wait_for(&["finished", &sent.id], 1);
}

// === Sleeping ===

#[test]
fn sleep() {
    get(guests::sleep).fails(504, "head_timeout");
}

#[test]
fn sleep_after_head() {
    get(guests::sleep_after_head).ends_when_left_after("first\n");
}

// === Reading ===

#[test]
fn read_all_then_answer() {
    get(guests::read_all_then_answer).answers(200, "read 0 bytes\n");
    post(guests::read_all_then_answer, &[b'x'; 300_000]).answers(200, "read 300000 bytes\n");
    let chunked = &[("Transfer-Encoding", "chunked")];
    let body = b"3\r\nabc\r\n4;a=b\r\ndefg\r\n0\r\n\r\n";
    send("POST", guests::read_all_then_answer, chunked, body).answers(200, "read 7 bytes\n");
}

#[test]
fn read_forever() {
    let fields = &[("Transfer-Encoding", "chunked")];
    let mut sent = send("POST", guests::read_forever, fields, b"3\r\nabc\r\n");
    let _ = sent.connection.read_past("reading\n");
    sent.connection.send("3\r\ndef\r\n0\r\n\r\n");
    let _ = sent.connection.read_past("end\n");
    let _ = sent.connection.read_past("\r\n0\r\n\r\n");
}

#[test]
fn echo() {
    let fields = &[("Transfer-Encoding", "chunked")];
    let mut sent = send("POST", guests::echo, fields, b"4\r\nabc\n\r\n");
    let _ = sent.connection.read_past("abc\n");
    sent.connection.send("4\r\ndef\n\r\n");
    let _ = sent.connection.read_past("def\n");
    sent.connection.send("0\r\n\r\n");
    let _ = sent.connection.read_past("\r\n0\r\n\r\n");
}

#[test]
fn answer_then_read() {
    let fields = &[("Content-Length", "1")];
    let mut sent = send("POST", guests::answer_then_read, fields, b"");
    let _ = sent.connection.read_past("first\n");
    sent.connection.send("x");
    let _ = sent.connection.read_past("second\n");
}

#[test]
fn answer_without_reading() {
    post(guests::answer_without_reading, b"nobody reads this").answers(200, "not read\n");
}

#[test]
fn refuse_without_reading() {
    let fields = &[("Content-Length", "5"), ("Expect", "100-continue")];
    let mut sent = send("POST", guests::refuse_without_reading, fields, b"");
    assert_eq!(sent.head().status, 403);
}

#[test]
fn stdin_error() {
    let fields = &[("Transfer-Encoding", "chunked")];
    let mut sent = send("POST", guests::stdin_error, fields, b"3\r\nabc\r\n");
    let _ = sent.connection.read_past("reading\n");
    sent.connection.send("no size\r\n");
    sent.logged("read: errno 29 after 3 bytes");
}

#[test]
fn poll_stdin() {
    let mut sent = send("POST", guests::poll_stdin, &[("Content-Length", "3")], b"");
    sent.connection.send("abc");
    sent.answers(200, "stdin 3\n");
}

// === Endings ===

#[test]
fn trap_before_head() {
    let sent = get(guests::trap_before_head);
    sent.logged("about to trap");
    sent.fails(500, "trap");
}

#[test]
fn trap_mid_body() {
    get(guests::trap_mid_body).breaks("before the trap\n", "trap");
}

#[test]
fn trap_after_megabyte() {
    let text = "x".repeat(1 << 20) + "before the trap\n";
    get(guests::trap_after_megabyte).breaks(&text, "trap");
}

#[test]
fn stack_overflow() {
    let sent = get(guests::stack_overflow);
    assert!(sent.logged("guest ended").contains("stack"));
    sent.fails(500, "trap");
}

#[test]
fn exit_0() {
    let head = get(guests::exit_0).answers(200, "exit 0\n");
    assert_eq!(head.header("content-length"), Some("7"));
}

#[test]
fn exit_3_before_head() {
    get(guests::exit_3_before_head).fails(500, "exit_code");
}

#[test]
fn exit_3_after_head() {
    let mut sent = get(guests::exit_3_after_head);
    let response = sent.response();
    assert_eq!(
        (response.head.status, response.end),
        (200, BodyEnd::Complete)
    );
    assert_eq!(response.text(), "exit 3\n");
    sent.ended("exit_code");
    sent.logged("exit code 3");
}

// === Heads ===

#[test]
fn no_blank_line() {
    get(guests::no_blank_line).fails(500, "no_blank_line");
}

#[test]
fn no_required_field() {
    get(guests::no_required_field).fails(500, "no_required_field");
}

#[test]
fn bad_status() {
    get(guests::bad_status).fails(502, "response_head");
}

#[test]
fn status_101() {
    get(guests::status_101).fails(502, "response_head");
}

#[test]
fn status_418() {
    get(guests::status_418).answers(418, "teapot\n");
}

#[test]
fn huge_head() {
    get(guests::huge_head).fails(502, "response_head");
}

#[test]
fn endless_head() {
    let mut sent = get(guests::endless_head);
    assert_eq!(sent.response().head.status, 502);
    sent.ended("response_head");
}

#[test]
fn two_writes_split_head() {
    let head = get(guests::two_writes_split_head).answers(200, "body\n");
    assert_eq!(head.header("content-type"), Some("text/plain"));
    assert_eq!(head.header("x-after"), Some("1"));
}

#[test]
fn crlf_head() {
    let head = get(guests::crlf_head).answers(200, "a\r\nb\r\n");
    assert_eq!(head.header("content-type"), Some("text/plain"));
    assert_eq!(head.header("x-other"), Some("1"));
}

#[test]
fn head_only() {
    let head = get(guests::head_only).answers(200, "");
    assert_eq!(head.header("content-length"), Some("0"));
}

/// RFC 9110, 8.6: no length goes with 204.
#[test]
fn head_only_204() {
    let head = get(guests::head_only_204).answers(204, "");
    assert_eq!(head.header("content-length"), None);
    assert_eq!(head.header("transfer-encoding"), None);
}

/// RFC 9110, 15.3.6: that nothing follows is said by its length.
#[test]
fn head_205() {
    let head = get(guests::head_205).answers(205, "");
    assert_eq!(head.header("content-length"), Some("0"));
}

#[test]
fn head_304() {
    let head = get(guests::head_304).answers(304, "");
    assert_eq!(head.header("content-length"), Some("1234"));
    assert_eq!(head.header("etag"), Some("\"a\""));
}

#[test]
fn run_on_after_204() {
    let mut sent = get(guests::run_on_after_204);
    assert_eq!(sent.response().head.status, 204);
    sent.logged("ran to its end");
}

#[test]
fn run_on() {
    let mut sent = send("HEAD", guests::run_on, &[], b"");
    assert_eq!(sent.response().head.status, 200);
    sent.logged("ran to its end");
}

#[test]
fn location() {
    let head = get(guests::location).answers(302, "moved\n");
    assert_eq!(head.header("location"), Some("https://example.test/there"));
}

#[test]
fn location_with_status() {
    let head = get(guests::location_with_status).answers(201, "created\n");
    assert_eq!(head.header("location"), Some("/things/1"));
}

#[test]
fn set_cookies() {
    let head = get(guests::set_cookies).answers(200, "body\n");
    let cookies: Vec<_> = head.all("set-cookie").collect();
    assert_eq!(cookies, ["a=1", "b=2", "c=3"]);
}

#[test]
fn bad_header_bytes() {
    let mut sent = send(
        "GET",
        guests::bad_header_bytes,
        &[("Connection", "close")],
        b"",
    );
    let (answer, _) = sent.connection.rest();
    let answer = answer.to_ascii_lowercase();
    let has = |text: &[u8]| answer.windows(text.len()).any(|window| window == text);
    assert!(has(b"\r\nx-latin: caf\xe9\r\n") && has(b"\r\nx-good: 1\r\n"));
    assert!(!has(b"x-control") && !has(b"bad name") && !has(b"\r\n: 1") && !has(b"no colon"));
    assert!(answer.ends_with(b"\r\n\r\nbody\n"));
    let _ = log::wait_for(&["a line of the guest's head was skipped", &sent.id], 4);
}

#[test]
fn own_content_length() {
    let head = get(guests::own_content_length).answers(200, "ten bytes\n");
    assert_eq!(head.header("content-length"), Some("10"));
    assert_eq!(head.header("transfer-encoding"), None);
}

#[test]
fn wrong_content_length_at_once() {
    let head = get(guests::wrong_content_length_at_once).answers(200, "ten bytes\n");
    assert_eq!(head.header("content-length"), Some("10"));
}

#[test]
fn short_content_length() {
    let response = get(guests::short_content_length).response();
    assert_eq!(response.head.header("content-length"), Some("100"));
    let found = (response.text(), response.end);
    assert_eq!(found, ("ten bytes\n".to_owned(), BodyEnd::Closed));
}

#[test]
fn long_content_length() {
    let mut sent = get(guests::long_content_length);
    let response = sent.response();
    assert_eq!(response.head.header("content-length"), Some("10"));
    let found = (response.text(), response.end);
    assert_eq!(found, ("ten bytes\n".to_owned(), BodyEnd::Complete));
    sent.ended("content_length");
    // Nothing of the surplus is on the connection.
    sent.connection.send(tests::node::get("/hello"));
    assert_eq!(sent.response().text(), "hello\n");
}

#[test]
fn bad_content_length() {
    let head = get(guests::bad_content_length).answers(200, "ten bytes\n");
    assert_eq!(head.header("content-length"), None);
}

#[test]
fn transfer_encoding() {
    let head = get(guests::transfer_encoding).answers(200, "ten bytes\n");
    let encodings: Vec<_> = head.all("transfer-encoding").collect();
    assert_eq!(encodings, ["chunked"], "that of the connection itself");
    for name in [
        "content-length",
        "connection",
        "x-named",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
    ] {
        assert_eq!(head.header(name), None, "{name}");
    }
}

#[test]
fn own_accel_buffering() {
    let head = get(guests::own_accel_buffering).answers(200, "first\nsecond\n");
    let fields: Vec<_> = head.all("x-accel-buffering").collect();
    assert_eq!(fields, ["yes"]);
}

// === What a guest is given ===

#[test]
fn env_dump() {
    let text = get(guests::env_dump).response().text();
    let has = |line: &str| text.lines().any(|other| other == line);
    assert!(has("GATEWAY_INTERFACE=CGI/1.1"), "{text}");
    assert!(text.ends_with("argv: /env_dump\n"), "{text}");
}

/// Laid out as Kubernetes lays out a ConfigMap.
#[test]
fn open_file() {
    use std::os::unix::fs::symlink;
    let config = node().folder().join("site/config");
    std::fs::create_dir_all(config.join("..2026_01_01")).expect("a folder");
    std::fs::write(config.join("..2026_01_01/key"), "a value\n").expect("a file");
    symlink("..2026_01_01", config.join("..data")).expect("a link");
    symlink("..data/key", config.join("key")).expect("a link");
    get(guests::open_file).answers(200, "file.txt: a file\n\nconfig/key: a value\n\n");
}

#[test]
fn write_file() {
    let site = node().folder().join("site");
    let file = site.join("file.txt");
    let written = || {
        let about = file.metadata().expect("the file is there");
        about.modified().expect("files have times")
    };
    let before = written();
    let text = get(guests::write_file).response().text();
    let tried: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once(": errno "))
        .collect();
    let names: Vec<_> = tried.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        [
            "create",
            "open for writing",
            "truncate",
            "make a folder",
            "rename",
            "set times",
            "remove"
        ]
    );
    for (name, errno) in tried {
        // Not permitted, not capable, or a read-only file system.
        assert!(matches!(errno, "63" | "69" | "76"), "{name}: errno {errno}");
    }
    assert_eq!(written(), before);
    assert_eq!(
        std::fs::read_to_string(&file).expect("the file"),
        "a file\n"
    );
    for name in ["new.txt", "folder", "other.txt"] {
        assert!(!site.join(name).exists(), "{name}");
    }
}

#[test]
fn random_big() {
    get(guests::random_big).answers(200, "random: errno 0, filled\n");
}

/// Type 0 is "unknown": preview 1 has none for a pipe. 8 is a bad descriptor.
#[test]
fn fdstat() {
    let text = get(guests::fdstat).response().text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines[..2], ["0: errno 0 type 0", "1: errno 0 type 0"]);
    assert!(lines[2].starts_with("2: errno 0 type "), "{text}");
    assert!(lines[3].starts_with("3: errno 8"), "{text}");
}

#[test]
fn fd_close_stdout() {
    let mut sent = get(guests::fd_close_stdout);
    assert_eq!(sent.response().text(), "before\n");
    sent.logged("write: errno 8");
}

#[test]
fn fd_renumber() {
    get(guests::fd_renumber).answers(200, "before\nthrough 2\n1: errno 8\n");
}

/// Errors or a trap: what it is told is its own business, the others go on.
#[test]
fn wild_pointers() {
    let response = get(guests::wild_pointers).response();
    let is_told = response.text().ends_with("alive\n") && response.end == BodyEnd::Complete;
    assert!(is_told || response.end == BodyEnd::Closed, "{response:?}");
    get(guests::hello).answers(200, "hello\n");
}

#[test]
fn stderr_lines() {
    let sent = get(guests::stderr_lines);
    for text in [
        "plain line",
        "two writes",
        "red \\u{1b}[31m alert \\u{7}",
        "not UTF-8 \u{fffd}\u{fffd}",
        "unfinished",
    ] {
        let line = sent.logged(text);
        assert!(line.contains("route=\"default/stderr-lines\""), "{line}");
    }
    // 10,000 bytes of one line: 8 KiB and the rest.
    let long = log::wait_for(&["llllllll", &sent.id], 2);
    let mut lengths: Vec<_> = long.iter().map(|line| line.matches('l').count()).collect();
    // The route's name has an l, and so has the request's id.
    lengths
        .iter_mut()
        .for_each(|length| *length -= "default/stderr-lines stderr_lines".matches('l').count());
    lengths.sort_unstable();
    assert_eq!(lengths, [10_000 - 8192, 8192]);
    sent.answers(200, "logged\n");
}

#[test]
fn stderr_flood() {
    let mut sent = get(guests::stderr_flood);
    assert_eq!(sent.response().text(), "flooded\n");
    let dropped = " lines of standard error were dropped";
    let line = log::wait_for(&[dropped, "default/stderr-flood"], 1).remove(0);
    let (before, _) = line.split_once(dropped).expect("it was looked for");
    let dropped: usize = before
        .rsplit(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .unwrap_or_else(|| panic!("no number in {line:?}"));
    let of_it = log::lines_with(&sent.id);
    let logged = of_it.iter().filter(|line| line.contains("flood ")).count();
    assert_eq!(logged + dropped, 5000);
    // 100 a second, 10 seconds' worth at once.
    assert!(logged >= 1000, "{logged} were logged");
}

// === Memory and tables ===

#[test]
fn grow_memory() {
    get(guests::grow_memory).answers(200, "32 pages\n");
}

#[test]
fn grow_memory_then_trap() {
    get(guests::grow_memory_then_trap).fails(500, "memory");
}

#[test]
fn grow_memory_then_trap_mid_body() {
    get(guests::grow_memory_then_trap_mid_body).breaks("first\n", "memory");
}

#[test]
fn grow_and_hold() {
    get(guests::grow_and_hold).answers(200, "held 1025 pages\n");
}

/// 1 MiB less half a MiB of memory, 8 bytes an element, 1,000 at a time.
#[test]
fn grow_table() {
    get(guests::grow_table).answers(200, "65000 elements\n");
}

#[test]
fn leak_probe_write() {
    get(guests::leak_probe_write).answers(200, "left\n");
}

#[test]
fn leak_deep_write() {
    get(guests::leak_deep_write).answers(200, "left\n");
}

#[test]
fn leak_deep_read() {
    get(guests::leak_deep_write).answers(200, "left\n");
    get(guests::leak_deep_read).answers(200, "clean\n");
}

#[test]
fn leak_probe_read() {
    get(guests::leak_probe_write).answers(200, "left\n");
    get(guests::leak_probe_read).answers(200, "clean\n");
}

// === Entry points and `_routes` ===

#[test]
fn reactor() {
    get(guests::reactor).answers(200, "initialized 1 times\n");
}

#[test]
fn custom_entry() {
    get(guests::custom_entry).answers(200, "other\n");
    assert_eq!(node().get("/command").text(), "_start\n");
    let others = "it has _start, other";
    refused_on(node(), "no_parameters", &["\"with_parameter\"", others]);
    refused_on(node(), "no_results", &["\"with_result\"", others]);
    refused_on(node(), "a_function", &["\"constant\"", others]);
}

#[test]
fn routes() {
    #[rustfmt::skip]
    let table = [
        // request              entry      SCRIPT_NAME       PATH_INFO      X_MATCHED_ROUTE
        ("/routes/one",         "one",     "/routes/one",     "",            "/routes/one"),
        ("/routes/one/",        "_start",  "/routes",         "/one/",       "/routes/..."),
        ("/routes/two",         "two",     "/routes/two",     "",            "/routes/two/..."),
        ("/routes/two/x%20y",   "two",     "/routes/two",     "/x y",        "/routes/two/..."),
        ("/routes/two/one",     "one",     "/routes/two/one", "",            "/routes/two/one"),
        ("/routes/twofold",     "_start",  "/routes",         "/twofold",    "/routes/..."),
        ("/routes",             "_start",  "/routes",         "",            "/routes/..."),
    ];
    for (path, entry, script_name, path_info, matched) in table {
        let text = node().get(path).text();
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        assert_eq!(text.lines().next(), Some(entry), "{path}");
        assert_eq!(value("SCRIPT_NAME"), Some(script_name), "{path}");
        assert_eq!(value("PATH_INFO"), Some(path_info), "{path}");
        assert_eq!(value("X_MATCHED_ROUTE"), Some(matched), "{path}");
    }
}

#[test]
fn routes_curious() {
    let texts = ["/variables/0", "/arguments/0", "/stdin/0", "/variables/1"]
        .map(|path| node().get(&format!("/routes_curious{path}")).text());
    assert_eq!(texts, ["answer\n", "answer\n", "answer\n", "_start\n"]);
}

/// On a machine that has no CPU time to spare it is the clock that ends it.
#[test]
fn routes_spin() {
    let node = Node::with(&[guests::routes_spin]);
    let line = node.wait_for_change("not loaded: default/routes-spin: _routes failed: ");
    assert!(
        line.ends_with("cpu_time") || line.ends_with("head_timeout"),
        "{line}"
    );
    assert_eq!(node.get("/routes_spin").head.status, 503);
}

#[test]
fn routes_sleep() {
    let node = Node::with(&[guests::routes_sleep]);
    refused_on(&node, "routes_sleep", &["_routes failed: ", "_timeout"]);
}

#[test]
fn routes_empty() {
    is_refused(guests::routes_empty, &["_routes", "nothing"]);
}

#[test]
fn routes_malformed() {
    is_refused(guests::routes_malformed, &["line 1 of _routes"]);
}

#[test]
fn routes_missing_entry() {
    is_refused(
        guests::routes_missing_entry,
        &["\"absent\"", "it has _start"],
    );
}

#[test]
fn routes_trap() {
    is_refused(guests::routes_trap, &["_routes failed: ", "unreachable"]);
}

#[test]
fn routes_many() {
    is_refused(guests::routes_many, &["_routes", "1000"]);
}

#[test]
fn routes_flood() {
    is_refused(
        guests::routes_flood,
        &["_routes printed more than 65536 bytes"],
    );
}

// === Modules at the edge of what is accepted ===

#[test]
fn no_memory() {
    is_refused(guests::no_memory, &["exports no memory"]);
}

#[test]
fn two_memories() {
    get(guests::two_memories).answers(200, "from the second memory\n");
}

#[test]
fn proposals_on() {
    get(guests::proposals_on).answers(200, "all run\n");
}

// === Modules refused at load ===

#[test]
fn no_start() {
    is_refused(guests::no_start, &["no function \"_start\""]);
}

#[test]
fn start_with_parameter() {
    let words = ["no function \"_start\" without parameters and results"];
    is_refused(guests::start_with_parameter, &words);
}

#[test]
fn missing_import() {
    is_refused(guests::missing_import, &["env.absent"]);
}

#[test]
fn wasi_unstable() {
    is_refused(guests::wasi_unstable, &["imports wasi_unstable"]);
}

#[test]
fn component() {
    is_refused(guests::component, &["WebAssembly component"]);
}

#[test]
fn threads() {
    is_refused(guests::threads, &["proposal that is off: threads"]);
}

#[test]
fn memory64() {
    is_refused(guests::memory64, &["proposal that is off: memory64"]);
}

#[test]
fn exceptions() {
    is_refused(guests::exceptions, &["proposal that is off: exceptions"]);
    let node = Node::builder()
        .config(|config| config.engine.wasm_exceptions = true)
        .guest(guests::exceptions)
        .start();
    let _ = node.wait_for_change("added: default/exceptions");
    // It catches what it throws, and has nothing to say.
    assert_eq!(node.get("/exceptions").head.status, 500);
}

#[test]
fn gc() {
    is_refused(guests::gc, &["proposal that is off: gc"]);
}

#[test]
fn relaxed_simd() {
    is_refused(
        guests::relaxed_simd,
        &["proposal that is off: relaxed simd"],
    );
}

#[test]
fn stack_switching() {
    is_refused(
        guests::stack_switching,
        &["proposal that is off: ", "stack switching"],
    );
}

#[test]
fn big_memory() {
    is_refused(guests::big_memory, &["135266304 bytes", "134217728"]);
}

#[test]
fn big_table() {
    is_refused(
        guests::big_table,
        &["100001 elements in one table", "100000"],
    );
}

#[test]
fn three_memories() {
    is_refused(guests::three_memories, &["3 memories", "may have 2"]);
}

#[test]
fn five_tables() {
    is_refused(guests::five_tables, &["5 tables", "may have 4"]);
}
