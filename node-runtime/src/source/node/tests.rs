//! Reading goes on after a mistake and names every one with its place.

use crds::manifest::Manifest;

use super::reading::{Read, read};
use super::*;
use crate::source::yaml;

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let documents = yaml::documents(text);
    let node = yaml::parse(&documents[0]).expect("well-formed YAML");
    let read: Read<Manifest> = read(&node, |field| field == "status");
    let found: Vec<String> = read
        .misfits
        .iter()
        .map(|misfit| {
            let Position { line, column } = misfit.at;
            format!("{line}:{column}: {}: {}", misfit.field, misfit.text)
        })
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_misfit_is_named_with_its_place() {
    check(
        "\
kind: WagiRoute
metadata:
  name: 12
spec:
  path: {a: b}
  hosts: shop.example
  argv: [a, 1, b]
  env:
  - name: A
    vlaue: x
  - nonsense
  limits:
    concurrency: many
    memory: 1e6
  extra: 1
status: {anything: true}
",
        &[
            "3:9: metadata.name: 12 is a number here; write it in quotes",
            "5:9: spec.path: fields below a name; write text",
            "6:10: spec.hosts: \"shop.example\" is text; write a list, as in [a, b]",
            "7:13: spec.argv[1]: 1 is a number here; write it in quotes",
            "11:5: spec.env[1]: \"nonsense\" is text; write fields, as in name: value",
            "13:18: spec.limits.concurrency: \"many\" is text; write a whole number",
            "10:5: spec.env[0].vlaue: unknown field; write one of name, value, valueFrom",
            "15:3: spec.extra: unknown field; write one of hosts, path, module, entrypoint, argv, env, \
             envFrom, volumes, limits, onDisconnect, suspend",
        ],
    );
}

#[test]
fn a_field_without_a_value_is_left_out() {
    check(
        "kind: WagiRoute\nmetadata:\nspec:\n  path: /\n  hosts:\n",
        &[],
    );
}

#[test]
fn a_document_that_is_no_object_is_one_mistake() {
    check(
        "[1, 2]\n",
        &["1:1: : a list; write fields, as in name: value"],
    );
}

#[test]
fn merge_keys_and_anchors_are_followed() {
    check(
        "spec:\n  env:\n  - &first {name: A}\n  - {<<: *first, name: B}\n",
        &[],
    );
}

#[test]
fn fields_are_found_by_name_and_the_nearest_when_missing() {
    let text = "spec:\n  env:\n  - name: A\n  - name: B\n  module:\n    image: x\n";
    let node = yaml::parse(&yaml::documents(text)[0]).expect("well-formed YAML");
    let at = |field: &str| {
        let Position { line, column } = node.find(field);
        (line, column)
    };
    assert_eq!(at("spec.env[1].name"), (4, 11));
    assert_eq!(at("spec.env[1].value"), (4, 5));
    assert_eq!(at("spec.env[7]"), (2, 3));
    assert_eq!(at("spec.path"), (1, 1));
    assert_eq!(at("spec.module.image"), (6, 12));
    assert_eq!(at("metadata.name"), (1, 1));
}
