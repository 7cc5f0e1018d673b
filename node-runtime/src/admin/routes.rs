//! The routes as they are shown.

use std::sync::Arc;

use process_shell::admin::Page;
use serde::Serialize;

/// Knows the routes; asked on the admin server's thread.
pub trait Routes: Send + Sync + 'static {
    /// All of them, as they are now.
    fn all(&self) -> Vec<RouteStatus>;
}

/// One route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteStatus {
    /// `namespace/name`.
    pub name: String,
    /// The hosts it answers for; none is any host.
    pub hosts: Vec<String>,
    /// The path it answers for.
    pub path: String,
    /// The module that answers now.
    pub digest: Option<String>,
    /// Whether it answers.
    pub state: State,
    /// The paths that the module's `_routes` divides it into.
    pub parts: Vec<String>,
    /// Why the version that is wanted does not answer.
    pub error: Option<String>,
    /// Requests that run.
    pub in_flight: usize,
}

/// Whether a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It does, in the version that is wanted.
    Serving,
    /// It does, in an older version: the one that is wanted is being loaded.
    Updating,
    /// It does, in an older version: the one that is wanted cannot be loaded.
    Kept,
    /// It was not tried yet.
    Loading,
    /// It never could be loaded: it answers 503.
    NotLoaded,
    /// It is told not to: it answers 503.
    Suspended,
}

/// The routes as a page.
pub(super) struct Listing(pub(super) Arc<dyn Routes>);

// === impl Listing ===

impl Page for Listing {
    fn name(&self) -> &'static str {
        "routes"
    }

    fn write(&self) -> Result<String, Box<dyn std::error::Error>> {
        #[derive(Serialize)]
        struct All {
            routes: Vec<RouteStatus>,
        }
        let all = All {
            routes: self.0.all(),
        };
        Ok(serde_json::to_string_pretty(&all)?)
    }
}

impl<F: Fn() -> Vec<RouteStatus> + Send + Sync + 'static> Routes for F {
    fn all(&self) -> Vec<RouteStatus> {
        self()
    }
}
