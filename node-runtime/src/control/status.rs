//! What there is to say of every route.

use std::sync::Arc;

use crds::digest::Digest;

use crate::source::Document;

/// What there is to say of one route.
#[derive(Clone, Debug)]
pub struct RouteStatus {
    /// The version that has its place in the table.
    pub document: Arc<Document>,
    /// The module that serves.
    pub digest: Option<Digest>,
    /// How it is.
    pub state: RouteState,
    /// Why its newest version could not be loaded.
    pub error: Option<String>,
}

/// How a route is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteState {
    /// Its newest version serves.
    Serving,
    /// An older version serves, and the newest is being loaded.
    Updating,
    /// An older version serves, because the newest cannot be loaded.
    Kept,
    /// Nothing serves yet.
    Loading,
    /// Nothing serves, because it cannot be loaded.
    NotLoaded,
}
