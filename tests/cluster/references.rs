//! Routes that take something from ConfigMaps and Secrets, with a real API server, operator and
//! runtimes.

mod changes;
mod copies;
mod permissions;
mod private;
mod restarts;

use serde_json::{Value, json};
use tests::guests;
use tests::process::wait_until;
use tests::registry::Registry;

use crate::installation::{Installation, artifact};

/// What nobody but a guest may ever print.
const SECRET: &str = "s3cret-of-the-shop";

/// Runtimes, and the right to read what routes of `default` refer to.
fn start(runtimes: usize) -> Installation {
    start_with(Registry::start(), runtimes)
}

fn start_with(registry: Registry, runtimes: usize) -> Installation {
    let all = Installation::start_with(registry, runtimes);
    all.registry
        .tag("shop/env", "1", &artifact(guests::env_dump));
    all.registry
        .tag("shop/open", "1", &artifact(guests::open_file));
    permit(&all, "default");
    all
}

fn permit(all: &Installation, namespace: &str) {
    all.cluster.kubectl_ok(&[
        "create",
        "rolebinding",
        "wagi-refs-reader",
        "--clusterrole=wagi-refs-reader",
        "--serviceaccount=wagi-system:wagi-operator",
        "-n",
        namespace,
    ]);
}

fn config_map(name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": { "name": name, "namespace": "default" }, "data": data,
    })
}

fn secret(name: &str, data: &Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": name, "namespace": "default" }, "stringData": data,
    })
}

fn apply(all: &Installation, object: &Value) {
    all.cluster.apply(&object.to_string());
}

/// Waits until every runtime prints this.
fn prints(all: &Installation, path: &str, text: &str) {
    wait_until(&format!("{path} prints {text}"), || {
        all.ask(path)
            .iter()
            .all(|answer| answer.text().contains(text))
    });
}

/// A variable of a Secret's key.
fn of_secret(name: &str, secret: &str, key: &str) -> Value {
    json!({ "name": name, "valueFrom": { "secretKeyRef": { "name": secret, "key": key } } })
}

/// The names of all copies.
fn copies(all: &Installation) -> Vec<String> {
    let arguments = [
        "get",
        "configmaps,secrets",
        "-n",
        "wagi-documents",
        "-o",
        "name",
    ];
    let selector = ["-l", "wagi.dev/kind=copy"];
    let listed = all
        .cluster
        .kubectl_ok(&[&arguments[..], &selector].concat());
    listed.lines().map(str::to_owned).collect()
}

/// Looks for a secret wherever it must not be.
#[track_caller]
fn is_nowhere(all: &Installation, secret: &str) {
    let encoded = tests::registry::base64(secret.as_bytes());
    let kinds = "configmaps,wagiroutes,waginodes,events,leases";
    let objects = all.cluster.kubectl_ok(&["get", kinds, "-A", "-o", "yaml"]);
    let mut texts = vec![("the cluster".to_owned(), objects)];
    let workloads = all.nodes.iter().chain([&all.operator]);
    for workload in workloads {
        let log = std::fs::read_to_string(workload.log()).expect("a log");
        texts.push((workload.pod().to_owned(), log));
    }
    for (place, text) in texts {
        assert!(!text.contains(secret), "{place} has it");
        assert!(!text.contains(&encoded), "{place} has it in base64");
    }
    // On disks: the store of every runtime.
    let found = std::process::Command::new("grep")
        .args(["-rlaF", "-e", secret, "-e", &encoded])
        .arg(all.cluster.folder())
        .args(["--include=documents*", "--include=*.log"])
        .output()
        .expect("grep runs");
    assert_eq!(String::from_utf8_lossy(&found.stdout), "");
}
