//! What tools that know nothing of us read of a route: `kubectl wait`, and kstatus, by which Flux,
//! Argo CD and kpt decide whether what they applied is there.

mod compute;

use std::cell::OnceCell;
use std::pin::pin;

use futures::StreamExt as _;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, WatchEvent, WatchParams};
use serde_json::{Value, json};
use tests::artifact::Artifact;
use tests::process::wait_until;
use tests::registry::Fault;

use crate::installation::{Installation, names};
use crate::schema::without_rules;
use compute::Status::{self, Current, Failed, InProgress, NotFound, Terminating};
use compute::compute;

fn api(all: &Installation) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("wagi.dev", "v1alpha1", "WagiRoute");
    Api::namespaced_with(
        all.cluster.admin(),
        "default",
        &ApiResource::from_gvk(&kind),
    )
}

/// The object as whoever has no types of ours gets it.
fn object(all: &Installation, route: &Value) -> Option<Value> {
    let found = all.cluster.block_on(api(all).get_opt(names(route).1));
    let value = |found| serde_json::to_value(found).expect("JSON");
    found.expect("an answer").map(value)
}

/// What kstatus makes of it now.
fn now(all: &Installation, route: &Value) -> Status {
    compute(object(all, route).as_ref())
}

/// What kstatus makes of it once it says so of its newest generation, and of the very object that does.
fn once(all: &Installation, route: &Value, condition: &str, reason: &str) -> Status {
    let is_so = |object: &Value| {
        let conditions = object["status"]["conditions"].as_array();
        conditions.into_iter().flatten().any(|known| {
            known["type"] == condition
                && known["reason"] == reason
                && known["observedGeneration"] == object["metadata"]["generation"]
        })
    };
    let found = OnceCell::new();
    let name = names(route).1;
    wait_until(&format!("{name} is {condition} {reason}"), || {
        let seen = object(all, route).filter(is_so);
        seen.is_some_and(|seen| found.set(compute(Some(&seen))).is_ok())
    });
    found.into_inner().expect("it was waited for")
}

#[test]
fn kstatus_reads_every_state_of_a_route_as_it_is_meant() {
    let mut all = Installation::start(1);
    let hello = |name: &str, more: Value| all.route(name, "shop/hello:1", &more);
    let image = |name: &str, image: &str| all.route(name, image, &json!({}));
    let mut route = hello("route", json!({}));
    let missing = image("missing", "shop/missing:1");
    let unreachable = image("unreachable", "shop/later:1");
    let broken = image("broken", "shop/broken:1");
    let displaced = hello("displaced", json!({ "path": "/route" }));
    let partly = hello(
        "partly",
        json!({ "path": "/route", "hosts": ["a.example", "b.example"] }),
    );
    let holder = hello(
        "holder",
        json!({ "path": "/route", "hosts": ["a.example"] }),
    );
    let suspended = hello("suspended", json!({ "suspend": true }));
    let old = hello("old", json!({ "path": "old" }));
    let apply = |all: &Installation, route: &Value| all.cluster.apply(&route.to_string());
    let garbage = Artifact::cncf(b"\0asm\x01\0\0\0 and no module");
    all.registry.tag("shop/broken", "1", &garbage);

    // Nobody has looked at it yet.
    assert_eq!(now(&all, &route), NotFound);
    all.operator.kill();
    all.nodes[0].kill();
    apply(&all, &route);
    assert_eq!(once_new(&all, &route), InProgress);
    // No runtime, one that says nothing, and all that there are.
    all.operator.start_again();
    assert_eq!(once(&all, &route, "Programmed", "NoRuntimes"), InProgress);
    let labels = [
        ("app.kubernetes.io/name", "wagi-node"),
        ("wagi.dev/pool", "default"),
    ];
    let _ = all.cluster.make_pod("wagi-system", "silent", &labels, "n");
    all.cluster.set_pod_ready("wagi-system", "silent", true);
    assert_eq!(once(&all, &route, "Programmed", "Pending"), InProgress);
    all.nodes[0].start_again();
    all.nodes[0].wait_until_ready();
    all.cluster.delete_pod("wagi-system", "silent");
    assert_eq!(once(&all, &route, "Ready", "Ready"), Current);
    // What it says is about another version.
    all.operator.kill();
    route["spec"]["env"] = json!([{ "name": "A", "value": "b" }]);
    apply(&all, &route);
    assert_eq!(now(&all, &route), InProgress);
    all.operator.start_again();
    assert_eq!(once(&all, &route, "Ready", "Ready"), Current);

    apply(&all, &displaced);
    assert_eq!(once(&all, &displaced, "Accepted", "Conflict"), Failed);
    all.serve(&holder);
    apply(&all, &partly);
    assert_eq!(once(&all, &partly, "Ready", "Ready"), Current);
    assert_eq!(once(&all, &partly, "Conflicted", "Conflict"), Current);
    apply(&all, &suspended);
    assert_eq!(once(&all, &suspended, "Ready", "Suspended"), Current);
    apply(&all, &missing);
    assert_eq!(
        once(&all, &missing, "ResolvedRefs", "ModuleNotFound"),
        Failed
    );
    apply(&all, &broken);
    assert_eq!(once(&all, &broken, "Programmed", "Failed"), Failed);

    // What passes without anybody's doing.
    all.registry.fail(Fault::Unavailable503);
    apply(&all, &unreachable);
    assert_eq!(
        once(&all, &unreachable, "ResolvedRefs", "RegistryUnreachable"),
        InProgress
    );
    route["spec"]["module"]["image"] = unreachable["spec"]["module"]["image"].clone();
    apply(&all, &route);
    assert_eq!(
        once(&all, &route, "ResolvedRefs", "RegistryUnreachable"),
        InProgress
    );
    all.registry.heal();
    let later = crate::installation::artifact(tests::guests::hello);
    all.registry.tag("shop/later", "1", &later);
    assert_eq!(once(&all, &route, "Ready", "Ready"), Current);
    assert_eq!(once(&all, &unreachable, "Ready", "Ready"), Current);

    // An object from before a rule.
    all.cluster.apply(&without_rules().to_string());
    wait_until("the rules are gone", || {
        all.cluster
            .kubectl_with(&["apply", "-f", "-"], &old.to_string())
            .status
            .success()
    });
    all.cluster.install();
    assert_eq!(once(&all, &old, "Accepted", "Invalid"), Failed);

    // It goes when whoever else holds it lets go.
    let patch = |finalizers: Value| {
        let patch = json!({ "metadata": { "finalizers": finalizers } }).to_string();
        all.cluster
            .kubectl_ok(&["patch", "wagiroute", "route", "--type=merge", "-p", &patch]);
    };
    patch(json!(["example.com/holds"]));
    assert_eq!(now(&all, &route), Current);
    all.cluster
        .kubectl_ok(&["delete", "wagiroute", "route", "--wait=false"]);
    assert_eq!(now(&all, &route), Terminating);
    patch(json!([]));
    assert_eq!(now(&all, &route), NotFound);
    assert_eq!(once(&all, &displaced, "Ready", "Ready"), Current);
}

