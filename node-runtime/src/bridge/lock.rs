//! The one lock of the bridge, as a trait, so that the model checker can bring its own.

use std::sync::{Mutex, PoisonError};

/// Gives exclusive access to a value for the length of a closure.
pub trait Lock<T>: Send + Sync {
    /// Puts `value` under the lock.
    fn new(value: T) -> Self;

    /// Runs `body` with the value; nothing may block or wake in it.
    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R;
}

impl<T: Send> Lock<T> for Mutex<T> {
    fn new(value: T) -> Self {
        Self::new(value)
    }

    fn with<R>(&self, body: impl FnOnce(&mut T) -> R) -> R {
        // No code that can panic between two consistent states runs under the lock, and a
        // panicking guest must not take its neighbour's answer with it.
        body(&mut self.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
