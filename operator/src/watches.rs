//! What the API server says, as news for the world: one watch for each kind of object.
//!
//! Lists are the newest there are, in pages, since what they lack is pruned; every object is reduced
//! as it arrives. One that cannot be read is news too, and stops nobody else's.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::time::Duration;

use backon::ExponentialBuilder;
use crds::names::{
    ALLOW_PRUNE_ANNOTATION, FLEET, FLEET_KEY, KIND_COPY, KIND_FLEET, KIND_LABEL, KIND_ROUTE, NODE,
    route_uid,
};
use crds::validate::RouteName;
use crds::wagi_node::WagiNode;
use crds::wagi_route::WagiRoute;
use futures::{Stream, StreamExt as _, pin_mut};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, Secret};
use kube::api::Api;
use kube::core::{DeserializeGuard, PartialObjectMeta};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, ExponentialBackoff};
use kube::{Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use crate::claims::Uid;
use crate::reconcile::Metrics;
use crate::references::Copied;
use crate::shared::Shared;
use crate::world::document::Published;
use crate::world::route::Seen;
use crate::world::version_of;

/// A watch that is broken without a sign is noticed after at most this and five seconds.
const LONGEST_WATCH_SECONDS: u64 = 60;
const SHORTEST_WATCH_SECONDS: u64 = 45;

/// Follows all routes.
pub async fn routes(shared: &Shared, api: Api<DeserializeGuard<WagiRoute>>, metrics: &Metrics) {
    let news = follow(api, watcher::Config::default(), "WagiRoute");
    pin_mut!(news);
    let mut listed: HashSet<Uid> = HashSet::new();
    while let Some(event) = news.next().await {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                if let Some(seen) = Seen::reduce(object) {
                    listed.insert(seen.uid.clone());
                    shared.change(|world| world.observe_route(seen));
                }
            }
            Event::InitDone => {
                metrics.relisted("WagiRoute");
                shared.change(|world| world.routes_listed(&listed));
                listed = HashSet::new();
            }
            Event::Apply(object) => {
                let name = name_of(&object);
                match Seen::reduce(object) {
                    Some(seen) => shared.change(|world| world.observe_route(seen)),
                    None => shared.change(|world| world.forget_route(&name)),
                }
            }
            Event::Delete(object) => {
                let name = name_of(&object);
                shared.change(|world| world.forget_route(&name));
            }
        }
    }
}

/// Follows what is published.
pub async fn documents(shared: &Shared, api: Api<ConfigMap>, metrics: &Metrics) {
    let selector = format!("{KIND_LABEL} in ({KIND_ROUTE},{KIND_FLEET},{KIND_COPY})");
    let news = follow(
        api,
        watcher::Config::default().labels(&selector),
        "ConfigMap",
    );
    pin_mut!(news);
    let mut listed: HashSet<Uid> = HashSet::new();
    let mut copies: HashSet<Uid> = HashSet::new();
    let mut fleet = false;
    while let Some(event) = news.next().await {
        match event {
            Event::Init => {
                listed.clear();
                copies.clear();
                fleet = false;
            }
            Event::InitDone => {
                metrics.relisted("ConfigMap");
                shared.change(|world| {
                    world.documents_listed(&listed, &copies);
                    if !fleet {
                        world.observe_fleet(None);
                    }
                });
                listed = HashSet::new();
                copies = HashSet::new();
            }
            Event::InitApply(object) if is_copy(&object) => {
                copies.insert(object.name_any().into());
                if let Some(copied) = Copied::of_config_map(object) {
                    shared.change(|world| world.observe_copy(copied));
                }
            }
            Event::Apply(object) if is_copy(&object) => {
                if let Some(copied) = Copied::of_config_map(object) {
                    shared.change(|world| world.observe_copy(copied));
                }
            }
            Event::Delete(object) if is_copy(&object) => forget_copy(shared, &object),
            Event::InitApply(object) if object.name_any() == FLEET => {
                fleet = true;
                shared.change(|world| world.observe_fleet(fleet_of(object)));
            }
            Event::InitApply(object) => {
                if let Some((uid, published)) = Published::reduce(object) {
                    listed.insert(uid.clone());
                    shared.change(|world| world.observe_document(uid, published));
                }
            }
            Event::Apply(object) if object.name_any() == FLEET => {
                shared.change(|world| world.observe_fleet(fleet_of(object)));
            }
            Event::Apply(object) => {
                if let Some((uid, published)) = Published::reduce(object) {
                    shared.change(|world| world.observe_document(uid, published));
                }
            }
            Event::Delete(object) if object.name_any() == FLEET => {
                shared.change(|world| world.observe_fleet(None));
            }
            Event::Delete(object) => {
                let version = version_of(object.resource_version().as_deref());
                if let Some(uid) = route_uid(&object.name_any()) {
                    shared.change(|world| world.forget_document(&uid.into(), version));
                }
            }
        }
    }
}

