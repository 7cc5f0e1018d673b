//! Flags of compiling.

use clap::Args;

/// How modules are compiled.
#[derive(Debug, Args)]
pub struct CompileArgs {
    /// Allow modules that use WebAssembly exceptions.
    #[arg(
        long,
        env = "WAGI_WASM_EXCEPTIONS",
        num_args = 0..=1,
        require_equals = true,
        default_value = "false",
        default_missing_value = "true",
        value_name = "BOOL"
    )]
    pub wasm_exceptions: String,

    /// How long one module may take to compile, on the clock and of CPU time.
    #[arg(
        long,
        env = "WAGI_COMPILE_TIMEOUT",
        default_value = "120s",
        value_name = "DURATION"
    )]
    pub compile_timeout: String,

    /// Memory (address space) for compiling one module, in bytes as in 1Gi [default: a quarter of
    /// what the process may use, at most 2Gi].
    #[arg(long, env = "WAGI_COMPILE_MEMORY", value_name = "QUANTITY")]
    pub compile_memory: Option<String>,
}
