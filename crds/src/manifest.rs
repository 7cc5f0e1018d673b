//! A `WagiRoute` in a file, right or wrong: the object with only that of its metadata that means
//! something without a cluster.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wagi_route::WagiRouteSpec;

/// One object: what it is, its name, what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// Always wagi.dev/v1alpha1.
    pub api_version: Option<String>,
    /// Always WagiRoute.
    pub kind: Option<String>,
    /// Its name and namespace.
    #[serde(default)]
    pub metadata: Metadata,
    /// What it asks for.
    pub spec: Option<WagiRouteSpec>,
}

/// What Kubernetes keeps about every object; only the name and the namespace matter here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The route's name: at most 63 characters a-z, 0-9 and -. Example: hello.
    pub name: Option<String>,
    /// The route's namespace. Default: default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels of the object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the object.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}