/// Follows the Secrets that are published.
pub async fn secrets(shared: &Shared, api: Api<Secret>, metrics: &Metrics) {
    let selector = format!("{KIND_LABEL}={KIND_COPY}");
    let news = follow(api, watcher::Config::default().labels(&selector), "Secret");
    pin_mut!(news);
    let mut listed: HashSet<Uid> = HashSet::new();
    while let Some(event) = news.next().await {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(object) => {
                listed.insert(object.name_any().into());
                if let Some(copied) = Copied::of_secret(object) {
                    shared.change(|world| world.observe_copy(copied));
                }
            }
            Event::InitDone => {
                metrics.relisted("Secret");
                shared.change(|world| world.secrets_listed(&listed));
                listed = HashSet::new();
            }
            Event::Apply(object) => {
                if let Some(copied) = Copied::of_secret(object) {
                    shared.change(|world| world.observe_copy(copied));
                }
            }
            Event::Delete(object) => forget_copy(shared, &object),
        }
    }
}

fn is_copy(object: &ConfigMap) -> bool {
    crds::copies::source_of(&object.name_any()).is_some()
}

fn forget_copy<K: Resource>(shared: &Shared, object: &K) {
    let version = version_of(object.resource_version().as_deref());
    let name = object.name_any().into();
    shared.change(|world| world.references.forget_copy(&name, version));
}

/// Follows the runtimes' pods.
pub async fn pods(shared: &Shared, api: Api<Pod>, metrics: &Metrics) {
    let selector = format!("app.kubernetes.io/name={NODE}");
    let news = follow(api, watcher::Config::default().labels(&selector), "Pod");
    pin_mut!(news);
    let mut listed: HashSet<String> = HashSet::new();
    while let Some(event) = news.next().await {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(pod) => {
                listed.insert(pod.name_any());
                shared.change(|world| world.observe_pod(&pod));
            }
            Event::InitDone => {
                metrics.relisted("Pod");
                shared.change(|world| world.pods_listed(&listed));
            }
            Event::Apply(pod) => shared.change(|world| world.observe_pod(&pod)),
            Event::Delete(pod) => shared.change(|world| world.forget_pod(&pod.name_any())),
        }
    }
}

/// Follows what the runtimes report.
pub async fn reports(shared: &Shared, api: Api<DeserializeGuard<WagiNode>>, metrics: &Metrics) {
    let news = follow(api, watcher::Config::default(), "WagiNode");
    pin_mut!(news);
    let mut listed: HashSet<String> = HashSet::new();
    while let Some(event) = news.next().await {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(report) => {
                listed.insert(report.name_any());
                observe_report(shared, report);
            }
            Event::InitDone => {
                metrics.relisted("WagiNode");
                shared.change(|world| world.reports_listed(&listed));
            }
            Event::Apply(report) => observe_report(shared, report),
            Event::Delete(report) => shared.change(|world| world.forget_report(&report.name_any())),
        }
    }
}

/// A report that cannot be read says nothing, and what it said before is not known to be so still.
fn observe_report(shared: &Shared, report: DeserializeGuard<WagiNode>) {
    match report.0 {
        Ok(report) => shared.change(|world| world.observe_report(report)),
        Err(invalid) => {
            let name = invalid.metadata.name.unwrap_or_default();
            tracing::warn!(
                runtime = name,
                error = invalid.error,
                "a report cannot be read"
            );
            shared.change(|world| world.forget_report(&name));
        }
    }
}

/// Follows what the namespace of the documents allows.
pub async fn allowance(shared: &Shared, api: Api<PartialObjectMeta<Namespace>>, namespace: &str) {
    let config = watcher::Config::default().fields(&format!("metadata.name={namespace}"));
    let news = follow(api, config, "Namespace");
    pin_mut!(news);
    while let Some(event) = news.next().await {
        match event {
            Event::Init | Event::InitDone => {}
            Event::InitApply(namespace) | Event::Apply(namespace) => {
                let count = namespace.annotations().get(ALLOW_PRUNE_ANNOTATION);
                let count = count.and_then(|text| text.trim().parse().ok());
                shared.change(|world| world.allow_prune(count));
            }
            Event::Delete(_) => shared.change(|world| world.allow_prune(None)),
        }
    }
}

/// All news of one kind, for ever; errors are said and tried again.
fn follow<K>(
    api: Api<K>,
    config: watcher::Config,
    kind: &'static str,
) -> impl Stream<Item = Event<K>>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    let config = config.timeout(watch_seconds());
    // Up to five seconds: whoever waits for the API server is not to wait long after it is back.
    let news = kube::runtime::watcher(api, config).backoff(backoff(Duration::from_secs(5)));
    news.filter_map(move |event| {
        let event = event.inspect_err(
            |error| tracing::warn!(kind, %error, "a watch is broken, and is begun again"),
        );
        std::future::ready(event.ok())
    })
}

/// Pauses between tries, up to the longest.
pub(crate) fn backoff(longest: Duration) -> ExponentialBackoff {
    ExponentialBackoff::from(
        ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(longest)
            .with_factor(2.0)
            .without_max_times()
            .with_jitter(),
    )
}

/// By chance, so that not all watches of all programs end together.
pub(crate) fn watch_seconds() -> u32 {
    let chance = RandomState::new().build_hasher().finish();
    let seconds =
        SHORTEST_WATCH_SECONDS + chance % (LONGEST_WATCH_SECONDS - SHORTEST_WATCH_SECONDS + 1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

fn name_of(object: &DeserializeGuard<WagiRoute>) -> RouteName {
    RouteName {
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    }
}

fn fleet_of(object: ConfigMap) -> Option<String> {
    object.data?.remove(FLEET_KEY)
}
