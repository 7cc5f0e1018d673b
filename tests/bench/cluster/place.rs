//! A control plane with what belongs to it.

use std::time::Duration;

use anyhow::Context as _;
use crds::fleet::Fleet;
use crds::names::DOCUMENTS_NAMESPACE;
use crds::wagi_route::WagiRoute;
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use tests::artifact::Artifact;
use tests::kubernetes::{Cluster, Options, Workload};
use tests::registry::Registry;

use super::ask::wait;
use crate::modules::made::Made;

/// The programs in the order in which they end.
pub struct Place {
    pub nodes: Vec<Workload>,
    pub operator: Workload,
    pub registry: Registry,
    pub cluster: Cluster,
}

impl Place {
    /// So many runtimes, all ready, and an operator that leads.
    pub fn start(runtimes: usize) -> Self {
        let cluster = Cluster::start(Options {
            installed: true,
            controllers: true,
        });
        let registry = Registry::start();
        let mut operator = cluster.start_operator("wagi-operator-0", &[]);
        operator.wait_until_ready();
        let node =
            |number| cluster.start_node(&format!("wagi-node-{number}"), &["--access-log=false"]);
        let mut nodes: Vec<Workload> = (0..runtimes).map(node).collect();
        nodes.iter_mut().for_each(Workload::wait_until_ready);
        Self {
            nodes,
            operator,
            registry,
            cluster,
        }
    }

    /// Pushes a module that nobody has seen; what refers to it by tag, and by digest.
    pub fn push(&self, tag: &str, functions: u32, number: usize) -> (String, String) {
        let module = Made {
            functions,
            custom: 16 + number,
            ..Made::default()
        };
        let artifact = Artifact::cncf(&module.module());
        self.registry.tag("bench/hello", tag, &artifact);
        let digest = tests::artifact::digest(&artifact.manifest);
        let reference = |rest: &str| self.registry.reference(&format!("bench/hello{rest}"));
        (
            reference(&format!(":{tag}")),
            reference(&format!("@{digest}")),
        )
    }

    /// Applies a route, as `kubectl apply --server-side` does.
    pub fn apply(&self, route: &Value) -> anyhow::Result<()> {
        let (namespace, name) = names(route);
        let api: Api<WagiRoute> = Api::namespaced(self.cluster.admin(), namespace);
        let patch = Patch::Apply(route);
        let parameters = PatchParams::apply("bench").force();
        let applied = self.cluster.block_on(api.patch(name, &parameters, &patch));
        applied.with_context(|| format!("applying {namespace}/{name}"))?;
        Ok(())
    }

    /// Stores routes, many at a time; their namespaces too.
    pub fn store(&self, routes: Vec<Value>) -> anyhow::Result<()> {
        let client = self.cluster.admin();
        self.cluster.block_on(async {
            let mut namespaces: Vec<_> = routes.iter().map(|route| names(route).0).collect();
            namespaces.dedup();
            let all: Api<Namespace> = Api::all(client.clone());
            for name in namespaces {
                let namespace = json!({ "metadata": { "name": name } });
                let parameters = PatchParams::apply("bench");
                all.patch(
                    name,
                    &parameters,
                    &Patch::Apply(&with_kind(namespace, "v1", "Namespace")),
                )
                .await?;
            }
            let store = |route: Value| {
                let api: Api<WagiRoute> = Api::namespaced(client.clone(), names(&route).0);
                async move {
                    let route = serde_json::from_value(route)?;
                    api.create(&PostParams::default(), &route).await?;
                    anyhow::Ok(())
                }
            };
            futures::stream::iter(routes)
                .map(store)
                .buffer_unordered(16)
                .try_collect()
                .await
        })
    }

    /// Deletes all routes of a namespace.
    pub fn delete_all(&self, namespace: &str) -> anyhow::Result<()> {
        let api: Api<WagiRoute> = Api::namespaced(self.cluster.admin(), namespace);
        let (parameters, all) = (DeleteParams::default(), ListParams::default());
        self.cluster
            .block_on(api.delete_collection(&parameters, &all))?;
        Ok(())
    }

    /// What the operator tells the runtimes of each other.
    pub fn fleet(&self) -> Option<Fleet> {
        let fleet = self.cluster.block_on(self.published().get("fleet")).ok()?;
        Fleet::decode(fleet.data?.get("fleet.yaml")?).ok()
    }

    /// How many documents are published.
    pub fn documents(&self) -> Option<usize> {
        let documents = ListParams::default()
            .match_any()
            .labels("wagi.dev/kind=route");
        let listed = self
            .cluster
            .block_on(self.published().list_metadata(&documents));
        Some(listed.ok()?.items.len())
    }

    fn published(&self) -> Api<ConfigMap> {
        Api::namespaced(self.cluster.admin(), DOCUMENTS_NAMESPACE)
    }

    /// Waits until so many routes of all are ready in their newest version.
    pub fn wait_until_ready(&self, count: usize) -> anyhow::Result<()> {
        wait("all routes are ready", || {
            let ready = self.ready_routes();
            if ready < count {
                // A list of ten thousand takes the API server a while.
                std::thread::sleep(Duration::from_millis(250));
            }
            ready >= count
        })
    }

    /// Waits until a route is ready in its newest version.
    pub fn wait_until_one_is_ready(&self, route: &Value) -> anyhow::Result<()> {
        let (namespace, name) = names(route);
        let api: Api<WagiRoute> = Api::namespaced(self.cluster.admin(), namespace);
        wait("the route is ready", || {
            let is_so = self
                .cluster
                .block_on(api.get(name))
                .is_ok_and(|it| is_ready(&it));
            if !is_so {
                std::thread::sleep(Duration::from_millis(10));
            }
            is_so
        })
    }

    /// How many routes are.
    fn ready_routes(&self) -> usize {
        let api: Api<WagiRoute> = Api::all(self.cluster.admin());
        // From the API server's cache.
        let parameters = ListParams::default().match_any();
        let Ok(routes) = self.cluster.block_on(api.list(&parameters)) else {
            return 0;
        };
        routes.iter().filter(|route| is_ready(route)).count()
    }
}

fn is_ready(route: &WagiRoute) -> bool {
    let conditions = route.status.as_ref().map(|status| &*status.conditions);
    let ready = conditions
        .unwrap_or_default()
        .iter()
        .find(|it| it.type_ == "Ready");
    ready.is_some_and(|it| {
        it.status == "True" && it.observed_generation == route.metadata.generation
    })
}

fn with_kind(mut object: Value, version: &str, kind: &str) -> Value {
    object["apiVersion"] = json!(version);
    object["kind"] = json!(kind);
    object
}

/// A route of a namespace at `/NAME` of one host.
pub fn route(namespace: &str, name: &str, image: &str) -> Value {
    json!({
        "apiVersion": "wagi.dev/v1alpha1",
        "kind": "WagiRoute",
        "metadata": { "name": name, "namespace": namespace },
        "spec": {
            "path": format!("/{name}"),
            "module": { "image": image },
            "env": [{ "name": "GREETING", "value": "hello" }],
        },
    })
}

fn names(route: &Value) -> (&str, &str) {
    let metadata = &route["metadata"];
    let text = |field: &str| metadata[field].as_str().unwrap_or_default();
    (text("namespace"), text("name"))
}
