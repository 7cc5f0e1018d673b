//! What is referred to comes, changes and goes, with traffic.

use serde_json::json;

use super::{SECRET, apply, config_map, is_nowhere, of_secret, prints, secret, start};

#[test]
fn an_edit_of_what_a_route_refers_to_is_served_and_no_request_fails() {
    let all = start(2);
    apply(
        &all,
        &config_map("settings", &json!({ "GREETING": "hello" })),
    );
    apply(&all, &secret("api", &json!({ "token": SECRET })));
    let more = json!({
        "envFrom": [{ "configMapRef": { "name": "settings" } }],
        "env": [of_secret("TOKEN", "api", "token")],
    });
    let route = all.route("edited", "shop/env:1", &more);
    all.serve(&route);
    prints(&all, "/edited", "GREETING=hello\n");
    prints(&all, "/edited", &format!("TOKEN={SECRET}\n"));

    let traffic = all.traffic(0, "/edited");
    apply(
        &all,
        &config_map("settings", &json!({ "GREETING": "welcome", "MORE": "x" })),
    );
    prints(&all, "/edited", "GREETING=welcome\n");
    prints(&all, "/edited", "MORE=x\n");
    let rotated = format!("{SECRET}-2");
    apply(&all, &secret("api", &json!({ "token": rotated })));
    prints(&all, "/edited", &format!("TOKEN={rotated}\n"));
    all.wait_for(&route, "Ready");
    traffic.end();
    is_nowhere(&all, SECRET);
}

#[test]
fn a_volume_shows_what_its_object_holds_now() {
    let all = start(1);
    apply(&all, &config_map("site", &json!({ "file.txt": "first" })));
    apply(&all, &secret("keys", &json!({ "key": SECRET })));
    let more = json!({
        "volumes": [{ "mountPath": "/site", "configMap": { "name": "site" } }],
        "argv": ["open", "file.txt"],
    });
    let route = all.route("site", "shop/open:1", &more);
    all.serve(&route);
    prints(&all, "/site", "file.txt: first");
    let more = json!({
        "volumes": [{ "mountPath": "/keys", "secret": { "name": "keys" } }],
        "argv": ["open", "key"],
    });
    all.serve(&all.route("keys", "shop/open:1", &more));
    prints(&all, "/keys", &format!("key: {SECRET}"));
    let traffic = all.traffic(0, "/site");
    apply(&all, &config_map("site", &json!({ "file.txt": "second" })));
    prints(&all, "/site", "file.txt: second");
    traffic.end();
    is_nowhere(&all, SECRET);
}

#[test]
fn what_is_missing_is_named_and_what_appears_later_is_served() {
    let all = start(1);
    let more = json!({ "env": [of_secret("TOKEN", "api", "token")] });
    let route = all.route("later", "shop/env:1", &more);
    apply(&all, &route);
    let said = all.wait_for_reason(&route, "ResolvedRefs", "RefNotFound");
    assert!(
        said.contains("spec.env[0].valueFrom: there is no Secret api"),
        "{said}"
    );
    assert_eq!(all.documents(), [""; 0]);
    apply(&all, &secret("api", &json!({ "other": "x" })));
    tests::process::wait_until("the key is missed", || {
        let said = all.wait_for_reason(&route, "ResolvedRefs", "RefNotFound");
        said.contains("Secret api has no key \"token\"")
    });
    apply(&all, &secret("api", &json!({ "token": SECRET })));
    all.wait_for(&route, "Ready");
    prints(&all, "/later", &format!("TOKEN={SECRET}\n"));

    // One that goes leaves what is served.
    let traffic = all.traffic(0, "/later");
    all.cluster.kubectl_ok(&["delete", "secret", "api"]);
    let said = all.wait_for_reason(&route, "ResolvedRefs", "RefNotFound");
    assert!(said.contains("stays served"), "{said}");
    prints(&all, "/later", &format!("TOKEN={SECRET}\n"));
    traffic.end();
    is_nowhere(&all, SECRET);
}

#[test]
fn what_is_optional_may_be_missing_and_may_come() {
    let all = start(1);
    let key = json!({ "name": "settings", "key": "a", "optional": true });
    let more = json!({
        "env": [{ "name": "A", "valueFrom": { "configMapKeyRef": key } }, { "name": "B", "value": "b" }],
        "envFrom": [{ "secretRef": { "name": "none", "optional": true } }],
    });
    let route = all.route("optional", "shop/env:1", &more);
    all.serve(&route);
    prints(&all, "/optional", "B=b\n");
    apply(&all, &config_map("settings", &json!({ "a": "here" })));
    prints(&all, "/optional", "A=here\n");
    apply(&all, &config_map("settings", &json!({})));
    tests::process::wait_until("it is gone", || {
        !all.ask("/optional")[0].text().contains("A=here")
    });
    all.wait_for(&route, "Ready");
}
