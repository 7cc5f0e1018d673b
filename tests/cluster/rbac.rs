//! The programs' accounts may do what they have to and no more; asked under real tokens.

use std::sync::atomic::{AtomicUsize, Ordering};

use crds::names::{DOCUMENTS_NAMESPACE, NODE, OPERATOR, SYSTEM_NAMESPACE};
use crds::wagi_node::WagiNode;
use crds::wagi_route::WagiRoute;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::admissionregistration::v1::ValidatingAdmissionPolicy;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, Error, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tests::kubernetes::shared;
use tests::process;

/// A pod of a program, with a client that has its token.
struct Program {
    pod: String,
    uid: String,
    node: String,
    client: Client,
}

impl Program {
    fn new(account: &str) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (pod, node) = (format!("{account}-{number}"), format!("node-{number}"));
        let labels = [("app.kubernetes.io/name", account)];
        let cluster = shared();
        let uid = cluster.make_pod(SYSTEM_NAMESPACE, &pod, &labels, &node);
        let kubeconfig = cluster.kubeconfig_for(SYSTEM_NAMESPACE, account, Some((&pod, &uid)));
        let client = cluster.client_of(&kubeconfig);
        Self {
            pod,
            uid,
            node,
            client,
        }
    }

    /// What it would say of itself.
    fn report(&self) -> Value {
        let owner = json!({ "apiVersion": "v1", "kind": "Pod", "name": self.pod, "uid": self.uid });
        json!({
            "apiVersion": "wagi.dev/v1alpha1",
            "kind": "WagiNode",
            "metadata": { "name": self.pod, "ownerReferences": [owner] },
            "spec": { "node": self.node, "version": "0.1.0" },
        })
    }
}

fn apply<K>(client: &Client, namespace: &str, object: &Value) -> Result<K, Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + DeserializeOwned + Serialize + std::fmt::Debug + Send,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let name = object["metadata"]["name"].as_str().expect("it has a name");
    let parameters = PatchParams::apply("somebody").force();
    shared().block_on(api.patch(name, &parameters, &Patch::Apply(object)))
}

fn list<K>(client: &Client, namespace: &str) -> Result<(), Error>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    K: Clone + DeserializeOwned + std::fmt::Debug + Send,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    shared()
        .block_on(api.list(&ListParams::default()))
        .map(drop)
}

fn report(client: &Client, report: &Value) -> Result<WagiNode, Error> {
    apply(client, SYSTEM_NAMESPACE, report)
}

/// What a policy says that refuses.
fn refusal<T: std::fmt::Debug>(outcome: Result<T, Error>) -> String {
    match outcome {
        Err(Error::Api(status)) if status.is_invalid() => status.message,
        other => panic!("not refused by a policy: {other:?}"),
    }
}

fn assert_forbidden<T: std::fmt::Debug>(outcome: Result<T, Error>) {
    match outcome {
        Err(Error::Api(status)) if status.is_forbidden() => {}
        other => panic!("not forbidden: {other:?}"),
    }
}

fn route(name: &str) -> Value {
    json!({
        "apiVersion": "wagi.dev/v1alpha1",
        "kind": "WagiRoute",
        "metadata": { "name": name },
        "spec": { "path": format!("/{name}"), "module": { "image": "127.0.0.1:1/a/b:c" } },
    })
}

fn map(name: &str) -> Value {
    json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": name } })
}

// === Reports ===

#[test]
fn a_runtime_writes_its_own_report_and_writes_it_again() {
    let runtime = Program::new(NODE);
    let mut said = runtime.report();
    report(&runtime.client, &said).unwrap();
    said["spec"]["counts"] = json!({ "applied": 1, "pending": 0, "failed": 0 });
    let stored = report(&runtime.client, &said).unwrap();
    assert_eq!(stored.spec.counts.applied, 1);
}

#[test]
fn a_runtime_cannot_write_another_ones_report() {
    let (a, b) = (Program::new(NODE), Program::new(NODE));
    let said = refusal(report(&a.client, &b.report()));
    let expected = format!(
        "WagiNode {}: only the pod of this name writes it, and the token is of pod {}; give the \
         runtime its own name with --pod-name {}",
        b.pod, a.pod, a.pod
    );
    assert!(said.ends_with(&expected), "{said}");
    // Nor one that is there.
    report(&b.client, &b.report()).unwrap();
    let said = refusal(report(&a.client, &b.report()));
    assert!(said.ends_with(&expected), "{said}");
}

