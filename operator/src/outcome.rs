//! What the story of a route came to, as data: its status is computed from this and from what the
//! runtimes report.

use crds::conditions::Reason;

use crate::claims::Loss;

/// What the story of one version of a route came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The generation of the route that it is about.
    pub generation: i64,
    /// How far it came.
    pub reached: Reached,
    /// The module that is published for the route, whether by this version or by one before.
    pub serves: Option<Served>,
}

/// How far a story came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It asks for what it may not: nothing is published for it.
    Refused(Problem),
    /// Others hold everything that it asks for.
    Displaced(Vec<Loss>),
    /// Its module is not known.
    Unresolved(Holding, Problem),
    /// The API server does not take its document.
    Unpublished(Holding, Problem),
    /// Its document is published.
    Published(Holding, Publication),
}

/// What a route holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Where it answers, for people.
    pub address: String,
    /// What it asked for and did not get.
    pub losses: Vec<Loss>,
}

/// A published version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// The module as it was written.
    pub image: String,
    /// The document's version in the cluster.
    pub version: u64,
    /// It answers 503 because it is told to.
    pub is_suspended: bool,
    /// The module was to be looked up again, and could not be.
    pub doubt: Option<Problem>,
}

/// A module as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The module, as the user had written it.
    pub image: String,
    /// The digest of its manifest.
    pub digest: String,
}

/// Why it went no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// In one word.
    pub reason: Reason,
    /// For people.
    pub message: String,
    /// Whether it heals by itself, or waits for a person.
    pub heals: bool,
}
