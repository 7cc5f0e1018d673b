//! What is published, as it comes: ConfigMaps, reduced to what matters here. Pure.
//!
//! Objects are read into these few fields on arrival: what managed them, who owns them and the rest
//! of their metadata never takes memory.

use std::collections::HashMap;
use std::sync::Arc;

use crds::copies::{CopyReference, source_of};
use crds::document::{DecodeError, Document as Published, Identity};
use crds::module_reference::{ModuleReference, RegistryReference};
use crds::names;
use crds::references::{self, Kind as References};
use crds::validate::{RouteName, ValidRoute};
use registry::CredentialsError;
use serde::{Deserialize, Serialize};

use super::copies::Copy;
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

/// One ConfigMap or Secret. Never prints what it holds.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Item {
    #[serde(default)]
    pub(super) metadata: Meta,
    /// Of a Secret, in base64.
    #[serde(default)]
    pub(super) data: HashMap<String, String>,
    /// In base64.
    #[serde(default, skip_serializing_if = "HashMap::is_empty")]
    pub(super) binary_data: HashMap<String, String>,
}

/// Of one object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
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
    /// What documents take something of.
    Copy,
    /// Nothing of ours: Kubernetes puts one of its own into each namespace.
    Other,
}

/// A document that can be read, and its place among others.
#[derive(Debug, PartialEq)]
pub(super) struct Read {
    route: ValidRoute,
    image: RegistryReference,
    origin: Origin,
    copies: Vec<CopyReference>,
    /// When its oldest claim began: the older document comes first.
    pub(super) since: String,
}

/// A document that can be read and not be served.
#[derive(Debug)]
pub(super) enum Unserved {
    /// What it needs is on its way.
    Waits(String),
    /// It cannot be had.
    Refused(ReadError),
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
    #[error("spec.module.pullSecrets: {0}")]
    Login(#[from] CredentialsError),
}

// === impl Kind ===

impl<'a> Kind<'a> {
    pub(super) fn of(name: &'a str) -> Self {
        match names::route_uid(name) {
            Some(uid) => Self::Route(uid),
            None if name == names::FLEET => Self::Fleet,
            None if matches!(source_of(name), Some((References::ConfigMap, _))) => Self::Copy,
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

/// A text that was published for the route of a uid → a document.
pub(super) fn read(uid: &str, version: u64, text: Option<&str>) -> Result<Read, ReadError> {
    let published = Published::decode(text.ok_or(ReadError::Absent)?)?;
    if published.route.uid != uid {
        return Err(ReadError::Foreign(published.route.uid));
    }
    let route = published.valid_route()?;
    let ModuleReference::Registry(image) = route.module.clone() else {
        return Err(ReadError::File);
    };
    let since = published.claims.into_iter().map(|claim| claim.since).min();
    Ok(Read {
        route,
        image,
        origin: Origin::Cluster {
            uid: Arc::from(uid),
            generation: published.route.generation,
            version,
        },
        copies: published.copies,
        since: since.unwrap_or_default(),
    })
}

// === impl Read ===

impl Read {
    /// What is to be served of it, once there is all that it names.
    pub(super) fn serve<'a>(
        &self,
        find: impl Fn(&str) -> Option<&'a Copy>,
    ) -> Result<Document, Unserved> {
        for CopyReference {
            kind,
            name,
            copy,
            revision,
        } in &self.copies
        {
            let found = find(copy).map_or(0, |copy| copy.revision);
            if found < *revision {
                let waits =
                    format!("waits for revision {revision} of {copy}, the copy of {kind} {name}");
                return Err(Unserved::Waits(waits));
            }
        }
        let given = references::given(&self.route, |object| {
            let reference = self.copies.iter().find(|copy| copy.is_of(object))?;
            Some(Arc::clone(&find(&reference.copy)?.data))
        });
        let mut given = given.map_err(|missing| {
            let sentences: Vec<_> = missing.iter().map(ToString::to_string).collect();
            sentences.join("; ")
        });
        let image = match &mut given {
            Ok(given) => {
                let image = Image::new(self.image.clone(), given);
                given.pull.clear();
                image.map_err(|error| Unserved::Refused(error.into()))?
            }
            Err(_) => Image {
                reference: self.image.clone(),
                login: None,
            },
        };
        Ok(Document {
            route: self.route.clone(),
            origin: self.origin.clone(),
            module: ModuleSource::Registry(image),
            missing_volume: None,
            given,
        })
    }
}

// === impl Item ===

impl Item {
    /// As it was kept on disk; nothing where that is none of ours.
    pub(super) fn kept(name: String, version: u64, text: String) -> Option<Self> {
        let mut item = match Kind::of(&name) {
            _ if source_of(&name).is_some() => serde_json::from_str(&text).ok()?,
            Kind::Fleet => Self {
                data: [(names::FLEET_KEY.to_owned(), text)].into(),
                ..Self::default()
            },
            _ => Self {
                data: [(names::DOCUMENT_KEY.to_owned(), text)].into(),
                ..Self::default()
            },
        };
        item.metadata.name = name;
        item.metadata.resource_version = version.to_string();
        Some(item)
    }
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.metadata.fmt(f)
    }
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
