//! The command line as a whole.

use serde_json::Value;

use super::*;

/// As [`run`], but for the log, which is the whole process's.
fn code(arguments: &[&str]) -> ExitCode {
    let arguments = std::iter::once("wagi").chain(arguments.iter().copied());
    match parse(arguments.map(OsString::from)) {
        Ok((cli, matches)) => execute(cli, &matches),
        Err(code) => code,
    }
}

#[test]
fn the_command_line_is_consistent() {
    description().debug_assert();
}

#[test]
fn every_flag_has_its_environment_variable() {
    for command in description().get_subcommands() {
        for argument in command
            .get_arguments()
            .filter(|argument| !argument.is_positional())
        {
            let Some(flag) = argument.get_long() else {
                continue;
            };
            // A request's parts are no settings.
            if matches!(
                flag,
                "help" | "version" | "data" | "header" | "request" | "annotation"
            ) {
                continue;
            }
            let expected = format!("WAGI_{}", flag.to_uppercase().replace('-', "_"));
            let variable = argument
                .get_env()
                .map(|name| name.to_string_lossy().into_owned());
            assert_eq!(variable, Some(expected), "--{flag}");
        }
    }
}

#[test]
fn every_help_tells_the_exit_codes() {
    for command in description().get_subcommands_mut() {
        let help = command.render_long_help().to_string();
        assert!(help.contains("64 wrong use"), "{help}");
    }
}

#[test]
fn wrong_use_is_64() {
    let wrong = ExitCode::from(64);
    assert_eq!(code(&["up"]), wrong);
    assert_eq!(code(&["up", "--nonsense", "."]), wrong);
    assert_eq!(code(&["dance"]), wrong);
    assert_eq!(code(&["up", ".", "--max-requests=0"]), wrong);
    assert_eq!(code(&["call", ".", "no path"]), wrong);
}

#[test]
fn the_version_names_the_commit() {
    let version = description().render_version();
    assert!(version.contains(env!("WAGI_COMMIT")), "{version}");
}

#[test]
fn every_flag_of_a_server_is_shown_with_its_value() {
    let arguments = [
        "wagi",
        "up",
        "a",
        "b",
        "--max-requests=7",
        "--wasm-exceptions",
    ];
    let matches = description().try_get_matches_from(arguments);
    let effective = Effective::of(description(), &matches.expect("a command line"));
    let shown = effective.settings();
    let mut described = description();
    described.build();
    let up = described.find_subcommand("up").expect("there is wagi up");
    for argument in up.get_arguments() {
        let name = argument.get_long().unwrap_or(argument.get_id().as_str());
        let is_setting = !matches!(name, "help" | "version");
        assert_eq!(shown.contains_key(name), is_setting, "{name}");
        if is_setting && let Some(default) = argument.get_default_values().first()
            && !matches!(name, "max-requests" | "wasm-exceptions")
            // The environment of whoever runs the tests.
            && argument.get_env().is_none_or(|name| std::env::var_os(name).is_none())
        {
            assert_eq!(shown[name], *default.to_string_lossy(), "{name}");
        }
    }
    assert_eq!(shown["max-requests"], "7");
    assert_eq!(shown["wasm-exceptions"], "true");
    assert_eq!(shown["paths"], Value::from(vec!["a", "b"]));
    assert!(
        shown.contains_key("log-format"),
        "a global flag is one, too"
    );
}
