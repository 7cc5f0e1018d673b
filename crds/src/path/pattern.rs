//! What a route writes as its path: one exact path, or everything below one.
//!
//! A [`PathPattern`] holds normal text only, so that matching is a comparison of bytes, and
//! printing one and parsing it again gives the same pattern.

use std::{cmp::Ordering, fmt, str::FromStr, sync::Arc};

use super::{PathError, normalize};

/// The longest pattern, in bytes, as written and as normalised: what the resource's schema allows.
pub const MAX_PATTERN_BYTES: usize = 1024;

/// What makes a pattern match everything below it (WAGI 0.8.1).
const BELOW: &str = "/...";

/// The path of a route: `/hello` (exactly that) or `/hello/...` (that and all below it).
///
/// A prefix matches at slash boundaries only: `/foo/...` matches `/foo`, `/foo/` and `/foo/x`, not
/// `/foobar`. `/foo` and `/foo/` are two exact paths. Letters' case matters.
///
/// The greater of two patterns is the more specific one: exact over prefix, then the longer, then
/// by text so that the order is total. A clone shares the text.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PathPattern {
    /// Normalised, with the `/...` of a prefix.
    text: Arc<str>,
}

/// Why a text is not the path of a route, as a sentence that says what to write.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is no text.
    #[error("a path cannot be empty: write \"/...\" for every path")]
    Empty,
    /// It does not begin with a slash.
    #[error("a path begins with \"/\": write {:?}", .suggestion)]
    NotAbsolute {
        /// The same text behind a slash.
        suggestion: String,
    },
    /// It is longer than [`MAX_PATTERN_BYTES`].
    #[error("a path has at most {MAX_PATTERN_BYTES} bytes, this one has {bytes}")]
    TooLong {
        /// Its length as written, or with everything encoded if only that is too long.
        bytes: usize,
    },
    /// Three dots stand elsewhere than in `/...` at the end.
    #[error(
        "\"...\" stands only at the end of a path, after a slash: write \"/static/...\" for \
         \"/static\" and everything below it"
    )]
    Ellipsis,
    /// A `?` or `#` stands in it: those begin a query and a fragment.
    #[error("a path has no query and no fragment: leave out everything from {0:?} on")]
    QueryOrFragment(char),
    /// White space or a control character stands in it.
    #[error("a path cannot hold the character {0:?}: write it percent-encoded")]
    Character(char),
    /// It is not a path that a request could have either.
    #[error(transparent)]
    Path(#[from] PathError),
}

// === impl PathPattern ===

impl PathPattern {
    /// Parses the path of a route.
    ///
    /// # Errors
    ///
    /// Whatever could never match or would not match what its author expects.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.is_empty() {
            return Err(PatternError::Empty);
        }
        if text.len() > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong { bytes: text.len() });
        }
        if !text.starts_with('/') {
            return Err(PatternError::NotAbsolute {
                suggestion: format!("/{text}"),
            });
        }
        if let Some(mark) = text
            .chars()
            .find(|&character| matches!(character, '?' | '#'))
        {
            return Err(PatternError::QueryOrFragment(mark));
        }
        // NUL is left to the path itself, which has a sentence of its own for it.
        let unseen = |&character: &char| character.is_whitespace() || character.is_control();
        if let Some(character) = text.chars().filter(|&c| c != '\0').find(unseen) {
            return Err(PatternError::Character(character));
        }

        let (base, below) = match text.strip_suffix(BELOW) {
            Some(base) => (base, true),
            None => (text, false),
        };
        // The base of "/..." is empty, which is a prefix of every path but not a path.
        let base = if base.is_empty() {
            base.into()
        } else {
            normalize(base)?
        };
        if base.contains("...") {
            return Err(PatternError::Ellipsis);
        }
        let bytes = base.len() + if below { BELOW.len() } else { 0 };
        if bytes > MAX_PATTERN_BYTES {
            return Err(PatternError::TooLong { bytes });
        }
        let mut normal = base.into_owned();
        if below {
            normal.push_str(BELOW);
        }
        Ok(Self {
            text: normal.into(),
        })
    }

    /// Whether the pattern matches everything below a path, not one path only.
    #[must_use]
    pub fn is_prefix(&self) -> bool {
        self.text.ends_with(BELOW)
    }

    /// The text, with the `/...` of a prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text without the `/...` of a prefix: empty for `/...` itself.
    #[must_use]
    pub fn base(&self) -> &str {
        self.text.strip_suffix(BELOW).unwrap_or(&self.text)
    }

    /// What a guest finds in `SCRIPT_NAME`: the base, and `/` for `/...` (WAGI 0.8.1).
    #[must_use]
    pub fn script_name(&self) -> &str {
        match self.base() {
            "" => "/",
            base => base,
        }
    }

    /// Whether the pattern matches a path in [normal form](normalize).
    #[must_use]
    pub fn matches(&self, normal_path: &str) -> bool {
        if !self.is_prefix() {
            return *self.text == *normal_path;
        }
        normal_path
            .strip_prefix(self.base())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Whether every path that `other` matches is matched by this pattern too.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        if self.is_prefix() {
            self.matches(other.base())
        } else {
            self == other
        }
    }

    /// The pattern of `below` under this one's base, with one slash where they meet.
    ///
    /// As in WAGI, the base of an exact pattern is that path itself: the result then lies outside
    /// of what this pattern matches, which [`contains`](Self::contains) tells.
    ///
    /// # Errors
    ///
    /// The joined text is parsed as any other pattern.
    pub fn join(&self, below: &str) -> Result<Self, PatternError> {
        let base = self.base();
        let base = base.strip_suffix('/').unwrap_or(base);
        let below = below.strip_prefix('/').unwrap_or(below);
        Self::parse(&format!("{base}/{below}"))
    }
}

impl FromStr for PathPattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        Self::parse(text)
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl Ord for PathPattern {
    fn cmp(&self, other: &Self) -> Ordering {
        let rank = |pattern: &Self| (!pattern.is_prefix(), pattern.base().len());
        rank(self)
            .cmp(&rank(other))
            .then_with(|| self.text.cmp(&other.text))
    }
}

impl PartialOrd for PathPattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
