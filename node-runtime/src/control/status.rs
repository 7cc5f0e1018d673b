//! What there is to say of every route.

use std::sync::Arc;

use crds::digest::Digest;

use crate::source::{Document, Snapshot};

/// What there is to say of a snapshot: every route of it, in order of precedence.
#[derive(Clone, Debug, Default)]
pub struct Statuses {
    /// What is wanted. Whatever it holds was tried, or is being tried.
    pub snapshot: Arc<Snapshot>,
    /// Its routes.
    pub routes: Vec<RouteStatus>,
}

/// What there is to say of one route.
#[derive(Clone, Debug)]
pub struct RouteStatus {
    /// The version that has its place in the table.
    pub document: Arc<Document>,
    /// The version that is wanted.
    pub wanted: Arc<Document>,
    /// The module that serves.
    pub digest: Option<Digest>,
    /// How it is.
    pub state: RouteState,
    /// Why its newest version could not be loaded: in a word, and for people.
    pub error: Option<(Cause, String)>,
}

/// At which step a version failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Its module could not be had.
    Fetch,
    /// Its module cannot be compiled, or not be run here.
    Compile,
    /// It asks of its module, or of this machine, what they do not have.
    Build,
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
    /// Nothing serves, because it is told so.
    Suspended,
}
