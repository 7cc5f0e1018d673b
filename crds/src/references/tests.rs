//! What comes of a reference, and what is said when nothing does.

use super::*;
use crate::validate::validate_object;
use serde_json::{Value, json};

fn route(more: &Value) -> ValidRoute {
    let mut spec = json!({ "path": "/a", "module": { "image": "r.example/a:1" } });
    for (field, value) in more.as_object().expect("fields") {
        spec[field] = value.clone();
    }
    let spec = serde_json::from_value(spec).expect("a spec");
    validate_object("shop", "a", &spec).expect("a valid route")
}

fn objects(object: &Object) -> Option<Arc<Data>> {
    let data: Data = match object.to_string().as_str() {
        "ConfigMap settings" => [("A", "1"), ("B", "2"), ("not=a name", "3")]
            .into_iter()
            .collect(),
        "Secret api" => [("token", &b"t0ken"[..]), ("binary", &[0xff, 0][..])]
            .into_iter()
            .collect(),
        "Secret registry" => [(DOCKER_CONFIG_KEY, "{}")].into_iter().collect(),
        _ => return None,
    };
    Some(Arc::new(data))
}

#[track_caller]
fn env(more: &Value) -> Vec<(String, String)> {
    given(&route(more), objects).expect("all is there").env
}

#[track_caller]
fn said(more: &Value) -> Vec<String> {
    let missing = given(&route(more), objects).expect_err("something is missing");
    missing.iter().map(Missing::to_string).collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn variables_come_from_keys_and_from_whole_objects_and_what_is_written_comes_last() {
    let more = json!({
        "env": [
            {"name": "A", "value": "mine"},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}},
        ],
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "settings"}}, {"configMapRef": {"name": "settings"}}],
    });
    assert_eq!(
        env(&more),
        [
            pair("P_A", "1"),
            pair("P_B", "2"),
            pair("A", "1"),
            pair("B", "2"),
            pair("A", "mine"),
            pair("TOKEN", "t0ken"),
        ]
    );
}

#[test]
fn what_is_missing_is_named_with_its_field_unless_it_is_optional() {
    let key = |name: &str, key: &str, optional: bool| json!({"name": name, "key": key, "optional": optional});
    let more = |optional: bool| {
        json!({
            "env": [
                {"name": "A", "valueFrom": {"configMapKeyRef": key("none", "a", optional)}},
                {"name": "B", "valueFrom": {"secretKeyRef": key("api", "none", optional)}},
            ],
            "envFrom": [{"secretRef": {"name": "none", "optional": optional}}],
            "volumes": [{"mountPath": "/a", "secret": {"name": "none", "optional": optional}}],
        })
    };
    assert_eq!(
        said(&more(false)),
        [
            "spec.envFrom[0]: there is no Secret none; make it, or write optional: true",
            "spec.env[0].valueFrom: there is no ConfigMap none; make it, or write optional: true",
            "spec.env[1].valueFrom: Secret api has no key \"none\"; add it, or write optional: true",
            "spec.volumes[0]: there is no Secret none; make it, or write optional: true",
        ]
    );
    let given = given(&route(&more(true)), objects).expect("all is optional");
    assert_eq!((given.env.len(), given.volumes.len()), (0, 1));
}

#[test]
fn what_is_no_text_is_no_variable() {
    let more = json!({
        "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "api", "key": "binary"}}}],
    });
    let said = said(&more);
    assert!(
        said[0].contains("Secret api, key \"binary\": a variable holds text"),
        "{said:?}"
    );
    // Of a whole object it is left out.
    assert_eq!(
        env(&json!({"envFrom": [{"secretRef": {"name": "api"}}]})),
        [pair("token", "t0ken")]
    );
}

#[test]
fn pull_secrets_are_needed_and_are_logins() {
    let module =
        |name: &str| json!({"module": {"image": "r.example/a:1", "pullSecrets": [{"name": name}]}});
    assert_eq!(
        given(&route(&module("registry")), objects)
            .expect("a login")
            .pull,
        ["{}"]
    );
    let advice = "kubectl create secret docker-registry makes one";
    assert_eq!(
        said(&module("none")),
        [format!(
            "spec.module.pullSecrets[0]: there is no Secret none; {advice}"
        )]
    );
    assert_eq!(
        said(&module("api")),
        [format!(
            "spec.module.pullSecrets[0]: Secret api has no key \".dockerconfigjson\"; {advice}"
        )]
    );
}

#[test]
fn what_a_route_needs_is_said_once_an_object() {
    let more = json!({
        "env": [
            {"name": "A", "valueFrom": {"secretKeyRef": {"name": "api", "key": "a", "optional": true}}},
            {"name": "B", "valueFrom": {"secretKeyRef": {"name": "api", "key": "a"}}},
            {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "api", "key": "c", "optional": true}}},
        ],
        "volumes": [{"mountPath": "/a", "configMap": {"name": "site"}}],
    });
    let wanted = wanted(&route(&more));
    let names: Vec<_> = wanted.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["ConfigMap api", "ConfigMap site", "Secret api"]);
    assert_eq!(
        wanted[&Object::secret("api")].keys,
        [("a".to_owned(), true)].into()
    );
    assert_eq!(
        wanted[&Object::config_map("api")].keys,
        [("c".to_owned(), false)].into()
    );
    assert!(wanted[&Object::config_map("site")].whole);
}

#[test]
fn nothing_prints_a_value() {
    let more = json!({
        "env": [{"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "api", "key": "token"}}}],
        "volumes": [{"mountPath": "/a", "secret": {"name": "api"}}],
        "module": {"image": "r.example/a:1", "pullSecrets": [{"name": "registry"}]},
    });
    let given = given(&route(&more), objects).expect("all is there");
    let printed = format!("{given:?} {:?}", objects(&Object::secret("api")));
    assert!(
        printed.contains("token") && !printed.contains("t0ken"),
        "{printed}"
    );
    assert!(!format!("{printed:?}").contains("116, 48"), "{printed}");
}

#[test]
fn an_environment_is_bounded() {
    let large: Data = (0..9)
        .map(|n| (format!("K{n}"), vec![b'x'; LONGEST_VALUE]))
        .collect();
    let find = |_: &Object| Some(Arc::new(large.clone()));
    let more = json!({"envFrom": [{"configMapRef": {"name": "large"}}]});
    let missing = given(&route(&more), find).expect_err("too large");
    assert!(
        missing[0].to_string().contains("at most 262144 are taken"),
        "{missing:?}"
    );
}
