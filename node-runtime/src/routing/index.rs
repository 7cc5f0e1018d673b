//! Paths of one host, found by hashing.
//!
//! Every pattern is kept under its base. A look-up hashes the request's path and those of its
//! leading parts that end before a slash and are as long as some prefix: the work depends on the
//! path, not on how many patterns there are.

use std::collections::HashMap;

use crds::path::PathPattern;

/// Patterns, each with a number that says whose it is.
#[derive(Debug, Default)]
pub(super) struct PathIndex {
    by_base: HashMap<Box<str>, Owners>,
    prefixes: Lengths,
}

/// The two patterns that share a base: `/foo` and `/foo/...`.
#[derive(Debug, Default)]
struct Owners {
    exact: Option<u32>,
    prefix: Option<u32>,
}

impl PathIndex {
    /// The place of a pattern's owner.
    pub(super) fn owner(&mut self, pattern: &PathPattern) -> &mut Option<u32> {
        let base = pattern.base();
        let owners = self.by_base.entry(base.into()).or_default();
        if pattern.is_prefix() {
            self.prefixes.insert(base.len());
            &mut owners.prefix
        } else {
            &mut owners.exact
        }
    }

    /// The owners of all patterns that match a normal path, the most specific first.
    pub(super) fn matches(&self, normal_path: &str) -> impl Iterator<Item = u32> {
        let whole = self.by_base.get(normal_path);
        let exact = whole.and_then(|owners| owners.exact);
        let at_whole = whole.and_then(|owners| owners.prefix);
        exact
            .into_iter()
            .chain(at_whole)
            .chain(self.above(normal_path))
    }

    /// The owners of prefixes shorter than the path, the longest first.
    fn above(&self, normal_path: &str) -> impl Iterator<Item = u32> {
        // Beyond the longest prefix there is nothing to find: a hostile path costs no more.
        let end = normal_path.len().min(self.prefixes.end());
        let slashes = normal_path.as_bytes()[..end]
            .iter()
            .enumerate()
            .rev()
            .filter(|&(_, &byte)| byte == b'/');
        slashes
            .map(|(length, _)| length)
            .filter(|&length| self.prefixes.contains(length))
            .filter_map(|length| self.by_base.get(&normal_path[..length])?.prefix)
    }
}

/// A set of lengths: which ones are worth hashing.
#[derive(Debug, Default)]
pub(super) struct Lengths {
    words: Vec<u64>,
}

impl Lengths {
    pub(super) fn insert(&mut self, length: usize) {
        let word = length / 64;
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (length % 64);
    }

    pub(super) fn contains(&self, length: usize) -> bool {
        self.words
            .get(length / 64)
            .is_some_and(|word| word & (1 << (length % 64)) != 0)
    }

    /// A bound that is greater than every length in the set.
    pub(super) fn end(&self) -> usize {
        self.words.len() * 64
    }
}
