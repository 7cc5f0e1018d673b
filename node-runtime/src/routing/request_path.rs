//! The path of one request, parsed once.

use std::borrow::Cow;

use crds::path::{PathError, PathPattern, normalize};

/// The path of a request: as it came, and in the form in which paths are compared.
///
/// Holds no dot segment and no NUL byte, however they were written. It borrows from the request,
/// and allocates only where the two forms differ.
#[derive(Clone, Debug)]
pub struct RequestPath<'a> {
    raw: &'a str,
    normal: Cow<'a, str>,
}

impl<'a> RequestPath<'a> {
    /// Parses the path of a request target, without its query.
    ///
    /// # Errors
    ///
    /// A path that no route could answer: the client is told so with a 400.
    pub fn parse(raw_path: &'a str) -> Result<Self, PathError> {
        Ok(Self {
            raw: raw_path,
            normal: normalize(raw_path)?,
        })
    }

    /// The path as it came.
    #[must_use]
    pub fn raw(&self) -> &'a str {
        self.raw
    }

    /// The path in [normal form](normalize).
    #[must_use]
    pub fn normal(&self) -> &str {
        &self.normal
    }

    /// What follows the part that a matching pattern names, as it came: nothing for an exact one.
    ///
    /// Found by counting slashes, which normalising neither makes nor merges. A prefix ends before
    /// a slash, so what follows begins with one or is empty.
    #[must_use]
    pub fn after(&self, pattern: &PathPattern) -> &'a str {
        debug_assert!(pattern.matches(&self.normal));
        if !pattern.is_prefix() {
            return "";
        }
        let is_slash = |byte: &u8| *byte == b'/';
        let named = pattern.base().bytes().filter(is_slash).count();
        let mut slashes = self.raw.bytes().enumerate().filter(|(_, b)| is_slash(b));
        slashes.nth(named).map_or("", |(at, _)| &self.raw[at..])
    }
}
