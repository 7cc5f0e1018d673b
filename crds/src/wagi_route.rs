//! `WagiRoute`: a host and path bound to a module and its settings, as people write it, and what the
//! operator says of it.
//!
//! These types hold text as it stands in an object or a file, right or wrong, and what was left out
//! is `None`: [`crate::validate`] says everything that is wrong with it at once.
//! Unknown fields are no error here, because an older program must read what a newer one allows;
//! whoever reads files is strict about them.
//! The comments on fields become their descriptions in the schema, so they are written for users.

#![allow(
    clippy::duplicated_attributes,
    reason = "columns of a table have types, and share some"
)]

mod references;

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, de};

pub use references::{EnvFromSource, EnvVarSource, KeySelector, ObjectSelector, PullSecret};

/// The API group and version of every object here.
pub const API_VERSION: &str = "wagi.dev/v1alpha1";
/// The API group of every object here.
pub const GROUP: &str = "wagi.dev";
/// The kind of a route.
pub const KIND: &str = "WagiRoute";
/// The longest text of a quantity or a duration, in bytes.
pub const LONGEST_NUMBER: usize = 64;

/// What a route asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[kube(
    group = "wagi.dev",
    version = "v1alpha1",
    kind = "WagiRoute",
    doc = "A WagiRoute binds a host and path to a WebAssembly module and its settings; every node answers it.",
    namespaced,
    status = "WagiRouteStatus",
    shortname = "wr",
    category = "wagi",
    derive = "Default",
    derive = "PartialEq",
    printcolumn(name = "Address", type_ = "string", json_path = ".status.address"),
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].status"
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        json_path = ".status.conditions[?(@.type==\"Ready\")].reason"
    ),
    printcolumn(name = "Nodes", type_ = "string", json_path = ".status.nodes"),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp"
    ),
    printcolumn(
        name = "Hosts",
        type_ = "string",
        json_path = ".spec.hosts",
        priority = 1
    ),
    printcolumn(
        name = "Module",
        type_ = "string",
        json_path = ".spec.module.image",
        priority = 1
    )
)]
#[serde(rename_all = "camelCase")]
pub struct WagiRouteSpec {
    /// Host names this route answers, each exact or with its first label open, in lower case; at most
    /// 16. Default: any host. Example: [shop.example, "*.shop.example"].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(max = 253)))]
    pub hosts: Option<Vec<String>>,
    /// Path this route answers: exact (/hello), or a prefix (/hello/..., which matches /hello too); at
    /// most 1024 bytes. Required. Example: /hello/....
    #[schemars(required, length(max = 1024))]
    pub path: Option<String>,
    /// The WebAssembly module that answers. Required. Example: {image:
    /// registry.example/shop/hello:1.2}.
    #[schemars(required)]
    pub module: Option<Module>,
    /// Exported function to call, at most 128 bytes. Default: _start. Example: serve.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), extend("default" = "_start"))]
    pub entrypoint: Option<String>,
    /// Arguments of the program, at most 64 of 1024 bytes. ${SCRIPT_NAME} stands for the request path;
    /// ${ARGS}, alone, for the query items, one argument each. Default: ["${SCRIPT_NAME}"]. Example:
    /// [hello, "${ARGS}"].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 1024)), extend("default" = ["${SCRIPT_NAME}"]))]
    pub argv: Option<Vec<String>>,
    /// Environment variables beside those that every request sets, at most 128. Default: none.
    /// Example: [{name: GREETING, value: hi}].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub env: Option<Vec<EnvVar>>,
    /// ConfigMaps and Secrets whose keys become environment variables, at most 16; of one name the
    /// last counts, and env before all of them. Default: none. Example: [{configMapRef: {name:
    /// settings}}].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub env_from: Option<Vec<EnvFromSource>>,
    /// ConfigMaps and Secrets that the program sees as folders of read-only files, at most 16.
    /// Default: none. Example: [{mountPath: /site, configMap: {name: site}}].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub volumes: Option<Vec<Volume>>,
    /// What one route may use. Default: the default of each limit. Example: {memory: 64Mi}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsSpec>,
    /// What happens to the program when its client leaves: Cancel ends it, Finish lets it run to its
    /// end. Default: Cancel. Example: Finish.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), extend("default" = "Cancel"))]
    pub on_disconnect: Option<String>,
    /// Answers every request with 503 and runs nothing, while the route keeps its hosts and path.
    /// Default: false. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = false))]
    pub suspend: Option<bool>,
}

