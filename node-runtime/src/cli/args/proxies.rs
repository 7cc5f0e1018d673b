//! Whom a server believes about where requests come from.

use clap::Args;

/// Whom a server believes about where requests come from.
#[derive(Clone, Debug, Args)]
pub struct ProxiesArgs {
    /// Networks of proxies whose X-Forwarded-For, -Proto, -Host and -Port, or else Forwarded, say
    /// who the client is and what it asked for; separated by commas [default: none]. Example:
    /// 10.0.0.0/8,fd00::/8.
    #[arg(
        long,
        env = "WAGI_TRUSTED_PROXIES",
        default_value = "",
        hide_default_value = true,
        value_name = "CIDR,…"
    )]
    pub trusted_proxies: String,
}
