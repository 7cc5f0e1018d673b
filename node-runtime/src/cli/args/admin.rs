//! What can be seen of the process.

use std::path::PathBuf;

use clap::Args;

/// What can be seen of the process.
#[derive(Clone, Debug, Args)]
pub struct AdminArgs {
    /// Address and port of /livez, /readyz, /metrics and /routes; port 0 takes a free one, which
    /// the log names [default: off, and nothing is counted].
    #[arg(long, env = "WAGI_ADMIN_LISTEN", value_name = "ADDRESS")]
    pub admin_listen: Option<String>,

    /// File with the token that /routes asks for (Authorization: Bearer); it is read again for
    /// each question [default: none, and /routes answers this machine only].
    #[arg(long, env = "WAGI_ADMIN_TOKEN_FILE", value_name = "FILE")]
    pub admin_token_file: Option<PathBuf>,

    /// Log one line for each request when it is over, to stderr.
    #[arg(
        long,
        env = "WAGI_ACCESS_LOG",
        num_args = 0..=1,
        require_equals = true,
        default_value = "true",
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub access_log: String,
}
