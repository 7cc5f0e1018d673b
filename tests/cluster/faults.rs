//! What serves keeps serving, whatever becomes of the control plane; and what was asked for comes
//! true in the end. Traffic runs all the while and no request fails.

use std::pin::pin;

use futures::StreamExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Api;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, watcher};
use operator::reconcile::Step;
use serde_json::json;
use tests::guests;
use tests::kubernetes::Workload;
use tests::process::wait_until;

use crate::installation::{Installation, artifact, request};

#[test]
fn an_api_server_that_stops_and_starts_costs_no_request_and_no_change() {
    let mut all = Installation::start(2);
    let mut route = all.route("on", "shop/hello:1", &json!({}));
    all.serve(&route);
    let traffic = all.traffic(0, "/on");
    // What is seen is served at once, and is on the disk a moment later.
    all.wait_for_disk(1, &route);
    all.cluster.stop();

    // A container that restarts meanwhile, with the registry away as well, serves from its disk.
    all.registry.fail(tests::registry::Fault::Unavailable503);
    all.nodes[1].start_again();
    let again = all.nodes[1].address();
    wait_until("the restarted runtime serves", || {
        request(again, "/on").is_some_and(|answer| answer.head.status == 200)
    });
    all.cluster.start_again();
    all.registry.heal();

    route["spec"]["env"] = json!([{ "name": "AFTER", "value": "outage" }]);
    all.serve(&route);
    traffic.end();
}

#[test]
fn of_two_operators_one_writes_and_the_other_takes_over() {
    let mut all = Installation::start(1);
    let mut route = all.route("led", "shop/hello:1", &json!({}));
    all.serve(&route);
    let traffic = all.traffic(0, "/led");
    let mut second = all.cluster.start_operator("wagi-operator-1", &[]);
    second.wait_until_ready();
    let holder = |all: &Installation| {
        let path = "jsonpath={.spec.holderIdentity}";
        let arguments = [
            "get",
            "lease",
            "wagi-operator",
            "-n",
            "wagi-system",
            "-o",
            path,
        ];
        all.cluster.kubectl_ok(&arguments)
    };
    assert!(holder(&all).contains("wagi-operator-0"), "{}", holder(&all));

    all.operator.kill();
    route["spec"]["env"] = json!([{ "name": "BY", "value": "second" }]);
    all.serve(&route);
    assert!(holder(&all).contains("wagi-operator-1"), "{}", holder(&all));

    // The first comes back, and the second gives up in order: nobody waits for a lease to run out.
    all.operator.start_again();
    all.operator.wait_until_ready();
    second.child().expect("it runs").signal("TERM");
    route["spec"]["env"] = json!([{ "name": "BY", "value": "first" }]);
    all.serve(&route);
    assert!(holder(&all).contains("wagi-operator-0"), "{}", holder(&all));
    traffic.end();
}

#[test]
fn an_operator_that_is_killed_after_any_step_loses_nothing() {
    let mut all = Installation::start(1);
    all.registry
        .tag("shop/env", "1", &artifact(guests::env_dump));
    let mut route = all.route("steps", "shop/env:1", &json!({}));
    all.serve(&route);
    let traffic = all.traffic(0, "/steps");
    for (number, step) in Step::ALL.into_iter().enumerate() {
        all.operator.kill();
        // A tag of its own, so that there is something to resolve.
        let tag = format!("env-{number}");
        all.registry
            .tag("shop/env", &tag, &artifact(guests::env_dump));
        route["spec"]["module"]["image"] =
            json!(all.registry.reference(&format!("shop/env:{tag}")));
        route["spec"]["env"] = json!([{ "name": "AFTER", "value": step.word() }]);
        all.cluster.apply(&route.to_string());
        all.operator
            .set_variable("WAGI_ABORT_AFTER", Some(step.word()));
        all.operator.start_again();
        let ended = all.operator.child().expect("it was started").wait();
        assert!(!ended.success(), "{step:?}: {ended}");
        all.operator.set_variable("WAGI_ABORT_AFTER", None);
        all.operator.start_again();
        all.wait_for(&route, "Ready");
        let answer = all.ask("/steps").remove(0).text();
        let variable = format!("AFTER={}", step.word());
        assert!(answer.contains(&variable), "{step:?}: {answer}");
        assert_eq!(all.documents().len(), 1, "{step:?}");
    }
    traffic.end();
}

