//! The command line: one file a command.
//!
//! Exit codes are part of the interface: 0 it worked, 1 it did not, 64 the command line is wrong.

mod crds;
mod run;
mod uninstall;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use process_shell::effective::Effective;

use crate::config::ConfigError;
use crate::telemetry::{self, LogFormat};

/// It did not work.
const FAILED: u8 = 1;
/// `EX_USAGE` of `sysexits.h`.
const WRONG_USE: u8 = 64;

const EXIT_CODES: &str = "\
Exit codes: 0 it worked, 1 it did not work, 64 wrong use.
Every flag can also be set by the environment variable named beside it; the flag wins.";

/// The control plane of kube-wagi: WagiRoutes become documents that every node serves.
#[derive(Debug, Parser)]
#[command(
    name = "wagi-operator",
    version = concat!(env!("CARGO_PKG_VERSION"), " (commit ", env!("WAGI_COMMIT"), ")"),
    after_help = EXIT_CODES,
    disable_help_subcommand = true,
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// How lines of the log look [default: text on a terminal, else json].
    #[arg(
        long,
        global = true,
        value_enum,
        env = "WAGI_LOG_FORMAT",
        value_name = "FORMAT"
    )]
    pub log_format: Option<LogFormat>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch WagiRoutes, and publish them to the runtimes of a pool.
    #[command(after_help = EXIT_CODES)]
    Run(Box<RunArgs>),
    /// Print the custom resource definitions, as in wagi-operator crds | kubectl apply -f -.
    #[command(after_help = EXIT_CODES)]
    Crds,
    /// Remove all that the operator made, and say what; stop the operator first.
    #[command(after_help = EXIT_CODES)]
    Uninstall(PlaceArgs),
}

/// Whose objects, and where.
#[derive(Debug, Args)]
pub struct PlaceArgs {
    /// File that says where the API server is, and who we are [default: as a pod is told].
    #[arg(long, env = "WAGI_KUBECONFIG", value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,

    /// Namespace of the programs: the Lease, the runtimes and their reports.
    #[arg(
        long,
        env = "WAGI_SYSTEM_NAMESPACE",
        default_value = ::crds::names::SYSTEM_NAMESPACE,
        value_name = "NAMESPACE"
    )]
    pub system_namespace: String,

    /// Pool of runtimes that is published to: namespace wagi-documents for `default`, else
    /// wagi-documents-POOL.
    #[arg(
        long,
        env = "WAGI_POOL",
        default_value = ::crds::names::DEFAULT_POOL,
        value_name = "POOL"
    )]
    pub pool: String,
}

/// What `wagi-operator run` is told.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Whose objects, and where.
    #[command(flatten)]
    pub place: PlaceArgs,

    /// Step of a route's story after which to abort, as a crash would: validate, resolve, build,
    /// apply or status. For tests.
    #[arg(long, env = "WAGI_ABORT_AFTER", value_name = "STEP", hide = true)]
    pub abort_after: Option<String>,

    /// Address and port of /livez, /readyz and /metrics; port 0 takes a free one, which the log
    /// names.
    #[arg(
        long,
        env = "WAGI_ADMIN_LISTEN",
        default_value = "[::]:9090",
        value_name = "ADDRESS"
    )]
    pub admin_listen: String,

    /// Name under which it holds the Lease; each running operator needs its own [default: the
    /// host's name, which is a pod's].
    #[arg(long, env = "WAGI_POD_NAME", value_name = "NAME")]
    pub pod_name: Option<String>,

    /// How registries are spoken to.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// How registries are spoken to.
