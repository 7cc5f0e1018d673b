//! From snapshots to the table that requests are looked up in:
//! next snapshot → plan → load → swap → report.
//!
//! What serves keeps serving: a route is replaced only by a route that is ready, and one whose new
//! version cannot be loaded stays as it was. A route that never loaded holds its place with a target
//! that says so, and so does one that is suspended, for which nothing is loaded. What failed is tried again when `modules` says so. Everything a snapshot changes is one swap of the table. Control never sees a
//! request, and knows of programs and targets only what [`Build`] says.

mod change;
mod load;
mod plan;
mod retries;
mod slots;
mod status;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use crds::digest::Digest;
use crds::references::Given;
use crds::validate::{RouteName, ValidRoute};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use crate::modules::{Compile, Modules};
use crate::routing::RouteTable;
use crate::routing::live::RoutesWriter;
use crate::source::{Document, Snapshot, Source};

pub use change::Change;
use retries::Retries;
use slots::{Failed, Outcome, Slots};
pub use status::{Cause, RouteState, RouteStatus, Statuses};

/// Makes what a route's requests are given to.
pub trait Build: Send + Sync + 'static {
    /// The compiled module.
    type Program: Send + Sync + 'static;
    /// What requests are given to.
    type Target: Clone + Send + Sync + 'static;
    /// Why a route cannot be served by its program, such as an entry point that does not exist.
    type Error: std::error::Error + Send + Sync + 'static;

    /// A target that serves; called on a blocking thread. `given` is what the route's programs get
    /// of ConfigMaps and Secrets.
    fn build(
        &self,
        route: &ValidRoute,
        given: &Given,
        program: Arc<Self::Program>,
        digest: Digest,
    ) -> Result<Self::Target, Self::Error>;

    /// A target that holds the place of a route that never loaded.
    fn not_loaded(&self, route: &ValidRoute) -> Self::Target;

    /// A target that holds the place of a route that is told to answer nothing.
    fn suspended(&self, route: &ValidRoute) -> Self::Target;
}

/// Routes that are ready wait so long for the others of their snapshot, so that one change is one
/// swap. A module that compiles for a minute must not hold back another edit.
const PATIENCE: Duration = Duration::from_secs(1);

/// The same at start, where waiting is better than answering that a route is not loaded; but a
/// registry that does not answer must not hold back what is there.
const PATIENCE_AT_START: Duration = Duration::from_secs(10);

/// Modules whose routes are made at the same time. Each takes a thread meanwhile, and one whose
/// `_routes` sleeps holds its thread for seconds.
const BUILDS: usize = 32;

/// Brings snapshots into the table.
pub struct Control<C: Compile, B: Build<Program = C::Program>> {
    modules: Arc<Modules<C>>,
    builder: Arc<B>,
    builds: Arc<Semaphore>,
    writer: RoutesWriter<B::Target>,
    slots: Slots<B::Target>,
    wanted: Arc<Snapshot>,
    mistakes: HashSet<String>,
    loads: JoinSet<Vec<Outcome<B::Target>>>,
    retries: Retries,
    statuses: watch::Sender<Arc<Statuses>>,
    /// Loaded, and not in the table yet.
    ready: Vec<Outcome<B::Target>>,
    changes: Vec<Change>,
    /// Until when to wait for what still loads.
    deadline: Option<Instant>,
    is_first: bool,
}

// === impl Control ===

impl<C: Compile, B: Build<Program = C::Program>> Control<C, B> {
    /// Nothing is served yet.
    pub fn new(modules: Modules<C>, builder: B, writer: RoutesWriter<B::Target>) -> Self {
        Self {
            modules: Arc::new(modules),
            builder: Arc::new(builder),
            builds: Arc::new(Semaphore::new(BUILDS)),
            writer,
            slots: Slots::default(),
            wanted: Arc::default(),
            mistakes: HashSet::new(),
            loads: JoinSet::new(),
            retries: Retries::default(),
            statuses: watch::Sender::new(Arc::default()),
            ready: Vec::new(),
            changes: Vec::new(),
            deadline: None,
            is_first: true,
        }
    }

    /// What there is to say of every route, from now on.
    #[must_use]
    pub fn statuses(&self) -> watch::Receiver<Arc<Statuses>> {
        self.statuses.subscribe()
    }

    /// Follows a source until it ends; `applied` hears what each swap changed, the first time when
    /// every route was tried, or ten seconds are over.
    ///
    /// # Cancellation
    /// Dropping the future leaves the table as the last swap made it.
    pub async fn run(mut self, mut source: impl Source, mut applied: impl FnMut(Applied)) {
        loop {
            let (deadline, retry) = (self.deadline, self.retries.next());
            tokio::select! {
                snapshot = source.next() => match snapshot {
                    Some(snapshot) => self.begin(snapshot),
                    None => break,
                },
                Some(outcomes) = self.loads.join_next() => self.finish(outcomes),
                () = until(deadline) => self.swap(&mut applied),
                () = until(retry) => {
                    self.retry();
                    continue;
                }
            }
            if self.loads.is_empty() {
                self.swap(&mut applied);
            }
        }
        while let Some(outcomes) = self.loads.join_next().await {
            self.finish(outcomes);
        }
        self.swap(&mut applied);
    }

