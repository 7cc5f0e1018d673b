//! The memory that all guests of the process share.
//!
//! Linear memories and tables count, in units of one WebAssembly page. A new guest waits for its
//! first pages in arrival order; a grow that does not fit is refused at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One WebAssembly page (WebAssembly core specification, 4.2.8).
const UNIT_BYTES: usize = 64 * 1024;

/// What is left for guests.
#[derive(Clone, Debug)]
pub struct Budget {
    units: Arc<Semaphore>,
    total_bytes: usize,
}

/// A share of the budget; it goes back when dropped.
#[derive(Debug)]
pub struct Reservation {
    permit: Option<OwnedSemaphorePermit>,
    units: Arc<Semaphore>,
}

// === impl Budget ===

impl Budget {
    /// A budget of `total_bytes`, rounded down to whole pages.
    #[must_use]
    pub fn new(total_bytes: usize) -> Self {
        let units = (total_bytes / UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self {
            units: Arc::new(Semaphore::new(units)),
            total_bytes: units * UNIT_BYTES,
        }
    }

    /// All of it, in bytes.
    #[must_use]
    pub const fn total_bytes(&self) -> usize {
        self.total_bytes
    }

    /// What guests hold of it, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        let free = self.units.available_permits() * UNIT_BYTES;
        self.total_bytes.saturating_sub(free)
    }

    /// Takes `bytes` if they are free now.
    #[must_use]
    pub fn try_reserve(&self, bytes: usize) -> Option<Reservation> {
        let permit = Arc::clone(&self.units)
            .try_acquire_many_owned(units(bytes))
            .ok()?;
        Some(self.reservation(permit))
    }

    /// Waits until `bytes` are free.
    ///
    /// # Cancellation
    ///
    /// Safe: the place in the queue is lost, nothing else.
    pub async fn reserve(&self, bytes: usize) -> Reservation {
        let permit = Arc::clone(&self.units)
            .acquire_many_owned(units(bytes))
            .await
            .expect("the semaphore is never closed");
        self.reservation(permit)
    }

    fn reservation(&self, permit: OwnedSemaphorePermit) -> Reservation {
        Reservation {
            permit: Some(permit),
            units: Arc::clone(&self.units),
        }
    }
}

// === impl Reservation ===

impl Reservation {
    /// Grows to `bytes`; false when that is more than is free.
    pub fn grow_to(&mut self, bytes: usize) -> bool {
        let held = self
            .permit
            .as_ref()
            .map_or(0, |permit| permit.num_permits());
        let wanted = units(bytes) as usize;
        let Some(more) = wanted.checked_sub(held).filter(|more| *more > 0) else {
            return true;
        };
        let Ok(more) = u32::try_from(more) else {
            return false;
        };
        let Ok(permit) = Arc::clone(&self.units).try_acquire_many_owned(more) else {
            return false;
        };
        match &mut self.permit {
            Some(held) => held.merge(permit),
            None => self.permit = Some(permit),
        }
        true
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_can_be_reserved_again() {
        let budget = Budget::new(4 * UNIT_BYTES);
        let first = budget
            .try_reserve(3 * UNIT_BYTES)
            .expect("three of four are free");
        assert!(budget.try_reserve(2 * UNIT_BYTES).is_none());
        drop(first);
        assert!(budget.try_reserve(4 * UNIT_BYTES).is_some());
    }

    #[test]
    fn a_reservation_grows_as_far_as_there_is_room() {
        let budget = Budget::new(4 * UNIT_BYTES);
        let mut first = budget.try_reserve(1).expect("one of four is free");
        let _second = budget.try_reserve(UNIT_BYTES).expect("three are free");
        assert!(first.grow_to(3 * UNIT_BYTES));
        assert!(!first.grow_to(4 * UNIT_BYTES));
        assert!(first.grow_to(3 * UNIT_BYTES));
    }
}