#[test]
fn a_document_that_somebody_edits_or_deletes_is_put_back() {
    let all = Installation::start(1);
    let route = all.route("mine", "shop/hello:1", &json!({}));
    all.serve(&route);
    let traffic = all.traffic(0, "/mine");
    let document = all.documents().remove(0);
    let text = |all: &Installation| {
        let path = "jsonpath={.data.route\\.yaml}";
        let arguments = ["get", &document, "-n", "wagi-documents", "-o", path];
        let output = all.cluster.kubectl(&arguments);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let good = text(&all);
    let patch = json!({ "data": { "route.yaml": "nonsense" } }).to_string();
    let arguments = [
        "patch",
        &document,
        "-n",
        "wagi-documents",
        "--type=merge",
        "-p",
        &patch,
    ];
    all.cluster.kubectl_ok(&arguments);
    wait_until("it is put back", || text(&all) == good);
    // What cannot be read leaves what is served; a deleted one is gone until it is made anew.
    traffic.end();
    all.cluster
        .kubectl_ok(&["delete", &document, "-n", "wagi-documents"]);
    wait_until("it is made anew", || !text(&all).is_empty());
    all.wait_for_answers("/mine", 200);
}

#[test]
fn a_namespace_that_goes_takes_its_routes_along_and_hangs_on_nothing() {
    let all = Installation::start(1);
    let stays = all.route("stays", "shop/hello:1", &json!({}));
    all.serve(&stays);
    let traffic = all.traffic(0, "/stays");
    all.cluster.kubectl_ok(&["create", "namespace", "going"]);
    let mut goes = all.route("goes", "shop/hello:1", &json!({}));
    goes["metadata"]["namespace"] = json!("going");
    all.serve(&goes);
    assert_eq!(all.documents().len(), 2);
    // kubectl waits until it is gone.
    all.cluster
        .kubectl_ok(&["delete", "namespace", "going", "--timeout=60s"]);
    all.wait_for_answers("/goes", 404);
    wait_until("one document is left", || all.documents().len() == 1);
    traffic.end();
}

#[test]
fn a_runtime_that_joins_or_leaves_changes_no_route() {
    let mut all = Installation::start(2);
    let route = all.route("calm", "shop/hello:1", &json!({}));
    all.serve(&route);
    let version = |all: &Installation| all.get("default", "calm").metadata.resource_version;
    let before = version(&all);
    let traffic = all.traffic(0, "/calm");
    all.nodes[1].kill();
    all.cluster.delete_pod("wagi-system", "wagi-node-1");
    all.wait_for_fleet(1);
    let mut third: Workload = all.cluster.start_node("wagi-node-2", &[]);
    third.wait_until_ready();
    all.wait_for_fleet(2);
    assert_eq!(version(&all), before);
    assert_eq!(
        request(third.address(), "/calm")
            .expect("an answer")
            .head
            .status,
        200
    );
    traffic.end();
}

#[test]
fn a_lease_is_renewed_again_and_again_without_a_failure() {
    let all = Installation::start(0);
    let leases: Api<Lease> = Api::namespaced(all.cluster.admin(), "wagi-system");
    let renewed = async {
        let one = watcher::Config::default().fields("metadata.name=wagi-operator");
        let mut renewals = pin!(watcher(leases, one).applied_objects().take(5));
        while let Some(renewal) = renewals.next().await {
            renewal.expect("the API server is there");
        }
    };
    let renewed = async { tokio::time::timeout(tests::PATIENCE, renewed).await };
    all.cluster.block_on(renewed).expect("it is renewed");
    let log = std::fs::read_to_string(all.operator.log()).expect("a log");
    assert!(!log.contains("the lease cannot be"), "{log}");
}
