//! Names and texts that a guest gets, and the one word of `onDisconnect`.

use super::Rule;
use super::cel::{bytes, literal, matches, shown};

/// A route's name becomes a label of Kubernetes.
pub(super) fn name() -> Rule {
    let advice = "write at most 63 characters a-z, 0-9 and -, the first and last no -";
    Rule {
        place: String::new(),
        field: Some(".metadata.name"),
        rule: "self.metadata.name.size() <= 63 && !self.metadata.name.contains('.')".to_owned(),
        says: format!(
            "{} + {}",
            shown("self.metadata.name"),
            literal(&format!(": {advice}"))
        ),
        message: advice,
    }
}

pub(super) fn rules() -> Vec<Rule> {
    vec![
        Rule::plain(
            "spec.entrypoint",
            "self != ''".to_owned(),
            "write the name of an exported function, or leave it out for _start",
        ),
        longest("spec.entrypoint", 128, "write at most 128 bytes"),
        without_nul("spec.entrypoint"),
        arguments(),
        longest("spec.argv[]", 1024, "write at most 1024 bytes"),
        without_nul("spec.argv[]"),
        Rule::plain(
            "spec.argv[]",
            "self == '${ARGS}' || !self.contains('${ARGS}')".to_owned(),
            "${ARGS} stands for any number of arguments; write it as one of its own",
        ),
        variable_name(),
        Rule::plain(
            "spec.env[].name",
            matches("self", "^[ -<>-~]*$"),
            "write printable ASCII characters without =",
        ),
        longest("spec.env[].value", 32_768, "write at most 32768 bytes"),
        without_nul("spec.env[].value"),
        Rule::plain(
            "spec.onDisconnect",
            "self == 'Cancel' || self == 'Finish'".to_owned(),
            "write Cancel or Finish",
        ),
    ]
}

/// The schema counts characters, and bytes are what a guest has room for.
/// (A number made text has no bound that the API server knows, so the sentence cannot say how many.)
fn longest(place: &str, most: usize, message: &'static str) -> Rule {
    Rule::plain(place, format!("{} <= {most}", bytes("self")), message)
}

fn without_nul(place: &str) -> Rule {
    Rule::plain(
        place,
        r"!self.contains('\u0000')".to_owned(),
        "holds a NUL character; write it without",
    )
}

fn arguments() -> Rule {
    let advice = "write at least the program's name, or leave argv out";
    Rule {
        place: "spec.argv".to_owned(),
        field: None,
        rule: "self.size() > 0".to_owned(),
        says: literal(&format!("\"\": {advice}")),
        message: advice,
    }
}

fn variable_name() -> Rule {
    let advice = "missing; write the variable's name, as in GREETING";
    Rule {
        place: "spec.env[].name".to_owned(),
        field: None,
        rule: "self != ''".to_owned(),
        says: literal(advice),
        message: advice,
    }
}