    /// Plans a snapshot and begins to load what it needs.
    fn begin(&mut self, snapshot: Arc<Snapshot>) {
        let plan = plan::plan(&self.slots, &snapshot);
        self.note_mistakes(&snapshot);
        self.changes.extend(self.slots.remove(&plan.remove));
        let (suspended, wanted): (Vec<_>, Vec<_>) = plan
            .load
            .into_iter()
            .partition(|document| document.route.suspend);
        for document in suspended {
            self.changes.extend(self.slots.suspend(&document));
        }
        for document in &wanted {
            self.slots.begin(document);
        }
        self.load(wanted);
        self.slots.follow(&snapshot);
        self.wanted = snapshot;
        self.wait();
    }

    /// Tries again what is due, unless something else is wanted by now.
    fn retry(&mut self) {
        let mut due = self.retries.due(Instant::now());
        due.retain(|document| self.slots.is_newest(document));
        self.load(due);
    }

    fn load(&mut self, documents: Vec<Arc<Document>>) {
        for documents in load::by_module(documents) {
            let (modules, builder) = (Arc::clone(&self.modules), Arc::clone(&self.builder));
            let builds = Arc::clone(&self.builds);
            self.loads
                .spawn(async move { load::load(&modules, builder, &builds, documents).await });
        }
    }

    fn finish(&mut self, outcomes: Result<Vec<Outcome<B::Target>>, JoinError>) {
        // Loading catches the panics of what it calls, and nothing aborts it but the end.
        let outcomes = outcomes.expect("loading does not panic");
        for outcome in &outcomes {
            if let Err(Failed {
                retry_at: Some(at), ..
            }) = &outcome.loaded
            {
                self.retries.add(*at, Arc::clone(&outcome.document));
            }
        }
        self.ready.extend(outcomes);
        self.wait();
    }

    fn wait(&mut self) {
        let patience = if self.is_first {
            PATIENCE_AT_START
        } else {
            PATIENCE
        };
        self.deadline
            .get_or_insert_with(|| Instant::now() + patience);
    }

    /// Serves what is ready, at once and whole, and says what that changed.
    fn swap(&mut self, applied: &mut impl FnMut(Applied)) {
        self.deadline = None;
        let outcomes = std::mem::take(&mut self.ready);
        self.changes
            .extend(self.slots.apply(outcomes, &self.wanted));
        let idle = |document: &Document| {
            if document.route.suspend {
                self.builder.suspended(&document.route)
            } else {
                self.builder.not_loaded(&document.route)
            }
        };
        if let Some(entries) = self.slots.entries(idle) {
            let (table, conflicts) = RouteTable::build(entries);
            self.changes.extend(self.slots.note_conflicts(conflicts));
            self.writer.replace(table);
            self.modules
                .retain(&self.slots.digests(), &self.slots.images());
        }
        self.statuses.send_replace(Arc::new(Statuses {
            snapshot: Arc::clone(&self.wanted),
            routes: self.slots.statuses(),
        }));
        let changes = std::mem::take(&mut self.changes);
        if self.is_first || !changes.is_empty() {
            applied(Applied {
                changes,
                is_first: std::mem::take(&mut self.is_first),
                loading: self.slots.loading(),
                serving: self.slots.serving(),
                other_kinds: self.wanted.other_kinds,
            });
        }
    }

    /// What is wrong with the files now and was not before.
    fn note_mistakes(&mut self, snapshot: &Snapshot) {
        let mut now = HashSet::with_capacity(snapshot.mistakes.len());
        for mistake in &snapshot.mistakes {
            let text = mistake.to_string();
            if !self.mistakes.contains(&text) {
                let kept = mistake.kept;
                self.changes.push(Change::Mistake {
                    text: text.clone(),
                    kept,
                });
            }
            now.insert(text);
        }
        self.mistakes = now;
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// What one swap changed.
#[derive(Debug)]
pub struct Applied {
    /// One line each.
    pub changes: Vec<Change>,
    /// Whether these are the routes found at start.
    pub is_first: bool,
    /// The routes that were never tried to the end.
    pub loading: Vec<RouteName>,
    /// The routes in the table in order of precedence: where each answers.
    pub serving: Vec<Arc<Document>>,
    /// How many objects of other kinds were skipped.
    pub other_kinds: usize,
}

#[cfg(test)]
mod tests;
