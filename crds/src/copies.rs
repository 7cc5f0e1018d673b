//! What routes refer to as the operator publishes it: a copy of each object, in the documents
//! namespace, with only those keys that routes name.
//!
//! A copy is named after its source's uid, is of its source's kind, and counts its changes: its
//! revision is a number, and says nothing of what it holds. A document names the copies that it needs
//! and of which revision at least.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::references::{Kind, Object, Wanted};

/// A copy that a document needs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CopyReference {
    /// The kind of the source, and so of the copy.
    pub kind: Kind,
    /// The source's name, in the route's namespace.
    pub name: String,
    /// The copy's name, in the documents namespace.
    pub copy: String,
    /// What the document needs is in this revision, and in those after it.
    pub revision: u64,
}

/// Which revision of a copy brought what; an annotation of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Revisions {
    /// The newest.
    pub latest: u64,
    /// The keys that routes name one by one, each with the revision that brought its value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub keys: BTreeMap<String, u64>,
}

/// Name of the copy of an object.
#[must_use]
pub fn copy_name(kind: Kind, source_uid: &str) -> String {
    match kind {
        Kind::ConfigMap => format!("c-{source_uid}"),
        Kind::Secret => format!("s-{source_uid}"),
    }
}

/// The kind and uid of the source of a copy of this name.
#[must_use]
pub fn source_of(copy_name: &str) -> Option<(Kind, &str)> {
    let config_map = copy_name
        .strip_prefix("c-")
        .map(|uid| (Kind::ConfigMap, uid));
    config_map.or_else(|| copy_name.strip_prefix("s-").map(|uid| (Kind::Secret, uid)))
}

// === impl CopyReference ===

impl CopyReference {
    /// Whether it is of this object.
    #[must_use]
    pub fn is_of(&self, object: &Object) -> bool {
        self.kind == object.kind && self.name == object.name
    }
}

// === impl Revisions ===

impl Revisions {
    /// As it is written in an annotation.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string(self).expect("numbers and texts become JSON")
    }

    /// As it stands in an annotation; of nothing where that cannot be read.
    #[must_use]
    pub fn decode(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// The revision that has all that is wanted.
    #[must_use]
    pub fn of(&self, wanted: &Wanted) -> u64 {
        if wanted.whole {
            return self.latest;
        }
        let of_key = |key: &String| self.keys.get(key).copied().unwrap_or(0);
        // A key that is not there has no revision, and may be missed.
        wanted.keys.keys().map(of_key).max().unwrap_or(0).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_the_kind_and_the_source() {
        assert_eq!(
            source_of(&copy_name(Kind::Secret, "u-1")),
            Some((Kind::Secret, "u-1"))
        );
        assert_eq!(
            source_of(&copy_name(Kind::ConfigMap, "u")),
            Some((Kind::ConfigMap, "u"))
        );
        assert_eq!(source_of("r-u"), None);
    }

    #[test]
    fn a_document_needs_no_newer_revision_than_brought_its_keys() {
        let revisions = Revisions {
            latest: 7,
            keys: [("a".to_owned(), 3), ("b".to_owned(), 5)].into(),
        };
        let wanted = |keys: &[&str]| Wanted {
            whole: false,
            keys: keys.iter().map(|key| ((*key).to_owned(), true)).collect(),
        };
        assert_eq!(revisions.of(&wanted(&["a"])), 3);
        assert_eq!(revisions.of(&wanted(&["a", "b", "gone"])), 5);
        assert_eq!(revisions.of(&wanted(&["gone"])), 1);
        let whole = Wanted {
            whole: true,
            ..wanted(&["a"])
        };
        assert_eq!(revisions.of(&whole), 7);
        assert_eq!(Revisions::decode(&revisions.encode()), revisions);
        assert_eq!(Revisions::decode("nonsense"), Revisions::default());
    }
}
