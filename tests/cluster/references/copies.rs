//! Copies: one for each object, with what routes name of it, gone with the last who needs it.

use serde_json::{Value, json};
use tests::process::wait_until;

use super::{SECRET, apply, copies, of_secret, prints, secret, start};
use crate::installation::Installation;

fn copy(all: &Installation, name: &str) -> Value {
    let arguments = ["get", name, "-n", "wagi-documents", "-o", "json"];
    serde_json::from_str(&all.cluster.kubectl_ok(&arguments)).expect("JSON")
}

#[test]
fn twenty_routes_that_share_a_secret_have_one_copy_of_what_they_name() {
    let all = start(1);
    apply(
        &all,
        &secret("api", &json!({ "token": SECRET, "of-nobody": "unused" })),
    );
    let more = json!({ "env": [of_secret("TOKEN", "api", "token")] });
    let routes: Vec<Value> = (0..20)
        .map(|number| all.route(&format!("shared-{number}"), "shop/env:1", &more))
        .collect();
    routes.iter().for_each(|route| apply(&all, route));
    routes.iter().for_each(|route| all.wait_for(route, "Ready"));
    let found = copies(&all);
    assert_eq!(found.len(), 1, "{found:?}");
    let before = copy(&all, &found[0]);
    let keys: Vec<_> = before["data"].as_object().expect("data").keys().collect();
    assert_eq!(keys, ["token"]);
    let revisions = |copy: &Value| copy["metadata"]["annotations"]["wagi.dev/revisions"].clone();
    assert_eq!(
        revisions(&before),
        json!(r#"{"latest":1,"keys":{"token":1}}"#)
    );

    // What no route names changes nothing.
    apply(
        &all,
        &secret("api", &json!({ "token": SECRET, "of-nobody": "other" })),
    );
    apply(
        &all,
        &secret("api", &json!({ "token": "rotated", "of-nobody": "other" })),
    );
    prints(&all, "/shared-19", "TOKEN=rotated\n");
    let after = copy(&all, &found[0]);
    assert_eq!(
        revisions(&after),
        json!(r#"{"latest":2,"keys":{"token":2}}"#)
    );

    let delete = ["delete", "wagiroutes", "--all", "-n", "default"];
    all.cluster.kubectl_ok(&delete);
    wait_until("the copy is gone", || copies(&all).is_empty());
    assert_eq!(all.documents(), [""; 0]);
}

#[test]
fn a_copy_that_somebody_edits_or_deletes_is_put_back() {
    let all = start(1);
    apply(&all, &secret("api", &json!({ "token": SECRET })));
    let more = json!({ "env": [of_secret("TOKEN", "api", "token")] });
    let route = all.route("kept", "shop/env:1", &more);
    all.serve(&route);
    let name = copies(&all).remove(0);
    let traffic = all.traffic(0, "/kept");
    let patch = json!({ "stringData": { "token": "forged" } }).to_string();
    let patched = [
        "patch",
        &name,
        "-n",
        "wagi-documents",
        "--type=merge",
        "-p",
        &patch,
    ];
    all.cluster.kubectl_ok(&patched);
    let good = tests::registry::base64(SECRET.as_bytes());
    wait_until("it is put back", || {
        copy(&all, &name)["data"]["token"] == json!(good)
    });
    all.cluster
        .kubectl_ok(&["delete", &name, "-n", "wagi-documents"]);
    wait_until("it is made anew", || copies(&all) == [name.clone()]);
    prints(&all, "/kept", &format!("TOKEN={SECRET}\n"));
    traffic.end();
}

#[test]
fn an_operator_that_restarts_writes_nothing_and_prunes_what_nobody_needs() {
    let mut all = start(1);
    apply(&all, &secret("api", &json!({ "token": SECRET })));
    let more = json!({ "env": [of_secret("TOKEN", "api", "token")] });
    let route = all.route("stays", "shop/env:1", &more);
    all.serve(&route);
    let goes = all.route(
        "goes",
        "shop/env:1",
        &json!({ "envFrom": [{ "secretRef": { "name": "other" } }] }),
    );
    apply(&all, &secret("other", &json!({ "A": "b" })));
    all.serve(&goes);
    assert_eq!(copies(&all).len(), 2);
    all.operator.kill();
    all.cluster.kubectl_ok(&["delete", "wagiroute", "goes"]);
    let versions = |all: &Installation| {
        let arguments = [
            "get",
            "configmaps,secrets",
            "-n",
            "wagi-documents",
            "-l",
            "wagi.dev/kind in (route,copy)",
        ];
        let path =
            "jsonpath={range .items[*]}{.metadata.name} {.metadata.resourceVersion}{\"\\n\"}{end}";
        all.cluster
            .kubectl_ok(&[&arguments[..], &["-o", path]].concat())
    };
    let before = versions(&all);
    all.operator.start_again();
    wait_until("one copy is left", || copies(&all).len() == 1);
    all.wait_for(&route, "Ready");
    let after = versions(&all);
    assert!(!after.is_empty());
    for line in after.lines() {
        assert!(before.contains(line), "{line} is new: {before}");
    }
}
