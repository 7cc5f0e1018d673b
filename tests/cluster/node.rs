//! `wagi node` alone: documents are published by hand, as the operator would.

use crds::document::{Claim, Document, Identity, Resolved};
use crds::fleet::{FailingRoute, Fleet};
use crds::names::{DOCUMENT_KEY, DOCUMENTS_NAMESPACE, FLEET, FLEET_KEY, SYSTEM_NAMESPACE};
use crds::wagi_node::{ExceptionState, WagiNode, WagiNodeSpec};
use crds::wagi_route::{EnvVar, Module, WagiRouteSpec};
use kube::Api;
use serde_json::json;
use tests::artifact::Artifact;
use tests::client::{Connection, Response};
use tests::guests::{self, Guest};
use tests::kubernetes::{Cluster, Options, Workload};
use tests::node::get;
use tests::process::wait_until;
use tests::registry::{Fault, Registry};

/// A control plane without an operator.
struct Bench {
    registry: Registry,
    cluster: Cluster,
}

impl Bench {
    fn start() -> Self {
        Self {
            registry: Registry::start(),
            cluster: Cluster::start(Options {
                installed: true,
                controllers: false,
            }),
        }
    }

    /// The document of a route at `/NAME`.
    fn document(&self, name: &str, guest: Guest) -> Document {
        let artifact = Artifact::cncf(&wat::parse_str(guest.wat).expect("a guest"));
        self.registry.tag("shop/module", name, &artifact);
        let digest = artifact.digest().to_string();
        Document {
            version: 1,
            route: Identity {
                namespace: "shop".to_owned(),
                name: name.to_owned(),
                uid: format!("uid-{name}"),
                generation: 1,
            },
            claims: vec![Claim {
                host: "*".to_owned(),
                since: "2026-01-01T00:00:00.000000Z".to_owned(),
            }],
            resolved: Resolved {
                digest: digest.clone(),
                ..Resolved::default()
            },
            spec: WagiRouteSpec {
                path: Some(format!("/{name}")),
                module: Some(Module {
                    image: Some(self.registry.reference(&format!("shop/module@{digest}"))),
                    ..Module::default()
                }),
                ..WagiRouteSpec::default()
            },
            ..Document::default()
        }
    }

    fn publish(&self, document: &Document) {
        self.publish_text(&document.route.name, &document.encode());
    }

    fn publish_text(&self, name: &str, text: &str) {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": format!("r-uid-{name}"),
                "namespace": DOCUMENTS_NAMESPACE,
                "labels": { "wagi.dev/kind": "route" },
                "annotations": { "wagi.dev/route": format!("shop/{name}") },
            },
            "data": { DOCUMENT_KEY: text },
        });
        self.cluster.apply(&object.to_string());
    }

    fn publish_fleet(&self, fleet: &Fleet) {
        let object = json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": FLEET,
                "namespace": DOCUMENTS_NAMESPACE,
                "labels": { "wagi.dev/kind": "fleet" },
            },
            "data": { FLEET_KEY: fleet.encode() },
        });
        self.cluster.apply(&object.to_string());
    }

    fn withdraw(&self, name: &str) {
        let object = format!("r-uid-{name}");
        let arguments = ["delete", "configmap", &object, "-n", DOCUMENTS_NAMESPACE];
        self.cluster.kubectl_ok(&arguments);
    }

    fn report(&self, node: &Workload) -> Option<WagiNodeSpec> {
        let api: Api<WagiNode> = Api::namespaced(self.cluster.admin(), SYSTEM_NAMESPACE);
        let found = self.cluster.block_on(api.get_opt(node.pod()));
        Some(found.expect("an answer")?.spec)
    }

    fn wait_for_report(&self, node: &Workload, what: &str, is_so: impl Fn(&WagiNodeSpec) -> bool) {
        wait_until(&format!("the report says {what}"), || {
            self.report(node).is_some_and(|report| is_so(&report))
        });
    }
}

fn request(node: &Workload, path: &str) -> Option<Response> {
    let mut connection = Connection::try_open(node.address())?;
    connection.try_send(get(path)).ok()?;
    connection.try_response()
}

fn answers(node: &Workload, path: &str, status: u16) {
    wait_until(&format!("{path} answers {status}"), || {
        request(node, path).is_some_and(|answer| answer.head.status == status)
    });
}

/// What `/readyz` says, and why.
fn readiness(node: &Workload) -> Option<(u16, String)> {
    let mut connection = Connection::try_open(node.admin())?;
    connection.try_send(get("/readyz?verbose")).ok()?;
    let answer = connection.try_response()?;
    Some((answer.head.status, answer.text()))
}

fn is_held_up_by(node: &Workload, what: &str) {
    wait_until(&format!("/readyz names {what}"), || {
        readiness(node).is_some_and(|(status, text)| status == 503 && text.contains(what))
    });
}

fn log_of(node: &Workload) -> String {
    std::fs::read_to_string(node.log()).expect("a log")
}

