//! What the derived schemas lack: how lists merge, what a status says before anybody wrote one.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use serde_json::{Value, json};

use crate::conditions::{Reason, Type};
use crate::wagi_node::{LONGEST_MESSAGE, MOST_EXCEPTIONS};

/// The definition with its schema changed.
pub(super) fn reshaped(
    definition: CustomResourceDefinition,
    change: impl Fn(&mut Value),
) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(definition).expect("a definition is JSON");
    let versions = value["spec"]["versions"].as_array_mut();
    for version in versions.expect("a definition has versions") {
        let schema = &mut version["schema"]["openAPIV3Schema"];
        tidy(schema);
        change(schema);
    }
    serde_json::from_value(value).expect("it is still a definition")
}

/// The part of a schema at `spec.hosts[]` and the like; `""` is all of it.
pub(super) fn at<'a>(schema: &'a mut Value, path: &str) -> &'a mut Value {
    let mut part = schema;
    for name in path.split('.').filter(|name| !name.is_empty()) {
        let (name, is_item) = name.strip_suffix("[]").map_or((name, false), |n| (n, true));
        part = &mut part["properties"][name];
        if is_item {
            part = &mut part["items"];
        }
    }
    assert!(part.is_object(), "the schema has nothing at {path}");
    part
}

pub(super) fn routes(schema: &mut Value) {
    // Hosts are written in one form only, so equal texts are equal hosts.
    at(schema, "spec.hosts")["x-kubernetes-list-type"] = json!("set");
    at(schema, "spec.argv")["x-kubernetes-list-type"] = json!("atomic");
    map(at(schema, "spec.env"), "name");
    at(schema, "spec.envFrom")["x-kubernetes-list-type"] = json!("atomic");
    map(at(schema, "spec.volumes"), "mountPath");
    map(at(schema, "spec.module.pullSecrets"), "name");
    map(at(schema, "status.conditions"), "type");
    at(schema, "status.failing")["x-kubernetes-list-type"] = json!("atomic");
    // kstatus takes an object for done when nothing says that somebody is at it, so a new one says
    // so before the operator has seen it.
    at(schema, "status")["default"] = json!({
        "observedGeneration": 0,
        "conditions": [{
            "type": Type::Accepted.to_string(),
            "status": "Unknown",
            "reason": Reason::Pending.to_string(),
            "message": "Waiting for the operator",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
            "observedGeneration": 0,
        }],
    });
    // A rule can read a name only where the schema has it.
    schema["properties"]["metadata"] = json!({
        "type": "object",
        "properties": { "name": { "type": "string" } },
    });
}

pub(super) fn nodes(schema: &mut Value) {
    for list in ["spec.documents", "spec.features", "spec.exceptions"] {
        at(schema, list)["x-kubernetes-list-type"] = json!("atomic");
    }
    // A runtime that reports without end must not fill etcd.
    at(schema, "spec.exceptions")["maxItems"] = json!(MOST_EXCEPTIONS);
    at(schema, "spec.exceptions[].message")["maxLength"] = json!(LONGEST_MESSAGE);
}

fn map(list: &mut Value, key: &str) {
    list["x-kubernetes-list-type"] = json!("map");
    list["x-kubernetes-list-map-keys"] = json!([key]);
}

/// Takes out what only describes Rust's types: an absent field is absent, never null; and lines are
/// broken by whoever shows them.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            fields.remove("nullable");
            if let Some(Value::String(description)) = fields.get_mut("description") {
                *description = unwrapped(description);
            }
            fields.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// A comment's text with its paragraphs on one line each.
fn unwrapped(text: &str) -> String {
    let paragraphs = text.split("\n\n").map(|lines| lines.replace('\n', " "));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}