#[test]
fn a_report_is_owned_by_its_pod_and_by_nothing_else() {
    let (runtime, other) = (Program::new(NODE), Program::new(NODE));
    let expected = format!("--pod-uid {}", runtime.uid);
    let own = runtime.report()["metadata"]["ownerReferences"][0].clone();
    let mut alien = own.clone();
    alien["uid"] = json!(other.uid);
    for owners in [json!([]), json!([alien]), json!([own, alien])] {
        let mut said = runtime.report();
        said["metadata"]["ownerReferences"] = owners;
        let said = refusal(report(&runtime.client, &said));
        assert!(said.ends_with(&expected), "{said}");
    }
}

#[test]
fn a_report_names_the_node_that_its_pod_is_on() {
    let runtime = Program::new(NODE);
    let mut said = runtime.report();
    said["spec"]["node"] = json!("elsewhere");
    let said = refusal(report(&runtime.client, &said));
    let expected = format!(
        "WagiNode {}: spec.node is elsewhere, and the token is of a pod on node {}; give the runtime \
         its own node with --node-name",
        runtime.pod, runtime.node
    );
    assert!(said.ends_with(&expected), "{said}");
}

#[test]
fn a_token_of_no_pod_writes_no_report() {
    let runtime = Program::new(NODE);
    let cluster = shared();
    let kubeconfig = cluster.kubeconfig_for(SYSTEM_NAMESPACE, NODE, None);
    let unbound = cluster.client_of(&kubeconfig);
    let said = refusal(report(&unbound, &runtime.report()));
    assert!(
        said.contains("is of no pod; run the runtime as a pod"),
        "{said}"
    );
    // Whoever it is.
    let said = refusal(report(&cluster.admin(), &runtime.report()));
    assert!(said.contains("the token of admin is of no pod"), "{said}");
}

#[test]
fn a_pod_of_the_same_name_elsewhere_is_another_pod() {
    let runtime = Program::new(NODE);
    let cluster = shared();
    cluster.kubectl_ok(&["create", "namespace", "elsewhere"]);
    cluster.kubectl_ok(&["create", "serviceaccount", NODE, "-n", "elsewhere"]);
    // Somebody lets it write reports.
    cluster.kubectl_ok(&[
        "create",
        "rolebinding",
        "elsewhere",
        "--role=wagi-node",
        "--serviceaccount=elsewhere:wagi-node",
        "-n",
        SYSTEM_NAMESPACE,
    ]);
    let labels = [("app.kubernetes.io/name", NODE)];
    let uid = cluster.make_pod("elsewhere", &runtime.pod, &labels, &runtime.node);
    let kubeconfig = cluster.kubeconfig_for("elsewhere", NODE, Some((&runtime.pod, &uid)));
    let client = cluster.client_of(&kubeconfig);
    let said = refusal(report(&client, &runtime.report()));
    assert!(
        said.contains("only a pod of namespace wagi-system writes it"),
        "{said}"
    );
}

#[test]
fn no_program_deletes_a_report_and_an_administrator_may() {
    let runtime = Program::new(NODE);
    report(&runtime.client, &runtime.report()).unwrap();
    let cluster = shared();
    let delete = |client: &Client| {
        let reports: Api<WagiNode> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
        let parameters = DeleteParams::default();
        cluster.block_on(async { reports.delete(&runtime.pod, &parameters).await.map(drop) })
    };
    assert_forbidden(delete(&runtime.client));
    // Nor one that may do everything.
    cluster.kubectl_ok(&["create", "serviceaccount", "almighty"]);
    cluster.kubectl_ok(&[
        "create",
        "clusterrolebinding",
        "almighty",
        "--clusterrole=cluster-admin",
        "--serviceaccount=default:almighty",
    ]);
    let almighty = cluster.client_of(&cluster.kubeconfig_for("default", "almighty", None));
    let said = refusal(delete(&almighty));
    assert!(said.contains("almighty may not delete it"), "{said}");
    delete(&cluster.admin()).unwrap();
}

