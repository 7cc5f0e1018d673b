//! The connections that are open, and which of them can be spared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::scope::{Order, Scope};

/// All open connections of one server.
#[derive(Clone, Debug, Default)]
pub struct Connections(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    open: HashMap<u64, Arc<Scope>>,
    next: u64,
}

/// How much is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Open connections.
    pub connections: usize,
    /// Requests on them that are being answered, and guests that run on behind their answer.
    pub requests: usize,
}

/// Keeps a connection among the open ones.
#[derive(Debug)]
pub(super) struct Entry {
    registry: Connections,
    key: u64,
}

// === impl Connections ===

impl Connections {
    /// How much is under way now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let state = self.lock();
        Counts {
            connections: state.open.len(),
            requests: state.open.values().map(|scope| scope.phases.active()).sum(),
        }
    }

    pub(super) fn enter(&self, scope: Arc<Scope>) -> Entry {
        let mut state = self.lock();
        let key = state.next;
        state.next += 1;
        state.open.insert(key, scope);
        Entry {
            registry: self.clone(),
            key,
        }
    }

    /// Orders the connection that has been idle longest to close, if one is idle.
    ///
    /// Looks at all of them: this happens only when every place is taken.
    pub(super) fn evict(&self) -> bool {
        let state = self.lock();
        let longest = state
            .open
            .values()
            .filter_map(|scope| Some((scope.phases.idle_since()?, scope)))
            .min_by_key(|(since, _)| *since);
        match longest {
            Some((_, scope)) => {
                scope.order(Order::Evict);
                true
            }
            None => false,
        }
    }

    pub(super) fn order_all(&self, order: Order) {
        for scope in self.lock().open.values() {
            scope.order(order);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Entry ===

impl Drop for Entry {
    fn drop(&mut self) {
        let scope = self.registry.lock().open.remove(&self.key);
        drop(scope);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Duration;

    use super::*;
    use crate::http::Config;
    use crate::http::scope::Shared;

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_connection_is_evicted_and_never_a_busy_one() {
        let shared = Arc::new(Shared::new(Config::default()));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        let scope = || Scope::new(address, address, shared.clone());
        let registry = Connections::default();
        assert!(!registry.evict());

        let busy = scope();
        let _active = busy.active();
        let _busy = registry.enter(busy.clone());
        assert!(!registry.evict());

        let scopes = [scope(), scope(), scope()];
        for (which, millis) in [(1, 10), (0, 20), (2, 30)] {
            tokio::time::advance(Duration::from_millis(millis)).await;
            scopes[which].phases.await_request();
        }
        let entries = scopes.clone().map(|scope| registry.enter(scope));
        for longest in [1, 0, 2] {
            assert!(registry.evict());
            for (which, scope) in scopes.iter().enumerate() {
                assert_eq!(scope.take_order(Order::Evict), which == longest);
            }
            // It takes part no more.
            scopes[longest].phases.begin();
        }
        drop(entries);
        assert!(!busy.ordered(Order::Evict));
        let counts = registry.counts();
        assert_eq!((counts.connections, counts.requests), (1, 1));
        assert_eq!(registry.lock().open.len(), 1);
    }
}
