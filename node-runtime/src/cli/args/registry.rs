//! How registries are spoken to.

use std::path::PathBuf;

use clap::Args;

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
