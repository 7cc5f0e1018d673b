//! What a guest is given by whoever starts it.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;

use super::Ending;

/// The world outside one guest.
///
/// Its methods are called from guest threads and must not block.
pub trait Host: Send + Sync + 'static {
    /// The environment, made when the guest first asks for it.
    fn environment(&self) -> Strings;

    /// The arguments, made when the guest first asks for them.
    fn arguments(&self) -> Strings;

    /// Takes one line of the guest's standard error, without its end of line.
    fn stderr(&self, line: &[u8]);

    /// The client must be cut off: it takes nothing, and its time is over.
    fn cut(&self);

    /// The guest is gone, and all that it held is free.
    fn ended(&self, ending: &Ending, used: &Used);
}

/// What a guest used while it was there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Used {
    /// CPU; its first slice is measured on the wall.
    pub cpu: Duration,
    /// How often it waited for room for its output.
    pub room_waits: u32,
    /// How often it waited for its input.
    pub input_waits: u32,
}

/// Strings as WASI hands them out: each ended by a NUL, one after the other.
#[derive(Clone, Debug, Default)]
pub struct Strings {
    /// All of them.
    pub bytes: Vec<u8>,
    /// How many.
    pub count: usize,
}

/// A folder that the guest may read.
#[derive(Clone)]
pub struct Preopen {
    /// The path the guest sees.
    pub guest_path: String,
    /// The folder it is.
    pub host_path: PathBuf,
    /// Whatever must stay as long as the folder is read.
    pub keep: Option<Arc<dyn Any + Send + Sync>>,
}

/// The guest's standard input.
pub trait Input: Send + 'static {
    /// Waits for the next bytes; `None` is the end.
    ///
    /// # Errors
    ///
    /// [`InputError`] when the end will not come: the client broke off, or sent too much.
    fn poll_chunk(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, InputError>>;
}

/// The end of the input will not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// It broke off; the guest's read fails.
    #[error("the input broke off")]
    Broken,
    /// It is too large; the guest is ended.
    #[error("the input is too large")]
    TooLarge,
}

pub(crate) type SharedHost = Arc<dyn Host>;