#[test]
fn a_report_goes_with_its_pod() {
    let runtime = Program::new(NODE);
    report(&runtime.client, &runtime.report()).unwrap();
    let cluster = shared();
    cluster.delete_pod(SYSTEM_NAMESPACE, &runtime.pod);
    let name = format!("waginode/{}", runtime.pod);
    let arguments = [
        "wait",
        "--for=delete",
        "--timeout=60s",
        "-n",
        SYSTEM_NAMESPACE,
    ];
    cluster.kubectl_ok(&[&arguments[..], &[&name]].concat());
}

#[test]
fn a_pod_that_leaves_its_report_behind_goes_nevertheless() {
    let runtime = Program::new(NODE);
    report(&runtime.client, &runtime.report()).unwrap();
    let cluster = shared();
    // The garbage collector takes the owner from the report, and then the pod is let go.
    let arguments = [
        "delete",
        "pod",
        "--cascade=orphan",
        "--grace-period=0",
        "--force",
    ];
    let place = ["--timeout=60s", "-n", SYSTEM_NAMESPACE, &runtime.pod];
    cluster.kubectl_ok(&[&arguments[..], &place].concat());
    let reports: Api<WagiNode> = Api::namespaced(cluster.admin(), SYSTEM_NAMESPACE);
    let left = cluster.block_on(reports.get(&runtime.pod)).unwrap();
    assert!(
        left.metadata
            .owner_references
            .unwrap_or_default()
            .is_empty()
    );
    cluster.kubectl_ok(&["delete", "waginode", "-n", SYSTEM_NAMESPACE, &runtime.pod]);
}

#[test]
fn the_policies_name_only_fields_that_there_are() {
    let cluster = shared();
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(cluster.admin());
    for name in [
        "wagi-node-writes-its-own-report",
        "wagi-node-report-goes-with-its-pod",
    ] {
        let checked = || {
            let policy = cluster.block_on(policies.get(name)).unwrap();
            let status = policy.status.unwrap_or_default();
            (status.observed_generation == policy.metadata.generation).then_some(status)
        };
        process::wait_until("the check of a policy", || checked().is_some());
        let warnings = checked().unwrap().type_checking.unwrap_or_default();
        assert_eq!(warnings.expression_warnings.unwrap_or_default(), []);
    }
}

// === The runtime ===

#[test]
fn a_runtime_reads_what_is_published_and_nothing_else() {
    let runtime = Program::new(NODE);
    let client = &runtime.client;
    list::<ConfigMap>(client, DOCUMENTS_NAMESPACE).unwrap();
    assert_forbidden(apply::<ConfigMap>(
        client,
        DOCUMENTS_NAMESPACE,
        &map("r-mine"),
    ));
    list::<Secret>(client, DOCUMENTS_NAMESPACE).unwrap();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s-mine" } });
    assert_forbidden(apply::<Secret>(client, DOCUMENTS_NAMESPACE, &secret));
    for namespace in ["default", SYSTEM_NAMESPACE] {
        assert_forbidden(list::<ConfigMap>(client, namespace));
        assert_forbidden(list::<Secret>(client, namespace));
        assert_forbidden(list::<WagiRoute>(client, namespace));
        assert_forbidden(list::<Pod>(client, namespace));
    }
    assert_forbidden(list::<WagiNode>(client, SYSTEM_NAMESPACE));
    assert_forbidden(list::<Lease>(client, SYSTEM_NAMESPACE));
}

// === The operator ===

