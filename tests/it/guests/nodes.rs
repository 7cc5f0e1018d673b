//! The nodes that serve the guests, started once each, and one request to them.

use std::sync::OnceLock;

use tests::client::{BodyEnd, Connection, Head, Response};
use tests::guests::{self, Guest};
use tests::log;
use tests::node::Node;
use tests::request::{self, Request};

/// The settings of those that need some; the others have the defaults.
#[rustfmt::skip]
const SETTINGS: &[(Guest, &str)] = &[
    (guests::spin, "limits: {cpuTime: 100ms}"),
    (guests::print_then_spin, "limits: {cpuTime: 100ms}"),
    (guests::spin_in_host_calls, "limits: {cpuTime: 100ms}"),
    (guests::spin_in_bulk, "limits: {cpuTime: 100ms}"),
    (guests::start_function_spins, "limits: {cpuTime: 100ms}"),
    (guests::finish_after_client, "onDisconnect: Finish"),
    (guests::sleep, "limits: {timeouts: {head: 100ms}}"),
    (guests::grow_memory, "limits: {memory: 2Mi}"),
    (guests::grow_memory_then_trap, "limits: {memory: 2Mi}"),
    (guests::grow_memory_then_trap_mid_body, "limits: {memory: 2Mi}"),
    (guests::grow_table, "limits: {memory: 1Mi}"),
    (guests::open_file, "volumes: [{mountPath: /site, hostPath: site}]\nargv: [open, 'file.txt', 'config/key']"),
    (guests::write_file, "volumes: [{mountPath: /site, hostPath: site}]"),
    (guests::reactor, "entrypoint: handle"),
    (guests::custom_entry, "entrypoint: other"),
];

/// Each would keep the others waiting at load: a node of its own.
const SLOW_TO_LOAD: &[Guest] = &[guests::routes_spin, guests::routes_sleep];

/// A node that serves every guest but the two that are slow to load; those that are refused are
/// among them.
pub fn node() -> &'static Node {
    static NODE: OnceLock<Node> = OnceLock::new();
    NODE.get_or_init(|| {
        let mut builder = Node::builder().file("site/file.txt", "a file\n");
        for guest in guests::ALL {
            let settings = SETTINGS.iter().find(|(other, _)| other == guest);
            let spec = settings.map_or("", |(_, spec)| *spec);
            if !SLOW_TO_LOAD.contains(guest) {
                builder = builder.guest_with(*guest, spec);
            }
        }
        builder
            .route(
                "no_parameters",
                guests::custom_entry,
                "entrypoint: with_parameter",
            )
            .route(
                "no_results",
                guests::custom_entry,
                "entrypoint: with_result",
            )
            .route("a_function", guests::custom_entry, "entrypoint: constant")
            .route("command", guests::custom_entry, "")
            .start()
    })
}

/// A request that was sent, on a connection of its own.
pub struct Sent {
    pub connection: Connection,
    pub id: String,
    method: &'static str,
}

/// Sends a GET of `/NAME`.
pub fn get(guest: Guest) -> Sent {
    send("GET", guest, &[], b"")
}

/// Sends a POST whose body is here.
pub fn post(guest: Guest, body: &[u8]) -> Sent {
    let length = body.len().to_string();
    send("POST", guest, &[("Content-Length", &length)], body)
}

/// Sends a request for `/NAME` with more fields, and what follows its head.
pub fn send(method: &'static str, guest: Guest, fields: &[(&str, &str)], body: &[u8]) -> Sent {
    let id = request::new_id(guest.name);
    let mut request = Request::new(method, &format!("/{}", guest.name)).id(&id);
    for (name, value) in fields {
        request = request.field(name, value);
    }
    let mut connection = node().connect();
    connection.send([request.head().as_bytes(), body].concat());
    Sent {
        connection,
        id,
        method,
    }
}

impl Sent {
    /// Its answer.
    pub fn response(&mut self) -> Response {
        self.connection.response_to(self.method)
    }

    /// Its answer's head.
    pub fn head(&mut self) -> Head {
        self.connection.head()
    }

    /// Waits until the log says that its guest was ended for this reason.
    #[track_caller]
    pub fn ended(&self, reason: &str) {
        let reason = format!("reason=\"{reason}\"");
        let _ = log::wait_for(&["guest ended", &self.id, &reason], 1);
    }

    /// Waits until the log says something about it.
    #[track_caller]
    pub fn logged(&self, text: &str) -> String {
        log::wait_for(&[text, &self.id], 1).remove(0)
    }

    /// It is answered whole, with this status and text.
    #[track_caller]
    pub fn answers(mut self, status: u16, text: &str) -> Head {
        let response = self.response();
        let found = (response.head.status, response.text(), response.end);
        assert_eq!(found, (status, text.to_owned(), BodyEnd::Complete));
        response.head
    }

    /// It is answered by us, not by its guest, with this status; the log knows why.
    #[track_caller]
    pub fn fails(mut self, status: u16, reason: &str) {
        let response = self.response();
        assert_eq!(response.head.status, status, "{}", response.text());
        let id = &self.id;
        assert!(response.text().ends_with(&format!("request id: {id}\n")));
        let reason = format!("reason=\"{reason}\"");
        let _ = log::wait_for(&["not answered by a guest", id, &reason], 1);
    }

    /// It is answered with 200, this text and a broken body; its guest was ended for this reason.
    #[track_caller]
    pub fn breaks(mut self, text: &str, reason: &str) {
        let response = self.response();
        let found = (response.head.status, response.text(), response.end);
        assert_eq!(found, (200, text.to_owned(), BodyEnd::Closed));
        self.ended(reason);
    }

    /// Its client leaves after it has read on to this text, and that is the end of its guest.
    #[track_caller]
    pub fn ends_when_left_after(mut self, text: &str) {
        let _ = self.connection.read_past(text);
        drop(self.connection);
        let _ = log::wait_for(&["guest ended", &self.id, "reason=\"client_gone\""], 1);
    }
}

/// Its route was refused at load with a reason that contains each of `words`, answers 503, and
/// others are served.
#[track_caller]
pub fn is_refused(guest: Guest, words: &[&str]) {
    refused_on(node(), guest.name, words);
    get(guests::hello).answers(200, "hello\n");
}

/// As [`is_refused`], for a route of any name on any node.
#[track_caller]
pub fn refused_on(node: &Node, name: &str, words: &[&str]) {
    let route = name.replace('_', "-");
    let line = node.wait_for_change(&format!("not loaded: default/{route}: "));
    for word in words {
        assert!(line.contains(word), "{line:?} does not say {word:?}");
    }
    assert_eq!(node.get(&format!("/{name}")).head.status, 503);
}
