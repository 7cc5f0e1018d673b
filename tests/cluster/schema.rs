//! The custom resources on a real API server: what they refuse, in whose words, and what they let be.

mod bad_objects;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crds::definitions::definitions;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::PostParams;
use kube::{Api, Client};
use serde_json::{Value, json};
use tests::kubernetes::{Cluster, Options};
use tests::process::wait_until;
use tests::wagi;

use bad_objects::{Bad, Words, bad_objects};

const PATH: &str = "apis/GROUP/v1alpha1/namespaces/default/wagiroutes";

/// An API server with the definitions that are committed.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(|| {
        let cluster = Cluster::start(Options::default());
        let folder = wagi::repository("crds/generated");
        let applied = cluster.kubectl(&["apply", "-f", &folder]);
        let said = String::from_utf8_lossy(&applied.stderr);
        assert!(applied.status.success(), "{said}");
        assert_eq!(said, "", "an API server has nothing to warn of");
        served(&cluster, "wagi.dev");
        cluster
    })
}

fn served(cluster: &Cluster, group: &str) {
    let path = format!("/{}", PATH.replace("GROUP", group));
    wait_until("its resources", || {
        cluster.kubectl(&["get", "--raw", &path]).status.success()
    });
}

fn with_group(group: &str, change: impl Fn(&mut Value)) -> CustomResourceDefinition {
    let mut value = serde_json::to_value(&definitions()[0]).expect("JSON");
    value["metadata"]["name"] = json!(format!("wagiroutes.{group}"));
    value["spec"]["group"] = json!(group);
    // Short names are the real one's.
    value["spec"]["names"]["shortNames"] = json!([]);
    value["spec"]["names"]["categories"] = json!([]);
    change(&mut value["spec"]["versions"][0]["schema"]["openAPIV3Schema"]);
    serde_json::from_value(value).expect("a definition")
}

/// The definition of a route as it was before there were rules.
pub fn without_rules() -> Value {
    let mut value = serde_json::to_value(&definitions()[0]).expect("JSON");
    strip_rules(&mut value);
    value
}

fn strip_rules(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "x-kubernetes-validations");
            fields.values_mut().for_each(strip_rules);
        }
        Value::Array(items) => items.iter_mut().for_each(strip_rules),
        _ => {}
    }
}

fn make(cluster: &Cluster, definition: &CustomResourceDefinition) {
    let definitions: Api<CustomResourceDefinition> = Api::all(cluster.admin());
    let made = cluster.block_on(definitions.create(&PostParams::default(), definition));
    made.expect("the definition is taken");
    served(cluster, &definition.spec.group);
}

/// What the API server says of a new object: what it refuses, by field, or nothing.
fn refusals(cluster: &Cluster, group: &str, object: &Value) -> Vec<(String, String)> {
    let mut object = object.clone();
    object["apiVersion"] = json!(format!("{group}/v1alpha1"));
    let uri = format!(
        "/{}?dryRun=All&fieldValidation=Strict",
        PATH.replace("GROUP", group)
    );
    let request = http::Request::post(uri)
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&object).expect("JSON"))
        .expect("a request");
    static CLIENT: OnceLock<Client> = OnceLock::new();
    let client = CLIENT.get_or_init(|| cluster.admin());
    let answer = cluster.block_on(client.request::<Value>(request));
    let status = match answer {
        Ok(_) => return Vec::new(),
        Err(kube::Error::Api(status)) => *status,
        Err(error) => panic!("{error}"),
    };
    let causes = status.details.map(|details| details.causes);
    let causes = causes.unwrap_or_default();
    if causes.is_empty() {
        let unknown = status.message.split("unknown field \"").nth(1);
        let field = unknown.and_then(|rest| rest.split('"').next());
        let field = field.unwrap_or_else(|| panic!("{}", status.message));
        return vec![(field.to_owned(), status.message.clone())];
    }
    let said = causes.into_iter().map(|cause| (cause.field, cause.message));
    // It says so of the object as a whole when something keeps it from looking at the rules.
    said.filter(|(field, _)| field != "<nil>").collect()
}

#[test]
fn every_bad_object_is_refused_by_its_field_and_in_words_that_help() {
    let cluster = cluster();
    for bad in bad_objects() {
        let said = refusals(cluster, "wagi.dev", &bad.object);
        let fields: BTreeSet<&str> = said.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(fields, BTreeSet::from([bad.field]), "{said:?}");
        let says = match &bad.words {
            Words::Both(says) | Words::Server(says) => says,
        };
        let text = &said[0].1;
        assert!(text.contains(says), "{}: {says:?} in {text:?}", bad.field);
        if matches!(bad.words, Words::Both(_)) {
            assert_eq!(said.len(), 1, "{said:?}");
        }
    }
}

