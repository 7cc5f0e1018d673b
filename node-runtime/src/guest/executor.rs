//! The blocking-thread executor: guests run on OS threads of their own, on two levels.
//!
//! Each guest is a wasmtime fiber. A thread stays in one guest for at most one tick (1 ms), so
//! it is blocked by WebAssembly but never held by it. New guests start on the first level and
//! move down when they have *used* 2 ms of CPU, never because they waited: short requests do not
//! queue behind long ones. Threads of the second level have a lower priority, and routes take
//! turns there.
//!
//! (Why not `spawn_blocking`: half the requests per second, a thread per slow client, sleeping
//! guests that cannot be stopped; `docs/decisions/0003-executor.md`.)

mod level;
mod run;
mod task;
mod ticker;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::oneshot;

use self::level::{First, Second};
use self::ticker::Ticker;
use super::clocks::Clocks;
use super::engine::{Engine, SPARE_SLOTS};
use super::invocation::{Invocation, Start};
use super::watch::Watch;
use crate::bridge::{self, Receiver};

pub(super) use self::task::Task;

/// Places in the first level's queue for who asks whether it still moves.
const PULSES: usize = 2;

/// How many threads an executor has.
#[derive(Clone, Debug)]
pub struct ExecutorConfig {
    /// Threads on each of the two levels.
    pub threads_per_level: usize,
}

/// As many guests run as there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("as many guests run as the engine has room for")]
pub struct Full;

/// Runs guests; dropping it joins its threads.
pub struct Executor {
    shared: Arc<Shared>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

/// What tasks and threads share.
pub(super) struct Shared {
    pub(super) first: First,
    pub(super) second: Second,
    pub(super) watch: Watch,
    pub(super) ticker: Ticker,
    active: AtomicUsize,
    max_guests: usize,
}

/// Threads that can be asked whether they still come to their next piece of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// Those that guests start on.
    First,
    /// Those of guests that computed for long.
    Second,
    /// The one that ends slices.
    Ticker,
}

/// An executor could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the threads that run guests")]
pub struct ExecutorError(#[from] std::io::Error);

// === impl Executor ===

impl Executor {
    /// Starts the threads. Guests that sleep do so on the clock of `io`.
    ///
    /// # Errors
    ///
    /// When a thread cannot be started.
    pub fn new(
        engine: &Engine,
        config: &ExecutorConfig,
        io: &tokio::runtime::Handle,
    ) -> Result<Self, ExecutorError> {
        let max_guests = engine.config().max_guests + SPARE_SLOTS;
        let workers = config.threads_per_level.max(1);
        let shared = Arc::new(Shared {
            first: First::new(max_guests + workers + PULSES),
            second: Second::default(),
            watch: Watch::default(),
            ticker: Ticker::new(engine.wasmtime().clone(), 2 * workers),
            active: AtomicUsize::new(0),
            max_guests,
        });
        let mut executor = Self {
            shared,
            threads: Vec::with_capacity(2 * workers + 2),
        };
        for worker in 0..workers {
            executor.spawn(format!("wagi-guest-a{worker}"), io, move |shared| {
                shared.first.work(shared, worker);
            })?;
            executor.spawn(format!("wagi-guest-b{worker}"), io, move |shared| {
                level::lower_priority();
                shared.second.work(shared, workers + worker);
            })?;
        }
        executor.spawn("wagi-ticker".to_owned(), io, |shared| shared.ticker.run())?;
        executor.spawn("wagi-limits".to_owned(), io, |shared| shared.watch.run())?;
        Ok(executor)
    }

    fn spawn(
        &mut self,
        name: String,
        io: &tokio::runtime::Handle,
        body: impl FnOnce(&Arc<Shared>) + Send + 'static,
    ) -> Result<(), ExecutorError> {
        let shared = Arc::clone(&self.shared);
        let io = io.clone();
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            let _entered = io.enter();
            body(&shared);
        })?;
        self.threads.push(thread);
        Ok(())
    }

    /// Begins an invocation; what it prints comes out of the receiver.
    ///
    /// # Errors
    ///
    /// [`Full`] when as many guests run as the engine has slots for; whoever admits requests
    /// below that number never sees it.
    pub fn start(&self, start: Start) -> Result<(Invocation, Receiver), Full> {
        let shared = &self.shared;
        if shared.active.fetch_add(1, Ordering::AcqRel) >= shared.max_guests {
            shared.active.fetch_sub(1, Ordering::AcqRel);
            return Err(Full);
        }
        let (sender, receiver) = bridge::channel(start.output);
        let clocks = Arc::new(Clocks::new(start.began));
        let task = Task::new(Arc::clone(shared), start, sender, clocks);
        Task::schedule(&task);
        Ok((Invocation::new(task), receiver))
    }

    /// Asks threads whether they still work: the answer comes with their next piece of work, at
    /// most a tick for each guest that is queued before. One question may be open at a time.
    #[must_use]
    pub fn pulse(&self, threads: Threads) -> oneshot::Receiver<()> {
        let (answer, answered) = oneshot::channel();
        match threads {
            Threads::First => self.shared.first.pulse(answer),
            Threads::Second => self.shared.second.pulse(answer),
            Threads::Ticker => self.shared.ticker.pulse(answer),
        }
        answered
    }

    /// How many guests there are.
    #[must_use]
    pub fn active(&self) -> usize {
        self.shared.active.load(Ordering::Acquire)
    }
}

impl Drop for Executor {
    fn drop(&mut self) {
        self.shared.first.close();
        self.shared.second.close();
        self.shared.ticker.close();
        self.shared.watch.close();
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

// === impl Threads ===

impl Threads {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::First, Self::Second, Self::Ticker];

    /// What people call them.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::First => "the guests' threads",
            Self::Second => "the threads of guests that compute for long",
            Self::Ticker => "the clock that ends guests' turns",
        }
    }
}

// === impl Shared ===

impl Shared {
    pub(super) fn ended(&self) {
        self.active.fetch_sub(1, Ordering::AcqRel);
    }
}
