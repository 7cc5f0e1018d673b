//! What the definitions promise that no API server is needed for.

use serde_json::Value;

use super::*;

/// Every part of a schema with its path.
fn walk(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, schema);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = match path {
            "" => name.clone(),
            _ => format!("{path}.{name}"),
        };
        walk(property, &path, visit);
    }
    if schema["items"].is_object() {
        walk(&schema["items"], &format!("{path}[]"), visit);
    }
}

fn each(mut visit: impl FnMut(&str, &str, &Value)) {
    for definition in definitions() {
        let value = serde_json::to_value(&definition).expect("JSON");
        let schema = &value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
        let kind = &definition.spec.names.kind;
        walk(schema, "", &mut |path, part| visit(kind, path, part));
    }
}

#[test]
fn every_field_is_described_and_those_of_a_route_have_an_example_and_a_default() {
    each(|kind, path, part| {
        // Kubernetes' own types have Kubernetes' own words.
        if path == "metadata" || path.starts_with("metadata.") || path.starts_with("status.cond") {
            return;
        }
        let is_field = !path.ends_with("[]") && path.contains('.');
        let description = part["description"].as_str().unwrap_or_default();
        let has = |words: &[&str]| words.iter().any(|word| description.contains(word));
        assert!(!is_field || !description.is_empty(), "{kind} {path}");
        if kind == "WagiRoute" && is_field && path.starts_with("spec.") {
            assert!(has(&["Default: ", "Required."]), "{path}: {description}");
            assert!(has(&["Example: "]), "{path}: {description}");
        }
        assert!(!description.contains('\n'), "{kind} {path}: {description}");
    });
}

#[test]
fn what_a_person_types_is_judged_by_sentences_only() {
    each(|kind, path, part| {
        if kind == "WagiRoute" && path.starts_with("spec") {
            for keyword in ["pattern", "enum", "nullable"] {
                assert!(part[keyword].is_null(), "{path} has {keyword}");
            }
            let format = part["format"].as_str();
            assert!(matches!(format, None | Some("int64")), "{path}: {format:?}");
            let is_text = part["type"] == "string" || !part["x-kubernetes-int-or-string"].is_null();
            assert!(
                !is_text || part["maxLength"].is_number(),
                "{path} is unbounded"
            );
            let is_list = part["type"] == "array";
            assert!(
                !is_list || part["maxItems"].is_number(),
                "{path} is unbounded"
            );
        }
    });
}

#[test]
fn every_list_says_how_it_merges() {
    each(|kind, path, part| {
        let merges = part["x-kubernetes-list-type"].is_string();
        assert!(part["type"] != "array" || merges, "{kind} {path}");
    });
}

#[test]
fn every_rule_has_a_sentence_and_one_for_when_that_fails() {
    let mut rules = 0;
    each(|_, path, part| {
        for rule in part["x-kubernetes-validations"]
            .as_array()
            .into_iter()
            .flatten()
        {
            rules += 1;
            for field in ["messageExpression", "message"] {
                let text = rule[field].as_str().unwrap_or_default();
                assert!(!text.is_empty(), "{path}: {}", rule["rule"]);
            }
        }
    });
    assert_eq!(rules, rules::all().len());
}

#[test]
fn numbers_are_bounded_as_the_validator_bounds_them() {
    each(|_, path, part| {
        if path == "spec.limits.concurrency" {
            let bounds = crate::limits::CONCURRENCY;
            assert_eq!(part["minimum"], f64::from(*bounds.start()));
            assert_eq!(part["maximum"], f64::from(*bounds.end()));
        }
    });
}
