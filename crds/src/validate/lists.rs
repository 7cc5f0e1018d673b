//! The lists of a route: hosts, arguments, environment, volumes.
//!
//! A list that is too long is one mistake, and its items are still looked at.

use std::collections::HashMap;
use std::hash::Hash;
use std::path::PathBuf;

use super::collect::Collector;
use super::{Place, ValidVolume};
use crate::host::HostPattern;
use crate::wagi_route::WagiRouteSpec;

const MOST_HOSTS: usize = 16;
const MOST_ARGUMENTS: usize = 64;
const LONGEST_ARGUMENT: usize = 1024;
const MOST_VARIABLES: usize = 128;
const LONGEST_VARIABLE_NAME: usize = 128;
const LONGEST_VARIABLE_VALUE: usize = 32_768;
const MOST_VOLUMES: usize = 16;
const LONGEST_MOUNT_PATH: usize = 256;
/// Linux's own `PATH_MAX`.
const LONGEST_HOST_PATH: usize = 4096;

const MOUNT_PATH_ADVICE: &str = "write an absolute path, as in /site";

pub(super) fn hosts(
    collector: &mut Collector,
    place: Place,
    spec: &WagiRouteSpec,
) -> Vec<HostPattern> {
    let written = spec.hosts.as_deref().unwrap_or_default();
    collector.most("spec.hosts", written, MOST_HOSTS);
    let mut first = First(HashMap::new());
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

pub(super) fn env(collector: &mut Collector, spec: &WagiRouteSpec) -> Vec<(String, String)> {
    let written = spec.env.as_deref().unwrap_or_default();
    collector.most("spec.env", written, MOST_VARIABLES);
    let mut first = First(HashMap::new());
    let mut env = Vec::with_capacity(written.len());
    for (index, variable) in written.iter().enumerate() {
        let field = format!("spec.env[{index}].name");
        let value = variable.value.as_deref().unwrap_or_default();
        collector.longest(
            format!("spec.env[{index}].value"),
            value,
            LONGEST_VARIABLE_VALUE,
        );
        let advice = "write the variable's name, as in GREETING";
        let parsed = collector.required(&field, variable.name.as_deref(), advice, variable_name);
        let Some(name) = parsed else { continue };
        match first.index(name.clone(), index) {
            Some(earlier) => {
                let advice = format!("the same as spec.env[{earlier}]; remove one");
                collector.violation(format!("spec.env[{index}]"), &name, advice);
            }
            None => env.push((name, value.to_owned())),
        }
    }
    env
}

/// What Kubernetes allows: printable ASCII without `=`.
fn variable_name(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_VARIABLE_NAME {
        let length = text.len();
        Err(format!(
            "{length} bytes are too many; write at most {LONGEST_VARIABLE_NAME}"
        ))
    } else if text
        .bytes()
        .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
    {
        Ok(text.to_owned())
    } else {
        Err("write printable ASCII characters without =".to_owned())
    }
}

pub(super) fn volumes(collector: &mut Collector, spec: &WagiRouteSpec) -> Vec<ValidVolume> {
    let written = spec.volumes.as_deref().unwrap_or_default();
    collector.most("spec.volumes", written, MOST_VOLUMES);
    let mut mounted: Vec<(usize, String)> = Vec::with_capacity(written.len());
    let mut volumes = Vec::with_capacity(written.len());
    for (index, volume) in written.iter().enumerate() {
        let field = format!("spec.volumes[{index}].hostPath");
        let advice = "write the folder on this machine, as in site";
        let host_path = collector.required(field, volume.host_path.as_deref(), advice, host_path);
        let field = format!("spec.volumes[{index}].mountPath");
        let written = volume.mount_path.as_deref();
        let mount = collector.required(&field, written, MOUNT_PATH_ADVICE, mount_path);
        let Some(mount_path) = mount else { continue };
        if let Some((earlier, relation)) = mounted
            .iter()
            .find_map(|(index, other)| Some((index, relation(&mount_path, other)?)))
        {
            let advice =
                format!("{relation} spec.volumes[{earlier}].mountPath; write another path");
            collector.violation(field, &mount_path, advice);
        }
        mounted.push((index, mount_path.clone()));
        if let Some(host_path) = host_path {
            volumes.push(ValidVolume {
                mount_path,
                host_path,
            });
        }
    }
    volumes
}

fn host_path(text: &str) -> Result<PathBuf, String> {
    if text.len() > LONGEST_HOST_PATH {
        Err(format!(
            "{} bytes are too many; write at most {LONGEST_HOST_PATH}",
            text.len()
        ))
    } else if text.contains('\0') {
        Err("holds a NUL character; write it without".to_owned())
    } else {
        Ok(PathBuf::from(text))
    }
}

fn mount_path(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_MOUNT_PATH {
        return Err(format!(
            "{} bytes are too many; write at most {LONGEST_MOUNT_PATH}",
            text.len()
        ));
    }
    let Some(rest) = text.strip_prefix('/') else {
        return Err(MOUNT_PATH_ADVICE.to_owned());
    };
    let is_plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains('\0');
    if rest.is_empty() || rest.split('/').all(is_plain) {
        Ok(text.to_owned())
    } else {
        Err("write it without ., .., doubled slashes and a slash at the end".to_owned())
    }
}

/// How one mount path stands in the way of another, if it does.
fn relation(path: &str, other: &str) -> Option<&'static str> {
    let is_inside = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer.trim_end_matches('/'))
            .is_some_and(|rest| rest.starts_with('/'))
    };
    if path == other {
        Some("the same as")
    } else if is_inside(path, other) {
        Some("inside")
    } else if is_inside(other, path) {
        Some("around")
    } else {
        None
    }
}

/// Where each value of a list came first.
struct First<K>(HashMap<K, usize>);

impl<K: Eq + Hash> First<K> {
    fn index(&mut self, key: K, index: usize) -> Option<usize> {
        let earlier = *self.0.entry(key).or_insert(index);
        (earlier != index).then_some(earlier)
    }
}
