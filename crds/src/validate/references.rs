//! What a route takes from ConfigMaps and Secrets: names, keys, and exactly one of two.

use super::collect::Collector;
use super::lists::First;
use super::{KeyReference, ObjectReference, ValidEnvFrom};
use crate::references::{Kind, Object, is_key};
use crate::wagi_route::{EnvVar, KeySelector, ObjectSelector, WagiRouteSpec};

const MOST_SOURCES: usize = 16;
const MOST_PULL_SECRETS: usize = 8;
const LONGEST_NAME: usize = 253;
const LONGEST_VARIABLE_NAME: usize = 128;

pub(super) const NAME_ADVICE: &str = "write the name of an object, as in settings";
const KEY_ADVICE: &str = "write a key of the object, as in greeting";

/// Where a variable's value comes from, where it says so.
pub(super) fn value(
    collector: &mut Collector,
    index: usize,
    variable: &EnvVar,
) -> Option<KeyReference> {
    let from = variable.value_from.as_ref()?;
    if variable.value.is_some() {
        collector.said(
            format!("spec.env[{index}]"),
            "both",
            "write one of value and valueFrom",
        );
    }
    let field = format!("spec.env[{index}].valueFrom");
    let (map, secret) = (
        from.config_map_key_ref.as_ref(),
        from.secret_key_ref.as_ref(),
    );
    let names = ["configMapKeyRef", "secretKeyRef"];
    if !one_of(
        collector,
        &field,
        &names,
        &[map.is_some(), secret.is_some()],
    ) {
        return None;
    }
    match (map, secret) {
        (Some(map), _) => key(
            collector,
            &format!("{field}.configMapKeyRef"),
            Kind::ConfigMap,
            map,
        ),
        (None, Some(secret)) => key(
            collector,
            &format!("{field}.secretKeyRef"),
            Kind::Secret,
            secret,
        ),
        (None, None) => None,
    }
}

fn key(
    collector: &mut Collector,
    field: &str,
    kind: Kind,
    written: &KeySelector,
) -> Option<KeyReference> {
    let name = name(collector, field, written.name.as_deref());
    let key = collector.required(
        format!("{field}.key"),
        written.key.as_deref(),
        KEY_ADVICE,
        key_of,
    );
    Some(KeyReference {
        object: Object { kind, name: name? },
        key: key?,
        is_optional: written.optional.unwrap_or_default(),
    })
}

/// Objects whose keys become variables.
pub(super) fn env_from(collector: &mut Collector, spec: &WagiRouteSpec) -> Vec<ValidEnvFrom> {
    let written = spec.env_from.as_deref().unwrap_or_default();
    collector.most("spec.envFrom", written, MOST_SOURCES);
    let mut all = Vec::with_capacity(written.len());
    for (index, from) in written.iter().enumerate() {
        let field = format!("spec.envFrom[{index}]");
        let prefix = from.prefix.as_deref().unwrap_or_default();
        collector.parsed(format!("{field}.prefix"), prefix, variable_name);
        let object = object(
            collector,
            &field,
            ("configMapRef", from.config_map_ref.as_ref()),
            ("secretRef", from.secret_ref.as_ref()),
            &[],
        );
        all.extend(object.map(|object| ValidEnvFrom {
            prefix: prefix.to_owned(),
            object,
        }));
    }
    all
}

/// Secrets with logins for the module's registry.
pub(super) fn pull_secrets(collector: &mut Collector, spec: &WagiRouteSpec) -> Vec<String> {
    let written = spec
        .module
        .as_ref()
        .and_then(|module| module.pull_secrets.as_deref());
    let written = written.unwrap_or_default();
    collector.most("spec.module.pullSecrets", written, MOST_PULL_SECRETS);
    let mut first = First::new();
    let mut names = Vec::with_capacity(written.len());
    for (index, secret) in written.iter().enumerate() {
        let field = format!("spec.module.pullSecrets[{index}]");
        let Some(name) = name(collector, &field, secret.name.as_deref()) else {
            continue;
        };
        match first.index(name.clone(), index) {
            Some(earlier) => {
                let advice = format!("the same as spec.module.pullSecrets[{earlier}]; remove one");
                collector.violation(field, &name, advice);
            }
            None => names.push(name),
        }
    }
    names
}

/// A ConfigMap or a Secret, where just one of them and of the others is there.
pub(super) fn object(
    collector: &mut Collector,
    field: &str,
    (map_name, map): (&str, Option<&ObjectSelector>),
    (secret_name, secret): (&str, Option<&ObjectSelector>),
    others: &[(&str, bool)],
) -> Option<ObjectReference> {
    let mut names = vec![map_name, secret_name];
    names.extend(others.iter().map(|(name, _)| *name));
    let mut there = vec![map.is_some(), secret.is_some()];
    there.extend(others.iter().map(|(_, is_there)| *is_there));
    if !one_of(collector, field, &names, &there) {
        return None;
    }
    let (kind, below, written) = match (map, secret) {
        (Some(map), _) => (Kind::ConfigMap, map_name, map),
        (None, Some(secret)) => (Kind::Secret, secret_name, secret),
        (None, None) => return None,
    };
    let name = name(
        collector,
        &format!("{field}.{below}"),
        written.name.as_deref(),
    )?;
    Some(ObjectReference {
        object: Object { kind, name },
        is_optional: written.optional.unwrap_or_default(),
    })
}

/// Whether just one of some fields is there; else that is a mistake.
fn one_of(collector: &mut Collector, field: &str, names: &[&str], there: &[bool]) -> bool {
    let advice = match names {
        [all @ .., last] => format!("write one of {} and {last}", all.join(", ")),
        [] => String::new(),
    };
    match there.iter().filter(|is_there| **is_there).count() {
        0 => collector.missing(field, &advice),
        1 => return true,
        _ => collector.said(field, "both", &advice),
    }
    false
}

fn name(collector: &mut Collector, field: &str, text: Option<&str>) -> Option<String> {
    collector.required(format!("{field}.name"), text, NAME_ADVICE, object_name)
}

/// RFC 1123 subdomain, as Kubernetes names these objects.
fn object_name(text: &str) -> Result<String, &'static str> {
    let is_label = |label: &str| {
        let is_inside = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        !label.is_empty()
            && label.bytes().all(is_inside)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= LONGEST_NAME && text.split('.').all(is_label) {
        Ok(text.to_owned())
    } else {
        Err("write at most 253 characters a-z, 0-9, - and ., the first and last a letter or digit")
    }
}

fn key_of(text: &str) -> Result<String, &'static str> {
    if is_key(text) {
        Ok(text.to_owned())
    } else {
        Err("write at most 253 letters, digits, -, _ and .")
    }
}

/// What Kubernetes allows: printable ASCII without `=`.
pub(super) fn variable_name(text: &str) -> Result<String, String> {
    if text.len() > LONGEST_VARIABLE_NAME {
        let length = text.len();
        Err(format!(
            "{length} bytes are too many; write at most {LONGEST_VARIABLE_NAME}"
        ))
    } else if has_variable_characters(text) {
        Ok(text.to_owned())
    } else {
        Err("write printable ASCII characters without =".to_owned())
    }
}

/// Whether a variable can have this name.
pub(crate) fn is_variable_name(text: &str) -> bool {
    !text.is_empty() && has_variable_characters(text)
}

fn has_variable_characters(text: &str) -> bool {
    text.bytes()
        .all(|b| (b' '..=b'~').contains(&b) && b != b'=')
}
