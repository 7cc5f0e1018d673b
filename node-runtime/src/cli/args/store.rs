//! Where modules are kept, and what to do with them there.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::EXIT_CODES;

/// Where modules are kept.
#[derive(Debug, Args)]
pub struct FolderArgs {
    /// Folder where modules and compiled code are kept [default: $XDG_CACHE_HOME/wagi, or
    /// ~/.cache/wagi].
    #[arg(long, env = "WAGI_STORE", value_name = "FOLDER")]
    pub store: Option<PathBuf>,
}

/// Where modules are kept, and how many.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Where.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// Bytes that modules and compiled code may take there; what was not used for longest goes.
    #[arg(
        long,
        env = "WAGI_STORE_SIZE",
        default_value = "1Gi",
        value_name = "QUANTITY"
    )]
    pub store_size: String,
}

/// What `wagi store` is told.
#[derive(Debug, Args)]
pub struct StoreCommandArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What to do with a store.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Say what is there: size, last use, and the references that lead to it.
    #[command(after_help = EXIT_CODES)]
    List(FolderArgs),
    /// Read everything, and name what is damaged.
    #[command(after_help = EXIT_CODES)]
    Verify(FolderArgs),
    /// Remove what no reference leads to, and code that was superseded; not while a server runs.
    ///
    /// Of local files only compiled code is kept, and no reference leads to it: it goes, and is
    /// made again when the file is served. To remove everything, remove the folder.
    #[command(after_help = EXIT_CODES)]
    Prune(PruneArgs),
}

/// What `wagi store prune` is told.
#[derive(Debug, Args)]
pub struct PruneArgs {
    /// Where.
    #[command(flatten)]
    pub folder: FolderArgs,

    /// Also remove what was not used for so long, references too. Example: 720h.
    #[arg(long, env = "WAGI_UNUSED_FOR", value_name = "DURATION")]
    pub unused_for: Option<String>,
}
