//! A document as it is in the cluster.

use std::collections::BTreeMap;
use std::sync::Arc;

use crds::copies::CopyReference;
use crds::document::{Claim, Document, Resolved};
use crds::host::HostPattern;
use crds::names::{DOCUMENT_KEY, KIND_LABEL, KIND_ROUTE, ROUTE_ANNOTATION, route_uid};
use crds::path::PathPattern;
use crds::references;
use crds::validate::RouteName;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::jiff::Timestamp;

use super::version_of;
use crate::claims::{Ask, Host, Uid};
use crate::references::Named;

/// A route's document as it is in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Published {
    /// The uid of the object that holds it.
    pub object_uid: String,
    /// That object's version.
    pub version: u64,
    /// Its text; empty where somebody took it away.
    pub text: String,
    /// `NAMESPACE/NAME` of its route, as annotated.
    pub route: Option<String>,
    /// Whether it is labelled as a route's document.
    pub is_labelled: bool,
    /// What it says, where that can be read.
    pub facts: Option<Facts>,
}

/// What a document says of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The generation of the route that it was made of.
    pub generation: i64,
    /// How its module's digest came about.
    pub resolved: Resolved,
    /// Since when which host is held.
    pub claims: Vec<Claim>,
    /// The path that they are held with.
    pub path: Option<PathPattern>,
    /// The copies that it needs.
    pub copies: Vec<CopyReference>,
    /// What it names of them.
    pub named: Vec<(Uid, Named)>,
}

// === impl Published ===

impl Published {
    /// Takes from an object what is needed, and whose document it is; nothing where it is none.
    #[must_use]
    pub fn reduce(object: ConfigMap) -> Option<(Uid, Arc<Self>)> {
        let metadata = object.metadata;
        let uid: Uid = route_uid(metadata.name.as_deref()?)?.into();
        let take = |map: Option<BTreeMap<String, String>>, key: &str| {
            map.and_then(|mut map| map.remove(key))
        };
        let text = take(object.data, DOCUMENT_KEY).unwrap_or_default();
        let published = Self {
            object_uid: metadata.uid?,
            version: version_of(metadata.resource_version.as_deref()),
            route: take(metadata.annotations, ROUTE_ANNOTATION),
            is_labelled: take(metadata.labels, KIND_LABEL).as_deref() == Some(KIND_ROUTE),
            facts: Facts::read(&text),
            text,
        };
        Some((uid, Arc::new(published)))
    }

    /// What is served because of it.
    #[must_use]
    pub fn asks(&self) -> Vec<Ask> {
        let Some(Facts {
            claims,
            path: Some(path),
            ..
        }) = &self.facts
        else {
            return Vec::new();
        };
        let ask = |claim: &Claim| {
            let host = match claim.host.as_str() {
                "*" => Host::Any,
                text => Host::Named(HostPattern::parse(text).ok()?),
            };
            Some(Ask {
                host,
                path: path.clone(),
                since: claim.since.parse::<Timestamp>().ok(),
            })
        };
        claims.iter().filter_map(ask).collect()
    }

    /// Whose document it says it is.
    #[must_use]
    pub fn route_name(&self) -> Option<RouteName> {
        let (namespace, name) = self.route.as_deref()?.split_once('/')?;
        Some(RouteName {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    /// What it names of copies.
    #[must_use]
    pub fn copies(&self) -> &[(Uid, Named)] {
        self.facts.as_ref().map_or(&[], |facts| &facts.named)
    }

    /// How its module's digest came about.
    #[must_use]
    pub fn resolved(&self) -> Option<&Resolved> {
        self.facts.as_ref().map(|facts| &facts.resolved)
    }
}

/// What a document names of copies, of those that it has.
fn named(document: &Document) -> Vec<(Uid, Named)> {
    if document.copies.is_empty() {
        return Vec::new();
    }
    let Ok(route) = document.valid_route() else {
        return Vec::new();
    };
    let wanted = references::wanted(&route);
    let named = wanted.into_iter().filter_map(|(object, wanted)| {
        let found = document.copies.iter().find(|copy| copy.is_of(&object))?;
        let revision = found.revision;
        Some((Uid::from(&*found.copy), Named { wanted, revision }))
    });
    named.collect()
}

// === impl Facts ===

impl Facts {
    fn read(text: &str) -> Option<Self> {
        let document = Document::decode(text).ok()?;
        let named = named(&document);
        let path = document.spec.path.as_deref();
        Some(Self {
            copies: document.copies,
            named,
            generation: document.route.generation,
            path: path.and_then(|path| PathPattern::parse(path).ok()),
            resolved: document.resolved,
            claims: document.claims,
        })
    }
}

#[cfg(test)]
mod tests;
