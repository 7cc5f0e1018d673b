//! From a valid route, what it holds and its module's digest to what is published. Pure, and cannot
//! fail: everything that could be wrong was said before.
//!
//! Equal input makes equal text, byte for byte: what is in the cluster already is not written again.

mod references;

use crds::copies::CopyReference;
use crds::document::{Claim, Document, Identity, Login, REFERENCES, Resolved, VERSIONS};
use crds::names::{DOCUMENT_KEY, KIND_LABEL, KIND_ROUTE, ROUTE_ANNOTATION, document_name};
use crds::validate::OnDisconnect;
use crds::wagi_route::{IntOrString, LimitsSpec, Module, TimeoutsSpec, WagiRouteSpec};
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;
use kube::core::ObjectMeta;

use references::{env_from, list, pull_secret, variable, volume};

use super::validate::Valid;
use crate::claims::{Ask, Host, Uid};
use crate::world::document::Published;
use crate::world::route::Seen;

/// A document that is to be in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Built {
    /// Whose it is.
    pub route: Uid,
    /// `NAMESPACE/NAME` of its route.
    pub name: String,
    /// Its text.
    pub text: String,
    /// What it says.
    pub document: Document,
}

/// Makes a route's document. Every ask that the route holds has its age.
#[must_use]
pub fn build(
    seen: &Seen,
    valid: &Valid,
    held: &[Ask],
    resolved: &Resolved,
    copies: Vec<CopyReference>,
) -> Built {
    let refers = !crds::references::wanted(&valid.route).is_empty();
    let document = Document {
        version: VERSIONS[VERSIONS.len() - 1],
        requires: refers.then(|| REFERENCES.to_owned()).into_iter().collect(),
        route: Identity {
            namespace: seen.name.namespace.clone(),
            name: seen.name.name.clone(),
            uid: seen.uid.to_string(),
            generation: seen.generation,
        },
        claims: held.iter().map(claim).collect(),
        resolved: resolved.clone(),
        copies,
        spec: effective(valid, held, &resolved.digest),
    };
    Built {
        route: seen.uid.clone(),
        name: seen.name.to_string(),
        text: document.encode(),
        document,
    }
}

/// How large a route's document is when it holds all that it asks for.
#[must_use]
pub fn largest_size(seen: &Seen, valid: &Valid) -> usize {
    let resolved = Resolved {
        image: valid.image.clone(),
        resolve: seen.resolve.clone(),
        digest: format!("sha256:{}", "0".repeat(64)),
        logins: valid
            .route
            .pull_secrets
            .iter()
            .map(|name| login(name))
            .collect(),
    };
    let mut asks = valid.asks();
    for ask in &mut asks {
        ask.since = Some(Timestamp::UNIX_EPOCH);
    }
    let wanted = crds::references::wanted(&valid.route);
    let copies = wanted.into_keys().map(|object| CopyReference {
        kind: object.kind,
        name: object.name,
        copy: format!("s-{LONG_UID}"),
        revision: u64::MAX,
    });
    build(seen, valid, &asks, &resolved, copies.collect())
        .text
        .len()
}

const LONG_UID: &str = "00000000-0000-0000-0000-000000000000";

/// As long as one can be.
fn login(name: &str) -> Login {
    Login {
        name: name.to_owned(),
        uid: LONG_UID.to_owned(),
        version: u64::MAX.to_string(),
    }
}

/// A time as documents have it.
#[must_use]
pub fn print_time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn claim(ask: &Ask) -> Claim {
    Claim {
        host: ask.host.to_string(),
        since: print_time(ask.since.unwrap_or(Timestamp::MAX)),
    }
}

/// What is served, with every default written out.
fn effective(valid: &Valid, held: &[Ask], digest: &str) -> WagiRouteSpec {
    let route = &valid.route;
    let named = held.iter().filter_map(|ask| match &ask.host {
        Host::Any => None,
        Host::Named(pattern) => Some(pattern.to_string()),
    });
    let hosts: Vec<_> = named.collect();
    let quantity = |quantity: crds::quantity::Quantity| Some(IntOrString(quantity.to_string()));
    let limits = &route.limits;
    let timeouts = &limits.timeouts;
    let on_disconnect = match route.on_disconnect {
        OnDisconnect::Cancel => "Cancel",
        OnDisconnect::Finish => "Finish",
    };
    WagiRouteSpec {
        hosts: (!hosts.is_empty()).then_some(hosts),
        path: Some(route.path.to_string()),
        module: Some(Module {
            image: Some(pinned(valid, digest)),
            pull_secrets: list(route.pull_secrets.iter().map(|name| pull_secret(name))),
        }),
        entrypoint: Some(route.entrypoint.clone()),
        argv: Some(route.argv.clone()),
        env: list(route.env.iter().map(variable)),
        env_from: list(route.env_from.iter().map(env_from)),
        volumes: list(route.volumes.iter().filter_map(volume)),
        limits: Some(LimitsSpec {
            memory: quantity(limits.memory),
            cpu_time: Some(limits.cpu_time.to_string()),
            concurrency: Some(limits.concurrency.into()),
            request_body: quantity(limits.request_body),
            response_head: quantity(limits.response_head),
            timeouts: Some(TimeoutsSpec {
                queue: Some(timeouts.queue.to_string()),
                head: Some(timeouts.head.to_string()),
                idle: Some(timeouts.idle.to_string()),
                client: Some(timeouts.client.to_string()),
                total: Some(timeouts.total.to_string()),
            }),
        }),
        on_disconnect: Some(on_disconnect.to_owned()),
        suspend: Some(route.suspend),
    }
}

/// The module's repository with the digest in place of a tag.
fn pinned(valid: &Valid, digest: &str) -> String {
    let reference = &valid.reference;
    format!("{}/{}@{digest}", reference.registry, reference.repository)
}

// === impl Built ===

impl Built {
    /// Whether the cluster has just this.
    #[must_use]
    pub fn is(&self, published: &Published) -> bool {
        published.text == self.text
            && published.is_labelled
            && published.route.as_deref() == Some(self.name.as_str())
    }

    /// Whether the cluster has this, made of the same version of the route, in another writing: an
    /// upgrade of this program, or somebody's hand.
    #[must_use]
    pub fn is_rewrite_of(&self, published: &Published) -> bool {
        published.facts.as_ref().is_some_and(|facts| {
            facts.generation == self.document.route.generation
                && facts.resolved == self.document.resolved
                && facts.claims == self.document.claims
                && facts.copies == self.document.copies
        })
    }

    /// The object to apply; over which one, so that what was deleted meanwhile is not made anew and
    /// what was changed meanwhile is looked at first.
    #[must_use]
    pub fn object(&self, namespace: &str, over: Option<&Published>) -> ConfigMap {
        let one = |key: &str, value: &str| Some([(key.to_owned(), value.to_owned())].into());
        ConfigMap {
            metadata: ObjectMeta {
                name: Some(document_name(&self.route)),
                namespace: Some(namespace.to_owned()),
                uid: over.map(|over| over.object_uid.clone()),
                resource_version: over.map(|over| over.version.to_string()),
                labels: one(KIND_LABEL, KIND_ROUTE),
                annotations: one(ROUTE_ANNOTATION, &self.name),
                ..ObjectMeta::default()
            },
            data: one(DOCUMENT_KEY, &self.text),
            ..ConfigMap::default()
        }
    }
}

#[cfg(test)]
mod tests;
