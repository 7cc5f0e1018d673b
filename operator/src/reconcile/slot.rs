//! A story's place among those that are told at the same time.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Slot {
    places: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
}

// === impl Slot ===

impl Slot {
    /// Waits for a place.
    pub async fn take(places: &Arc<Semaphore>) -> Self {
        let mut slot = Self {
            places: Arc::clone(places),
            held: None,
        };
        slot.acquire().await;
        slot
    }

    /// Leaves the place to others for as long as something takes.
    pub async fn without<T>(&mut self, something: impl Future<Output = T>) -> T {
        self.held = None;
        let result = something.await;
        self.acquire().await;
        result
    }

    async fn acquire(&mut self) {
        let places = Arc::clone(&self.places);
        let held = places.acquire_owned().await;
        self.held = Some(held.expect("the places are never closed"));
    }
}
