//! What an error means: which condition it becomes, and when to try again. Pure.

use std::time::Duration;

use crds::conditions::Reason;
use registry::retry::Class;
use registry::{Problem as Refusal, Retry};

use super::apply::WriteError;
use crate::outcome::Problem;

/// When to tell a story again that went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// When something changes: a watch says so.
    OnChange,
    /// After a while.
    After(Duration),
}

/// What a lookup that failed means for its route, and when to look again.
#[must_use]
pub fn of_lookup(error: &registry::Error, attempts: usize) -> (Problem, Again) {
    let reason = reason_of_lookup(error);
    let again = match error.retry() {
        Retry::Never => Again::OnChange,
        Retry::After { at_least, class } => {
            let delay = registry::retry::delay(class, attempts);
            Again::After(at_least.map_or(delay, |least| least.max(delay)))
        }
    };
    let problem = Problem {
        reason,
        message: error.to_string(),
        heals: reason == Reason::RegistryUnreachable,
    };
    (problem, again)
}

fn reason_of_lookup(error: &registry::Error) -> Reason {
    if error.is_not_permitted() {
        return Reason::ModuleNotPermitted;
    }
    match error.problem() {
        Refusal::Refused(refused) if refused.status.as_u16() == 404 => Reason::ModuleNotFound,
        Refusal::Artifact(_)
        | Refusal::ManifestDigest { .. }
        | Refusal::Digest { .. }
        | Refusal::Size { .. }
        | Refusal::TooLarge { .. } => Reason::ModuleInvalid,
        Refusal::Credentials(_) => Reason::ModuleNotPermitted,
        Refusal::Transport(_)
        | Refusal::Auth(_)
        | Refusal::Refused(_)
        | Refusal::Sink(_)
        | Refusal::Push(_) => Reason::RegistryUnreachable,
    }
}

/// How a lookup ended, in the words of the metrics.
pub(super) fn outcome_of_lookup(error: &registry::Error) -> &'static str {
    match reason_of_lookup(error) {
        Reason::ModuleNotFound => "not_found",
        Reason::ModuleNotPermitted => "not_permitted",
        Reason::ModuleInvalid => "invalid",
        _ => "unreachable",
    }
}

/// When to write again what could not be written.
#[must_use]
pub fn of_write(error: &WriteError, attempts: usize) -> Again {
    match error {
        // Whoever leads now has the same to do; should it be us again, it is still in the queue.
        WriteError::NotLeading => Again::After(Duration::from_secs(1)),
        // The watch is about to say what is there now, and may have said so already.
        WriteError::Conflict(_) => Again::After(Duration::from_millis(50 << attempts.min(6))),
        WriteError::Timeout { .. } | WriteError::Unreachable(_) => {
            Again::After(registry::retry::delay(Class::Short, attempts))
        }
        WriteError::Refused(_) => Again::After(registry::retry::delay(Class::Long, attempts)),
    }
}

/// What a document that the API server does not take means for its route; nothing where it is
/// merely late.
#[must_use]
pub fn of_refused_write(error: &WriteError) -> Option<Problem> {
    match error {
        WriteError::Refused(_) => Some(Problem {
            reason: Reason::Pending,
            message: format!("the document cannot be published: {error}"),
            heals: true,
        }),
        WriteError::NotLeading
        | WriteError::Conflict(_)
        | WriteError::Timeout { .. }
        | WriteError::Unreachable(_) => None,
    }
}

#[cfg(test)]
mod tests;
