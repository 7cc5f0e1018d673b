//! A namespace and a kind, and what is known of the objects there: names and versions.

use std::collections::HashMap;
use std::fmt;

use crds::names::{OPERATOR, REFS_READER};
use crds::references::{Kind, Object};

use super::Source;

/// A namespace and a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The namespace.
    pub namespace: String,
    /// The kind.
    pub kind: Kind,
}

/// What is known of a place.
#[derive(Debug, Default)]
pub(super) struct State {
    /// Which watch of it this is.
    pub(super) number: u64,
    pub(super) is_listed: bool,
    pub(super) is_forbidden: bool,
    pub(super) objects: HashMap<String, Known>,
}

/// What a watch says of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) uid: String,
    pub(super) version: u64,
}

// === impl Place ===

impl Place {
    /// An object there.
    #[must_use]
    pub fn source(&self, name: &str) -> Source {
        Source {
            namespace: self.namespace.clone(),
            object: Object {
                kind: self.kind,
                name: name.to_owned(),
            },
        }
    }

    /// What lets the operator read it, and what that means.
    #[must_use]
    pub fn grant(&self, system_namespace: &str) -> String {
        format!(
            "the operator may not read {self}; kubectl create rolebinding {REFS_READER} \
             --clusterrole={REFS_READER} --serviceaccount={system_namespace}:{OPERATOR} \
             --namespace={}",
            self.namespace
        )
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s of namespace {}", self.kind, self.namespace)
    }
}

// === impl State ===

impl State {
    pub(super) fn new(number: u64) -> Self {
        Self {
            number,
            ..Self::default()
        }
    }

    /// Notes a version; whether it is newer.
    pub(super) fn observe(&mut self, name: &str, uid: String, version: u64) -> bool {
        let known = self.objects.get(name);
        if known.is_some_and(|known| known.uid == uid && known.version >= version) {
            return false;
        }
        self.objects.insert(name.to_owned(), Known { uid, version });
        true
    }
}