#[derive(Debug, Args)]
pub struct RegistryArgs {
    /// Registry that is spoken to without TLS; may be given more than once, or with commas. Without a
    /// port, on every port [default: loopback only].
    #[arg(
        long,
        env = "WAGI_PLAIN_HTTP",
        value_delimiter = ',',
        value_name = "HOST[:PORT]"
    )]
    pub plain_http: Vec<String>,

    /// PEM file with certificate authorities that are trusted beside the system's; may be given more
    /// than once, or with commas [default: none].
    #[arg(
        long,
        env = "WAGI_REGISTRY_CA",
        value_delimiter = ',',
        value_name = "FILE"
    )]
    pub registry_ca: Vec<PathBuf>,

    /// Where to look before a registry itself, as in `docker.io=https://mirror.example`; several are
    /// tried in their order [default: none].
    #[arg(
        long,
        env = "WAGI_REGISTRY_MIRROR",
        value_delimiter = ',',
        value_name = "REGISTRY=URL"
    )]
    pub registry_mirror: Vec<String>,

    /// Docker configuration with credentials for registries [default: $DOCKER_CONFIG/config.json, or
    /// ~/.docker/config.json].
    #[arg(long, env = "WAGI_REGISTRY_CONFIG", value_name = "FILE")]
    pub registry_config: Option<PathBuf>,
}

/// Why a command ended without having worked.
#[derive(Debug, thiserror::Error)]
enum Error {
    /// The command line is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It did not work.
    #[error(transparent)]
    Failed(Box<dyn std::error::Error + Send + Sync>),
}

/// Runs a command line to its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let (cli, matches) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(code) => return code,
    };
    if let Err(error) = telemetry::init(cli.log_format.unwrap_or_else(LogFormat::for_stderr)) {
        say(&error.to_string());
    }
    let ended = match cli.command {
        Command::Run(args) => run::run(*args, &Effective::of(Cli::command(), &matches)),
        Command::Crds => crds::run(),
        Command::Uninstall(args) => uninstall::run(args),
    };
    match ended {
        Ok(code) => code,
        Err(Error::Config(error)) => {
            say(&error.to_string());
            ExitCode::from(WRONG_USE)
        }
        Err(Error::Failed(error)) => {
            say(&with_causes(&*error));
            ExitCode::from(FAILED)
        }
    }
}

fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Cli, clap::ArgMatches), ExitCode> {
    let parsed = Cli::command()
        .try_get_matches_from(arguments)
        .and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
    parsed.map_err(|error| {
        // Help and version were asked for, and go to stdout.
        let is_wrong_use = error.use_stderr();
        let _ = error.print();
        if is_wrong_use {
            ExitCode::from(WRONG_USE)
        } else {
            ExitCode::SUCCESS
        }
    })
}

/// Says why to a person; whoever cannot be told has closed stderr.
fn say(text: &str) {
    let mut stderr = std::io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(stderr, "wagi-operator: {line}");
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

// === impl Error ===

impl Error {
    fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flag_is_shown_with_its_value_and_without_secrets() {
        let arguments = [
            "wagi-operator",
            "run",
            "--pool=blue",
            "--registry-mirror=a.example=https://me:pw@m.example/v2?t=s",
            "--plain-http=a,b",
        ];
        let mut described = Cli::command();
        let matches = described.clone().try_get_matches_from(arguments);
        let effective = Effective::of(described.clone(), &matches.expect("a command line"));
        let shown = effective.settings();
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
        assert_eq!(shown["plain-http"], serde_json::json!(["a", "b"]));
    }

    #[test]
    fn every_flag_has_its_variable_and_every_command_says_the_exit_codes() {
        let mut described = Cli::command();
        described.build();
        for command in described.get_subcommands_mut() {
            let help = command.render_long_help().to_string();
            assert!(help.contains("64 wrong use"), "{help}");
            for argument in command.get_arguments() {
                let name = argument.get_long().expect("flags only");
                let variable = argument.get_env().map(|name| name.to_string_lossy());
                let expected = format!("WAGI_{}", name.replace('-', "_").to_uppercase());
                if name != "help" {
                    assert_eq!(variable.as_deref(), Some(&*expected));
                }
            }
        }
    }
}