/// Before anybody looked: the schema itself says that it waits.
fn once_new(all: &Installation, route: &Value) -> Status {
    let seen = object(all, route).expect("it was applied");
    assert_eq!(seen["status"]["observedGeneration"], 0);
    compute(Some(&seen))
}

#[test]
fn a_route_is_in_progress_until_it_is_current_and_nothing_between() {
    let all = Installation::start(2);
    let api = api(&all);
    let before = all.cluster.block_on(api.list(&Default::default()));
    let version = before
        .expect("a list")
        .metadata
        .resource_version
        .expect("a version");
    let mut route = all.route("route", "shop/hello:1", &json!({}));
    all.serve(&route);
    route["spec"]["env"] = json!([{ "name": "A", "value": "b" }]);
    all.serve(&route);

    // Every version that there was since, as the API server remembers them.
    let last = object(&all, &route).expect("it is there")["metadata"]["resourceVersion"].clone();
    let reading = async {
        let events = api
            .watch(&WatchParams::default(), &version)
            .await
            .expect("a watch");
        let mut events = pin!(events);
        let mut read = Vec::new();
        while let Some(Ok(WatchEvent::Added(seen) | WatchEvent::Modified(seen))) =
            events.next().await
        {
            let seen = serde_json::to_value(seen).expect("JSON");
            read.push((
                seen["metadata"]["generation"].as_i64(),
                compute(Some(&seen)),
            ));
            if seen["metadata"]["resourceVersion"] == last {
                break;
            }
        }
        read
    };
    let mut read = all.cluster.block_on(reading);
    read.dedup();
    let wanted = [(1, InProgress), (1, Current), (2, InProgress), (2, Current)];
    let wanted = wanted.map(|(generation, status)| (Some(generation), status));
    assert_eq!(read, wanted);
}

#[test]
fn kubectl_wait_waits_for_the_version_that_was_applied() {
    let mut all = Installation::start(1);
    let mut route = all.route("route", "shop/hello:1", &json!({}));
    let wait = |all: &Installation, timeout: &str| {
        let timeout = format!("--timeout={timeout}");
        let arguments = ["wait", "--for=condition=Ready", "wagiroute/route", &timeout];
        all.cluster.kubectl(&arguments).status.success()
    };
    all.cluster.apply(&route.to_string());
    assert!(wait(&all, "60s"), "it becomes ready while kubectl waits");
    assert_eq!(all.ask("/route")[0].head.status, 200);

    all.operator.kill();
    route["spec"]["env"] = json!([{ "name": "A", "value": "b" }]);
    all.cluster.apply(&route.to_string());
    assert!(
        !wait(&all, "1s"),
        "what is said is about the version before"
    );
    all.operator.start_again();
    assert!(
        wait(&all, "60s"),
        "the new version becomes ready while kubectl waits"
    );
}
