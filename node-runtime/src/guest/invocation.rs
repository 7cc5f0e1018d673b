//! One request's run of a guest: what it starts from, and the handle to it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::executor::Task;
use super::host::{Input, Preopen, SharedHost};
use super::{Ending, EntryPoint, Program, Reservation, Stop};
use crate::bridge::Bounds;

/// What bounds one invocation in time.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From the start to the blank line that ends the head.
    pub head: Duration,
    /// Since the guest's last write, while it could write.
    pub idle: Duration,
    /// While the client takes no bytes that wait, or sends none that the guest waits for.
    pub client: Duration,
    /// From the start to the end.
    pub total: Duration,
    /// Of the guest's own computing.
    pub cpu: Duration,
}

/// What one invocation starts from.
pub struct Start {
    /// What is run.
    pub program: Arc<Program>,
    /// Where it begins.
    pub entry: EntryPoint,
    /// The world outside.
    pub host: SharedHost,
    /// Its standard input; `None` is empty.
    pub stdin: Option<Box<dyn Input>>,
    /// The folders it may read.
    pub files: Arc<[Preopen]>,
    /// How much its memories and tables may take, in bytes.
    pub memory_limit_bytes: usize,
    /// Its first share of the memory of all guests: at least [`Program::initial_bytes`].
    pub reservation: Reservation,
    /// What bounds it in time.
    pub timeouts: Timeouts,
    /// Guests of one route share one turn when there are too many; equal numbers are one route.
    pub route: u64,
    /// How much of its output may wait.
    pub output: Bounds,
    /// When its clocks began.
    pub began: Instant,
}

/// A handle to a running guest; dropping it changes nothing.
#[derive(Clone)]
pub struct Invocation {
    task: Arc<Task>,
}

// === impl Invocation ===

impl Invocation {
    pub(super) const fn new(task: Arc<Task>) -> Self {
        Self { task }
    }

    /// Ends the guest within one tick; the first reason counts.
    pub fn stop(&self, stop: Stop) {
        Task::stop(&self.task, stop);
    }

    /// The blank line has come: its time limit is over.
    pub fn head_committed(&self) {
        self.task.head_committed();
    }

    /// What became of the guest; known before the end of its output is.
    #[must_use]
    pub fn ending(&self) -> Option<&Ending> {
        self.task.ending()
    }
}
