//! What a command is set to, for the log: every flag that clap knows, whoever added it.
//!
//! Values are shown as they were written, since files are named and not read; what a URL may hide
//! before its host or in its query is left out.

use std::ffi::OsStr;

use clap::{ArgMatches, Command};
use serde_json::{Map, Value};

/// What stands in place of a secret.
const HIDDEN: &str = "***";

/// A command's flags with their values, whether by flag, by environment or by default.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Effective(Map<String, Value>);

// === impl Effective ===

impl Effective {
    /// The settings of the sub-command that was chosen.
    pub(super) fn of(mut description: Command, matches: &ArgMatches) -> Self {
        // Global flags reach sub-commands here.
        description.build();
        let chosen = matches.subcommand();
        let settings = chosen.and_then(|(name, matches)| {
            let command = description.find_subcommand(name)?;
            Some(settings(command, matches))
        });
        Self(settings.unwrap_or_default())
    }

    /// Writes one line to the log.
    pub(super) fn log(&self) {
        let settings = Value::Object(self.0.clone()).to_string();
        tracing::info!(settings, "effective configuration");
    }
}

fn settings(command: &Command, matches: &ArgMatches) -> Map<String, Value> {
    let arguments = command.get_arguments().filter_map(|argument| {
        let id = argument.get_id().as_str();
        let name = argument.get_long().unwrap_or(id);
        if matches!(name, "help" | "version") {
            return None;
        }
        let values = matches.try_get_raw(id).ok().flatten();
        let mut values: Vec<_> = values.into_iter().flatten().map(shown).collect();
        let value = match values.len() {
            0 => Value::Null,
            1 => values.remove(0),
            _ => Value::Array(values),
        };
        Some((name.to_owned(), value))
    });
    arguments.collect()
}

fn shown(value: &OsStr) -> Value {
    Value::String(without_secrets(&value.to_string_lossy()))
}

/// Hides a URL's user and password, and its query. Where the text is no clean URL, rather too
/// much than too little: up to the last `@`.
fn without_secrets(text: &str) -> String {
    let Some(start) = text.find("://").map(|at| at + "://".len()) else {
        return text.to_owned();
    };
    let (scheme, rest) = text.split_at(start);
    let (user, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => (format!("{HIDDEN}@"), rest),
        None => (String::new(), rest),
    };
    match rest.split_once('?') {
        Some((rest, _)) => format!("{scheme}{user}{rest}?{HIDDEN}"),
        None => format!("{scheme}{user}{rest}"),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn effective(arguments: &[&str]) -> Map<String, Value> {
        let matches = Cli::command().try_get_matches_from(arguments);
        Effective::of(Cli::command(), &matches.expect("a command line")).0
    }

    #[test]
    fn every_flag_is_shown_with_its_value_and_without_secrets() {
        let shown = effective(&[
            "wagi-operator",
            "run",
            "--pool=blue",
            "--registry-mirror=a.example=https://me:pw@m.example/v2?t=s",
            "--plain-http=a,b",
        ]);
        let mut described = Cli::command();
        described.build();
        let run = described.find_subcommand("run").expect("there is run");
        for argument in run.get_arguments() {
            let name = argument.get_long().expect("flags only");
            assert_eq!(shown.contains_key(name), name != "help", "{name}");
        }
        assert_eq!(shown["pool"], "blue");
        assert_eq!(
            shown["registry-mirror"],
            "a.example=https://***@m.example/v2?***"
        );
        assert_eq!(shown["plain-http"], Value::from(vec!["a", "b"]));
        assert_eq!(
            without_secrets("https://me:p@s/s@m.example:443/?a=b@c"),
            "https://***@c"
        );
    }
}
