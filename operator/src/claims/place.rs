//! One host: who contends for it, in the order in which they win.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crds::host::HostPattern;
use crds::path::PathPattern;
use crds::validate::RouteName;
use k8s_openapi::jiff::Timestamp;

use super::{Ask, Contender, Host, Uid};

/// How a contender stands for one pair; the least wins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Later than any age while it was never published.
    since: Timestamp,
    created: Timestamp,
    route: Arc<(RouteName, Uid)>,
    path: PathPattern,
}

/// One host.
#[derive(Debug, Default)]
pub(super) struct Place {
    all: BTreeSet<Rank>,
    /// By namespace and path; for any host by path alone. Lists are short, and sorted.
    paths: HashMap<(String, PathPattern), Vec<Rank>>,
}

// === impl Rank ===

impl Rank {
    pub(super) fn new(contender: &Contender, ask: &Ask) -> Self {
        Self {
            since: ask.since.unwrap_or(Timestamp::MAX),
            created: contender.created,
            route: Arc::new((contender.name.clone(), contender.uid.clone())),
            path: ask.path.clone(),
        }
    }

    pub(super) fn name(&self) -> &RouteName {
        &self.route.0
    }

    pub(super) fn uid(&self) -> &Uid {
        &self.route.1
    }
}

// === impl Place ===

impl Place {
    pub(super) fn insert(&mut self, rank: Rank, ask: &Ask, affected: &mut BTreeSet<Uid>) {
        let path = self.paths.entry(path_key(&rank, ask)).or_default();
        let at = path.partition_point(|other| *other < rank);
        path.insert(at, rank.clone());
        if at == 0 {
            affected.extend(path.iter().map(|rank| rank.uid().clone()));
        }
        self.all.insert(rank);
    }

    pub(super) fn remove(&mut self, rank: &Rank, ask: &Ask, affected: &mut BTreeSet<Uid>) {
        self.all.remove(rank);
        let key = path_key(rank, ask);
        let Some(path) = self.paths.get_mut(&key) else {
            return;
        };
        if path.first() == Some(rank) {
            affected.extend(path.iter().map(|rank| rank.uid().clone()));
        }
        path.retain(|other| other != rank);
        if path.is_empty() {
            self.paths.remove(&key);
        }
    }

    pub(super) fn first(&self) -> Option<&Rank> {
        self.all.first()
    }

    pub(super) fn first_of_path(
        &self,
        host: &Host,
        namespace: &str,
        path: &PathPattern,
    ) -> Option<&Rank> {
        let namespace = match host {
            Host::Any => "",
            Host::Named(_) => namespace,
        };
        self.paths
            .get(&(namespace.to_owned(), path.clone()))?
            .first()
    }

    pub(super) fn ranks(&self) -> impl Iterator<Item = &Rank> {
        self.all.iter()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

fn path_key(rank: &Rank, ask: &Ask) -> (String, PathPattern) {
    let namespace = match ask.host {
        Host::Any => String::new(),
        Host::Named(_) => rank.name().namespace.clone(),
    };
    (namespace, ask.path.clone())
}

/// `*.shop.example` becomes `example.shop.*`; no label is a star, so that no two hosts share a key.
pub(super) fn key_of(host: &Host) -> String {
    match host {
        Host::Any => String::new(),
        Host::Named(pattern) => reversed(pattern.as_str()),
    }
}

/// The wildcards that a host is under, the longest first.
pub(super) fn keys_above(host: &HostPattern) -> impl Iterator<Item = (String, HostPattern)> {
    let name = host.as_str();
    let name = name.strip_prefix("*.").unwrap_or(name).to_owned();
    // A wildcard is not under itself: `*.b.example` is under `*.example`, as `b.example` is.
    let dots: Vec<usize> = name.match_indices('.').map(|(at, _)| at + 1).collect();
    dots.into_iter().filter_map(move |at| {
        let wildcard = format!("*.{}", &name[at..]);
        // An address has dots too, but no wildcard stands before one.
        let pattern = HostPattern::parse(&wildcard).ok()?;
        Some((reversed(&wildcard), pattern))
    })
}

/// What the keys of all names under a wildcard begin with.
pub(super) fn prefix_below(host: &HostPattern) -> Option<String> {
    let name = host.as_str().strip_prefix("*.")?;
    Some(format!("{}.", reversed(name)))
}

fn reversed(host: &str) -> String {
    host.rsplit('.').collect::<Vec<_>>().join(".")
}
