use serde_json::json;

use super::*;
use crate::testing::{Route, route};

fn refused(route: &Route) -> Problem {
    validate(&route.seen()).expect_err("it is refused")
}

#[test]
fn a_good_route_is_what_it_says() {
    let valid = validate(&route("shop/hello").seen()).expect("a valid route");
    assert_eq!(valid.image, "r.example/a:1");
    assert_eq!(valid.reference.registry, "r.example");
    assert_eq!(valid.route.name.to_string(), "shop/hello");
}

#[test]
fn everything_that_is_wrong_with_a_route_is_said_at_once_and_waits_for_a_person() {
    let wrong = route("shop/hello").on(&["no host"], "x").image("no:image:");
    let problem = refused(&wrong);
    assert_eq!((problem.reason, problem.heals), (Reason::Invalid, false));
    let sentences: Vec<_> = problem.message.split("; spec.").collect();
    assert_eq!(sentences.len(), 3, "{}", problem.message);
    for field in ["spec.hosts[0]", "spec.path", "spec.module.image"] {
        assert!(problem.message.contains(field), "{}", problem.message);
    }
}

#[test]
fn an_object_that_cannot_be_read_says_why() {
    let problem = refused(&route("shop/hello").spec("suspend", json!("maybe")));
    assert_eq!((problem.reason, problem.heals), (Reason::Invalid, false));
    let beginning = "the object cannot be read: ";
    assert!(
        problem.message.starts_with(beginning),
        "{}",
        problem.message
    );
    assert!(problem.message.contains("maybe"), "{}", problem.message);
}

#[test]
fn a_file_is_refused_with_what_to_do_about_it() {
    let problem = refused(&route("shop/hello").image("file:hello.wasm"));
    assert_eq!(problem.reason, Reason::Invalid);
    assert!(
        problem
            .message
            .contains("push it: wagi push hello.wasm REF"),
        "{}",
        problem.message
    );
}

#[test]
fn a_route_whose_document_would_be_too_large_is_refused_with_its_size() {
    let env: Vec<_> = (0..9)
        .map(|n| json!({"name": format!("V{n}"), "value": "x".repeat(32 << 10)}))
        .collect();
    let problem = refused(&route("shop/hello").spec("env", json!(env)));
    assert_eq!((problem.reason, problem.heals), (Reason::TooLarge, false));
    let message = &problem.message;
    assert!(
        message.contains("(290 KiB), and at most 256 KiB"),
        "{message}"
    );
    assert!(message.contains("spec.env"), "{message}");
}

#[test]
fn a_text_that_grows_when_it_is_escaped_is_measured_as_it_is_published() {
    let env: Vec<_> = (0..2)
        .map(|n| json!({"name": format!("V{n}"), "value": "\u{1}".repeat(32 << 10)}))
        .collect();
    let problem = refused(&route("shop/hello").spec("env", json!(env)));
    assert_eq!(problem.reason, Reason::TooLarge);
}

#[test]
fn the_largest_document_is_taken() {
    let with = |fill: usize| {
        let value = |n: usize| json!({"name": format!("V{n}"), "value": "x".repeat(if n == 8 { fill } else { 31 << 10 })});
        let env: Vec<_> = (0..9).map(value).collect();
        route("shop/hello").spec("env", json!(env))
    };
    let size = |route: &Route| {
        let valid = validate(&route.seen()).expect("a valid route");
        build::largest_size(&route.seen(), &valid)
    };
    let fill = LARGEST_BYTES - size(&with(0));
    assert_eq!(size(&with(fill)), LARGEST_BYTES);
    assert_eq!(refused(&with(fill + 1)).reason, Reason::TooLarge);
}

#[test]
fn a_route_asks_for_each_of_its_hosts_with_its_path_and_for_any_host_where_it_names_none() {
    let asked = |route: &Route| -> Vec<String> {
        let asks = asks(&route.seen());
        assert!(asks.iter().all(|ask| ask.since.is_none()));
        let said = asks.iter().map(|ask| format!("{} {}", ask.host, ask.path));
        said.collect()
    };
    let named = route("shop/hello").on(&["a.example", "*.b.example"], "/x/...");
    assert_eq!(asked(&named), ["a.example /x/...", "*.b.example /x/..."]);
    assert_eq!(asked(&route("shop/hello")), ["* /hello"]);
}

#[test]
fn a_route_that_is_refused_asks_for_nothing() {
    assert_eq!(asks(&route("shop/hello").image("no:image:").seen()), []);
}
