//! What is said of a route: a closed set of conditions and of reasons.
//!
//! Types and meanings are Gateway API's where it has them, kstatus' for `Reconciling` and `Stalled`.
//! A [`Draft`] is what is to be said now; [`merged`] keeps the time at which each began to be so.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Type {
    /// The route is valid, and holds at least one of its hosts with its path.
    Accepted,
    /// What it refers to was found: ConfigMaps and Secrets are there, its module's digest is known.
    ResolvedRefs,
    /// Every ready runtime serves this version.
    Programmed,
    /// All three.
    Ready,
    /// Another route holds a host and path that this one asks for. Only while true.
    Conflicted,
    /// Something is under way that needs nobody. Only while true.
    Reconciling,
    /// Nothing goes on until somebody acts. Only while true.
    Stalled,
}

/// Why a condition is as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// It is accepted.
    Accepted,
    /// The operator has not looked yet.
    Pending,
    /// A field holds what it may not.
    Invalid,
    /// Other routes hold all of its hosts and paths, or some.
    Conflict,
    /// Its document is larger than one may be.
    TooLarge,
    /// What it refers to was found.
    ResolvedRefs,
    /// A ConfigMap or Secret that it refers to is not there, or is not what it is taken for.
    RefNotFound,
    /// The operator may not read ConfigMaps or Secrets of its namespace.
    RefNotPermitted,
    /// The registry has no such module.
    ModuleNotFound,
    /// The registry does not give it with these credentials.
    ModuleNotPermitted,
    /// What the registry has under this name is no module.
    ModuleInvalid,
    /// The registry cannot be asked.
    RegistryUnreachable,
    /// Every ready runtime serves it.
    Programmed,
    /// A runtime cannot load it.
    Failed,
    /// No runtime is ready.
    NoRuntimes,
    /// All is well.
    Ready,
    /// It answers 503 because it is told to.
    Suspended,
}

/// What is to be said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// About what.
    pub type_: Type,
    /// Whether it is so; nothing when it is not known yet.
    pub status: Option<bool>,
    /// Why.
    pub reason: Reason,
    /// The same for people: names the thing and what to do.
    pub message: String,
}

/// The drafts as conditions of a generation, in the order of their types; one whose status is what
/// it was keeps the time at which it became so.
#[must_use]
pub fn merged(
    before: &[Condition],
    drafts: &[Draft],
    observed_generation: i64,
    now: &Time,
) -> Vec<Condition> {
    let mut drafts: Vec<&Draft> = drafts.iter().collect();
    drafts.sort_by_key(|draft| draft.type_);
    let condition = |draft: &&Draft| {
        let (type_, status) = (draft.type_.to_string(), draft.status());
        let same = before
            .iter()
            .find(|known| known.type_ == type_ && known.status == status);
        Condition {
            last_transition_time: same
                .map_or(now, |known| &known.last_transition_time)
                .clone(),
            message: draft.message.clone(),
            observed_generation: Some(observed_generation),
            reason: draft.reason.to_string(),
            status: status.to_owned(),
            type_,
        }
    };
    drafts.iter().map(condition).collect()
}

// === impl Type ===

impl Type {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Accepted,
        Self::ResolvedRefs,
        Self::Programmed,
        Self::Ready,
        Self::Conflicted,
        Self::Reconciling,
        Self::Stalled,
    ];
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Their names are the interface.
        fmt::Debug::fmt(self, f)
    }
}

// === impl Reason ===

impl Reason {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Accepted,
        Self::Pending,
        Self::Invalid,
        Self::Conflict,
        Self::TooLarge,
        Self::ResolvedRefs,
        Self::RefNotFound,
        Self::RefNotPermitted,
        Self::ModuleNotFound,
        Self::ModuleNotPermitted,
        Self::ModuleInvalid,
        Self::RegistryUnreachable,
        Self::Programmed,
        Self::Failed,
        Self::NoRuntimes,
        Self::Ready,
        Self::Suspended,
    ];
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Their names are the interface.
        fmt::Debug::fmt(self, f)
    }
}

// === impl Draft ===

impl Draft {
    fn status(&self) -> &'static str {
        match self.status {
            Some(true) => "True",
            Some(false) => "False",
            None => "Unknown",
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn at(second: i64) -> Time {
        Time(Timestamp::from_second(second).expect("a time"))
    }

    fn draft(type_: Type, status: Option<bool>, message: &str) -> Draft {
        Draft {
            type_,
            status,
            reason: Reason::Pending,
            message: message.to_owned(),
        }
    }

    #[test]
    fn a_time_moves_only_with_the_status() {
        let drafts = [draft(Type::Ready, Some(false), "a")];
        let first = merged(&[], &drafts, 1, &at(1));
        let drafts = [draft(Type::Ready, Some(false), "b")];
        let second = merged(&first, &drafts, 2, &at(2));
        assert_eq!(second[0].last_transition_time, at(1));
        assert_eq!(second[0].message, "b");
        assert_eq!(second[0].observed_generation, Some(2));
        let drafts = [draft(Type::Ready, Some(true), "b")];
        let third = merged(&second, &drafts, 2, &at(3));
        assert_eq!(third[0].last_transition_time, at(3));
    }

    #[test]
    fn conditions_come_in_one_order_and_go_when_nothing_is_said() {
        let drafts = [
            draft(Type::Stalled, Some(true), ""),
            draft(Type::Accepted, None, ""),
        ];
        let first = merged(&[], &drafts, 1, &at(1));
        let types: Vec<_> = first.iter().map(|known| &*known.type_).collect();
        assert_eq!(types, ["Accepted", "Stalled"]);
        assert_eq!(first[0].status, "Unknown");
        assert_eq!(merged(&first, &[], 1, &at(1)), []);
    }
}
