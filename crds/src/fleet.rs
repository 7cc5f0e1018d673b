//! What the runtimes of a pool need to know of each other: how many there are, and which routes none
//! of them can load, so that a new one does not wait for those before it is ready.

use serde::{Deserialize, Serialize};

/// What the runtimes of a pool need to know of each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fleet {
    /// Runtimes that are ready and not about to end.
    pub ready: u32,
    /// Routes whose current digest no pod ever loaded and that every pod which reported on it failed
    /// to load, in order of their uids.
    #[serde(default)]
    pub failing: Vec<FailingRoute>,
}

/// A route that no runtime can load.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FailingRoute {
    /// The route's uid.
    pub uid: String,
    /// The digest that cannot be loaded.
    pub digest: String,
}

// === impl Fleet ===

impl Fleet {
    /// The text that is published.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and numbers become JSON")
    }

    /// Reads a text that was published.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text)
    }
}
