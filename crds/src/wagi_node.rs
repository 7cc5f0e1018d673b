//! `WagiNode`: what one runtime says back, in an object of its own.
//!
//! One per pod, of its name and owned by it, in the namespace of the programs; only the pod itself
//! may write it. One apply is one report and the last one counts: there is no history and nothing
//! to merge. What is not named as an exception is served.

#![allow(
    clippy::duplicated_attributes,
    reason = "columns of a table have types, and share some"
)]

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The longest message of an exception, in bytes.
pub const LONGEST_MESSAGE: usize = 1024;
/// The most exceptions of a report; what is left out is counted in `omitted`.
pub const MOST_EXCEPTIONS: usize = 100;

/// What one runtime says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[kube(
    group = "wagi.dev",
    version = "v1alpha1",
    kind = "WagiNode",
    namespaced,
    shortname = "wn",
    category = "wagi",
    derive = "Default",
    derive = "PartialEq",
    printcolumn(name = "Node", type_ = "string", json_path = ".spec.node"),
    printcolumn(name = "Version", type_ = "string", json_path = ".spec.version"),
    printcolumn(
        name = "Applied",
        type_ = "integer",
        json_path = ".spec.counts.applied"
    ),
    printcolumn(
        name = "Pending",
        type_ = "integer",
        json_path = ".spec.counts.pending"
    ),
    printcolumn(name = "Failed", type_ = "integer", json_path = ".spec.counts.failed"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    )
)]
#[serde(rename_all = "camelCase")]
pub struct WagiNodeSpec {
    /// Name of the node that the runtime runs on.
    pub node: String,
    /// Version of the runtime. Example: 0.1.0.
    pub version: String,
    /// Versions of documents that it reads. Example: the list of 1.
    #[serde(default)]
    pub documents: Vec<i32>,
    /// Features of documents that it knows.
    #[serde(default)]
    pub features: Vec<String>,
    /// Up to where it applied what is published.
    #[serde(default)]
    pub applied: Applied,
    /// How many routes it has.
    #[serde(default)]
    pub counts: Counts,
    /// Routes that it does not serve in the version that is published, worst first, at most 100.
    #[serde(default)]
    pub exceptions: Vec<Exception>,
    /// Exceptions that found no room in the list.
    #[serde(default)]
    pub omitted: i64,
    /// Routes that it keeps although a list lacked them.
    #[serde(default)]
    pub kept: i64,
}

/// Up to where a runtime applied what is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Applied {
    /// The resourceVersion of the newest ConfigMap that it has tried; empty before the first.
    #[serde(default)]
    pub config_maps: String,
}

/// How many routes a runtime has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Routes that it serves in the version that is published.
    pub applied: i64,
    /// Routes whose version it is still loading.
    pub pending: i64,
    /// Routes whose version it could not load.
    pub failed: i64,
}

/// A route that a runtime does not serve in the version that is published.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Exception {
    /// The route's namespace.
    pub namespace: String,
    /// The route's name.
    pub name: String,
    /// The route's uid.
    pub uid: String,
    /// The route's generation that this is about.
    pub generation: i64,
    /// The module's digest, when it is known. Example: sha256:2c26b46b….
    #[serde(default)]
    pub digest: String,
    /// Pending while it is being loaded, Failed when it could not be.
    pub state: ExceptionState,
    /// One word for why.
    #[serde(default)]
    pub reason: String,
    /// The same for people, at most 1024 bytes.
    #[serde(default)]
    pub message: String,
    /// Whether an older version of it is served meanwhile.
    #[serde(default)]
    pub serves_older: bool,
}

/// How far a runtime is with a version.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum ExceptionState {
    /// It could not be loaded.
    Failed,
    /// It is being loaded.
    #[default]
    Pending,
}
