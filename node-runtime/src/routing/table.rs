//! The table of all routes: hosts first, then paths.

use std::collections::HashMap;

use crds::{
    host::{HostPattern, MAX_HOST_BYTES, canonical},
    path::PathPattern,
};

use super::{
    RequestPath,
    index::{Lengths, PathIndex},
};

/// One route as it is put into a table.
#[derive(Clone, Debug)]
pub struct Entry<T> {
    /// The hosts it answers for; none is any host.
    pub hosts: Vec<HostPattern>,
    /// The path it answers for.
    pub path: PathPattern,
    /// What answers.
    pub target: T,
}

/// Two routes that name the same path of the same host; the rest of the loser is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Position of the entry that is served.
    pub winner: usize,
    /// Position of the entry that is not.
    pub loser: usize,
    /// The host both name; none is any host.
    pub host: Option<HostPattern>,
    /// The path both name.
    pub path: PathPattern,
}

/// The route that answers a request.
#[derive(Debug, PartialEq, Eq)]
pub struct RouteMatch<'a, T> {
    /// What answers.
    pub target: &'a T,
    /// The path of the route.
    pub pattern: &'a PathPattern,
    /// What follows the route's path in the request's, as it came.
    pub raw_path_info: &'a str,
}

/// Who answers which host and path.
#[derive(Debug)]
pub struct RouteTable<T> {
    routes: Vec<(PathPattern, T)>,
    exact_hosts: HashMap<Box<str>, PathIndex>,
    /// By what the hosts end with, from its dot on.
    wildcard_hosts: HashMap<Box<str>, PathIndex>,
    wildcards: Lengths,
    any_host: PathIndex,
}

// === impl RouteTable ===

impl<T> RouteTable<T> {
    /// Builds a table from routes in order of precedence: of two that name the same path of the
    /// same host the earlier is served.
    pub fn build(entries: impl IntoIterator<Item = Entry<T>>) -> (Self, Vec<Conflict>) {
        let mut table = Self::default();
        let mut conflicts = Vec::new();
        for (position, entry) in entries.into_iter().enumerate() {
            let number = u32::try_from(position).expect("routes are counted in 32 bits");
            let mut claim = |host: Option<&HostPattern>| {
                let owner = table.paths_of(host).owner(&entry.path);
                let winner = *owner.get_or_insert(number);
                if winner != number {
                    conflicts.push(Conflict {
                        winner: winner as usize,
                        loser: position,
                        host: host.cloned(),
                        path: entry.path.clone(),
                    });
                }
            };
            if entry.hosts.is_empty() {
                claim(None);
            }
            for host in &entry.hosts {
                claim(Some(host));
            }
            table.routes.push((entry.path, entry.target));
        }
        (table, conflicts)
    }

    fn paths_of(&mut self, host: Option<&HostPattern>) -> &mut PathIndex {
        let Some(host) = host else {
            return &mut self.any_host;
        };
        match host.suffix() {
            None => self.exact_hosts.entry(host.as_str().into()).or_default(),
            Some(suffix) => {
                self.wildcards.insert(suffix.len());
                self.wildcard_hosts.entry(suffix.into()).or_default()
            }
        }
    }

    /// Finds the route that answers a path of a host.
    ///
    /// The host is in lower case and without its port; an IPv6 address may be with or without
    /// brackets.
    #[must_use]
    pub fn find<'a>(&'a self, host: &str, path: &'a RequestPath<'_>) -> Option<RouteMatch<'a, T>> {
        let paths = self.host(&canonical(host));
        let number = paths.matches(path.normal()).next()?;
        let (pattern, target) = self.routes.get(number as usize)?;
        Some(RouteMatch {
            target,
            pattern,
            raw_path_info: path.after(pattern),
        })
    }

    /// The paths of the one host pattern that decides: exact, longest wildcard, any.
    fn host(&self, host: &str) -> &PathIndex {
        // No pattern is longer, so a longer host is not worth hashing.
        if host.len() > MAX_HOST_BYTES {
            return &self.any_host;
        }
        if let Some(paths) = self.exact_hosts.get(host) {
            return paths;
        }
        let dots = host.bytes().enumerate().filter(|&(_, byte)| byte == b'.');
        // A dot at the start has no label before it that a star could stand for.
        dots.map(|(at, _)| at)
            .filter(|&at| at > 0 && self.wildcards.contains(host.len() - at))
            .find_map(|at| self.wildcard_hosts.get(&host[at..]))
            .unwrap_or(&self.any_host)
    }

    /// What answers, route by route in order of precedence.
    pub fn targets(&self) -> impl Iterator<Item = &T> {
        self.routes.iter().map(|(_, target)| target)
    }

    /// How many routes were put into the table.
    #[must_use]
    pub fn len(&self) -> usize {
        self.routes.len()
    }

    /// Whether no route was put into the table.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }
}

impl<T> Default for RouteTable<T> {
    /// A table without routes: nothing is found in it.
    fn default() -> Self {
        Self {
            routes: Vec::new(),
            exact_hosts: HashMap::new(),
            wildcard_hosts: HashMap::new(),
            wildcards: Lengths::default(),
            any_host: PathIndex::default(),
        }
    }
}

#[cfg(test)]
mod tests;