/// What the operator says of a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WagiRouteStatus {
    /// The generation of the object that the operator has seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Accepted, ResolvedRefs, Programmed and Ready; Conflicted, Reconciling and Stalled only while
    /// they are True.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Where the route answers: its first host and its path, with the number of further hosts; * for
    /// any host. Example: shop.example/hello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// The module that the route was resolved to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub module: Option<ModuleStatus>,
    /// Ready runtimes that serve this version, of all that are ready. Example: 3/3.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<String>,
    /// Runtimes that cannot serve this version, at most 5.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failing: Vec<FailingNode>,
}

/// The module that a route was resolved to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModuleStatus {
    /// Digest of the artifact's manifest in the registry. Example: sha256:2c26b46b….
    pub digest: String,
}

/// A runtime that cannot serve a route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FailingNode {
    /// Name of the node.
    pub node: String,
    /// One word for why.
    pub reason: String,
    /// What the runtime says.
    pub message: String,
}

/// The WebAssembly module that answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Module {
    /// Where the module is: a repository in a registry, with a tag or a digest; at most 512 bytes. A
    /// tag is looked up once for each value of this field. Required. Example:
    /// registry.example/shop/hello:1.2. (Without a cluster also file:PATH.)
    #[schemars(required, length(max = 512))]
    pub image: Option<String>,
    /// Secrets with logins for the module's registry, at most 8; the first that has one for it
    /// counts. Default: none. Example: [{name: registry}].
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 8))]
    pub pull_secrets: Option<Vec<PullSecret>>,
}

/// An environment variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Name of the variable: printable ASCII characters without =, at most 128, each name once.
    /// Required. Example: GREETING.
    #[schemars(required, length(max = 128))]
    pub name: Option<String>,
    /// Value of the variable, at most 32768 bytes. Default: empty. Example: hi.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32768))]
    pub value: Option<String>,
    /// Where the value comes from, in place of value: a key of a ConfigMap or of a Secret. Default:
    /// none. Example: {secretKeyRef: {name: api, key: token}}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<EnvVarSource>,
}

/// A folder that the program may read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Where the program sees it: an absolute path of at most 256 bytes, none inside another.
    /// Required. Example: /site.
    #[schemars(required, length(max = 256))]
    pub mount_path: Option<String>,
    /// A ConfigMap in the route's namespace, whose keys are the files. Default: none. Example:
    /// {name: site}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ObjectSelector>,
    /// A Secret in the route's namespace, whose keys are the files. Default: none. Example:
    /// {name: keys}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<ObjectSelector>,
    /// Folder on this machine, relative to the manifest; so only where manifests are served without
    /// a cluster, and not in the schema.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub host_path: Option<String>,
}

/// What one route may use. What is left out has its default, which is not written into the object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsSpec {
    /// Memory of one running program, in bytes: 1Mi to 4Gi. Default: 128Mi. Example: 64Mi.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<IntOrString>,
    /// CPU time of one running program: 1ms to 24h. Default: 10s. Example: 500ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub cpu_time: Option<String>,
    /// Programs of this route that run at the same time: 1 to 100000. Default: 500. Example: 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub concurrency: Option<i64>,
    /// Size of a request body, in bytes: 0 to 1Ti. Default: 64Mi. Example: 1Gi.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_body: Option<IntOrString>,
    /// Size of what a program prints before the blank line that ends its head, in bytes: 256 to 1Mi.
    /// Default: 64Ki. Example: 8Ki.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_head: Option<IntOrString>,
    /// How long a request may wait for what. Default: the default of each. Example: {total: 10m}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutsSpec>,
}

