//! What a route takes from ConfigMaps and Secrets of its namespace, as people write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where the value of an environment variable comes from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVarSource {
    /// A key of a ConfigMap in the route's namespace. Default: none. Example: {name: settings, key: greeting}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_key_ref: Option<KeySelector>,
    /// A key of a Secret in the route's namespace. Default: none. Example: {name: api, key: token}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_key_ref: Option<KeySelector>,
}

/// A key of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeySelector {
    /// Name of the object, at most 253 characters. Required. Example: settings.
    #[schemars(required, length(max = 253))]
    pub name: Option<String>,
    /// Key in the object, at most 253 characters. Required. Example: greeting.
    #[schemars(required, length(max = 253))]
    pub key: Option<String>,
    /// Whether the route is served, without the variable, where the object or its key does not
    /// exist. Default: false. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// Environment variables from all keys of an object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvFromSource {
    /// Text before each key in the variable's name: printable ASCII characters without =, at most
    /// 128. Default: empty. Example: APP_.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub prefix: Option<String>,
    /// A ConfigMap in the route's namespace. Default: none. Example: {name: settings}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map_ref: Option<ObjectSelector>,
    /// A Secret in the route's namespace. Default: none. Example: {name: api}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<ObjectSelector>,
}

/// An object as a whole.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObjectSelector {
    /// Name of the object, at most 253 characters. Required. Example: settings.
    #[schemars(required, length(max = 253))]
    pub name: Option<String>,
    /// Whether the route is served, with nothing of it, where the object does not exist. Default:
    /// false. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A Secret with a login for registries.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PullSecret {
    /// Name of a Secret of type kubernetes.io/dockerconfigjson in the route's namespace, at most 253
    /// characters. Required. Example: registry.
    #[schemars(required, length(max = 253))]
    pub name: Option<String>,
}
