//! The harness keeps its promises.

use crds::wagi_node::WagiNode;
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::Api;
use kube::api::PostParams;
use tests::kubernetes::{Cluster, Options, shared};
use tests::process;

#[test]
fn a_cluster_that_was_stopped_comes_back_with_what_it_had() {
    let cluster = Cluster::start(Options::default());
    cluster.kubectl_ok(&["create", "configmap", "kept", "--from-literal=a=b"]);
    let url = cluster.url();
    let maps: Api<ConfigMap> = Api::namespaced(cluster.admin(), "default");
    cluster.stop();
    let gone = cluster.block_on(maps.get("kept"));
    assert!(gone.is_err(), "nothing answers: {gone:?}");
    cluster.start_again();
    assert_eq!(cluster.url(), url);
    let kept = cluster.block_on(maps.get("kept")).unwrap();
    assert_eq!(kept.data.unwrap()["a"], "b");
}

#[test]
fn two_clusters_of_one_process_know_nothing_of_each_other() {
    let cluster = Cluster::start(Options::default());
    cluster.kubectl_ok(&["create", "namespace", "mine"]);
    let theirs = shared().kubectl(&["get", "namespace", "mine"]);
    assert!(!theirs.status.success());
}

#[tokio::test]
async fn a_cluster_may_be_used_and_dropped_where_a_runtime_runs() {
    let cluster = Cluster::start(Options::default());
    let maps: Api<ConfigMap> = Api::namespaced(cluster.admin(), "default");
    let map: ConfigMap = serde_json::from_value(serde_json::json!({
        "metadata": { "name": "made" },
    }))
    .unwrap();
    maps.create(&PostParams::default(), &map).await.unwrap();
    assert!(cluster.kubectl_ok(&["get", "configmaps"]).contains("made"));
}

#[test]
fn a_pod_is_made_called_ready_and_deleted() {
    let cluster = shared();
    let labels = [("app.kubernetes.io/name", "wagi-node")];
    let uid = cluster.make_pod("wagi-system", "walks-through-life", &labels, "n1");
    let pods: Api<Pod> = Api::namespaced(cluster.admin(), "wagi-system");
    let get = || cluster.block_on(pods.get("walks-through-life"));
    assert_eq!(get().unwrap().metadata.uid.unwrap(), uid);

    cluster.set_pod_ready("wagi-system", "walks-through-life", true);
    let conditions = get().unwrap().status.unwrap().conditions.unwrap();
    assert_eq!(
        (&*conditions[0].type_, &*conditions[0].status),
        ("Ready", "True")
    );
    cluster.set_pod_ready("wagi-system", "walks-through-life", false);
    let conditions = get().unwrap().status.unwrap().conditions.unwrap();
    assert_eq!(
        (&*conditions[0].type_, &*conditions[0].status),
        ("Ready", "False")
    );

    cluster.terminate_pod("wagi-system", "walks-through-life");
    assert!(get().unwrap().metadata.deletion_timestamp.is_some());
    cluster.delete_pod("wagi-system", "walks-through-life");
    assert!(get().is_err());
}

#[test]
fn a_token_ends_with_its_pod() {
    let cluster = shared();
    let labels = [("app.kubernetes.io/name", "wagi-node")];
    let uid = cluster.make_pod("wagi-system", "takes-its-token-along", &labels, "n1");
    let pod = Some(("takes-its-token-along", &*uid));
    let kubeconfig = cluster.kubeconfig_for("wagi-system", "wagi-node", pod);
    let maps: Api<ConfigMap> = Api::namespaced(cluster.client_of(&kubeconfig), "wagi-documents");
    cluster.block_on(maps.list(&Default::default())).unwrap();
    cluster.delete_pod("wagi-system", "takes-its-token-along");
    // The API server remembers for some seconds whose a token is.
    process::wait_until("the end of the token", || {
        let refused = cluster.block_on(maps.list(&Default::default()));
        matches!(refused, Err(kube::Error::Api(status)) if status.code == 401)
    });
}

#[test]
fn what_a_namespace_had_goes_with_it() {
    let cluster = shared();
    cluster.kubectl_ok(&["create", "namespace", "goes-soon"]);
    cluster.kubectl_ok(&["create", "configmap", "inside", "-n", "goes-soon"]);
    // It waits for the end.
    cluster.kubectl_ok(&["delete", "namespace", "goes-soon", "--timeout=60s"]);
    let gone = cluster.kubectl(&["get", "namespace", "goes-soon"]);
    assert!(!gone.status.success());
}

#[test]
fn hollow_runtimes_come_and_go_and_say_that_they_serve_what_is_published() {
    let cluster = Cluster::start(Options {
        installed: true,
        controllers: true,
    });
    let reports: Api<WagiNode> = Api::namespaced(cluster.admin(), "wagi-system");
    let say = |applied: i64, version: u64, pods: &[&str]| {
        let listed = cluster.block_on(reports.list(&Default::default())).unwrap();
        let mut saying = listed.items.into_iter().filter(|report| {
            let up_to: u64 = report.spec.applied.config_maps.parse().unwrap_or_default();
            report.spec.counts.applied == applied
                && up_to >= version
                && report.spec.exceptions.is_empty()
        });
        let mut names: Vec<_> = saying
            .by_ref()
            .filter_map(|report| report.metadata.name)
            .collect();
        let mut pods = pods.to_vec();
        names.sort();
        pods.sort_unstable();
        names == pods
    };
    let mut fleet = cluster.start_hollow("hollow", 50);
    fleet.wait_until_ready();
    process::wait_until("all report", || say(0, 0, &fleet.pods()));

    let maps: Api<ConfigMap> = Api::namespaced(cluster.admin(), "wagi-documents");
    let map = serde_json::json!({ "metadata": { "name": "r-some-uid" } });
    let map: ConfigMap = serde_json::from_value(map).unwrap();
    let made = cluster
        .block_on(maps.create(&PostParams::default(), &map))
        .unwrap();
    let version = made.metadata.resource_version.unwrap().parse().unwrap();
    process::wait_until("all have seen it", || say(1, version, &fleet.pods()));

    fleet.terminate();
    let pods: Api<Pod> = Api::namespaced(cluster.admin(), "wagi-system");
    let oldest = cluster.block_on(pods.get("hollow-0")).unwrap();
    assert!(oldest.metadata.deletion_timestamp.is_some());
    assert_eq!(fleet.leave(), "hollow-0");
    assert!(cluster.block_on(pods.get("hollow-0")).is_err());
    assert_eq!(fleet.join(), "hollow-50");
    fleet.wait_until_ready();
    // The garbage collector takes the report of the one that left.
    process::wait_until("those that are there report", || {
        say(1, version, &fleet.pods())
    });
}
