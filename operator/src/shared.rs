//! What is known, and what is to be done about it: news goes in on one side, keys come out on the
//! other.

use std::sync::{Mutex, MutexGuard};

use prometheus::IntGauge;
use tokio::sync::Notify;

use crate::queue::Queue;
use crate::world::{Due, World};

/// Shared by those who bring news and those who act on it.
#[derive(Debug)]
pub struct Shared {
    world: Mutex<World>,
    /// Routes whose story is to be told.
    pub routes: Queue,
    /// Routes whose status is to be looked at.
    pub statuses: Queue,
    /// Objects that are to be read.
    pub reads: Queue,
    /// Copies that are to be looked at.
    pub copies: Queue,
    /// Other places are to be watched.
    pub places: Notify,
    /// Other namespaces have something published.
    pub namespaces: Notify,
    /// The runtimes are to be told of each other.
    pub fleet: Notify,
    /// Every kind of object was listed once.
    pub complete: tokio::sync::watch::Sender<bool>,
    kept: IntGauge,
}

// === impl Shared ===

impl Shared {
    /// Begins with what is known; `kept` shows how many documents are kept although a list lacked their
    /// routes.
    #[must_use]
    pub fn new(
        world: World,
        [routes, statuses, reads, copies]: [Queue; 4],
        kept: IntGauge,
    ) -> Self {
        Self {
            world: Mutex::new(world),
            routes,
            statuses,
            reads,
            copies,
            places: Notify::new(),
            namespaces: Notify::new(),
            fleet: Notify::new(),
            complete: tokio::sync::watch::Sender::new(false),
            kept,
        }
    }

    /// Looks at what is known.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.lock())
    }

    /// Changes what is known, and has done what becomes due.
    pub fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let (result, due, is_complete) = {
            let mut world = self.lock();
            let result = change(&mut world);
            self.kept.set(world.kept() as i64);
            (result, world.take_due(), world.is_complete())
        };
        let Due {
            routes,
            statuses,
            fleet,
            reads,
            copies,
            places,
            namespaces,
        } = due;
        if !routes.is_empty() {
            self.routes.add(routes);
        }
        if !statuses.is_empty() {
            self.statuses.add(statuses);
        }
        if !reads.is_empty() {
            self.reads.add(reads);
        }
        if !copies.is_empty() {
            self.copies.add(copies);
        }
        if places {
            self.places.notify_one();
        }
        if namespaces {
            self.namespaces.notify_one();
        }
        if fleet {
            self.fleet.notify_one();
        }
        self.complete
            .send_if_modified(|complete| !std::mem::replace(complete, is_complete) && is_complete);
        result
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world
            .lock()
            .expect("nothing panics while it holds the world")
    }
}
