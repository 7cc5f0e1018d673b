//! The lists of a route: hosts, arguments, environment.
//!
//! A list that is too long is one mistake, and its items are still looked at.

use std::collections::HashMap;
use std::hash::Hash;

use super::collect::Collector;
use super::references::{self, variable_name};
use super::{Place, ValidVariable, VariableValue};
use crate::host::HostPattern;
use crate::wagi_route::WagiRouteSpec;

const MOST_HOSTS: usize = 16;
const MOST_ARGUMENTS: usize = 64;
const LONGEST_ARGUMENT: usize = 1024;
const MOST_VARIABLES: usize = 128;
const LONGEST_VARIABLE_VALUE: usize = 32_768;

pub(super) fn hosts(
    collector: &mut Collector,
    place: Place,
    spec: &WagiRouteSpec,
) -> Vec<HostPattern> {
    let written = spec.hosts.as_deref().unwrap_or_default();
    collector.most("spec.hosts", written, MOST_HOSTS);
    let mut first = First::new();
    let mut hosts = Vec::with_capacity(written.len());
    for (index, text) in written.iter().enumerate() {
        let field = format!("spec.hosts[{index}]");
        let Some(host) = collector.parsed(&field, text, HostPattern::parse) else {
            continue;
        };
        // What an API server keeps is compared as text there, so it has one spelling.
        if place == Place::Cluster && host.as_str() != text {
            let advice = format!("write it as {:?}", host.as_str());
            collector.violation(field, text, advice);
            continue;
        }
        match first.index(host.clone(), index) {
            // A host compares in lower case, so that two spellings are one host.
            Some(earlier) => {
                let advice = format!("the same as spec.hosts[{earlier}]; remove one");
                collector.violation(field, text, advice);
            }
            None => hosts.push(host),
        }
    }
    hosts
}

pub(super) fn argv(collector: &mut Collector, spec: &WagiRouteSpec) -> Vec<String> {
    let Some(written) = &spec.argv else {
        return vec!["${SCRIPT_NAME}".to_owned()];
    };
    if written.is_empty() {
        let advice = "write at least the program's name, or leave argv out";
        collector.violation("spec.argv", "", advice.to_owned());
    }
    collector.most("spec.argv", written, MOST_ARGUMENTS);
    for (index, text) in written.iter().enumerate() {
        let field = format!("spec.argv[{index}]");
        collector.longest(field.as_str(), text, LONGEST_ARGUMENT);
        if text.contains("${ARGS}") && text != "${ARGS}" {
            let advice = "${ARGS} stands for any number of arguments; write it as one of its own";
            collector.violation(field, text, advice.to_owned());
        }
    }
    written.clone()
}

pub(super) fn env(collector: &mut Collector, spec: &WagiRouteSpec) -> Vec<ValidVariable> {
    let written = spec.env.as_deref().unwrap_or_default();
    collector.most("spec.env", written, MOST_VARIABLES);
    let mut first = First::new();
    let mut env = Vec::with_capacity(written.len());
    for (index, variable) in written.iter().enumerate() {
        let field = format!("spec.env[{index}].name");
        let text = variable.value.as_deref().unwrap_or_default();
        collector.longest(
            format!("spec.env[{index}].value"),
            text,
            LONGEST_VARIABLE_VALUE,
        );
        let reference = references::value(collector, index, variable);
        let advice = "write the variable's name, as in GREETING";
        let parsed = collector.required(&field, variable.name.as_deref(), advice, variable_name);
        let Some(name) = parsed else { continue };
        match first.index(name.clone(), index) {
            Some(earlier) => {
                let advice = format!("the same as spec.env[{earlier}]; remove one");
                collector.violation(format!("spec.env[{index}]"), &name, advice);
            }
            None => {
                let value = reference
                    .map_or_else(|| VariableValue::Text(text.to_owned()), VariableValue::Key);
                env.push(ValidVariable { name, value });
            }
        }
    }
    env
}

/// Where each value of a list came first.
pub(super) struct First<K>(HashMap<K, usize>);

impl<K: Eq + Hash> First<K> {
    pub(super) fn new() -> Self {
        Self(HashMap::new())
    }

    /// The place of an equal one before.
    pub(super) fn index(&mut self, key: K, index: usize) -> Option<usize> {
        let earlier = *self.0.entry(key).or_insert(index);
        (earlier != index).then_some(earlier)
    }
}