#[test]
fn what_is_published_is_served_and_reported_and_goes_when_it_is_withdrawn() {
    let bench = Bench::start();
    let mut node = bench.cluster.start_node("wagi-node-0", &[]);
    node.wait_until_ready();
    let mut document = bench.document("hello", guests::hello);
    bench.publish(&document);
    answers(&node, "/hello", 200);
    bench.wait_for_report(&node, "one applied", |report| {
        report.counts.applied == 1 && report.exceptions.is_empty()
    });

    document.spec.env = Some(vec![EnvVar {
        name: Some("A".to_owned()),
        value: Some("b".to_owned()),
        ..EnvVar::default()
    }]);
    bench.publish(&document);
    let get = ["get", "configmap", "r-uid-hello", "-n", DOCUMENTS_NAMESPACE];
    let version = bench
        .cluster
        .kubectl_ok(&[&get[..], &["-o", "jsonpath={.metadata.resourceVersion}"]].concat());
    bench.wait_for_report(&node, "the new version", |report| {
        let applied: u64 = report.applied.config_maps.parse().unwrap_or_default();
        applied >= version.parse().expect("a number")
    });

    bench.withdraw("hello");
    answers(&node, "/hello", 404);
    bench.wait_for_report(&node, "nothing", |report| report.counts.applied == 0);
}

#[test]
fn what_cannot_be_loaded_or_read_keeps_what_serves_and_is_named() {
    let bench = Bench::start();
    let mut node = bench.cluster.start_node("wagi-node-0", &[]);
    bench.publish(&bench.document("hello", guests::hello));
    node.wait_until_ready();
    answers(&node, "/hello", 200);

    let mut broken = bench.document("hello", guests::hello);
    broken.route.generation = 2;
    broken.spec.entrypoint = Some("nowhere".to_owned());
    bench.publish(&broken);
    bench.wait_for_report(&node, "StartFailed", |report| {
        matches!(&report.exceptions[..], [found] if found.reason == "StartFailed"
            && found.serves_older && found.generation == 2
            && found.state == ExceptionState::Failed)
    });
    answers(&node, "/hello", 200);

    bench.publish_text("hello", "{\"version\": 9}");
    bench.wait_for_report(&node, "DocumentNotUnderstood", |report| {
        matches!(&report.exceptions[..], [found] if found.reason == "DocumentNotUnderstood"
            && found.uid == "uid-hello" && found.name == "hello" && found.message.contains('9'))
    });
    answers(&node, "/hello", 200);

    bench.publish(&bench.document("hello", guests::hello));
    bench.wait_for_report(&node, "all is well", |report| {
        report.exceptions.is_empty() && report.counts.applied == 1
    });
}

#[test]
fn a_container_that_restarts_with_api_server_and_registry_away_serves_what_it_served() {
    let bench = Bench::start();
    let mut node = bench
        .cluster
        .start_node("wagi-node-0", &["--relist-spread=0s", "--pre-stop-wait=0s"]);
    node.wait_until_ready();
    let document = bench.document("hello", guests::hello);
    bench.publish(&document);
    answers(&node, "/hello", 200);
    // The disk hears of it within a second or so, and nobody says when: ending waits for it.
    let child = node.child().expect("it runs");
    child.signal("TERM");
    let ended = child.wait();
    assert!(ended.success(), "{ended}");

    bench.cluster.stop();
    bench.registry.fail(Fault::Unavailable503);
    node.start_again();
    answers(&node, "/hello", 200);
    wait_until("/readyz says yes", || {
        readiness(&node).is_some_and(|(status, _)| status == 200)
    });

    bench.cluster.start_again();
    bench.registry.heal();
    bench.publish(&bench.document("later", guests::hello));
    answers(&node, "/later", 200);
    bench.wait_for_report(&node, "both", |report| report.counts.applied == 2);
    let log = log_of(&node);
    assert!(log.contains("the API server cannot be asked"), "{log}");
}

#[test]
fn a_runtime_is_not_ready_before_what_some_runtime_could_load_is_loaded() {
    let bench = Bench::start();
    let good = bench.document("good", guests::hello);
    let bad = bench.document("bad", guests::hello);
    let mut bad = bad;
    bad.spec.entrypoint = Some("nowhere".to_owned());
    bench.publish(&good);
    bench.publish(&bad);
    let node = bench.cluster.start_node("wagi-node-0", &[]);
    is_held_up_by(&node, "shop/bad: StartFailed");
    answers(&node, "/good", 200);
    bench.publish_fleet(&Fleet {
        ready: 0,
        failing: vec![FailingRoute {
            uid: bad.route.uid.clone(),
            digest: bad.resolved.digest.clone(),
        }],
    });
    let is_ready = || readiness(&node).is_some_and(|(status, _)| status == 200);
    wait_until("it is ready", is_ready);
    // It stays so, whatever comes.
    bench.publish_fleet(&Fleet::default());
    let mut late = bad;
    late.route = Identity {
        name: "late".to_owned(),
        uid: "uid-late".to_owned(),
        ..late.route
    };
    late.spec.path = Some("/late".to_owned());
    bench.publish(&late);
    bench.wait_for_report(&node, "two failures", |report| report.counts.failed == 2);
    assert!(is_ready());
}

#[test]
fn a_new_pod_is_not_ready_while_the_registry_is_away() {
    let bench = Bench::start();
    bench.publish(&bench.document("hello", guests::hello));
    bench.registry.fail(Fault::Unavailable503);
    let mut node = bench.cluster.start_node("wagi-node-0", &[]);
    is_held_up_by(&node, "shop/hello: PullFailed");
    bench.registry.heal();
    node.wait_until_ready();
    answers(&node, "/hello", 200);
}

#[test]
fn a_new_pod_without_the_api_server_says_so() {
    let bench = Bench::start();
    let mut node = bench.cluster.start_node("wagi-node-0", &[]);
    node.wait_until_ready();
    node.kill();
    bench.cluster.stop();
    node.start_again();
    is_held_up_by(&node, "none are kept on disk");
}
