//! Leave for HTTPRoutes of other namespaces, with Gateway API's own definition and without it.

use serde_json::{Value, json};
use tests::process::wait_until;
use tests::wagi::repository;

use crate::installation::Installation;

const DEFINITION: &str = "tests/kubernetes/gateway-api/referencegrants.yaml";

fn install(all: &Installation) {
    let cluster = &all.cluster;
    cluster.kubectl_ok(&["apply", "--server-side", "-f", &repository(DEFINITION)]);
    let definition = "crd/referencegrants.gateway.networking.k8s.io";
    cluster.kubectl_ok(&[
        "wait",
        "--for=condition=Established",
        "--timeout=60s",
        definition,
    ]);
}

fn grants(all: &Installation) -> Vec<Value> {
    let arguments = ["get", "referencegrants", "-n", "wagi-system", "-o", "json"];
    let shown = all.cluster.kubectl_ok(&arguments);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    shown["items"].as_array().expect("a list").clone()
}

fn names(all: &Installation) -> Vec<String> {
    let name = |grant: &Value| grant["metadata"]["name"].as_str().map(str::to_owned);
    grants(all).iter().filter_map(name).collect()
}

#[test]
fn a_namespace_has_a_grant_while_one_of_its_routes_is_published() {
    let all = Installation::start(1);
    // Gateway API comes later than we do.
    all.serve(&all.route("one", "shop/hello:1", &json!({})));
    let log = || std::fs::read_to_string(all.operator.log()).expect("a log");
    wait_until("it says what there is not", || {
        log().contains("Gateway API is not installed")
    });
    install(&all);
    wait_until("the grant is there", || names(&all) == ["wagi-default"]);
    assert_eq!(
        grants(&all)[0]["spec"],
        json!({
            "from": [{
                "group": "gateway.networking.k8s.io",
                "kind": "HTTPRoute",
                "namespace": "default",
            }],
            "to": [{ "group": "", "kind": "Service", "name": "wagi" }],
        })
    );
    assert_eq!(log().matches("Gateway API is not installed").count(), 1);

    all.cluster.kubectl_ok(&["create", "namespace", "shop"]);
    let mut other = all.route("two", "shop/hello:1", &json!({}));
    other["metadata"]["namespace"] = json!("shop");
    all.serve(&other);
    wait_until("both have one", || {
        names(&all) == ["wagi-default", "wagi-shop"]
    });

    // Somebody deletes it by hand, and it is there again.
    let grant = ["delete", "referencegrant", "wagi-shop", "-n", "wagi-system"];
    all.cluster.kubectl_ok(&grant);
    wait_until("it is there again", || {
        names(&all) == ["wagi-default", "wagi-shop"]
    });

    all.cluster
        .kubectl_ok(&["delete", "wagiroute", "two", "-n", "shop"]);
    wait_until("it went with the route", || names(&all) == ["wagi-default"]);
}
