use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;

use super::*;

fn ask(admin: &Admin, line: &str) -> String {
    let mut stream = TcpStream::connect(admin.address()).expect("a connection");
    let request = format!("{line} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[derive(Default)]
struct Program {
    reasons: Mutex<Vec<String>>,
}

impl Readiness for Program {
    fn means(&self) -> &'static str {
        "it likes"
    }

    fn reasons(&self) -> Vec<String> {
        self.reasons.lock().expect("the reasons").clone()
    }
}

impl Page for Program {
    fn name(&self) -> &'static str {
        "things"
    }

    fn write(&self) -> Result<String, Box<dyn std::error::Error>> {
        Ok("[]".to_owned())
    }
}

fn admin(program: &Arc<Program>, pulses: Vec<Pulse>, page: Option<Private>) -> Admin {
    let shown = Shown {
        readiness: Arc::clone(program) as Arc<dyn Readiness>,
        registry: Registry::new(),
        pulses,
        page,
    };
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    Admin::start(listener, shown).expect("a server")
}

fn private(token_file: Option<PathBuf>) -> Option<Private> {
    let page = Arc::new(Program::default());
    Some(Private { page, token_file })
}

#[test]
fn whoever_must_answer_is_named_and_an_answer_that_was_dropped_is_one() {
    let dropped = Pulse::new("who ends", || oneshot::channel().1);
    let admin = admin(&Arc::default(), vec![dropped], None);
    assert!(ask(&admin, "GET /livez").ends_with("\r\n\r\nok\n"));
    assert!(ask(&admin, "GET /livez?verbose").ends_with("\r\n\r\nok: who ends\n"));
}

#[test]
fn a_process_that_is_not_ready_says_why_to_whoever_wants_to_know() {
    let program = Arc::new(Program::default());
    let admin = admin(&program, vec![], None);
    assert!(ask(&admin, "GET /readyz").starts_with("HTTP/1.1 200 "));
    *program.reasons.lock().expect("the reasons") = vec!["one".to_owned(), "two".to_owned()];
    let short = ask(&admin, "GET /readyz");
    assert!(short.starts_with("HTTP/1.1 503 ") && short.ends_with("\r\n\r\nnot ready\n"));
    assert!(ask(&admin, "GET /readyz?verbose").ends_with("\r\n\r\none\ntwo\n"));
}

#[test]
fn what_there_is_is_said_where_something_else_is_asked_for() {
    let with = admin(&Arc::default(), vec![], private(None));
    let without = admin(&Arc::default(), vec![], None);
    for admin in [&with, &without] {
        let answer = ask(admin, "GET /");
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
        assert!(
            answer.contains("/readyz   200 while it likes; "),
            "{answer}"
        );
    }
    let last = "/things   the things as JSON\n";
    assert!(ask(&with, "GET /").ends_with(last));
    assert!(!ask(&without, "GET /things").ends_with(last));
    assert!(ask(&with, "POST /livez").starts_with("HTTP/1.1 405 "));
}

#[test]
fn a_page_is_shown_to_this_machine_or_to_whoever_has_the_token() {
    let page = ask(
        &admin(&Arc::default(), vec![], private(None)),
        "GET /things",
    );
    assert!(
        page.contains("content-type: application/json\r\n"),
        "{page}"
    );
    assert!(page.ends_with("\r\n\r\n[]\n"), "{page}");

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    std::fs::write(&path, "secret\n").expect("a file");
    let admin = admin(&Arc::default(), vec![], private(Some(path)));
    let refused = ask(&admin, "GET /things");
    assert!(refused.starts_with("HTTP/1.1 401 "), "{refused}");
    let bearing = "GET /things HTTP/1.1\r\nAuthorization: Bearer secret\r\nX: ";
    assert!(ask(&admin, bearing).ends_with("\r\n\r\n[]\n"));
}

#[test]
fn a_dropped_server_gives_its_address_back() {
    let first = admin(&Arc::default(), vec![], None);
    let address = first.address();
    assert!(TcpListener::bind(address).is_err());
    drop(first);
    assert!(TcpListener::bind(address).is_ok());
}
