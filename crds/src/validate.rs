//! From a route as it was written to one that can be served, or to everything that is wrong with it.
//!
//! Pure, and never stops at the first mistake: a [`Violation`] names the field, what stands there and
//! what to write. A [`ValidRoute`] keeps the promise of its types, so nothing after it checks again.
//! It does not know whether a file, a folder or an image exists.

mod collect;
mod limits;
mod lists;

use std::fmt;
use std::path::PathBuf;

use crate::host::HostPattern;
use crate::limits::Limits;
use crate::module_reference::ModuleReference;
use crate::path::PathPattern;
use crate::wagi_route::{API_VERSION, KIND, WagiRoute, WagiRouteSpec};

use collect::Collector;

/// Which route: its namespace and its name, both DNS labels.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteName {
    /// The namespace; `default` when none was written.
    pub namespace: String,
    /// The name within the namespace.
    pub name: String,
}

/// A route that can be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidRoute {
    /// Which route this is.
    pub name: RouteName,
    /// Hosts it answers, in order, without duplicates; empty for any host.
    pub hosts: Vec<HostPattern>,
    /// Path it answers.
    pub path: PathPattern,
    /// Where its module is.
    pub module: ModuleReference,
    /// Exported function to call.
    pub entrypoint: String,
    /// Templates of the program's arguments.
    pub argv: Vec<String>,
    /// Environment variables, in order, without duplicates.
    pub env: Vec<(String, String)>,
    /// Folders that the program may read; none inside another.
    pub volumes: Vec<ValidVolume>,
    /// What it may use.
    pub limits: Limits,
    /// What happens when its client leaves.
    pub on_disconnect: OnDisconnect,
}

/// A folder that the program may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidVolume {
    /// Where the program sees it: absolute, without `.`, `..` or doubled slashes.
    pub mount_path: String,
    /// The folder on this machine, as written.
    pub host_path: PathBuf,
}

/// What happens to the program when its client leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnDisconnect {
    /// It ends at once.
    #[default]
    Cancel,
    /// It runs to its own end.
    Finish,
}

/// One mistake in a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The field, as in `spec.env[1].name`.
    pub field: String,
    /// What stands there, cropped and escaped; nothing when it is missing.
    pub value: Option<String>,
    /// What is wrong with it and what to write.
    pub advice: String,
}

/// Says everything that is wrong with a route, or returns it ready to be served.
pub fn validate(route: &WagiRoute) -> Result<ValidRoute, Vec<Violation>> {
    let mut collector = Collector::default();
    check_type(&mut collector, route);
    let name = route_name(&mut collector, route);
    let Some(spec) = &route.spec else {
        collector.missing(
            "spec",
            "write what the route asks for, at least path and module",
        );
        return Err(collector.into_violations());
    };
    let path = collector.required(
        "spec.path",
        spec.path.as_deref(),
        PATH_ADVICE,
        PathPattern::parse,
    );
    let image = spec
        .module
        .as_ref()
        .and_then(|module| module.image.as_deref());
    let module = collector.required(
        "spec.module.image",
        image,
        IMAGE_ADVICE,
        ModuleReference::parse,
    );
    let hosts = lists::hosts(&mut collector, spec);
    let entrypoint = entrypoint(&mut collector, spec);
    let argv = lists::argv(&mut collector, spec);
    let env = lists::env(&mut collector, spec);
    let volumes = lists::volumes(&mut collector, spec);
    let limits = limits::limits(&mut collector, spec.limits.as_ref());
    let on_disconnect = on_disconnect(&mut collector, spec);
    match (name, path, module, collector.into_violations()) {
        (Some(name), Some(path), Some(module), violations) if violations.is_empty() => {
            Ok(ValidRoute {
                name,
                hosts,
                path,
                module,
                entrypoint,
                argv,
                env,
                volumes,
                limits,
                on_disconnect,
            })
        }
        (_, _, _, violations) => Err(violations),
    }
}

const PATH_ADVICE: &str = "write the path to answer, as in /hello or /hello/...";
const IMAGE_ADVICE: &str = "write where the module is, as in file:hello.wasm";
const NAME_ADVICE: &str = "write at most 63 characters a-z, 0-9 and -, the first and last no -";
const LONGEST_ENTRYPOINT: usize = 128;

fn check_type(collector: &mut Collector, route: &WagiRoute) {
    for (field, value, expected) in [
        ("apiVersion", &route.api_version, API_VERSION),
        ("kind", &route.kind, KIND),
    ] {
        match value.as_deref() {
            None => collector.missing(field, &format!("write {expected}")),
            Some(text) if text != expected => {
                collector.violation(field, text, format!("write {expected}"));
            }
            Some(_) => {}
        }
    }
}

fn route_name(collector: &mut Collector, route: &WagiRoute) -> Option<RouteName> {
    let label = |text: &str| {
        if is_dns_label(text) {
            Ok(text.to_owned())
        } else {
            Err(NAME_ADVICE)
        }
    };
    let name = collector.required(
        "metadata.name",
        route.metadata.name.as_deref(),
        NAME_ADVICE,
        label,
    );
    let namespace = route.metadata.namespace.as_deref().unwrap_or("default");
    let namespace = collector.required("metadata.namespace", Some(namespace), NAME_ADVICE, label);
    Some(RouteName {
        namespace: namespace?,
        name: name?,
    })
}

fn entrypoint(collector: &mut Collector, spec: &WagiRouteSpec) -> String {
    let text = spec.entrypoint.as_deref().unwrap_or("_start");
    if text.is_empty() {
        let advice = "write the name of an exported function, or leave it out for _start";
        collector.violation("spec.entrypoint", text, advice.to_owned());
    } else {
        collector.longest("spec.entrypoint", text, LONGEST_ENTRYPOINT);
    }
    text.to_owned()
}

fn on_disconnect(collector: &mut Collector, spec: &WagiRouteSpec) -> OnDisconnect {
    match spec.on_disconnect.as_deref() {
        None | Some("Cancel") => OnDisconnect::Cancel,
        Some("Finish") => OnDisconnect::Finish,
        Some(text) => {
            let advice = "write Cancel or Finish".to_owned();
            collector.violation("spec.onDisconnect", text, advice);
            OnDisconnect::default()
        }
    }
}

/// RFC 1123 label: names of routes become Kubernetes labels.
fn is_dns_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

// === impl RouteName ===

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

// === impl Violation ===

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{}: {value}: {}", self.field, self.advice),
            None => write!(f, "{}: missing; {}", self.field, self.advice),
        }
    }
}

#[cfg(test)]
mod tests;
