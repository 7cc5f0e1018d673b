//! `WagiRoute` as it is written: a host and path bound to a module and its settings.
//!
//! These types hold text as it stands in a manifest, right or wrong, and what was left out is `None`:
//! [`crate::validate`] says everything that is wrong with it at once.
//! Unknown fields are no error here, because an older program must read what a newer one allows;
//! whoever reads files is strict about them.
//! The comments on fields become their descriptions in the schema, so they are written for users.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize, de};

/// The API group and version of every object here.
pub const API_VERSION: &str = "wagi.dev/v1alpha1";
/// The API group of every object here.
pub const GROUP: &str = "wagi.dev";
/// The kind of a route.
pub const KIND: &str = "WagiRoute";

/// One object: what it is, its name, what it asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WagiRoute {
    /// Always wagi.dev/v1alpha1.
    #[schemars(required)]
    pub api_version: Option<String>,
    /// Always WagiRoute.
    #[schemars(required)]
    pub kind: Option<String>,
    /// Its name and namespace.
    #[serde(default)]
    pub metadata: Metadata,
    /// What it asks for.
    #[schemars(required)]
    pub spec: Option<WagiRouteSpec>,
}

/// What Kubernetes keeps about every object; only the name and the namespace matter here.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// The route's name: at most 63 characters a-z, 0-9 and -. Example: hello.
    #[schemars(required)]
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

/// What a route asks for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
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
    /// Folders that the program may read. At most 16.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub volumes: Option<Vec<Volume>>,
    /// What one route may use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsSpec>,
    /// What happens to the program when its client leaves: Cancel ends it, Finish lets it run to its
    /// end. Default: Cancel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "Cancel"))]
    pub on_disconnect: Option<String>,
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
