//! What a module's `_routes` divides its route into (WAGI 0.8.1).
//!
//! The guest prints lines `PATH ENTRYPOINT`. Each path is appended to the route's own, and the
//! last declared one that matches wins; where none matches, the route itself answers.
//! A guest cannot take what its route does not own: such a line is not served, and named.

use crds::path::{PathPattern, PatternError};

use super::{RequestPath, index::PathIndex};

/// The most lines that are taken.
pub const MAX_LINES: usize = 1000;

/// One part of a route, with an entry point of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubRoute {
    /// The joined path: the route's and the declared one.
    pub pattern: PathPattern,
    /// The function of the module that answers.
    pub entrypoint: Box<str>,
}

/// The parts of one route.
#[derive(Debug, Default)]
pub struct SubRoutes {
    /// In the order in which they were declared.
    declared: Vec<SubRoute>,
    index: PathIndex,
}

/// A line that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotServed {
    /// The line's number, from 1.
    pub line: usize,
    /// The path it declares.
    pub path: Box<str>,
    /// Why it is not served.
    pub reason: Reason,
}

/// Why a line is not served.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// What it declares lies outside of what the route matches.
    #[error("{joined} is not part of {parent}, which is all that the route owns")]
    Outside {
        /// The joined path.
        joined: PathPattern,
        /// The route's path.
        parent: PathPattern,
    },
    /// What it declares is not a path.
    #[error(transparent)]
    Path(#[from] PatternError),
}

/// Why the output of `_routes` cannot be used at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not text.
    #[error("_routes did not print UTF-8")]
    NotText(#[source] std::str::Utf8Error),
    /// There is no line in it.
    #[error("_routes printed nothing")]
    Nothing,
    /// There are more lines than [`MAX_LINES`].
    #[error("_routes printed more than {MAX_LINES} lines")]
    TooManyLines,
    /// A line does not have two fields.
    #[error("line {line} of _routes is not \"PATH ENTRYPOINT\"")]
    Fields {
        /// The line's number, from 1.
        line: usize,
    },
}

// === impl SubRoutes ===

impl SubRoutes {
    /// Parses what `_routes` printed and appends it to the route's path.
    ///
    /// # Errors
    ///
    /// Output that is not what `_routes` is meant to print; then nothing of it is served.
    pub fn parse(output: &[u8], parent: &PathPattern) -> Result<(Self, Vec<NotServed>), Error> {
        let text = std::str::from_utf8(output).map_err(Error::NotText)?;
        if text.trim().is_empty() {
            return Err(Error::Nothing);
        }
        let mut routes = Self::default();
        let mut not_served = Vec::new();
        for (at, text) in text.lines().enumerate() {
            if at == MAX_LINES {
                return Err(Error::TooManyLines);
            }
            let line = at + 1;
            let mut fields = text.split_whitespace();
            let (path, entrypoint) = match (fields.next(), fields.next(), fields.next()) {
                (None, ..) => continue,
                (Some(path), Some(entrypoint), None) => (path, entrypoint),
                _ => return Err(Error::Fields { line }),
            };
            match join(parent, path) {
                Ok(pattern) => routes.declare(pattern, entrypoint),
                Err(reason) => not_served.push(NotServed {
                    line,
                    path: path.into(),
                    reason,
                }),
            }
        }
        Ok((routes, not_served))
    }

    fn declare(&mut self, pattern: PathPattern, entrypoint: &str) {
        let number = u32::try_from(self.declared.len()).expect("lines are bounded");
        // A later line takes the place of an earlier one with the same path.
        *self.index.owner(&pattern) = Some(number);
        self.declared.push(SubRoute {
            pattern,
            entrypoint: entrypoint.into(),
        });
    }

    /// The last declared part that matches a path, if any does.
    #[must_use]
    pub fn find(&self, path: &RequestPath<'_>) -> Option<&SubRoute> {
        self.get(self.find_index(path)?)
    }

    /// As [`Self::find`], by its position.
    #[must_use]
    pub fn find_index(&self, path: &RequestPath<'_>) -> Option<usize> {
        let last = self.index.matches(path.normal()).max()?;
        Some(last as usize)
    }

    /// The part at a position.
    #[must_use]
    pub fn get(&self, position: usize) -> Option<&SubRoute> {
        self.declared.get(position)
    }

    /// All parts, in the order in which they were declared.
    pub fn iter(&self) -> impl Iterator<Item = &SubRoute> {
        self.declared.iter()
    }
}

/// The declared path beneath the route's, if the route owns it.
fn join(parent: &PathPattern, path: &str) -> Result<PathPattern, Reason> {
    let joined = parent.join(path)?;
    if parent.contains(&joined) {
        Ok(joined)
    } else {
        Err(Reason::Outside {
            joined,
            parent: parent.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
