//! A copy: what it has, what it is to have, and which revision that is. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crds::copies::Revisions;
use crds::names::{KIND_COPY, KIND_LABEL, REVISIONS_ANNOTATION, SOURCE_ANNOTATION};
use crds::references::{Data, Wanted};
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::core::ObjectMeta;

use super::Source;
use crate::claims::Uid;
use crate::world::version_of;

/// A copy as it is in the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Copied {
    /// The uid of the object.
    pub object_uid: String,
    /// Its version.
    pub version: u64,
    /// The namespace of its source, as annotated.
    pub namespace: String,
    /// The name of its source, as annotated.
    pub name: String,
    /// Which revision brought what.
    pub revisions: Revisions,
    /// What it has.
    pub data: Arc<Data>,
    /// Whether it is labelled as a copy.
    pub is_labelled: bool,
}

/// What a document names of a copy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Named {
    /// What of it.
    pub wanted: Wanted,
    /// Of which revision.
    pub revision: u64,
}

/// What a copy is to have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// By key.
    pub data: Arc<Data>,
    /// Which revision brought what.
    pub revisions: Revisions,
}

// === impl Copied ===

impl Copied {
    /// Takes from a ConfigMap what is needed.
    #[must_use]
    pub fn of_config_map(object: ConfigMap) -> Option<(Uid, Arc<Self>)> {
        let texts = object.data.unwrap_or_default().into_iter();
        let texts = texts.map(|(key, text)| (key, text.into_bytes()));
        let bytes = object.binary_data.unwrap_or_default().into_iter();
        let bytes = bytes.map(|(key, bytes)| (key, bytes.0));
        Self::reduce(object.metadata, texts.chain(bytes).collect())
    }

    /// Takes from a Secret what is needed.
    #[must_use]
    pub fn of_secret(object: Secret) -> Option<(Uid, Arc<Self>)> {
        let bytes = object.data.unwrap_or_default().into_iter();
        Self::reduce(
            object.metadata,
            bytes.map(|(key, bytes)| (key, bytes.0)).collect(),
        )
    }

    fn reduce(metadata: ObjectMeta, data: Data) -> Option<(Uid, Arc<Self>)> {
        let name: Uid = metadata.name?.into();
        crds::copies::source_of(&name)?;
        let annotations = metadata.annotations.unwrap_or_default();
        let revisions = annotations.get(REVISIONS_ANNOTATION);
        let source = annotations
            .get(SOURCE_ANNOTATION)
            .and_then(|text| text.split_once('/'));
        let (namespace, source) = source.unwrap_or_default();
        let labels = metadata.labels.unwrap_or_default();
        let copied = Self {
            object_uid: metadata.uid?,
            version: version_of(metadata.resource_version.as_deref()),
            namespace: namespace.to_owned(),
            name: source.to_owned(),
            revisions: revisions
                .map(|text| Revisions::decode(text))
                .unwrap_or_default(),
            data: Arc::new(data),
            is_labelled: labels.get(KIND_LABEL).is_some_and(|kind| kind == KIND_COPY),
        };
        Some((name, Arc::new(copied)))
    }

    /// Whether both say the same of the same.
    #[must_use]
    pub fn says_the_same(&self, other: &Self) -> bool {
        self.data == other.data
            && self.revisions == other.revisions
            && self.is_labelled == other.is_labelled
            && (&self.namespace, &self.name) == (&other.namespace, &other.name)
    }

    /// Whether it has just this.
    #[must_use]
    pub fn has(&self, content: &Content) -> bool {
        self.is_labelled && self.data == content.data && self.revisions == content.revisions
    }
}

// === impl Content ===

