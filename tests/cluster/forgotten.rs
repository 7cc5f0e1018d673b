//! Changes that an API server has forgotten when somebody comes back to ask for them.

use std::collections::BTreeSet;

use serde_json::json;
use tests::guests;
use tests::process::wait_until;

use crate::installation::{Installation, Traffic, artifact, request};

#[test]
fn what_changed_and_was_forgotten_meanwhile_is_found_by_listing_again() {
    let (all, [of_operator, of_node]) = Installation::start_behind_gates(&["--relist-spread=0s"]);
    all.registry
        .tag("shop/env", "1", &artifact(guests::env_dump));
    let stays = all.route("stays", "shop/hello:1", &json!({}));
    let mut edited = all.route("edited", "shop/env:1", &json!({}));
    let goes = all.route("goes", "shop/hello:1", &json!({}));
    let comes = all.route("comes", "shop/hello:1", &json!({}));
    for route in [&stays, &edited, &goes] {
        all.serve(route);
    }
    let traffic = [all.traffic(0, "/stays"), all.traffic(0, "/edited")];
    let relists =
        |all: &Installation| all.operator_metric("wagi_operator_relists_total{kind=\"WagiRoute\"}");
    let before = relists(&all);

    // Both are away while routes change, and nobody remembers how.
    of_operator.close();
    of_node.close();
    edited["spec"]["env"] = json!([{ "name": "AFTER", "value": "all" }]);
    all.apply_all(&[edited.clone(), comes.clone()]);
    all.cluster.kubectl_ok(&["delete", "wagiroute", "goes"]);
    all.cluster.forget();
    of_operator.open();
    let uid = |name| all.get("default", name).metadata.uid.expect("a uid");
    let wanted: BTreeSet<String> = ["stays", "edited", "comes"]
        .map(|name| format!("configmap/r-{}", uid(name)))
        .into();
    wait_until("the operator publishes what is asked for", || {
        let published: BTreeSet<String> = all.documents().into_iter().collect();
        published == wanted
    });
    assert!(relists(&all) > before, "it listed again");

    // The runtime has seen nothing of it, and cannot see how it came about.
    let status =
        |path: &str| request(all.nodes[0].address(), path).map(|answer| answer.head.status);
    assert_eq!((status("/goes"), status("/comes")), (Some(200), Some(404)));
    all.cluster.forget();
    of_node.open();
    all.wait_for(&edited, "Ready");
    all.wait_for(&comes, "Ready");
    all.wait_for_answers("/goes", 404);
    assert_eq!(status("/comes"), Some(200));
    let answer = all.ask("/edited").remove(0).text();
    assert!(answer.contains("AFTER=all"), "{answer}");
    all.wait_for_log(&all.nodes[0], "documents are listed again");
    traffic.into_iter().for_each(Traffic::end);
}
