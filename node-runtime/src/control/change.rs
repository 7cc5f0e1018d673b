//! What changed, one line each.

use std::fmt;

use crds::digest::Digest;
use crds::validate::RouteName;

/// One line of the log about routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A route is served that was not.
    Added {
        /// Which.
        route: RouteName,
        /// Its module.
        digest: Digest,
    },
    /// A route is served in a new version.
    Changed {
        /// Which.
        route: RouteName,
        /// Its module now.
        digest: Digest,
    },
    /// A route is not served any more.
    Removed {
        /// Which.
        route: RouteName,
    },
    /// A route stays in its old version, because the new one cannot be loaded.
    Kept {
        /// Which.
        route: RouteName,
        /// Why.
        reason: String,
    },
    /// A route cannot be loaded and has no old version: it answers 503.
    NotLoaded {
        /// Which.
        route: RouteName,
        /// Why.
        reason: String,
    },
    /// A route answers 503 because it is told to.
    Suspended {
        /// Which.
        route: RouteName,
    },
    /// Something is wrong with a file.
    Mistake {
        /// Where and what.
        text: String,
        /// How many routes of its last good version stay.
        kept: usize,
    },
    /// Two routes want one place.
    Conflict {
        /// Which one gets it.
        winner: RouteName,
        /// Which one does not.
        loser: RouteName,
        /// The host and path.
        place: String,
    },
}

// === impl Change ===

impl Change {
    /// Whether somebody should do something about it.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        match self {
            Self::Added { .. } | Self::Changed { .. } => false,
            Self::Removed { .. } | Self::Suspended { .. } => false,
            Self::Kept { .. } | Self::NotLoaded { .. } => true,
            Self::Mistake { .. } | Self::Conflict { .. } => true,
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { route, digest } => write!(f, "added: {route} now {digest}"),
            Self::Changed { route, digest } => write!(f, "changed: {route} now {digest}"),
            Self::Removed { route } => write!(f, "removed: {route}"),
            Self::Kept { route, reason } => write!(f, "kept: {route}: {reason}"),
            Self::NotLoaded { route, reason } => write!(f, "not loaded: {route}: {reason}"),
            Self::Suspended { route } => write!(f, "suspended: {route}"),
            Self::Mistake { text, kept: 0 } => write!(f, "mistake: {text}"),
            Self::Mistake { text, kept: 1 } => write!(f, "kept: 1 route as it was: {text}"),
            Self::Mistake { text, kept } => write!(f, "kept: {kept} routes as they were: {text}"),
            Self::Conflict {
                winner,
                loser,
                place,
            } => {
                write!(
                    f,
                    "conflict: {place} is answered by {winner}, not by {loser}"
                )
            }
        }
    }
}
