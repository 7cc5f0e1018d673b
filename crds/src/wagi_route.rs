//! `WagiRoute`: a host and path bound to a module and its settings, as people write it, and what the
//! operator says of it.
//!
//! These types hold text as it stands in an object or a file, right or wrong, and what was left out
//! is `None`: [`crate::validate`] says everything that is wrong with it at once.
//! Unknown fields are no error here, because an older program must read what a newer one allows;
//! whoever reads files is strict about them.
//! The comments on fields become their descriptions in the schema, so they are written for users.

use std::borrow::Cow;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, de};

/// The API group and version of every object here.
pub const API_VERSION: &str = "wagi.dev/v1alpha1";
/// The API group of every object here.
pub const GROUP: &str = "wagi.dev";
/// The kind of a route.
pub const KIND: &str = "WagiRoute";

/// What a route asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, CustomResource, JsonSchema)]
#[kube(
    group = "wagi.dev",
    version = "v1alpha1",
    kind = "WagiRoute",
    namespaced,
    status = "WagiRouteStatus",
    shortname = "wr",
    category = "wagi",
    derive = "Default",
    derive = "PartialEq"
)]
#[serde(rename_all = "camelCase")]
pub struct WagiRouteSpec {
    /// Host names this route answers, each exact (shop.example) or with its first label open
    /// (*.shop.example). Default: any host. At most 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(max = 253)))]
    pub hosts: Option<Vec<String>>,
    /// Path this route answers: exact (/hello), or a prefix (/hello/..., which matches /hello too).
    #[schemars(required, length(max = 1024))]
    pub path: Option<String>,
    /// The WebAssembly module that answers.
    #[schemars(required)]
    pub module: Option<Module>,
    /// Exported function to call. Default: _start.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128), extend("default" = "_start"))]
    pub entrypoint: Option<String>,
    /// Arguments of the program. ${SCRIPT_NAME} stands for the request path; ${ARGS}, alone, for the
    /// query items, one argument each. Default: ["${SCRIPT_NAME}"]. At most 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 1024)), extend("default" = ["${SCRIPT_NAME}"]))]
    pub argv: Option<Vec<String>>,
    /// Environment variables beside those that every request sets. At most 128.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub env: Option<Vec<EnvVar>>,
    /// Folders that the program may read; of this machine, so only where manifests are served
    /// without a cluster, and not in the schema. At most 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub volumes: Option<Vec<Volume>>,
    /// What one route may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsSpec>,
    /// What happens to the program when its client leaves: Cancel ends it, Finish lets it run to its
    /// end. Default: Cancel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Cancel"))]
    pub on_disconnect: Option<String>,
    /// Answers every request with 503 and runs nothing, while the route keeps its hosts and path.
    /// Default: false.
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
    /// Where the module is. For local use file:PATH, relative to the manifest. Example:
    /// file:hello.wasm.
    #[schemars(required, length(max = 512))]
    pub image: Option<String>,
}

/// An environment variable.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Name of the variable. Example: GREETING.
    #[schemars(required, length(max = 128))]
    pub name: Option<String>,
    /// Value of the variable. Default: empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32768))]
    pub value: Option<String>,
}

/// A folder that the program may read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    /// Where the program sees it: an absolute path. Example: /site.
    #[schemars(required, length(max = 256))]
    pub mount_path: Option<String>,
    /// Folder on this machine, relative to the manifest. Local use only. Example: site.
    #[schemars(required, length(max = 4096))]
    pub host_path: Option<String>,
}

/// What one route may use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LimitsSpec {
    /// Memory of one running program, in bytes: 1Mi to 4Gi. Default: 128Mi.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "128Mi"))]
    pub memory: Option<IntOrString>,
    /// CPU time of one running program: 1ms to 24h. Default: 10s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "10s"))]
    pub cpu_time: Option<String>,
    /// Programs of this route that run at the same time: 1 to 100000. Default: 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = 500))]
    pub concurrency: Option<i64>,
    /// Size of a request body, in bytes: 0 to 1Ti. Default: 64Mi.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "64Mi"))]
    pub request_body: Option<IntOrString>,
    /// Size of what a program prints before the blank line that ends its head, in bytes: 256 to 1Mi.
    /// Default: 64Ki.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "64Ki"))]
    pub response_head: Option<IntOrString>,
    /// How long a request may wait for what.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutsSpec>,
}

/// How long a request may wait for what. None may be longer than total.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TimeoutsSpec {
    /// Wait for a place to run: 0s to 1h. Default: 1s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "1s"))]
    pub queue: Option<String>,
    /// Until the program has printed its head: 1ms to 720h. Default: 30s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "30s"))]
    pub head: Option<String>,
    /// Between two writes of the program: 1ms to 720h. Default: 5m.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5m"))]
    pub idle: Option<String>,
    /// While the client takes or sends nothing that is waited for: 1ms to 720h. Default: 60s.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "60s"))]
    pub client: Option<String>,
    /// The whole request: 1ms to 720h. Default: 1h.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "1h"))]
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

    // YAML reads 1e6 as a floating point number.
    fn visit_f64<E: de::Error>(self, number: f64) -> Result<IntOrString, E> {
        Ok(IntOrString(number.to_string()))
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
        json_schema!({ "x-kubernetes-int-or-string": true })
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
        assert_eq!(memory["default"], "128Mi");
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