#[test]
fn kubectl_apply_says_so() {
    let cluster = cluster();
    let all: Vec<String> = bad_objects()
        .iter()
        .map(|bad| bad.object.to_string())
        .collect();
    let applied = cluster.kubectl_with(&["apply", "-f", "-"], &all.join("\n---\n"));
    assert!(!applied.status.success());
    assert_eq!(String::from_utf8_lossy(&applied.stdout), "");
    let said = String::from_utf8_lossy(&applied.stderr);
    for bad in bad_objects() {
        let (Words::Both(says) | Words::Server(says)) = &bad.words;
        assert!(said.contains(says), "{}: {says:?} in {said}", bad.field);
    }
}

#[test]
fn wagi_check_for_a_cluster_refuses_the_same_and_names_the_same_fields() {
    let folder = tempfile::tempdir().expect("a folder");
    let all = bad_objects();
    let file = |number: usize| format!("{}/{number}.yaml", folder.path().display());
    for (number, bad) in all.iter().enumerate() {
        fs::write(file(number), bad.object.to_string() + "\n").expect("a file");
    }
    let path = folder.path().display().to_string();
    let checked = wagi::run(&["check", "--for", "cluster", &path]);
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8_lossy(&checked.stdout);
    for (number, bad) in all.iter().enumerate() {
        let begin = format!("{}:", file(number));
        let lines: Vec<&str> = said
            .lines()
            .filter(|line| line.starts_with(&begin))
            .collect();
        let sentences = lines.iter().filter_map(|line| line.split(": ").nth(1));
        let fields: BTreeSet<&str> = sentences.collect();
        assert_eq!(fields, BTreeSet::from([bad.field]), "{lines:?}");
        if let Words::Both(says) = &bad.words {
            assert!(lines[0].contains(says), "{says:?} in {lines:?}");
        }
    }
}

/// Every rule with the field that it names, its place and its number there.
fn rules(schema: &Value, place: &str, found: &mut Vec<(String, String, usize)>) {
    let here = schema["x-kubernetes-validations"].as_array();
    for (number, rule) in here.into_iter().flatten().enumerate() {
        let below = rule["fieldPath"].as_str().unwrap_or_default();
        let field = format!("{place}{below}");
        found.push((
            field.trim_start_matches('.').to_owned(),
            place.to_owned(),
            number,
        ));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{place}.{name}");
        rules(property, place.trim_start_matches('.'), found);
    }
    if schema["items"].is_object() {
        rules(&schema["items"], &format!("{place}[]"), found);
    }
}

/// Takes a rule away.
fn without(schema: &mut Value, place: &str, number: usize) {
    let mut part = schema;
    for name in place.split('.').filter(|name| !name.is_empty()) {
        let (name, is_item) = name.strip_suffix("[]").map_or((name, false), |n| (n, true));
        part = &mut part["properties"][name];
        if is_item {
            part = &mut part["items"];
        }
    }
    let rules = part["x-kubernetes-validations"].as_array_mut();
    rules.expect("it has rules").remove(number);
}

/// `spec.hosts[]` for `spec.hosts[3]`.
fn place_of(field: &str) -> String {
    let digits = |c: char| c.is_ascii_digit();
    let mut place = String::new();
    for part in field.split_inclusive('[') {
        place.push_str(part.trim_start_matches(digits));
    }
    place
}

