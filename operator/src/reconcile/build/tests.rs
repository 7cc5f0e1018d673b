use crds::validate::ValidRoute;
use serde_json::json;

use super::*;
use crate::reconcile::validate::validate;
use crate::testing::{Publish, Route, at, digest, route};

fn resolved() -> Resolved {
    Resolved {
        image: "r.example/a:1".to_owned(),
        resolve: None,
        digest: digest('1'),
        logins: Vec::new(),
    }
}

/// The document of a route that holds all that it asks for, since second 7.
fn built(route: &Route) -> Built {
    let (seen, valid) = (
        route.seen(),
        validate(&route.seen()).expect("a valid route"),
    );
    let mut held = valid.asks();
    for ask in &mut held {
        ask.since = Some(at(7));
    }
    build(&seen, &valid, &held, &resolved(), Vec::new())
}

/// What is published of it, as the cluster has it then.
fn published(route: &Route) -> Published {
    let published = built(route).document.published(10);
    Published::clone(&published)
}

#[test]
fn a_document_says_which_route_it_is_of_and_how_its_digest_came_about() {
    let built = built(&route("shop/hello").generation(3));
    assert_eq!(
        (&*built.route, built.name.as_str()),
        ("shop-hello", "shop/hello")
    );
    let document = Document::decode(&built.text).expect("a document");
    assert_eq!(document, built.document);
    assert_eq!(document.name().to_string(), "shop/hello");
    assert_eq!(
        (document.route.uid.as_str(), document.route.generation),
        ("shop-hello", 3)
    );
    assert_eq!(document.resolved, resolved());
}

#[test]
fn its_module_is_the_repository_with_the_digest() {
    let built = built(&route("shop/hello").image("r.example:5000/shop/a:1.2"));
    let module = built.document.spec.module.expect("a module");
    assert_eq!(
        module.image,
        Some(format!("r.example:5000/shop/a@{}", digest('1')))
    );
}

#[test]
fn a_runtime_takes_it_for_the_route_that_was_validated() {
    let route = route("shop/hello")
        .on(&["a.example", "*.b.example"], "/x/...")
        .spec("entrypoint", json!("serve"))
        .spec("argv", json!(["a", "${ARGS}"]))
        .spec("env", json!([{"name": "A", "value": "1"}, {"name": "B"}]))
        .spec(
            "limits",
            json!({"memory": "64Mi", "concurrency": 7, "timeouts": {"total": "10m"}}),
        )
        .spec("onDisconnect", json!("Finish"))
        .spec("suspend", json!(true));
    let read = built(&route).document.valid_route().expect("a valid route");
    let expected = validate(&route.seen()).expect("a valid route").route;
    let module = read.module.clone();
    assert_eq!(read, ValidRoute { module, ..expected });
}

#[test]
fn every_default_is_written_out_so_that_runtimes_of_other_versions_agree() {
    let spec = built(&route("shop/hello")).document.spec;
    assert_eq!(spec.entrypoint.as_deref(), Some("_start"));
    assert_eq!(spec.argv, Some(vec!["${SCRIPT_NAME}".to_owned()]));
    assert_eq!(
        (spec.on_disconnect.as_deref(), spec.suspend),
        (Some("Cancel"), Some(false))
    );
    let limits = serde_json::to_value(spec.limits).expect("limits");
    assert_eq!(
        limits,
        json!({
            "memory": "128Mi",
            "cpuTime": "10s",
            "concurrency": 500,
            "requestBody": "64Mi",
            "responseHead": "64Ki",
            "timeouts": {"queue": "1s", "head": "30s", "idle": "5m0s", "client": "1m0s", "total": "1h0m0s"},
        })
    );
}

#[test]
fn only_what_it_holds_is_served_since_it_was_held() {
    let route = route("shop/hello").on(&["a.example", "b.example"], "/x");
    let valid = validate(&route.seen()).expect("a valid route");
    let mut held = valid.asks();
    held.remove(0);
    held[0].since = Some(at(7));
    let built = build(&route.seen(), &valid, &held, &resolved(), Vec::new());
    assert_eq!(
        built.document.spec.hosts,
        Some(vec!["b.example".to_owned()])
    );
    let since = "1970-01-01T00:00:07.000000Z".to_owned();
    let host = "b.example".to_owned();
    assert_eq!(built.document.claims, [Claim { host, since }]);
}

