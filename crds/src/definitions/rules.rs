//! The rules that the API server judges, each at its place in the schema, with the sentence it answers.
//!
//! One rule is one mistake: rules of one field exclude each other as far as their expressions stay
//! readable, so that a mistake is answered once. The sentences are those of [`crate::validate`];
//! a test against a real API server compares them.
//! Only functions that Kubernetes 1.32 had are used, because a server takes new rules only in the
//! language of the release before it.

mod cel;
mod hosts;
mod image;
mod limits;
mod path;
mod references;
mod texts;
mod volumes;

use serde_json::{Value, json};

use super::shape::at;
use cel::{literal, shown};

/// One rule.
pub(super) struct Rule {
    /// Where it stands, as in `spec.hosts[]`; `self` is what is there.
    place: String,
    /// The field below it that is named, when the rule is about that.
    field: Option<&'static str>,
    /// What must be so.
    rule: String,
    /// The sentence: an expression that repeats the value.
    says: String,
    /// The sentence when that expression cannot be evaluated.
    message: &'static str,
}

/// All rules of a route.
pub(super) fn all() -> Vec<Rule> {
    let mut rules = vec![texts::name()];
    rules.extend(hosts::rules());
    rules.extend(path::rules());
    rules.extend(image::rules());
    rules.extend(texts::rules());
    rules.extend(references::rules());
    rules.extend(volumes::rules());
    rules.extend(limits::rules());
    rules
}

// === impl Rule ===

impl Rule {
    /// A rule about the text at `place`, with advice that is an expression.
    fn new(place: &str, rule: String, advice: &str, message: &'static str) -> Self {
        Self {
            place: place.to_owned(),
            field: None,
            rule,
            says: format!("{} + ': ' + {advice}", shown("self")),
            message,
        }
    }

    /// A rule about the text at `place`, with advice that is always the same.
    fn plain(place: &str, rule: String, advice: &'static str) -> Self {
        Self::new(place, rule, &literal(advice), advice)
    }

    pub(super) fn put_into(&self, schema: &mut Value) {
        let part = at(schema, &self.place);
        let mut rule = json!({
            "rule": self.rule,
            "messageExpression": self.says,
            "message": self.message,
        });
        if let Some(field) = self.field {
            rule["fieldPath"] = json!(field);
        }
        match &mut part["x-kubernetes-validations"] {
            Value::Array(rules) => rules.push(rule),
            none => *none = json!([rule]),
        }
    }
}