impl Content {
    /// What a copy is to have of its source (nothing where that cannot be read now), for routes that
    /// need it and documents that name it.
    #[must_use]
    pub fn new(
        needed: &Wanted,
        named: &Named,
        source: Option<&Data>,
        old: Option<&Copied>,
    ) -> Self {
        let had = old.map(|old| &old.data.0);
        let had = |key: &str| had.and_then(|had| had.get(key));
        let mut wanted = needed.clone();
        wanted.add(&named.wanted);
        let mut keys: BTreeSet<&String> = wanted.keys.keys().collect();
        if wanted.whole {
            match (source, old) {
                (Some(source), _) => keys.extend(source.0.keys()),
                (None, Some(old)) => keys.extend(old.data.0.keys()),
                (None, None) => {}
            }
        }
        let mut data = BTreeMap::new();
        for key in keys {
            let value = match source {
                Some(source) => source.0.get(key).or_else(|| {
                    // A document that cannot be without it stays as it was published.
                    let must_stay = named.wanted.keys.get(key) == Some(&true);
                    had(key).filter(|_| must_stay)
                }),
                None => had(key),
            };
            if let Some(value) = value {
                data.insert(key.clone(), value.clone());
            }
        }
        let is_new = |key: &String, value: &Vec<u8>| had(key) != Some(value);
        let brings = data.iter().any(|(key, value)| is_new(key, value));
        let lost = old.is_some_and(|old| {
            let mut before = old.data.0.keys();
            before.any(|key| wanted.has(key) && !data.contains_key(key))
        });
        let before = old.map_or(named.revision, |old| {
            old.revisions.latest.max(named.revision)
        });
        let latest = if brings || lost || before == 0 {
            before + 1
        } else {
            before
        };
        let revision = |key: &String| {
            let known = old.and_then(|old| old.revisions.keys.get(key)).copied();
            match data.get(key) {
                Some(value) if is_new(key, value) => Some(latest),
                Some(_) => Some(known.unwrap_or(before)),
                // That it went is news for whoever can be without it.
                None if had(key).is_some() => Some(latest),
                None => known,
            }
        };
        let keys = wanted.keys.keys();
        let keys = keys.filter_map(|key| Some((key.clone(), revision(key)?)));
        let revisions = Revisions {
            latest,
            keys: keys.collect(),
        };
        Self {
            data: Arc::new(Data(data)),
            revisions,
        }
    }

    /// The ConfigMap to apply.
    #[must_use]
    pub fn config_map(&self, metadata: ObjectMeta) -> ConfigMap {
        let (mut texts, mut bytes) = (BTreeMap::new(), BTreeMap::new());
        for (key, value) in &self.data.0 {
            match str::from_utf8(value) {
                Ok(text) => drop(texts.insert(key.clone(), text.to_owned())),
                Err(_) => drop(bytes.insert(key.clone(), ByteString(value.clone()))),
            }
        }
        ConfigMap {
            metadata,
            data: Some(texts),
            binary_data: Some(bytes),
            ..ConfigMap::default()
        }
    }

    /// The Secret to apply.
    #[must_use]
    pub fn secret(&self, metadata: ObjectMeta) -> Secret {
        let data = self.data.0.iter();
        let data = data.map(|(key, value)| (key.clone(), ByteString(value.clone())));
        Secret {
            metadata,
            data: Some(data.collect()),
            ..Secret::default()
        }
    }

    /// Of the object to apply, and over which one.
    #[must_use]
    pub fn metadata(
        &self,
        name: &str,
        namespace: &str,
        source: &Source,
        over: Option<&Copied>,
    ) -> ObjectMeta {
        let source = format!("{}/{}", source.namespace, source.object.name);
        let annotations = [
            (REVISIONS_ANNOTATION.to_owned(), self.revisions.encode()),
            (SOURCE_ANNOTATION.to_owned(), source),
        ];
        ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(namespace.to_owned()),
            uid: over.map(|over| over.object_uid.clone()),
            resource_version: over.map(|over| over.version.to_string()),
            labels: Some([(KIND_LABEL.to_owned(), KIND_COPY.to_owned())].into()),
            annotations: Some(annotations.into()),
            ..ObjectMeta::default()
        }
    }
}