#[test]
fn the_operator_reads_routes_and_writes_only_their_status() {
    let operator = Program::new(OPERATOR);
    let cluster = shared();
    let stored = route("operated-on");
    apply::<WagiRoute>(&cluster.admin(), "default", &stored).unwrap();
    let everywhere: Api<WagiRoute> = Api::all(operator.client.clone());
    let all = cluster.block_on(async { everywhere.list(&ListParams::default()).await });
    assert!(!all.unwrap().items.is_empty());

    let routes: Api<WagiRoute> = Api::namespaced(operator.client.clone(), "default");
    let mut status = stored.clone();
    status.as_object_mut().unwrap().remove("spec");
    status["status"] = json!({ "observedGeneration": 1, "nodes": "0/0" });
    let parameters = PatchParams::apply(OPERATOR).force();
    let patch = Patch::Apply(&status);
    let patched = cluster.block_on(routes.patch_status("operated-on", &parameters, &patch));
    assert_eq!(patched.unwrap().status.unwrap().nodes.unwrap(), "0/0");

    let mut changed = stored;
    changed["spec"]["path"] = json!("/elsewhere");
    assert_forbidden(apply::<WagiRoute>(&operator.client, "default", &changed));
    let parameters = DeleteParams::default();
    let deleted =
        cluster.block_on(async { routes.delete("operated-on", &parameters).await.map(drop) });
    assert_forbidden(deleted);
}

#[test]
fn the_operator_writes_events_where_routes_are_and_reads_none() {
    let operator = Program::new(OPERATOR);
    let event = json!({
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": { "name": "said-by-the-operator" },
        "eventTime": "2026-01-01T00:00:00.000000Z",
        "reason": "Failed",
        "note": "a",
        "type": "Warning",
        "action": "Load",
        "reportingController": OPERATOR,
        "reportingInstance": operator.pod,
        "regarding": { "kind": "WagiRoute", "namespace": "default", "name": "a" },
    });
    apply::<Event>(&operator.client, "default", &event).unwrap();
    assert_forbidden(list::<Event>(&operator.client, "default"));
}

#[test]
fn the_operator_publishes_in_the_documents_namespace_and_nowhere_else() {
    let operator = Program::new(OPERATOR);
    let client = &operator.client;
    apply::<ConfigMap>(client, DOCUMENTS_NAMESPACE, &map("r-published")).unwrap();
    list::<ConfigMap>(client, DOCUMENTS_NAMESPACE).unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), DOCUMENTS_NAMESPACE);
    let parameters = DeleteParams::default();
    let cluster = shared();
    let deleted =
        cluster.block_on(async { maps.delete("r-published", &parameters).await.map(drop) });
    deleted.unwrap();
    for namespace in ["default", SYSTEM_NAMESPACE] {
        assert_forbidden(apply::<ConfigMap>(client, namespace, &map("r-published")));
        assert_forbidden(list::<ConfigMap>(client, namespace));
    }
}

#[test]
fn the_operator_reads_secrets_where_it_publishes_and_where_somebody_lets_it() {
    let operator = Program::new(OPERATOR);
    list::<Secret>(&operator.client, DOCUMENTS_NAMESPACE).unwrap();
    let cluster = shared();
    cluster.kubectl_ok(&["create", "namespace", "lets-it-read"]);
    for namespace in ["default", SYSTEM_NAMESPACE, "lets-it-read"] {
        assert_forbidden(list::<Secret>(&operator.client, namespace));
    }
    let account = format!("--serviceaccount={SYSTEM_NAMESPACE}:{OPERATOR}");
    let bind = [
        "create",
        "rolebinding",
        "wagi-refs-reader",
        "-n",
        "lets-it-read",
    ];
    cluster.kubectl_ok(&[&bind[..], &["--clusterrole=wagi-refs-reader", &account]].concat());
    process::wait_until("it may read there", || {
        list::<Secret>(&operator.client, "lets-it-read").is_ok()
    });
    list::<ConfigMap>(&operator.client, "lets-it-read").unwrap();
    let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "s-mine" } });
    assert_forbidden(apply::<Secret>(&operator.client, "lets-it-read", &secret));
}

#[test]
fn the_operator_sees_who_serves_and_changes_nothing_of_it() {
    let operator = Program::new(OPERATOR);
    let client = &operator.client;
    list::<Pod>(client, SYSTEM_NAMESPACE).unwrap();
    list::<WagiNode>(client, SYSTEM_NAMESPACE).unwrap();
    assert_forbidden(list::<Pod>(client, "default"));
    assert_forbidden(report(client, &operator.report()));
    let pods: Api<Pod> = Api::namespaced(client.clone(), SYSTEM_NAMESPACE);
    let parameters = DeleteParams::default();
    let deleted =
        shared().block_on(async { pods.delete(&operator.pod, &parameters).await.map(drop) });
    assert_forbidden(deleted);
}

