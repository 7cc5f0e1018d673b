//! A route as the operator keeps it: what a cluster of ten thousand needs, and no more.

use std::sync::Arc;

use crds::names::RESOLVE_ANNOTATION;
use crds::validate::RouteName;
use crds::wagi_route::{WagiRoute, WagiRouteSpec, WagiRouteStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::jiff::Timestamp;
use kube::core::DeserializeGuard;

use super::version_of;
use crate::claims::Uid;

/// One version of a route's object.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Which route.
    pub uid: Uid,
    /// Its name.
    pub name: RouteName,
    /// When it was created.
    pub created: Timestamp,
    /// Counts the changes of its spec.
    pub generation: i64,
    /// The version of the object.
    pub version: u64,
    /// Any new value of it has the tag looked up again.
    pub resolve: Option<String>,
    /// What it asks for; a sentence where that cannot be read.
    pub spec: Result<WagiRouteSpec, String>,
    /// What was last said of it.
    pub status: WagiRouteStatus,
}

// === impl Seen ===

impl Seen {
    /// Takes from an object what is needed; nothing where it is being deleted, or is no object of an
    /// API server.
    #[must_use]
    pub fn reduce(object: DeserializeGuard<WagiRoute>) -> Option<Arc<Self>> {
        let (metadata, spec, status) = match object.0 {
            Ok(route) => (
                route.metadata,
                Ok(route.spec),
                route.status.unwrap_or_default(),
            ),
            Err(invalid) => (
                invalid.metadata,
                Err(invalid.error),
                WagiRouteStatus::default(),
            ),
        };
        let ObjectMeta {
            name,
            namespace,
            uid,
            generation,
            annotations,
            creation_timestamp,
            deletion_timestamp,
            resource_version,
            ..
        } = metadata;
        if deletion_timestamp.is_some() {
            return None;
        }
        Some(Arc::new(Self {
            uid: uid?.into(),
            name: RouteName {
                namespace: namespace?,
                name: name?,
            },
            created: creation_timestamp.map_or(Timestamp::MAX, |time| time.0),
            generation: generation.unwrap_or_default(),
            version: version_of(resource_version.as_deref()),
            resolve: annotations.and_then(|mut all| all.remove(RESOLVE_ANNOTATION)),
            spec,
            status,
        }))
    }

    /// The module as it is written.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.spec.as_ref().ok()?.module.as_ref()?.image.as_deref()
    }
}

#[cfg(test)]
mod tests;
