//! The memory of one guest: linear memories and tables, bounded by its route and by the budget.

use wasmtime::ResourceLimiter;

use super::Reservation;
use super::engine::{MEMORIES_PER_MODULE, TABLE_ELEMENTS, TABLES_PER_MODULE};

/// Bytes of one table element.
const ELEMENT_BYTES: usize = size_of::<usize>();

/// What refused a guest more memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Its route's limit.
    Route,
    /// The memory that all guests share.
    Node,
}

/// Counts what one guest holds.
pub(crate) struct Memory {
    limit_bytes: usize,
    held_bytes: usize,
    reservation: Reservation,
    refusal: Option<Refusal>,
}

// === impl Memory ===

impl Memory {
    pub(crate) const fn new(limit_bytes: usize, reservation: Reservation) -> Self {
        Self {
            limit_bytes,
            held_bytes: 0,
            reservation,
            refusal: None,
        }
    }

    /// What last refused the guest memory.
    pub(crate) const fn refusal(&self) -> Option<Refusal> {
        self.refusal
    }

    fn grow(&mut self, current_bytes: usize, desired_bytes: usize) -> bool {
        let wanted = self.held_bytes + desired_bytes.saturating_sub(current_bytes);
        if wanted > self.limit_bytes {
            self.refusal = Some(Refusal::Route);
            return false;
        }
        if !self.reservation.grow_to(wanted) {
            self.refusal = Some(Refusal::Node);
            return false;
        }
        self.held_bytes = wanted;
        true
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // Past its own maximum a grow fails by itself, and nothing of ours refused it.
        Ok(maximum.is_none_or(|maximum| desired <= maximum) && self.grow(current, desired))
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= maximum.unwrap_or(TABLE_ELEMENTS).min(TABLE_ELEMENTS);
        Ok(fits
            && self.grow(
                current * ELEMENT_BYTES,
                desired.saturating_mul(ELEMENT_BYTES),
            ))
    }

    fn instances(&self) -> usize {
        1
    }

    fn memories(&self) -> usize {
        MEMORIES_PER_MODULE as usize
    }

    fn tables(&self) -> usize {
        TABLES_PER_MODULE as usize
    }
}
