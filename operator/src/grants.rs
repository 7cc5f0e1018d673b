//! One ReferenceGrant a namespace: HTTPRoutes there may name the Service of the runtimes as a backend.
//!
//! Gateway API asks the owner of a Service for leave where a route of another namespace names it. A
//! namespace has a grant while a document of one of its routes is published. A grant may list 16
//! namespaces at most, so each has its own: one that comes or goes is one write. Where Gateway API is
//! not installed there is nothing to write, which is said once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use backon::ExponentialBuilder;
use crds::names::{KIND_GRANT, KIND_LABEL, SERVICE};
use futures::StreamExt as _;
use kube::api::Api;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, ExponentialBackoff, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};

use crate::leading::LeaderGate;
use crate::reconcile::apply::{Cluster, WriteError};
use crate::shared::Shared;

const GROUP: &str = "gateway.networking.k8s.io";
/// Every version of Gateway API serves this one.
const VERSION: &str = "v1beta1";
const KIND: &str = "ReferenceGrant";
const PLURAL: &str = "referencegrants";

/// What a list of a kind that nobody defined is answered with; there is no object that says why.
const NO_SUCH_KIND: u16 = 404;
/// After a write that failed.
const RETRY: Duration = Duration::from_secs(2);
/// Where Gateway API is not installed it is looked for so often.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The grants of a namespace, where those who own its Services keep them.
#[must_use]
pub fn api(client: Client, system_namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client, system_namespace, &resource())
}

/// Keeps the grants as they are to be.
pub async fn keep(
    shared: &Shared,
    cluster: &Cluster,
    leader: &Arc<dyn LeaderGate>,
    watched: Api<DynamicObject>,
    written: Api<DynamicObject>,
) {
    let backoff = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(LONGEST_PAUSE)
        .with_factor(2.0)
        .without_max_times()
        .with_jitter();
    let ours = watcher::Config::default().labels(&format!("{KIND_LABEL}={KIND_GRANT}"));
    let mut news = Box::pin(watcher(watched, ours).backoff(ExponentialBackoff::from(backoff)));
    let mut known = Known::default();
    loop {
        leader.held().await;
        tokio::select! {
            Some(event) = news.next() => match event {
                Ok(event) => known.take(event),
                Err(error) => known.lose(&error),
            },
            () = shared.namespaces.notified() => {}
        }
        let Some((lacking, surplus)) = known.differs(&shared.read(|world| world.namespaces()))
        else {
            continue;
        };
        for namespace in lacking {
            let granted = cluster.grant(&written, &grant(&namespace)).await;
            match granted {
                Ok(written) => known.put(written),
                Err(error) => later(shared, &namespace, &error).await,
            }
        }
        for name in surplus {
            match cluster.withdraw(&written, &name).await {
                Ok(()) => known.remove(&name),
                Err(error) => later(shared, &name, &error).await,
            }
        }
    }
}

async fn later(shared: &Shared, what: &str, error: &WriteError) {
    tracing::debug!(what, %error, "a ReferenceGrant was not written");
    tokio::time::sleep(RETRY).await;
    shared.namespaces.notify_one();
}

fn resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, KIND), PLURAL)
}

fn name_of(namespace: &str) -> String {
    format!("{SERVICE}-{namespace}")
}

fn spec_of(namespace: &str) -> Value {
    json!({
        "from": [{ "group": GROUP, "kind": "HTTPRoute", "namespace": namespace }],
        "to": [{ "group": "", "kind": "Service", "name": SERVICE }],
    })
}

fn grant(namespace: &str) -> DynamicObject {
    let mut grant = DynamicObject::new(&name_of(namespace), &resource())
        .data(json!({ "spec": spec_of(namespace) }));
    grant
        .labels_mut()
        .insert(KIND_LABEL.to_owned(), KIND_GRANT.to_owned());
    grant
}

/// The grants that there are.
#[derive(Default)]
struct Known {
    grants: BTreeMap<String, Value>,
    listing: BTreeMap<String, Value>,
    is_listed: bool,
    /// What was said of a watch that is broken.
    said: Option<String>,
}

// === impl Known ===

impl Known {
    fn take(&mut self, event: Event<DynamicObject>) {
        match event {
            Event::Init => self.listing.clear(),
            Event::InitApply(grant) => {
                self.listing.insert(grant.name_any(), spec(&grant));
            }
            Event::InitDone => {
                self.grants = std::mem::take(&mut self.listing);
                self.is_listed = true;
                self.said = None;
            }
            Event::Apply(grant) => self.put(grant),
            Event::Delete(grant) => self.remove(&grant.name_any()),
        }
    }

    fn put(&mut self, grant: DynamicObject) {
        let spec = spec(&grant);
        self.grants.insert(grant.name_any(), spec);
    }

    fn remove(&mut self, name: &str) {
        self.grants.remove(name);
    }

    /// The same sentence once.
    fn lose(&mut self, error: &watcher::Error) {
        let is_absent = matches!(
            error,
            watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == NO_SUCH_KIND
        );
        // What is known may be gone with its definition.
        self.is_listed &= !is_absent;
        let text = if is_absent {
            "Gateway API is not installed: there are no ReferenceGrants, and HTTPRoutes of other \
             namespaces cannot name the Service of the runtimes"
                .to_owned()
        } else {
            format!("the watch of ReferenceGrants is broken, and is begun again: {error}")
        };
        if self.said.as_ref() != Some(&text) {
            if is_absent {
                tracing::info!("{text}");
            } else {
                tracing::warn!("{text}");
            }
            self.said = Some(text);
        }
    }

    /// The namespaces that lack their grant, and the grants that nobody needs.
    fn differs(&self, namespaces: &BTreeSet<String>) -> Option<(Vec<String>, Vec<String>)> {
        if !self.is_listed {
            return None;
        }
        let lacks =
            |namespace: &&String| self.grants.get(&name_of(namespace)) != Some(&spec_of(namespace));
        let lacking = namespaces.iter().filter(lacks).cloned().collect();
        let needed: BTreeSet<String> = namespaces.iter().map(|it| name_of(it)).collect();
        let surplus = self.grants.keys().filter(|name| !needed.contains(*name));
        Some((lacking, surplus.cloned().collect()))
    }
}

fn spec(grant: &DynamicObject) -> Value {
    grant.data.get("spec").cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests;
