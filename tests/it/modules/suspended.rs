//! Routes that are told to answer nothing.

use serde_json::json;
use tests::artifact::Artifact;
use tests::guests;
use tests::registry::Registry;
use tests::wagi::Wagi;

use super::shown::Admin;
use super::{Place, binary, is_hello};

#[test]
fn a_suspended_route_answers_503_until_it_is_not_and_its_image_is_not_asked_for() {
    let registry = Registry::start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&binary(guests::hello)));
    let image = registry.reference("shop/hello:1");
    let place = Place::new();
    place.suspended_route("hello", &image);
    let wider = "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {name: wider}\n\
                 spec: {path: /..., module: {image: 'file:wider.wasm'}}\n";
    place.write("wider.wasm", binary(guests::hello));
    place.write("wider.yaml", wider);
    let (routes, store) = (place.routes(), place.store());
    let wagi = Wagi::up(&[&routes, "--store", &store, "--admin-listen=127.0.0.1:0"]);
    let admin = Admin::of(&wagi);
    admin.wait_for_state("serving", &["wider"]);
    admin.wait_for_state("suspended", &["hello"]);
    assert_eq!(wagi.get("/hello/x").head.status, 503);
    is_hello(&wagi.get("/other"));
    assert_eq!(registry.lines(), Vec::<String>::new());
    let shown = admin.route("default/hello");
    assert_eq!(
        (&shown["digest"], &shown["error"]),
        (&json!(null), &json!(null))
    );

    place.route("hello", &image);
    let _ = wagi.stderr_until("added: default/hello");
    is_hello(&wagi.get("/hello/x"));

    // Suspending needs neither the registry nor the module.
    drop(registry);
    place.suspended_route("hello", &image);
    let _ = wagi.stderr_until("suspended: default/hello");
    assert_eq!(wagi.get("/hello/x").head.status, 503);
    is_hello(&wagi.get("/other"));
    let (status, _) = wagi.stop("TERM");
    assert!(status.success(), "{status}");
}
