//! How requests are served, wherever routes come from.

use clap::Args;

/// How requests are served.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Address and port to listen on; port 0 takes a free one.
    #[arg(
        long,
        env = "WAGI_LISTEN",
        default_value = "127.0.0.1:3000",
        value_name = "ADDRESS"
    )]
    pub listen: String,

    /// Programs that run at the same time.
    #[arg(
        long,
        env = "WAGI_MAX_REQUESTS",
        default_value = "1000",
        value_name = "NUMBER"
    )]
    pub max_requests: String,

    /// Connections that are open at the same time; when full, the longest idle one is closed.
    #[arg(
        long,
        env = "WAGI_MAX_CONNECTIONS",
        default_value = "10000",
        value_name = "NUMBER"
    )]
    pub max_connections: String,

    /// Memory of all running programs together: bytes, or a part of what the process may use.
    #[arg(
        long,
        env = "WAGI_GUEST_MEMORY",
        default_value = "60%",
        value_name = "QUANTITY"
    )]
    pub guest_memory: String,

    /// How long a connection may idle between two requests.
    #[arg(
        long,
        env = "WAGI_KEEP_ALIVE",
        default_value = "10m",
        value_name = "DURATION"
    )]
    pub keep_alive: String,

    /// Lines a second of each route's stderr that go to the log; ten times as many at once.
    #[arg(
        long,
        env = "WAGI_STDERR_RATE",
        default_value = "100",
        value_name = "NUMBER"
    )]
    pub stderr_rate: String,

    /// What can be seen of it.
    #[command(flatten)]
    pub admin: super::admin::AdminArgs,

    /// Where modules are kept.
    #[command(flatten)]
    pub store: super::store::StoreArgs,

    /// How modules are loaded.
    #[command(flatten)]
    pub modules: super::modules::ModuleArgs,

    /// How registries are spoken to.
    #[command(flatten)]
    pub registry: super::registry::RegistryArgs,

    /// How it ends.
    #[command(flatten)]
    pub lifecycle: super::lifecycle::LifecycleArgs,

    /// Whom it believes.
    #[command(flatten)]
    pub proxies: super::proxies::ProxiesArgs,

    /// How modules are compiled.
    #[command(flatten)]
    pub compile: super::compile::CompileArgs,
}
