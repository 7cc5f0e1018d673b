//! From a route as it was written to one that can be served, or to everything that is wrong with it.
//!
//! Pure, and never stops at the first mistake: a [`Violation`] names the field, what stands there and
//! what to write. A [`ValidRoute`] keeps the promise of its types, so nothing after it checks again.
//! It does not know whether a file, a folder or an image exists.

mod collect;
mod limits;
mod lists;
mod references;
mod volumes;

use std::fmt;
use std::path::PathBuf;

use crate::host::HostPattern;
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::module_reference::{ModuleReference, ReferenceError};
use crate::path::PathPattern;
use crate::references::Object;
use crate::wagi_route::{API_VERSION, KIND, WagiRouteSpec};

use collect::Collector;
pub(crate) use references::is_variable_name;

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
    /// Names of Secrets with logins for its registry, without duplicates.
    pub pull_secrets: Vec<String>,
    /// Environment variables, in order, without duplicates.
    pub env: Vec<ValidVariable>,
    /// Objects whose keys become variables before those, in order.
    pub env_from: Vec<ValidEnvFrom>,
    /// Folders that the program may read; none inside another.
    pub volumes: Vec<ValidVolume>,
    /// What it may use.
    pub limits: Limits,
    /// What happens when its client leaves.
    pub on_disconnect: OnDisconnect,
    /// Whether it only holds its place, and answers 503.
    pub suspend: bool,
}

/// An environment variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidVariable {
    /// Its name: printable ASCII without `=`.
    pub name: String,
    /// Its value, or where that is.
    pub value: VariableValue,
}

/// The value of a variable, or where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VariableValue {
    /// As it is written in the route.
    Text(String),
    /// In an object.
    Key(KeyReference),
}

/// A key of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyReference {
    /// The object.
    pub object: Object,
    /// Its key.
    pub key: String,
    /// Whether the route is served without it.
    pub is_optional: bool,
}

/// An object as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectReference {
    /// The object.
    pub object: Object,
    /// Whether the route is served without it.
    pub is_optional: bool,
}

/// An object whose keys become variables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidEnvFrom {
    /// What stands before each key in the variable's name.
    pub prefix: String,
    /// The object.
    pub object: ObjectReference,
}

/// A folder that the program may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidVolume {
    /// Where the program sees it: absolute, without `.`, `..` or doubled slashes.
    pub mount_path: String,
    /// What it sees there.
    pub content: VolumeContent,
}

/// What is in a folder that the program may read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeContent {
    /// What is in a folder of this machine, as written.
    Folder(PathBuf),
    /// The keys of an object.
    Object(ObjectReference),
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

/// Where a route is to be served: the two allow different things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By a program that has the files beside the manifest.
    Local,
    /// By every node of a cluster.
    Cluster,
}

/// Says everything that is wrong with an object in a file, or returns it ready to be served.
pub fn validate(manifest: &Manifest, place: Place) -> Result<ValidRoute, Vec<Violation>> {
    let mut collector = Collector::default();
    check_type(&mut collector, manifest);
    let name = route_name(
        &mut collector,
        manifest.metadata.namespace.as_deref(),
        manifest.metadata.name.as_deref(),
    );
    let Some(spec) = &manifest.spec else {
        collector.missing(
            "spec",
            "write what the route asks for, at least path and module",
        );
        return Err(collector.into_violations());
    };
    finish(collector, place, name, spec)
}

/// Says everything that is wrong with an object of a cluster, or returns it ready to be served.
pub fn validate_object(
    namespace: &str,
    name: &str,
    spec: &WagiRouteSpec,
) -> Result<ValidRoute, Vec<Violation>> {
    let mut collector = Collector::default();
    let name = route_name(&mut collector, Some(namespace), Some(name));
    finish(collector, Place::Cluster, name, spec)
}

fn finish(
    mut collector: Collector,
    place: Place,
    name: Option<RouteName>,
    spec: &WagiRouteSpec,
) -> Result<ValidRoute, Vec<Violation>> {
    let path = collector.required(
        "spec.path",
        spec.path.as_deref(),
        PATH_ADVICE,
        PathPattern::parse,
    );
    let module = module(&mut collector, place, spec);
    let hosts = lists::hosts(&mut collector, place, spec);
    let entrypoint = entrypoint(&mut collector, spec);
    let argv = lists::argv(&mut collector, spec);
    let pull_secrets = references::pull_secrets(&mut collector, spec);
    let env = lists::env(&mut collector, spec);
    let env_from = references::env_from(&mut collector, spec);
    let volumes = volumes::volumes(&mut collector, place, spec);
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
                pull_secrets,
                env,
                env_from,
                volumes,
                limits,
                on_disconnect,
                suspend: spec.suspend.unwrap_or_default(),
            })
        }
        (_, _, _, violations) => Err(violations),
    }
}

fn module(
    collector: &mut Collector,
    place: Place,
    spec: &WagiRouteSpec,
) -> Option<ModuleReference> {
    let image = spec
        .module
        .as_ref()
        .and_then(|module| module.image.as_deref());
    let (advice, field) = (place.image_advice(), "spec.module.image");
    let file = image.and_then(|image| image.strip_prefix("file:"));
    if let (Place::Cluster, Some(file)) = (place, file) {
        let file = if file.is_empty() { "FILE" } else { file };
        let advice = format!("a cluster has no such file; push it: wagi push {file} REF");
        collector.violation(field, image.unwrap_or_default(), advice);
        return None;
    }
    collector.required(field, image, advice, |text| {
        let to_be_pushed = |error: ReferenceError| match error {
            ReferenceError::LooksLikeFile(file) if place == Place::Cluster => {
                format!("looks like a file; push it: wagi push {file} REF")
            }
            error => error.to_string(),
        };
        ModuleReference::parse(text).map_err(to_be_pushed)
    })
}

const PATH_ADVICE: &str = "write the path to answer, as in /hello or /hello/...";
const NAME_ADVICE: &str = "write at most 63 characters a-z, 0-9 and -, the first and last no -";
const LONGEST_ENTRYPOINT: usize = 128;

fn check_type(collector: &mut Collector, manifest: &Manifest) {
    for (field, value, expected) in [
        ("apiVersion", &manifest.api_version, API_VERSION),
        ("kind", &manifest.kind, KIND),
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

fn route_name(
    collector: &mut Collector,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Option<RouteName> {
    let label = |text: &str| {
        if is_dns_label(text) {
            Ok(text.to_owned())
        } else {
            Err(NAME_ADVICE)
        }
    };
    let name = collector.required("metadata.name", name, NAME_ADVICE, label);
    let namespace = Some(namespace.unwrap_or("default"));
    let namespace = collector.required("metadata.namespace", namespace, NAME_ADVICE, label);
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

// === impl Place ===

impl Place {
    const fn image_advice(self) -> &'static str {
        match self {
            Self::Local => "write where the module is, as in file:hello.wasm",
            Self::Cluster => "write where the module is, as in registry.example/shop/hello:1.2",
        }
    }
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