/// How long a request may wait for what. None may be longer than total; a default that is longer gives
/// way to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutsSpec {
    /// Wait for a place to run: 0s to 1h. Default: 1s. Example: 500ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub queue: Option<String>,
    /// Until the program has printed its head: 1ms to 720h. Default: 30s. Example: 5s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub head: Option<String>,
    /// Between two writes of the program: 1ms to 720h. Default: 5m. Example: 1m30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub idle: Option<String>,
    /// While the client takes or sends nothing that is waited for: 1ms to 720h. Default: 60s. Example:
    /// 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub client: Option<String>,
    /// The whole request: 1ms to 720h. Default: 1h. Example: 10m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub total: Option<String>,
}

/// A quantity as Kubernetes lets one write it: a number, or a text with a suffix.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct IntOrString(
    /// What was written; a number in decimal digits.
    pub String,
);

// === impl IntOrString ===

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntOrStringVisitor)
    }
}

struct IntOrStringVisitor;

impl de::Visitor<'_> for IntOrStringVisitor {
    type Value = IntOrString;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity such as 64Mi")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<IntOrString, E> {
        Ok(IntOrString(number.to_string()))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<IntOrString, E> {
        Ok(IntOrString(number.to_string()))
    }

    // YAML reads 1e6 as a floating point number. An API server takes no other fractions than in text.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<IntOrString, E> {
        if number.fract() == 0.0 {
            Ok(IntOrString(number.to_string()))
        } else {
            Err(E::invalid_type(de::Unexpected::Float(number), &self))
        }
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<IntOrString, E> {
        Ok(IntOrString(text.to_owned()))
    }
}

impl JsonSchema for IntOrString {
    fn schema_name() -> Cow<'static, str> {
        "IntOrString".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "x-kubernetes-int-or-string": true, "maxLength": LONGEST_NUMBER })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> serde_json::Value {
        schemars::schema_for!(WagiRouteSpec).to_value()
    }

    #[test]
    fn the_schema_describes_every_field() {
        fn walk(value: &serde_json::Value, name: &str) {
            if let Some(properties) = value["properties"].as_object() {
                for (field, property) in properties {
                    let described = property["description"].is_string();
                    assert!(described, "{name}.{field} has no description");
                }
            }
            for (definition, value) in value["$defs"].as_object().into_iter().flatten() {
                walk(value, definition);
            }
        }
        walk(&schema(), "spec");
    }

    #[test]
    fn the_schema_requires_a_path_and_a_module_and_no_more() {
        let schema = schema();
        assert_eq!(schema["required"], serde_json::json!(["path", "module"]));
        assert_eq!(schema["properties"]["path"]["type"], "string");
        assert_eq!(schema["properties"]["entrypoint"]["default"], "_start");
        let memory = &schema["$defs"]["LimitsSpec"]["properties"]["memory"];
        assert_eq!(memory["x-kubernetes-int-or-string"], true);
    }

    #[test]
    fn quantities_may_be_numbers_or_texts() {
        let limits: LimitsSpec = serde_json::from_str(
            r#"{"memory": 1048576, "requestBody": 1e6, "responseHead": "64Ki", "unknown": 1}"#,
        )
        .unwrap();
        assert_eq!(limits.memory.unwrap().0, "1048576");
        assert_eq!(limits.request_body.unwrap().0, "1000000");
        assert_eq!(limits.response_head.unwrap().0, "64Ki");
    }

    #[test]
    fn what_was_left_out_is_not_written() {
        let spec = WagiRouteSpec {
            path: Some("/".into()),
            ..Default::default()
        };
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(text, r#"{"path":"/","module":null}"#);
    }
}
