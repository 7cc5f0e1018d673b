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
pub struct Effective(Map<String, Value>);

// === impl Effective ===

impl Effective {
    /// The settings of the sub-command that was chosen.
    #[must_use]
    pub fn of(mut description: Command, matches: &ArgMatches) -> Self {
        // Global flags reach sub-commands here.
        description.build();
        let chosen = matches.subcommand();
        let settings = chosen.and_then(|(name, matches)| {
            let command = description.find_subcommand(name)?;
            Some(settings(command, matches))
        });
        Self(settings.unwrap_or_default())
    }

    /// Each setting by its flag.
    #[must_use]
    pub const fn settings(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Writes one line to the log.
    pub fn log(&self) {
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
        let takes_many = !argument.is_positional() && values.len() > 1;
        let value = match values.pop() {
            None => Value::Null,
            Some(only) if !takes_many && values.is_empty() && !argument.is_positional() => only,
            Some(last) => {
                values.push(last);
                Value::Array(values)
            }
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
    use clap::{Arg, ArgAction};

    use super::*;

    #[test]
    fn a_command_without_settings_shows_none() {
        let effective = Effective::of(Command::new("wagi"), &ArgMatches::default());
        assert_eq!(effective.settings().len(), 0);
    }

    #[test]
    fn what_a_url_hides_is_not_shown() {
        for (text, expected) in [
            ("127.0.0.1:3000", "127.0.0.1:3000"),
            ("a@b", "a@b"),
            (
                "r.example=https://m.example/v2",
                "r.example=https://m.example/v2",
            ),
            (
                "r.example=https://me:pw@m.example/v2",
                "r.example=https://***@m.example/v2",
            ),
            ("https://me@m.example", "https://***@m.example"),
            ("https://m.example/?token=s3", "https://m.example/?***"),
            ("https://me:p@s/s@m.example:443/?a=b@c", "https://***@c"),
            ("a=https://x:y@one,b=https://v:w@two", "a=https://***@two"),
        ] {
            assert_eq!(without_secrets(text), expected);
        }
    }

    #[test]
    fn a_flag_given_twice_is_a_list() {
        let described = Command::new("wagi").subcommand(
            Command::new("up").arg(Arg::new("m").long("mirror").action(ArgAction::Append)),
        );
        let arguments = [
            "wagi",
            "up",
            "--mirror=a=https://u:p@x",
            "--mirror=b=https://y",
        ];
        let matches = described.clone().try_get_matches_from(arguments);
        let shown = Effective::of(described, &matches.expect("a command line")).0;
        let expected = vec!["a=https://***@x", "b=https://y"];
        assert_eq!(shown["mirror"], Value::from(expected));
    }
}
