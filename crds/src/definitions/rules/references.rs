//! References to ConfigMaps and Secrets: exactly one of two, names and keys.

use super::Rule;
use super::cel::{bytes, literal, matches, shown};

pub(super) fn rules() -> Vec<Rule> {
    let mut rules = vec![
        value_or_source(),
        one_of("spec.env[].valueFrom", ["configMapKeyRef", "secretKeyRef"]),
        one_of("spec.envFrom[]", ["configMapRef", "secretRef"]),
        Rule::plain(
            "spec.envFrom[].prefix",
            matches("self", "^[ -<>-~]*$"),
            "write printable ASCII characters without =",
        ),
        one_of("spec.volumes[]", ["configMap", "secret"]),
        name("spec.module.pullSecrets[]"),
    ];
    for reference in ["configMapKeyRef", "secretKeyRef"] {
        let place = format!("spec.env[].valueFrom.{reference}");
        rules.push(name(&place));
        rules.push(key(&place));
    }
    for reference in ["envFrom[].configMapRef", "envFrom[].secretRef"] {
        rules.push(name(&format!("spec.{reference}")));
    }
    for reference in ["volumes[].configMap", "volumes[].secret"] {
        rules.push(name(&format!("spec.{reference}")));
    }
    rules
}

fn value_or_source() -> Rule {
    let message = "both: write one of value and valueFrom";
    Rule {
        place: "spec.env[]".to_owned(),
        field: None,
        rule: "!has(self.value) || !has(self.valueFrom)".to_owned(),
        says: literal(message),
        message,
    }
}

fn one_of(place: &str, [one, other]: [&'static str; 2]) -> Rule {
    let advice = format!("write one of {one} and {other}");
    Rule {
        place: place.to_owned(),
        field: None,
        rule: format!("has(self.{one}) != has(self.{other})"),
        says: format!(
            "(has(self.{one}) ? 'both: ' : 'missing; ') + {}",
            literal(&advice)
        ),
        message: "write one of the two, and not both",
    }
}

/// RFC 1123 subdomain; its length is bounded by the schema.
fn name(place: &str) -> Rule {
    text(
        &format!("{place}.name"),
        matches(
            "self",
            "^[a-z0-9]([a-z0-9-]*[a-z0-9])?([.][a-z0-9]([a-z0-9-]*[a-z0-9])?)*$",
        ),
        "missing; write the name of an object, as in settings",
        "write at most 253 characters a-z, 0-9, - and ., the first and last a letter or digit",
    )
}

fn key(place: &str) -> Rule {
    text(
        &format!("{place}.key"),
        format!(
            "{} && self != '.' && !self.startsWith('..')",
            matches("self", "^[A-Za-z0-9._-]+$")
        ),
        "missing; write a key of the object, as in greeting",
        "write at most 253 letters, digits, -, _ and .",
    )
}

fn text(place: &str, rule: String, missing: &str, advice: &'static str) -> Rule {
    Rule {
        place: place.to_owned(),
        field: None,
        rule,
        says: format!(
            "self == '' ? {} : {} + ': ' + {}",
            literal(missing),
            shown("self"),
            literal(advice)
        ),
        message: advice,
    }
}

/// The number of a text's bytes, bounded.
pub(super) fn longest(place: &str, most: usize, message: &'static str) -> Rule {
    Rule::plain(place, format!("{} <= {most}", bytes("self")), message)
}
