//! How a server ends.

use crds::duration::Duration;

use super::Mistakes;
use crate::cli::args::lifecycle::LifecycleArgs;

/// How a server ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifecycle {
    /// From the order to stop until nothing more is accepted.
    pub pre_stop_wait: Duration,
    /// From then on until what is left is cut.
    pub drain_deadline: Duration,
}

// === impl Lifecycle ===

impl Lifecycle {
    pub(super) fn parse(mistakes: &mut Mistakes, args: &LifecycleArgs) -> Option<Self> {
        let wait = mistakes.flag("--pre-stop-wait", &args.pre_stop_wait, Duration::parse);
        let deadline = mistakes.flag("--drain-deadline", &args.drain_deadline, Duration::parse);
        Some(Self {
            pre_stop_wait: wait?,
            drain_deadline: deadline?,
        })
    }
}
