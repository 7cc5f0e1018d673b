//! What `kubectl apply` comes to, on every runtime and in the status.

use serde_json::json;
use tests::guests;

use crate::installation::{Installation, artifact};

#[test]
fn what_is_applied_is_answered_by_every_runtime_and_says_so() {
    let all = Installation::start(2);
    let route = all.route("hello", "shop/hello:1", &json!({}));
    all.serve(&route);
    for answer in all.ask("/hello") {
        assert_eq!((answer.head.status, &*answer.text()), (200, "hello\n"));
    }

    let shown = all.cluster.kubectl_ok(&["get", "wagiroutes"]);
    let [head, row] = &shown.lines().collect::<Vec<_>>()[..] else {
        panic!("one route: {shown}");
    };
    let head: Vec<_> = head.split_whitespace().collect();
    assert_eq!(head, ["NAME", "ADDRESS", "READY", "REASON", "NODES", "AGE"]);
    let row: Vec<_> = row.split_whitespace().collect();
    assert_eq!(row[..5], ["hello", "*/hello", "True", "Ready", "2/2"]);

    // The only route of all: nothing else happens that could take it along.
    all.cluster.kubectl_ok(&["delete", "wagiroute", "hello"]);
    all.wait_for_answers("/hello", 404);
    assert_eq!(all.documents(), [""; 0]);
}

#[test]
fn a_tag_is_looked_up_once_and_again_when_that_is_asked_for() {
    let all = Installation::start(1);
    let mut route = all.route("tag", "shop/hello:1", &json!({}));
    all.serve(&route);
    let digest = |all: &Installation| {
        let status = all.get("default", "tag").status.unwrap_or_default();
        status.module.expect("a digest").digest
    };
    let first = digest(&all);

    // The tag moves; an edit that does not concern it looks at no registry.
    all.registry
        .tag("shop/hello", "1", &artifact(guests::env_dump));
    let asked = all.registry.count("/manifests/1");
    route["spec"]["env"] = json!([{ "name": "A", "value": "b" }]);
    all.serve(&route);
    assert_eq!(digest(&all), first);
    assert_eq!(all.registry.count("/manifests/1"), asked);

    let arguments = ["annotate", "wagiroute", "tag", "wagi.dev/resolve=now"];
    all.cluster.kubectl_ok(&arguments);
    tests::process::wait_until("the tag is looked up again", || digest(&all) != first);
    tests::process::wait_until("the new module answers", || {
        all.ask("/tag")[0].text().contains("A=b")
    });
}

#[test]
fn a_registry_that_is_gone_leaves_what_is_served_and_the_route_says_so() {
    let all = Installation::start(1);
    let mut route = all.route("kept", "shop/hello:1", &json!({}));
    all.serve(&route);
    all.registry.fail(tests::registry::Fault::Unavailable503);
    route["spec"]["module"]["image"] = json!(all.registry.reference("shop/hello:2"));
    all.cluster.apply(&route.to_string());
    let said = all.wait_for_reason(&route, "ResolvedRefs", "RegistryUnreachable");
    assert!(said.contains("shop/hello:2"), "{said}");
    assert!(said.contains("stays served"), "{said}");
    assert_eq!(all.ask("/kept")[0].head.status, 200);

    all.registry.heal();
    all.registry
        .tag("shop/hello", "2", &artifact(guests::hello));
    all.wait_for(&route, "Ready");
}

#[test]
fn the_first_namespace_holds_a_host_and_another_takes_over_when_it_goes() {
    let all = Installation::start(1);
    let mut first = all.route(
        "first",
        "shop/hello:1",
        &json!({ "hosts": ["shop.example"] }),
    );
    all.serve(&first);
    all.cluster.kubectl_ok(&["create", "namespace", "rival"]);
    let hosts = json!({ "hosts": ["shop.example", "rival.example"], "path": "/rival" });
    let mut second = all.route("second", "shop/hello:1", &hosts);
    second["metadata"]["namespace"] = json!("rival");
    all.serve(&second);
    let said = all.wait_for_reason(&second, "Conflicted", "Conflict");
    assert!(said.contains("default/first holds shop.example"), "{said}");

    // An older route that is edited to ask for what is served does not get it.
    first["spec"]["hosts"] = json!(["shop.example", "rival.example"]);
    all.cluster.apply(&first.to_string());
    let said = all.wait_for_reason(&first, "Conflicted", "Conflict");
    assert!(said.contains("rival/second holds rival.example"), "{said}");

    all.cluster.kubectl_ok(&["delete", "wagiroute", "first"]);
    tests::process::wait_until("the other holds both", || {
        let status = all.get("rival", "second").status.unwrap_or_default();
        status
            .conditions
            .iter()
            .all(|known| known.type_ != "Conflicted")
    });
    all.wait_for(&second, "Ready");
}

#[test]
fn a_suspended_route_keeps_its_place_and_answers_503() {
    let all = Installation::start(1);
    let mut route = all.route("rest", "shop/hello:1", &json!({}));
    all.serve(&route);
    route["spec"]["suspend"] = json!(true);
    all.serve(&route);
    all.wait_for_answers("/rest", 503);
    all.wait_for_reason(&route, "Ready", "Suspended");
    route["spec"]["suspend"] = json!(false);
    all.serve(&route);
    all.wait_for_answers("/rest", 200);
}

#[test]
fn a_module_that_cannot_be_compiled_fails_its_route_and_no_other() {
    let all = Installation::start(2);
    let route = all.route("good", "shop/hello:1", &json!({}));
    all.serve(&route);
    let traffic = all.traffic(0, "/good");
    let broken = tests::artifact::Artifact::cncf(b"\0asm\x01\0\0\0 and no module");
    all.registry.tag("shop/broken", "1", &broken);
    let broken = all.route("broken", "shop/broken:1", &json!({}));
    all.cluster.apply(&broken.to_string());
    let said = all.wait_for_reason(&broken, "Programmed", "Failed");
    assert!(said.contains("node-of-wagi-node-"), "{said}");
    all.wait_for_reason(&broken, "Stalled", "Failed");
    let failing = all
        .get("default", "broken")
        .status
        .unwrap_or_default()
        .failing;
    assert_eq!(failing.len(), 2, "{failing:?}");
    traffic.end();
}
