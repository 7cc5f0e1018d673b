//! The command line as a whole.

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
