//! How a server ends.

use clap::Args;

/// How a server ends.
#[derive(Clone, Debug, Args)]
pub struct LifecycleArgs {
    /// After the order to stop: how long requests are still accepted, so that whoever routes to
    /// this server can learn that it goes. Ctrl-C does not wait.
    #[arg(
        long,
        env = "WAGI_PRE_STOP_WAIT",
        default_value = "0s",
        value_name = "DURATION"
    )]
    pub pre_stop_wait: String,

    /// How long requests may then go on; what is left is cut, visibly broken. Ctrl-C waits 1s at
    /// most.
    #[arg(
        long,
        env = "WAGI_DRAIN_DEADLINE",
        default_value = "30s",
        value_name = "DURATION"
    )]
    pub drain_deadline: String,
}
