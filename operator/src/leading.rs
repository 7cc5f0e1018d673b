//! Whether this process may write.

use futures::future::BoxFuture;

/// Says whether this process leads. Asked before each write; a claim ends by its own deadline.
pub trait LeaderGate: Send + Sync {
    /// Whether it leads at this moment.
    fn is_held(&self) -> bool;

    /// Waits until it leads; at once where it does.
    fn held(&self) -> BoxFuture<'_, ()>;
}
