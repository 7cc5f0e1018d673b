//! What the admin server shows of modules.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tests::artifact::{Artifact, digest};
use tests::client::Connection;
use tests::guests;
use tests::node::get;
use tests::process::wait_until;
use tests::registry::{Fault, Registry};
use tests::wagi::Wagi;

use super::{Place, binary, is_hello};

/// The admin server of a program.
pub(super) struct Admin(SocketAddr);

impl Admin {
    /// Where the log says it is; what was logged before that is gone.
    pub(super) fn of(wagi: &Wagi) -> Self {
        let said = wagi.stderr_until("admin server on http://");
        let line = said.last().expect("a line");
        let (_, address) = line.split_once("on http://").expect("an address");
        let is_of_address = |c: &char| c.is_ascii_digit() || ".:".contains(*c);
        let address: String = address.chars().take_while(is_of_address).collect();
        Self(address.parse().expect("an address"))
    }

    fn ask(&self, path: &str) -> String {
        let mut connection = Connection::open(self.0);
        connection.send(get(path));
        let response = connection.response();
        assert_eq!(response.head.status, 200, "{}", response.text());
        response.text()
    }

    /// Waits until each of so many routes serves in the version that is wanted.
    pub(super) fn wait_for_routes(&self, count: usize) {
        wait_until("every route", || {
            let routes = self.routes();
            routes.len() == count && routes.iter().all(|route| route["state"] == "serving")
        });
    }

    /// Waits until routes of the default name space are in a state.
    pub(super) fn wait_for_state(&self, state: &str, names: &[&str]) {
        for name in names {
            wait_until(&format!("{state} of {name}"), || {
                self.route(&format!("default/{name}"))["state"] == state
            });
        }
    }

    /// What `/routes` says of each.
    fn routes(&self) -> Vec<Value> {
        let listing: Value = serde_json::from_str(&self.ask("/routes")).expect("JSON");
        listing["routes"].as_array().expect("a list").clone()
    }

    pub(super) fn route(&self, name: &str) -> Value {
        let all = self.routes();
        let found = all.iter().find(|route| route["name"] == name);
        found.unwrap_or_else(|| panic!("{name} in {all:?}")).clone()
    }

    /// A counter.
    fn count(&self, series: &str) -> u64 {
        let text = self.ask("/metrics");
        let line = text.lines().find_map(|line| line.strip_prefix(series));
        let number = line.and_then(|number| number.trim().parse().ok());
        number.unwrap_or_else(|| panic!("{series} in {text}"))
    }
}

#[test]
fn routes_are_shown_as_they_are() {
    let place = Place::new();
    let hello = binary(guests::hello);
    place.file_route("hello", &hello);
    place.write(
        "absent.yaml",
        "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {name: absent}\nspec:\n  \
         hosts: [a.example, \"*.b.example\"]\n  path: /absent/...\n  module: {image: \
         file:absent.wasm}\n",
    );
    let (routes, store) = (place.routes(), place.store());
    let wagi = Wagi::up(&[&routes, "--store", &store, "--admin-listen=127.0.0.1:0"]);
    let admin = Admin::of(&wagi);
    admin.wait_for_state("serving", &["hello"]);
    admin.wait_for_state("not_loaded", &["absent"]);
    let shown = admin.route("default/hello");
    let of_hello = json!(digest(&hello).to_string());
    assert_eq!(shown["digest"], of_hello);
    assert_eq!(shown["path"], "/hello/...");
    assert_eq!(
        (&shown["hosts"], &shown["error"]),
        (&json!([]), &json!(null))
    );

    let shown = admin.route("default/absent");
    assert_eq!(shown["digest"], json!(null));
    assert_eq!(shown["hosts"], json!(["a.example", "*.b.example"]));
    assert_eq!(shown["path"], "/absent/...");
    let error = shown["error"].as_str().expect("a text");
    assert!(error.contains("there is no file"), "{error}");
    assert!(error.contains("absent.wasm"), "{error}");

    place.write("hello.wasm", "not a module");
    let said = wagi.stderr_until("kept: default/hello");
    let shown = admin.route("default/hello");
    assert_eq!(shown["state"], "kept");
    assert_eq!(shown["digest"], of_hello, "the one that serves");
    let error = shown["error"].as_str().expect("a text");
    assert!(
        said.last().is_some_and(|line| line.contains(error)),
        "{error} in {said:?}"
    );
    is_hello(&wagi.get("/hello"));

    place.write("hello.wasm", binary(guests::set_cookies));
    let _ = wagi.stderr_until("changed: default/hello");
    let shown = admin.route("default/hello");
    assert_eq!(
        (&shown["state"], &shown["error"]),
        (&json!("serving"), &json!(null))
    );
    assert_ne!(shown["digest"], of_hello);
}

#[test]
fn pulls_and_compiles_are_counted_by_how_they_ended() {
    let good = Registry::start();
    let bad = Registry::start();
    for registry in [&good, &bad] {
        registry.tag("shop/hello", "1", &Artifact::cncf(&binary(guests::hello)));
    }
    let other = Artifact::cncf(&binary(guests::set_cookies));
    bad.tag("shop/other", "1", &other);
    bad.fail(Fault::WrongDigest);
    let place = Place::new();
    place.route("good", &good.reference("shop/hello:1"));
    place.route("bad", &bad.reference("shop/other:1"));
    place.file_route("same", &binary(guests::hello));
    place.file_route("noise", b"not a module");
    let (routes, store) = (place.routes(), place.store());
    let up = || Wagi::up(&[&routes, "--store", &store, "--admin-listen=127.0.0.1:0"]);
    let pulls = |admin: &Admin, outcome: &str| {
        admin.count(&format!("wagi_module_pulls_total{{outcome=\"{outcome}\"}}"))
    };
    let compiles = |admin: &Admin, outcome: &str| {
        admin.count(&format!(
            "wagi_module_compiles_total{{outcome=\"{outcome}\"}}"
        ))
    };
    let wagi = up();
    let admin = Admin::of(&wagi);
    admin.wait_for_state("serving", &["good", "same"]);
    admin.wait_for_state("not_loaded", &["bad", "noise"]);
    // Those that fail are tried again, or not, as is right for each.
    assert!(pulls(&admin, "failed") >= 1);
    // Whichever of the two routes came first: the other one had it then.
    assert!(pulls(&admin, "ok") <= 1);
    assert_eq!(compiles(&admin, "ok"), 1, "one digest");
    assert_eq!(compiles(&admin, "refused"), 1);
    for outcome in ["timeout", "memory", "failed"] {
        assert_eq!(compiles(&admin, outcome), 0, "{outcome}");
    }
    bad.heal();
    // Another reference: what is known of the first one is left alone for a while.
    bad.tag("shop/other", "2", &other);
    place.route("again", &bad.reference("shop/other:2"));
    wait_until("its route", || admin.routes().len() == 5);
    admin.wait_for_state("serving", &["again"]);
    assert!(pulls(&admin, "ok") >= 1);
    assert_eq!(compiles(&admin, "ok"), 2);
    let (status, _) = wagi.stop("TERM");
    assert!(status.success(), "{status}");

    // What was kept is neither pulled nor compiled again; what was refused is looked at once more.
    let wagi = up();
    let admin = Admin::of(&wagi);
    admin.wait_for_state("serving", &["good", "same", "bad", "again"]);
    admin.wait_for_state("not_loaded", &["noise"]);
    assert_eq!(compiles(&admin, "ok"), 0);
    assert_eq!(compiles(&admin, "refused"), 1);
    assert_eq!((pulls(&admin, "ok"), pulls(&admin, "failed")), (0, 0));
}
