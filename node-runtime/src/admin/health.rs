//! Whether the process should be sent requests.
//!
//! It begins by loading, is ready when every route was tried once, and stays so whatever becomes
//! of its routes; draining ends it for good.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use process_shell::admin::Readiness;

/// More names than a person reads are counted.
const MOST_NAMES: usize = 20;

/// Whether the process is ready; clones are of the same process.
#[derive(Clone, Debug, Default)]
pub struct Health {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Routes that were not tried yet.
    loading: Vec<String>,
    /// What else it waits for, one line each; instead of the routes.
    held: Vec<String>,
    loaded: bool,
    draining: bool,
}

// === impl Health ===

impl Health {
    /// These routes were not tried yet.
    pub fn loading(&self, routes: Vec<String>) {
        self.lock().loading = routes;
    }

    /// It waits for these, one line each.
    pub fn held(&self, by: Vec<String>) {
        self.lock().held = by;
    }

    /// Whether it was ready once.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.lock().loaded
    }

    /// Every route was tried: ready from now on, whatever becomes of them.
    pub fn loaded(&self) {
        let mut state = self.lock();
        state.loading = Vec::new();
        state.held = Vec::new();
        state.loaded = true;
    }

    /// Not ready any more: the process is about to end.
    pub fn draining(&self) {
        self.lock().draining = true;
    }

    /// Why not, one line each; none is ready.
    #[must_use]
    pub fn reasons(&self) -> Vec<String> {
        let state = self.lock();
        let mut reasons = Vec::new();
        if !state.loaded {
            match &state.held[..] {
                [] => reasons.push(loading(&state.loading)),
                held => reasons.extend(held.iter().cloned()),
            }
        }
        if state.draining {
            reasons.push("draining: the process is about to end".to_owned());
        }
        reasons
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Readiness for Health {
    fn means(&self) -> &'static str {
        "requests should be sent"
    }

    fn reasons(&self) -> Vec<String> {
        Self::reasons(self)
    }
}

fn loading(routes: &[String]) -> String {
    let mut text = match routes.len() {
        0 => return "loading: routes are being looked for".to_owned(),
        1 => "loading: 1 route was not tried yet: ".to_owned(),
        routes => format!("loading: {routes} routes were not tried yet: "),
    };
    let named = routes.len().min(MOST_NAMES);
    text.push_str(&routes[..named].join(", "));
    if routes.len() > named {
        let _ = write!(text, " and {} more", routes.len() - named);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_ends_by_draining_only() {
        let health = Health::default();
        assert_eq!(health.reasons(), ["loading: routes are being looked for"]);
        health.loading(vec!["default/a".to_owned()]);
        let loading = "loading: 1 route was not tried yet: default/a";
        assert_eq!(health.reasons(), [loading]);
        health.loaded();
        assert_eq!(health.reasons(), [""; 0]);
        health.loading(vec!["default/b".to_owned()]);
        assert_eq!(health.reasons(), [""; 0]);
        health.draining();
        health.loaded();
        assert_eq!(health.reasons(), ["draining: the process is about to end"]);
    }

    #[test]
    fn what_holds_it_up_is_said_until_it_is_over() {
        let health = Health::default();
        health.held(vec!["one".to_owned(), "other".to_owned()]);
        assert_eq!(health.reasons(), ["one", "other"]);
        assert!(!health.is_loaded());
        health.loaded();
        assert_eq!(health.reasons(), [""; 0]);
        health.held(vec!["later".to_owned()]);
        assert_eq!(health.reasons(), [""; 0]);
    }

    #[test]
    fn many_routes_are_counted() {
        let routes: Vec<_> = (0..25).map(|number| format!("default/{number}")).collect();
        let text = loading(&routes);
        assert!(text.starts_with("loading: 25 routes were not tried yet: default/0, "));
        assert!(text.ends_with(", default/19 and 5 more"), "{text}");
    }
}
