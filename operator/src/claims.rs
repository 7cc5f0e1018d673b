//! Who holds a host and a path.
//!
//! Routes contend for pairs of host and path. A pair that was published for a route has an age, and
//! the older age wins; what was never published comes after all that was, the older route first. The
//! first namespace to hold a host holds all its paths, and with a wildcard every name under it that
//! nobody held before; *any host* is shared by path.
//! A change says whose standing may have changed with it, so that nobody else is looked at.
//! Pure: it takes no clock, and knows neither documents nor what is done about a loss.

mod place;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crds::host::HostPattern;
use crds::path::PathPattern;
use crds::validate::RouteName;
use k8s_openapi::jiff::Timestamp;

use place::{Place, Rank, key_of, keys_above, prefix_below};

/// The uid of a route: routes of one name, one after the other, are not one route.
pub type Uid = Arc<str>;

/// What a route answers for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Host {
    /// Any host.
    Any,
    /// One, or those below one.
    Named(HostPattern),
}

/// A host and path that a route contends for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// The host.
    pub host: Host,
    /// The path.
    pub path: PathPattern,
    /// When it was first published for this route, if it was.
    pub since: Option<Timestamp>,
}

/// A route, and all that it contends for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// Which route.
    pub uid: Uid,
    /// Its name.
    pub name: RouteName,
    /// When it was created.
    pub created: Timestamp,
    /// What it contends for.
    pub asks: Vec<Ask>,
}

/// A host and path that another route holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loss {
    /// The host that was asked for.
    pub host: Host,
    /// Who holds it.
    pub winner: RouteName,
    /// What the winner holds: more than this host and path where it is of another namespace.
    pub held: Held,
}

/// What a winner holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// The same host and path.
    Path,
    /// The host with all its paths, for its namespace.
    Host,
    /// A wildcard with all names under it, for its namespace.
    Wildcard(HostPattern),
}

/// All contenders.
#[derive(Debug, Default)]
pub struct Claims {
    contenders: HashMap<Uid, Contender>,
    /// By labels in reverse order, so that the names under a wildcard follow each other.
    places: BTreeMap<String, Place>,
}

/// Whose a host is.
#[derive(PartialEq)]
struct Lordship {
    host: HostPattern,
    /// The first who asks for the host itself.
    first: Option<Rank>,
    /// The first who asks for it or for a wildcard above it.
    lord: Option<Rank>,
}

// === impl Claims ===

impl Claims {
    /// Enters a route, or changes what it contends for; pairs that it had keep their age.
    ///
    /// Returns whose standing may have changed, this route left out.
    pub fn contend(&mut self, mut contender: Contender) -> BTreeSet<Uid> {
        let before = self.contenders.get(&contender.uid);
        for ask in &mut contender.asks {
            let same = |old: &&Ask| old.host == ask.host && old.path == ask.path;
            let known = before.and_then(|before| before.asks.iter().find(same)?.since);
            ask.since = match (ask.since, known) {
                (Some(one), Some(other)) => Some(one.min(other)),
                (one, other) => one.or(other),
            };
        }
        if before == Some(&contender) {
            return BTreeSet::new();
        }
        self.replace(&contender.uid.clone(), Some(contender))
    }

    /// Takes a route out; returns whose standing may have changed.
    pub fn withdraw(&mut self, uid: &Uid) -> BTreeSet<Uid> {
        self.replace(uid, None)
    }

    /// Notes that pairs are being published for a route; those that had an age keep it.
    ///
    /// Returns whose standing may have changed.
    pub fn stamp(
        &mut self,
        uid: &Uid,
        hosts: &[Host],
        path: &PathPattern,
        now: Timestamp,
    ) -> BTreeSet<Uid> {
        let Some(mut contender) = self.contenders.get(uid).cloned() else {
            return BTreeSet::new();
        };
        for ask in &mut contender.asks {
            if ask.path == *path && hosts.contains(&ask.host) {
                ask.since.get_or_insert(now);
            }
        }
        self.contend(contender)
    }

    /// Since when a route holds a pair, if it was published.
    #[must_use]
    pub fn since(&self, uid: &Uid, host: &Host, path: &PathPattern) -> Option<Timestamp> {
        let asks = &self.contenders.get(uid)?.asks;
        asks.iter()
            .find(|ask| ask.host == *host && ask.path == *path)?
            .since
    }

    /// Who keeps a contender from a pair that it asks for, if anybody does.
    #[must_use]
    pub fn loss(&self, uid: &Uid, host: &Host, path: &PathPattern) -> Option<Loss> {
        let name = &self.contenders.get(uid)?.name;
        let lost = |winner: &Rank, held: Held| Loss {
            host: host.clone(),
            winner: winner.name().clone(),
            held,
        };
        if let Host::Named(pattern) = host
            && let Some((lord, above)) = self.lord(pattern)
            && lord.name().namespace != name.namespace
        {
            return Some(lost(lord, above.map_or(Held::Host, Held::Wildcard)));
        }
        let place = self.places.get(&key_of(host))?;
        let first = place.first_of_path(host, &name.namespace, path)?;
        (first.uid() != uid).then(|| lost(first, Held::Path))
    }

