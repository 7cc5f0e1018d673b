//! What is published, as it comes: ConfigMaps, reduced to what matters here. Pure.
//!
//! Objects are read into these few fields on arrival: what managed them, who owns them and the rest
//! of their metadata never takes memory.

use std::collections::HashMap;
use std::sync::Arc;

use crds::document::{DecodeError, Document as Published, Identity};
use crds::module_reference::ModuleReference;
use crds::names;
use crds::references;
use crds::validate::RouteName;
use serde::Deserialize;

use crate::source::{Document, Image, ModuleSource, Origin};

/// All objects of a namespace.
#[derive(Debug, Deserialize)]
pub(super) struct List {
    pub(super) metadata: ListMeta,
    #[serde(default)]
    pub(super) items: Vec<Item>,
}

/// Of a list.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListMeta {
    pub(super) resource_version: String,
}

/// One ConfigMap.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Item {
    #[serde(default)]
    pub(super) metadata: Meta,
    #[serde(default)]
    pub(super) data: HashMap<String, String>,
}

/// Of one ConfigMap.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meta {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) resource_version: String,
    #[serde(default)]
    pub(super) annotations: HashMap<String, String>,
}

/// What a ConfigMap is, by its name: a label that somebody took away must not take a route away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// The document of the route with this uid.
    Route(&'a str),
    /// What runtimes know of each other.
    Fleet,
    /// Nothing of ours: Kubernetes puts one of its own into each namespace.
    Other,
}

/// A document, and its place among others.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    pub(super) document: Document,
    /// When its oldest claim began: the older document comes first.
    pub(super) since: String,
}

/// A document cannot be served.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("it has no {}", names::DOCUMENT_KEY)]
    Absent,
    #[error(transparent)]
    Decode(#[from] DecodeError),
    #[error("it says that it is of uid {0:?}")]
    Foreign(String),
    #[error("its module is a file")]
    File,
}

// === impl Kind ===

impl<'a> Kind<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        match names::route_uid(name) {
            Some(uid) => Self::Route(uid),
            None if name == names::FLEET => Self::Fleet,
            None => Self::Other,
        }
    }
}

// === impl Meta ===

impl Meta {
    /// The resourceVersion as a number: they are compared.
    pub(super) fn version(&self) -> u64 {
        version(&self.resource_version)
    }
}

/// A resourceVersion as a number; what is none is older than all.
pub(super) fn version(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}

/// A text that was published for the route of a uid → what is to be served.
pub(super) fn read(uid: &str, version: u64, text: Option<&str>) -> Result<Read, ReadError> {
    let published = Published::decode(text.ok_or(ReadError::Absent)?)?;
    if published.route.uid != uid {
        return Err(ReadError::Foreign(published.route.uid));
    }
    let route = published.valid_route()?;
    let module = match &route.module {
        ModuleReference::Registry(reference) => ModuleSource::Registry(Image {
            reference: reference.clone(),
            login: None,
        }),
        ModuleReference::File(_) => return Err(ReadError::File),
    };
    let env = references::given(&route, |_| None);
    let since = published.claims.into_iter().map(|claim| claim.since).min();
    Ok(Read {
        document: Document {
            route,
            origin: Origin::Cluster {
                uid: Arc::from(uid),
                generation: published.route.generation,
                version,
            },
            module,
            missing_volume: None,
            given: env.map_err(|missing| missing[0].to_string()),
        },
        since: since.unwrap_or_default(),
    })
}

/// Which route a document is of that cannot be read: as far as it says, or as it is labelled.
pub(super) fn identity(item: &Item) -> (RouteName, i64) {
    #[derive(Deserialize)]
    struct Only {
        route: Identity,
    }
    let text = item.data.get(names::DOCUMENT_KEY);
    let said = text.and_then(|text| serde_json::from_str::<Only>(text).ok());
    if let Some(Only { route }) = said {
        let name = RouteName {
            namespace: route.namespace,
            name: route.name,
        };
        return (name, route.generation);
    }
    let annotation = item.metadata.annotations.get(names::ROUTE_ANNOTATION);
    let (namespace, name) = annotation
        .and_then(|text| text.split_once('/'))
        .unwrap_or(("", &item.metadata.name));
    let name = RouteName {
        namespace: namespace.to_owned(),
        name: name.to_owned(),
    };
    (name, 0)
}
