//! The connections that are open, and which of them can be spared.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::scope::{Order, Scope};

/// All open connections of one server.
#[derive(Clone, Debug, Default)]
pub(super) struct Registry(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    open: HashMap<u64, Arc<Scope>>,
    next: u64,
}

/// Keeps a connection in the registry.
#[derive(Debug)]
pub(super) struct Entry {
    registry: Registry,
    key: u64,
}

// === impl Registry ===

impl Registry {
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