#[test]
fn a_route_of_any_host_names_none_and_holds_any() {
    let document = built(&route("shop/hello")).document;
    assert_eq!(document.spec.hosts, None);
    assert_eq!(document.claims[0].host, "*");
}

#[test]
fn equal_input_makes_equal_text_that_is_not_written_again() {
    let hello = route("shop/hello");
    assert_eq!(built(&hello), built(&hello));
    assert!(built(&hello).is(&published(&hello)));
    assert!(!built(&hello.clone().generation(2)).is(&published(&hello)));
}

#[test]
fn what_somebody_took_from_the_object_is_written_again() {
    let hello = route("shop/hello");
    let mut unlabelled = published(&hello);
    unlabelled.is_labelled = false;
    let mut unnamed = published(&hello);
    unnamed.route = Some("shop/other".to_owned());
    for published in [unlabelled, unnamed] {
        assert!(!built(&hello).is(&published), "{published:?}");
        assert!(built(&hello).is_rewrite_of(&published));
    }
}

#[test]
fn the_same_in_another_writing_is_a_rewrite_and_a_new_version_is_none() {
    let hello = route("shop/hello");
    let mut document = built(&hello).document;
    document.spec.limits = None;
    let written_by_another_program = document.published(10);
    assert!(built(&hello).is_rewrite_of(&written_by_another_program));
    document.claims[0].since = "1970-01-01T00:00:08.000000Z".to_owned();
    let older = published(&hello.clone().generation(2));
    let mut other_digest = built(&hello).document;
    other_digest.resolved.digest = digest('2');
    let unreadable = Published {
        facts: None,
        ..published(&hello)
    };
    let others = [
        older,
        Published::clone(&document.published(10)),
        Published::clone(&other_digest.published(10)),
        unreadable,
    ];
    for other in others {
        assert!(!built(&hello).is_rewrite_of(&other), "{other:?}");
    }
}

#[test]
fn its_object_is_made_over_the_very_one_that_is_there() {
    let built = built(&route("shop/hello"));
    let new = built.object("wagi-documents", None).metadata;
    assert_eq!(
        (new.name.as_deref(), new.namespace.as_deref()),
        (Some("r-shop-hello"), Some("wagi-documents"))
    );
    assert_eq!((new.uid, new.resource_version), (None, None));
    let over = built.object("wagi-documents", Some(&built.document.published(10)));
    assert_eq!(over.metadata.uid.as_deref(), Some("object-of-shop-hello"));
    assert_eq!(over.metadata.resource_version.as_deref(), Some("10"));
}

#[test]
fn its_object_is_read_as_what_was_built() {
    let built = built(&route("shop/hello"));
    let mut object = built.object("wagi-documents", None);
    object.metadata.uid = Some("new".to_owned());
    let (uid, published) = Published::reduce(object).expect("a document");
    assert_eq!(uid, built.route);
    assert!(built.is(&published));
}

#[test]
fn no_document_is_larger_than_was_measured() {
    let route = route("shop/hello")
        .on(&["a.example", "b.example"], "/x")
        .resolve("again")
        .spec("env", json!([{"name": "A", "value": "\u{1}\"\\"}]));
    let (seen, valid) = (
        route.seen(),
        validate(&route.seen()).expect("a valid route"),
    );
    let mut built = built(&route);
    built.document.resolved.resolve = Some("again".to_owned());
    assert_eq!(largest_size(&seen, &valid), built.document.encode().len());
}

#[test]
fn times_are_written_in_utc_to_the_microsecond() {
    let time = Timestamp::new(1, 2_003_000).expect("a time");
    assert_eq!(print_time(time), "1970-01-01T00:00:01.002003Z");
}