#[test]
fn every_rule_has_an_object_that_only_it_refuses() {
    let cluster = cluster();
    let mut all = Vec::new();
    let schema = serde_json::to_value(&definitions()[0]).expect("JSON");
    let schema = &schema["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    rules(schema, "", &mut all);
    assert!(all.len() > 50, "{}", all.len());
    // One definition lacks one rule of each place, since an object is bad in one place only; those
    // of a place around others have definitions of their own.
    let round = |place: &str, number: usize| match place {
        "spec.limits.timeouts" => 100 + number,
        "spec.volumes" => 200 + number,
        _ => number,
    };
    let rounds: BTreeSet<usize> = all
        .iter()
        .map(|(_, place, number)| round(place, *number))
        .collect();
    let objects = bad_objects();
    for now in rounds {
        let lacking: Vec<_> = all
            .iter()
            .filter(|(_, place, number)| round(place, *number) == now)
            .collect();
        let group = format!("without-{now}.wagi.dev");
        let definition = with_group(&group, |schema| {
            for (_, place, number) in &lacking {
                without(schema, place, *number);
            }
        });
        make(cluster, &definition);
        for (field, _, number) in lacking {
            let of_field = |bad: &&Bad| place_of(bad.field) == *field;
            let is_taken = |bad: &Bad| refusals(cluster, &group, &bad.object).is_empty();
            let is_proved = objects.iter().filter(of_field).any(is_taken);
            assert!(
                is_proved,
                "no object is refused by rule {number} of {field} alone"
            );
        }
        let definitions: Api<CustomResourceDefinition> = Api::all(cluster.admin());
        let name = format!("wagiroutes.{group}");
        let deleted = cluster.block_on(definitions.delete(&name, &Default::default()));
        deleted.expect("it was made above");
    }
}

#[test]
fn good_objects_and_the_examples_are_taken_by_both() {
    let cluster = cluster();
    let examples = wagi::repository("examples");
    let checked = wagi::run(&["check", "--for", "cluster", &examples]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
    for example in fs::read_dir(&examples).expect("the examples") {
        let file = example.expect("an entry").path().join("cluster.yaml");
        let file = file.display().to_string();
        assert!(Path::new(&file).exists(), "{file}");
        let applied = cluster.kubectl(&["apply", "--dry-run=server", "-f", &file]);
        assert!(applied.status.success(), "{applied:?}");
        assert!(applied.stderr.is_empty(), "{applied:?}");
    }
    let folder = tempfile::tempdir().expect("a folder");
    for (number, object) in bad_objects::good_objects().iter().enumerate() {
        assert_eq!(refusals(cluster, "wagi.dev", object), []);
        let file = folder.path().join(format!("{number}.yaml"));
        fs::write(file, object.to_string() + "\n").expect("a file");
    }
    let path = folder.path().display().to_string();
    let checked = wagi::run(&["check", "--for", "cluster", &path]);
    assert_eq!(checked.status.code(), Some(0), "{checked:?}");
}

#[test]
fn a_new_route_waits_for_the_operator_and_has_its_defaults() {
    let cluster = cluster();
    cluster.apply(&bad_objects::route("fresh", &json!({})).to_string());
    let shown = cluster.kubectl_ok(&["get", "wr", "fresh", "-o", "json"]);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["status"]["observedGeneration"], 0);
    let condition = &shown["status"]["conditions"][0];
    assert_eq!(
        (
            &condition["type"],
            &condition["status"],
            &condition["reason"]
        ),
        (&json!("Accepted"), &json!("Unknown"), &json!("Pending"))
    );
    assert_eq!(shown["spec"]["entrypoint"], "_start");
    assert_eq!(shown["spec"]["argv"], json!(["${SCRIPT_NAME}"]));
    assert_eq!(shown["spec"]["onDisconnect"], "Cancel");
    assert_eq!(shown["spec"]["suspend"], false);
    assert_eq!(shown["spec"]["limits"], json!(null));
    let columns = cluster.kubectl_ok(&["get", "wagi", "-o", "wide"]);
    let head: Vec<&str> = columns
        .lines()
        .next()
        .expect("a head")
        .split_whitespace()
        .collect();
    assert_eq!(
        head,
        [
            "NAME", "ADDRESS", "READY", "REASON", "NODES", "AGE", "HOSTS", "MODULE"
        ]
    );
}

#[test]
fn an_object_from_before_a_rule_can_be_edited_elsewhere() {
    let cluster = cluster();
    let group = "older.wagi.dev";
    make(cluster, &with_group(group, strip_rules));
    let mut old = bad_objects::route("old", &json!({"spec": {"path": "old"}}));
    old["apiVersion"] = json!(format!("{group}/v1alpha1"));
    cluster.apply(&old.to_string());
    let definition = with_group(group, |_| {});
    cluster.apply(&serde_json::to_string(&definition).expect("JSON"));
    wait_until("the rules", || {
        !refusals(
            cluster,
            group,
            &bad_objects::route("new", &json!({"spec": {"path": "new"}})),
        )
        .is_empty()
    });
    let patch = |spec: Value| {
        let patch = json!({ "spec": spec }).to_string();
        let kind = format!("wagiroutes.{group}");
        cluster.kubectl(&["patch", &kind, "old", "--type=merge", "-p", &patch])
    };
    let elsewhere = patch(json!({"suspend": true, "env": [{"name": "A"}]}));
    assert!(elsewhere.status.success(), "{elsewhere:?}");
    assert!(!patch(json!({"path": "still"})).status.success());
}