    /// Whose namespace a host belongs to, and by which wildcard.
    fn lord(&self, host: &HostPattern) -> Option<(&Rank, Option<HostPattern>)> {
        let own = self.places.get(&key_of(&Host::Named(host.clone())));
        let own = own.and_then(Place::first).map(|rank| (rank, None));
        let above = keys_above(host).filter_map(|(key, pattern)| {
            let rank = self.places.get(&key)?.first()?;
            Some((rank, Some(pattern)))
        });
        own.into_iter().chain(above).min_by_key(|(rank, _)| *rank)
    }

    fn replace(&mut self, uid: &Uid, after: Option<Contender>) -> BTreeSet<Uid> {
        let before = match &after {
            Some(contender) => self.contenders.insert(uid.clone(), contender.clone()),
            None => self.contenders.remove(uid),
        };
        let asks = |contender: &Option<Contender>| {
            let asks = contender.as_ref().map(|contender| contender.asks.clone());
            asks.unwrap_or_default()
        };
        // Pairs that stay as they are keep their ranks: nothing there can have changed. A route that
        // is known by its document alone gets its time of creation later, and with it other ranks.
        let (old, new) = (asks(&before), asks(&after));
        let rest = |contender: &Option<Contender>| {
            contender
                .as_ref()
                .map(|one| (one.created, one.name.clone()))
        };
        let moves = rest(&before) != rest(&after);
        let gone = old.iter().filter(|ask| moves || !new.contains(ask));
        let come = new.iter().filter(|ask| moves || !old.contains(ask));
        let touched: BTreeSet<Host> = gone
            .clone()
            .chain(come.clone())
            .map(|ask| ask.host.clone())
            .collect();

        let lords = self.lords(&touched);
        let mut affected = BTreeSet::new();
        if let Some(contender) = &before {
            for ask in gone {
                let place = self.places.entry(key_of(&ask.host)).or_default();
                place.remove(&Rank::new(contender, ask), ask, &mut affected);
            }
        }
        if let Some(contender) = &after {
            for ask in come {
                let place = self.places.entry(key_of(&ask.host)).or_default();
                place.insert(Rank::new(contender, ask), ask, &mut affected);
            }
        }
        for lordship in &lords {
            self.affected_by_lord(lordship, &mut affected);
        }
        for host in &touched {
            let key = key_of(host);
            if self.places.get(&key).is_some_and(Place::is_empty) {
                self.places.remove(&key);
            }
        }
        affected.remove(uid);
        affected
    }

    fn lords(&self, hosts: &BTreeSet<Host>) -> Vec<Lordship> {
        let named = hosts.iter().filter_map(|host| match host {
            Host::Any => None,
            Host::Named(pattern) => Some(pattern),
        });
        named.map(|host| self.lordship(host)).collect()
    }

    fn lordship(&self, host: &HostPattern) -> Lordship {
        let place = self.places.get(&key_of(&Host::Named(host.clone())));
        Lordship {
            host: host.clone(),
            first: place.and_then(Place::first).cloned(),
            lord: self.lord(host).map(|(lord, _)| lord.clone()),
        }
    }

    /// Where a host is another namespace's than before, all who ask for it have another standing;
    /// where only its first route is another, those of other namespaces have another winner. What
    /// that means for a name under a wildcard depends on who asks for that name: they look again.
    fn affected_by_lord(&self, before: &Lordship, affected: &mut BTreeSet<Uid>) {
        let after = self.lordship(&before.host);
        if *before == after {
            return;
        }
        let namespace =
            |lord: &Option<Rank>| lord.as_ref().map(|lord| lord.name().namespace.clone());
        let stays =
            namespace(&before.lord).filter(|_| namespace(&before.lord) == namespace(&after.lord));
        let key = key_of(&Host::Named(before.host.clone()));
        if let Some(place) = self.places.get(&key) {
            let others = place
                .ranks()
                .filter(|rank| stays.as_ref() != Some(&rank.name().namespace));
            affected.extend(others.map(|rank| rank.uid().clone()));
        }
        if let Some(prefix) = prefix_below(&before.host).filter(|_| before.first != after.first) {
            let below = self.places.range(prefix.clone()..);
            let below = below.take_while(|(name, _)| name.starts_with(&prefix));
            for (_, place) in below.filter(|(name, _)| **name != key) {
                affected.extend(place.ranks().map(|rank| rank.uid().clone()));
            }
        }
    }
}

// === impl Host ===

impl std::fmt::Display for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Any => f.write_str("*"),
            Self::Named(pattern) => pattern.fmt(f),
        }
    }
}

// === impl Loss ===

impl std::fmt::Display for Loss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { host, winner, .. } = self;
        match &self.held {
            Held::Path => write!(f, "{winner} holds {host} with this path"),
            Held::Host => write!(
                f,
                "{winner} holds {host}, so that its paths are for namespace {}",
                winner.namespace
            ),
            Held::Wildcard(wildcard) => write!(
                f,
                "{winner} holds {wildcard}, so that {host} is for namespace {}",
                winner.namespace
            ),
        }
    }
}

#[cfg(test)]
mod tests;
