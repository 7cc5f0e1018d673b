//! The command line: one file a command.
//!
//! Exit codes are part of the interface: 0 it worked, 1 it did not, 64 the command line is wrong.

pub mod args;
mod call;
pub mod check;
mod completions;
mod inspect;
mod node;
mod progress;
mod push;
mod store;
pub mod up;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use crds::validate::Place;
use process_shell::effective::Effective;

use self::args::compile::CompileArgs;
use self::args::node::NodeArgs;
use crate::compile_child::{self, ChildArgs};
use crate::config::ConfigError;
use crate::telemetry::{self, LogFormat};

/// It did not work.
const FAILED: u8 = 1;
/// `EX_USAGE` of `sysexits.h`.
const WRONG_USE: u8 = 64;

const EXIT_CODES: &str = "\
Exit codes: 0 it worked, 1 it did not work, 64 wrong use.
Every flag can also be set by the environment variable named beside it; the flag wins.";

/// Serves WAGI handlers: programs that read a request from their environment and print the answer.
#[derive(Debug, Parser)]
#[command(
    name = "wagi",
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
    /// Serve manifests, or one module on every path.
    #[command(after_help = EXIT_CODES)]
    Up(Box<UpArgs>),
    /// Serve what is published in a cluster, and report: the program of each node.
    #[command(after_help = EXIT_CODES)]
    Node(Box<NodeArgs>),
    /// Run one request without a server.
    #[command(after_help = EXIT_CODES)]
    Call(CallArgs),
    /// Say every mistake in manifests, and whether their modules can be served.
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Store a module in a registry, and print the digest of what was stored.
    #[command(after_help = EXIT_CODES)]
    Push(push::PushArgs),
    /// Say what a module is, and whether it can be served.
    #[command(after_help = EXIT_CODES)]
    Inspect(inspect::InspectArgs),
    /// Look at the modules that are kept, or remove some.
    #[command(after_help = EXIT_CODES)]
    Store(args::store::StoreCommandArgs),
    /// Print completions for a shell.
    #[command(after_help = EXIT_CODES)]
    Completions(CompletionsArgs),
    /// Compile the module on stdin; what other commands run for each module.
    #[command(name = crate::compile::COMMAND, hide = true, after_help = EXIT_CODES)]
    CompileModule(ChildArgs),
}

/// What `wagi up` is told.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Manifests, folders of them (.yaml and .yml, with sub-folders), or one .wasm or .wat file.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// How requests are served.
    #[command(flatten)]
    pub serve: args::serve::ServeArgs,
}

/// What `wagi call` is told.
#[derive(Debug, Args)]
pub struct CallArgs {
    /// A manifest, a folder of them, or one .wasm or .wat file.
    #[arg(value_name = "PATH")]
    pub path: PathBuf,

    /// Path of the request, with a query if wanted. Example: /hello?name=wagi.
    #[arg(value_name = "URI")]
    pub uri: String,

    /// Body of the request: text, @FILE, or @- for standard input.
    #[arg(short, long, value_name = "DATA")]
    pub data: Option<String>,

    /// Header field of the request, as NAME: VALUE; may be given more than once.
    #[arg(short = 'H', long = "header", value_name = "FIELD")]
    pub headers: Vec<String>,

    /// Method of the request [default: GET, or POST with a body].
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub method: Option<String>,

    /// How registries are spoken to.
    #[command(flatten)]
    pub registry: args::registry::RegistryArgs,

    /// How modules are compiled.
    #[command(flatten)]
    pub compile: CompileArgs,
}

/// What `wagi check` is told.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Manifests, folders of them (.yaml and .yml, with sub-folders), or one .wasm or .wat file.
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,

    /// Where the routes are to be served. A cluster has no files of this machine; of a folder that has
    /// a cluster.yaml, that file is for a cluster and the others are not.
    #[arg(
        long = "for",
        env = "WAGI_FOR",
        value_name = "PLACE",
        value_enum,
        default_value = "local"
    )]
    pub place: PlaceArg,

    /// How modules are compiled.
    #[command(flatten)]
    pub compile: CompileArgs,
}

/// Where routes are to be served.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum PlaceArg {
    /// By this machine, with its files.
    Local,
    /// By every node of a cluster.
    Cluster,
}

impl From<PlaceArg> for Place {
    fn from(place: PlaceArg) -> Self {
        match place {
            PlaceArg::Local => Self::Local,
            PlaceArg::Cluster => Self::Cluster,
        }
    }
}

/// What `wagi completions` is told.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_enum, value_name = "SHELL")]
    pub shell: clap_complete::Shell,
}

/// Why a command ended without having worked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
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
    // A compile child has limits to arm before all else, and logs nothing.
    let is_child = matches!(cli.command, Command::CompileModule(_));
    let _flush = (!is_child).then(|| {
        telemetry::init(cli.log_format.unwrap_or_else(LogFormat::for_stderr))
            .inspect_err(|error| say(&error.to_string()))
    });
    execute(cli, &matches)
}

fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<(Cli, clap::ArgMatches), ExitCode> {
    let parsed = description()
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

fn execute(cli: Cli, matches: &clap::ArgMatches) -> ExitCode {
    let ended = match cli.command {
        Command::Up(args) => up::run(*args, &Effective::of(description(), matches)),
        Command::Node(args) => node::run(*args, &Effective::of(description(), matches)),
        Command::Call(args) => call::run(args),
        Command::Check(args) => check::run(&args),
        Command::Push(args) => push::run(&args),
        Command::Inspect(args) => inspect::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Completions(args) => completions::run(&args),
        Command::CompileModule(args) => Ok(compile_child::run(&args)),
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

/// Says why to a person; whoever cannot be told has closed stderr.
fn say(text: &str) {
    telemetry::flush();
    let mut stderr = std::io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(stderr, "wagi: {line}");
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

/// The command line's own description, for completions and tests.
fn description() -> clap::Command {
    Cli::command()
}

// === impl Error ===

impl Error {
    fn failed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Failed(error.into())
    }
}

#[cfg(test)]
mod tests;
