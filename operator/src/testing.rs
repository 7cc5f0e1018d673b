//! What an API server would send, as tests need it: small builders, whose objects go through the
//! same readers as real ones.

pub(crate) mod api_server;

use std::sync::Arc;

use crds::document::{Claim, Document, Identity, Resolved};
use crds::module_reference::{ModuleReference, RegistryReference};
use crds::names::{DOCUMENT_KEY, KIND_LABEL, KIND_ROUTE, POOL_LABEL, ROUTE_ANNOTATION};
use crds::names::{RESOLVE_ANNOTATION, document_name};
use crds::wagi_node::WagiNode;
use crds::wagi_route::{WagiRoute, WagiRouteSpec};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use k8s_openapi::jiff::Timestamp;
use kube::core::DeserializeGuard;
use serde_json::{Value, json};

use crate::claims::Uid;
use crate::world::document::Published;
use crate::world::route::Seen;

/// The second `n` of all time.
pub(crate) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).expect("an object of this kind")
}

/// A route.
#[derive(Clone)]
pub(crate) struct Route(Value);

/// `shop/hello` has the uid `shop-hello` and answers `/hello` on any host.
pub(crate) fn route(name: &str) -> Route {
    let (namespace, name) = name.split_once('/').expect("NAMESPACE/NAME");
    Route(json!({
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": format!("{namespace}-{name}"),
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": "1970-01-01T00:00:00Z",
        },
        "spec": {"path": format!("/{name}"), "module": {"image": "r.example/a:1"}},
    }))
}

// === impl Route ===

impl Route {
    fn set(mut self, part: &str, key: &str, value: Value) -> Self {
        self.0[part][key] = value;
        self
    }

    pub(crate) fn named_uid(self, uid: &str) -> Self {
        self.set("metadata", "uid", uid.into())
    }

    pub(crate) fn generation(self, generation: i64) -> Self {
        self.set("metadata", "generation", generation.into())
    }

    pub(crate) fn version(self, version: u64) -> Self {
        self.set("metadata", "resourceVersion", version.to_string().into())
    }

    pub(crate) fn created(self, second: i64) -> Self {
        self.set(
            "metadata",
            "creationTimestamp",
            at(second).to_string().into(),
        )
    }

    pub(crate) fn being_deleted(self) -> Self {
        self.set("metadata", "deletionTimestamp", at(9).to_string().into())
    }

    pub(crate) fn resolve(self, value: &str) -> Self {
        self.set(
            "metadata",
            "annotations",
            json!({RESOLVE_ANNOTATION: value}),
        )
    }

    /// A field of its spec.
    pub(crate) fn spec(self, field: &str, value: Value) -> Self {
        self.set("spec", field, value)
    }

    pub(crate) fn on(self, hosts: &[&str], path: &str) -> Self {
        self.spec("hosts", hosts.into()).spec("path", path.into())
    }

    pub(crate) fn image(self, image: &str) -> Self {
        self.spec("module", json!({"image": image}))
    }

    pub(crate) fn status(mut self, status: Value) -> Self {
        self.0["status"] = status;
        self
    }

    pub(crate) fn uid(&self) -> Uid {
        self.0["metadata"]["uid"].as_str().expect("a uid").into()
    }

    /// As an API server sends it.
    pub(crate) fn object(&self) -> Value {
        let mut object = self.0.clone();
        object["apiVersion"] = crds::wagi_route::API_VERSION.into();
        object["kind"] = crds::wagi_route::KIND.into();
        object
    }

    /// As it is kept, where it is kept.
    pub(crate) fn reduced(&self) -> Option<Arc<Seen>> {
        let object: DeserializeGuard<WagiRoute> = read(self.object());
        Seen::reduce(object)
    }

    /// As it is kept.
    pub(crate) fn seen(&self) -> Arc<Seen> {
        self.reduced().expect("a route that is kept")
    }

    /// Its document, of this version, whose hosts are held since second `since`.
    pub(crate) fn published(&self, version: u64, since: i64) -> Arc<Published> {
        self.document(since, &digest('1')).published(version)
    }

