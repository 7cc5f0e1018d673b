//! One ReferenceGrant a namespace: HTTPRoutes there may name the Service of the runtimes as a backend.
//!
//! Gateway API asks the owner of a Service for leave where a route of another namespace names it. A
//! namespace has a grant while a document of one of its routes is published. A grant may list 16
//! namespaces at most, so each has its own: one that comes or goes is one write. Where Gateway API is
//! not installed there is nothing to write, which is said once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crds::names::{KIND_GRANT, KIND_LABEL, SERVICE};
use futures::StreamExt as _;
use kube::api::Api;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Client, ResourceExt as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::leading::LeaderGate;
use crate::reconcile::apply::{Cluster, WriteError};
use crate::shared::Shared;
use crate::watches::{backoff, watch_seconds};

const GROUP: &str = "gateway.networking.k8s.io";
/// Every version of Gateway API serves this one.
const VERSION: &str = "v1beta1";
const KIND: &str = "ReferenceGrant";
const PLURAL: &str = "referencegrants";

/// What a list of a kind that nobody defined is answered with; there is no object that says why.
const NO_SUCH_KIND: u16 = 404;
/// After the first write that failed; then ever longer.
const RETRY: Duration = Duration::from_secs(2);
/// Where Gateway API is not installed, or grants are refused, it is tried so often.
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
    let ours = watcher::Config::default()
        .labels(&format!("{KIND_LABEL}={KIND_GRANT}"))
        .timeout(watch_seconds());
    let mut news = Box::pin(watcher(watched, ours).backoff(backoff(LONGEST_PAUSE)));
    let mut known = Known::default();
    let (mut failures, mut again) = (0, None);
    loop {
        leader.held().await;
        tokio::select! {
            Some(event) = news.next() => match event {
                Ok(event) => known.take(event),
                Err(error) => known.lose(&error),
            },
            () = shared.namespaces.notified() => {}
            () = until(again) => {}
        }
        let wanted = shared.read(|world| world.namespaces());
        again = match settle(cluster, &written, &mut known, &wanted).await {
            Ok(()) => {
                failures = 0;
                None
            }
            Err(error) => {
                known.refused(&error);
                failures += 1;
                Some(Instant::now() + pause(failures))
            }
        };
    }
}

/// Makes what is lacking and takes away what nobody needs; one that is refused keeps back no other.
async fn settle(
    cluster: &Cluster,
    written: &Api<DynamicObject>,
    known: &mut Known,
    wanted: &BTreeSet<String>,
) -> Result<(), WriteError> {
    let mut settled = Ok(());
    let Some((lacking, surplus)) = known.differs(wanted) else {
        return settled;
    };
    for namespace in lacking {
        match cluster.grant(written, &grant(&namespace)).await {
            Ok(written) => known.put(&written),
            Err(error) => settled = Err(error),
        }
    }
    for name in surplus {
        match cluster.withdraw(written, &name).await {
            Ok(()) => known.remove(&name),
            Err(error) => settled = Err(error),
        }
    }
    settled
}

/// After so many failures in a row.
fn pause(failures: u32) -> Duration {
    let doubled = RETRY.saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
    doubled.min(LONGEST_PAUSE)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
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
    /// What was said last of what is wrong.
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
            Event::Apply(grant) => self.put(&grant),
            Event::Delete(grant) => self.remove(&grant.name_any()),
        }
    }

    fn put(&mut self, grant: &DynamicObject) {
        self.grants.insert(grant.name_any(), spec(grant));
    }

    fn remove(&mut self, name: &str) {
        self.grants.remove(name);
    }

    fn lose(&mut self, error: &watcher::Error) {
        let is_absent = matches!(
            error,
            watcher::Error::InitialListFailed(kube::Error::Api(status)) if status.code == NO_SUCH_KIND
        );
        // What is known may be gone with its definition.
        self.is_listed &= !is_absent;
        if !is_absent {
            let text =
                format!("the watch of ReferenceGrants is broken, and is begun again: {error}");
            return self.say(text, |text| tracing::warn!("{text}"));
        }
        let text = "Gateway API is not installed: there are no ReferenceGrants, and HTTPRoutes of \
                    other namespaces cannot name the Service of the runtimes";
        self.say(text.to_owned(), |text| tracing::info!("{text}"));
    }

    fn refused(&mut self, error: &WriteError) {
        // Whoever leads now writes it.
        if matches!(error, WriteError::NotLeading) {
            return;
        }
        let text = format!(
            "a ReferenceGrant cannot be written, and is tried again: {error}; until then HTTPRoutes of \
             some namespace cannot name the Service of the runtimes"
        );
        self.say(text, |text| tracing::warn!("{text}"));
    }

    /// The same sentence once.
    fn say(&mut self, text: String, aloud: impl FnOnce(&str)) {
        if self.said.as_ref() != Some(&text) {
            aloud(&text);
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