#[test]
fn the_operator_reads_one_namespace_and_changes_none() {
    let operator = Program::new(OPERATOR);
    let cluster = shared();
    let namespaces: Api<Namespace> = Api::all(operator.client.clone());
    let metadata = |parameters: ListParams| {
        cluster.block_on(async { namespaces.list_metadata(&parameters).await })
    };
    let own = ListParams::default().fields("metadata.name=wagi-documents");
    assert_eq!(metadata(own).unwrap().items.len(), 1);
    assert_forbidden(metadata(ListParams::default()));
    let patch = Patch::Merge(json!({ "metadata": { "labels": { "a": "b" } } }));
    let patched = cluster.block_on(async {
        let parameters = PatchParams::default();
        namespaces
            .patch_metadata(DOCUMENTS_NAMESPACE, &parameters, &patch)
            .await
    });
    assert_forbidden(patched);
}

#[test]
fn the_operator_has_one_lease() {
    let operator = Program::new(OPERATOR);
    let cluster = shared();
    let leases: Api<Lease> = Api::namespaced(operator.client.clone(), SYSTEM_NAMESPACE);
    let lease = |name: &str| -> Lease {
        serde_json::from_value(json!({
            "metadata": { "name": name },
            "spec": { "holderIdentity": operator.pod, "leaseDurationSeconds": 15 },
        }))
        .unwrap()
    };
    let parameters = PostParams::default();
    let made = cluster.block_on(leases.create(&parameters, &lease(OPERATOR)));
    let made = made.unwrap();
    let kept = cluster.block_on(leases.replace(OPERATOR, &parameters, &made));
    kept.unwrap();
    cluster.block_on(leases.get(OPERATOR)).unwrap();
    let parameters = ListParams::default().fields("metadata.name=wagi-operator");
    cluster.block_on(leases.list(&parameters)).unwrap();

    assert_forbidden(list::<Lease>(&operator.client, SYSTEM_NAMESPACE));
    assert_forbidden(cluster.block_on(leases.get("another")));
    let elsewhere: Api<Lease> = Api::namespaced(operator.client.clone(), "default");
    let parameters = PostParams::default();
    let made = cluster.block_on(elsewhere.create(&parameters, &lease(OPERATOR)));
    assert_forbidden(made);
}

// === People ===

#[test]
fn who_views_a_namespace_sees_its_routes_and_who_edits_it_writes_them() {
    let cluster = shared();
    cluster.kubectl_ok(&["create", "namespace", "of-people"]);
    for role in ["view", "edit", "admin"] {
        let user = format!("--user={role}er");
        let bound = format!("--clusterrole={role}");
        let arguments = ["create", "rolebinding", role, "-n", "of-people"];
        cluster.kubectl_ok(&[&arguments[..], &[&user, &bound]].concat());
    }
    let can = |user: &str, verb: &str, resource: &str| {
        let user = format!("--as={user}");
        let mut asked = vec!["auth", "can-i", verb, "-n", "of-people", &user];
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        let subresource = format!("--subresource={subresource}");
        asked.extend([resource, &subresource]);
        cluster.kubectl(&asked).status.success()
    };
    // The controller that puts aggregated roles together is Kubernetes' own and takes its time.
    process::wait_until("the roles", || can("adminer", "update", "wagiroutes"));
    for user in ["viewer", "editer", "adminer"] {
        let writes = user != "viewer";
        for verb in ["get", "list", "watch"] {
            assert!(can(user, verb, "wagiroutes"), "{user} {verb}");
        }
        for verb in ["create", "update", "patch", "delete", "deletecollection"] {
            assert_eq!(can(user, verb, "wagiroutes"), writes, "{user} {verb}");
        }
        assert!(!can(user, "patch", "wagiroutes/status"), "{user}");
        assert!(!can(user, "patch", "waginodes"), "{user}");
    }
    let applied = cluster.kubectl_with(
        &["apply", "--as=editer", "-n", "of-people", "-f", "-"],
        &route("edited").to_string(),
    );
    assert!(applied.status.success(), "{applied:?}");
    let seen = cluster.kubectl_ok(&["get", "wr", "--as=viewer", "-n", "of-people"]);
    assert!(seen.contains("edited"), "{seen}");
}