    /// What is published for it.
    pub(crate) fn document(&self, since: i64, digest: &str) -> Document {
        let seen = self.seen();
        let spec: WagiRouteSpec = read(self.0["spec"].clone());
        let hosts = spec.hosts.clone().unwrap_or_else(|| vec!["*".to_owned()]);
        let claim = |host| Claim {
            host,
            since: at(since).to_string(),
        };
        Document {
            version: 1,
            route: Identity {
                namespace: seen.name.namespace.clone(),
                name: seen.name.name.clone(),
                uid: seen.uid.to_string(),
                generation: seen.generation,
            },
            claims: hosts.into_iter().map(claim).collect(),
            resolved: Resolved {
                image: seen.image().unwrap_or_default().to_owned(),
                resolve: seen.resolve.clone(),
                digest: digest.to_owned(),
                ..Resolved::default()
            },
            spec,
            ..Document::default()
        }
    }
}

/// A digest that is as good as another.
pub(crate) fn digest(digit: char) -> String {
    format!("sha256:{}", digit.to_string().repeat(64))
}

/// Puts a document into the cluster.
pub(crate) trait Publish {
    fn object(&self, version: u64) -> ConfigMap;

    fn published(&self, version: u64) -> Arc<Published>;
}

impl Publish for Document {
    fn object(&self, version: u64) -> ConfigMap {
        let Identity {
            namespace,
            name,
            uid,
            ..
        } = &self.route;
        read(json!({
            "metadata": {
                "name": document_name(uid),
                "uid": format!("object-of-{uid}"),
                "resourceVersion": version.to_string(),
                "labels": {KIND_LABEL: KIND_ROUTE},
                "annotations": {ROUTE_ANNOTATION: format!("{namespace}/{name}")},
            },
            "data": {DOCUMENT_KEY: self.encode()},
        }))
    }

    fn published(&self, version: u64) -> Arc<Published> {
        let (_, published) = Published::reduce(self.object(version)).expect("a document");
        published
    }
}

/// A pod of the pool `default`, on the node `node-of-NAME`, as kubelets say that it is.
pub(crate) fn pod(name: &str, is_ready: bool) -> Pod {
    let ready = if is_ready { "True" } else { "False" };
    read(json!({
        "metadata": {"name": name, "labels": {POOL_LABEL: "default"}},
        "spec": {"nodeName": format!("node-of-{name}"), "containers": []},
        "status": {"conditions": [
            {"type": "Initialized", "status": "True"},
            {"type": "Ready", "status": ready},
        ]},
    }))
}

/// The report of a pod of the pool `default`: it tried everything up to this version.
pub(crate) fn report(pod: &str, applied: u64) -> WagiNode {
    read(json!({
        "metadata": {"name": pod, "labels": {POOL_LABEL: "default"}},
        "spec": {
            "node": format!("node-of-{pod}"),
            "version": "0.1.0",
            "applied": {"configMaps": applied.to_string()},
            "counts": {"applied": 0, "pending": 0, "failed": 0},
        },
    }))
}

/// What a report names.
pub(crate) trait Except {
    /// It could not load this route.
    fn failed(self, uid: &str) -> Self;

    /// It is still loading this route.
    fn pending(self, uid: &str) -> Self;

    /// So many found no room in it.
    fn omitting(self, count: i64) -> Self;
}

impl Except for WagiNode {
    fn failed(self, uid: &str) -> Self {
        except(self, uid, "Failed")
    }

    fn pending(self, uid: &str) -> Self {
        except(self, uid, "Pending")
    }

    fn omitting(mut self, count: i64) -> Self {
        self.spec.omitted = count;
        self
    }
}

fn except(mut report: WagiNode, uid: &str, state: &str) -> WagiNode {
    report.spec.exceptions.push(read(json!({
        "namespace": "shop",
        "name": uid,
        "uid": uid,
        "generation": 1,
        "state": state,
        "reason": "compile",
        "message": "no module",
    })));
    report
}

/// A module in a registry.
pub(crate) fn reference(text: &str) -> RegistryReference {
    match ModuleReference::parse(text) {
        Ok(ModuleReference::Registry(reference)) => reference,
        other => panic!("{other:?}"),
    }
}
