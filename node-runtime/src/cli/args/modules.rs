//! How modules are loaded.

use clap::Args;

/// How modules are loaded.
#[derive(Debug, Args)]
pub struct ModuleArgs {
    /// Bytes of the largest module, in a file or a registry.
    #[arg(
        long,
        env = "WAGI_MAX_MODULE_SIZE",
        default_value = "128Mi",
        value_name = "QUANTITY"
    )]
    pub max_module_size: String,

    /// Modules that are pulled at the same time.
    #[arg(
        long,
        env = "WAGI_PARALLEL_PULLS",
        default_value = "4",
        value_name = "NUMBER"
    )]
    pub parallel_pulls: String,
}
