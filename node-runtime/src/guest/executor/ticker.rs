//! The clock that ends slices: one epoch a millisecond, while any guest runs.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use tokio::sync::oneshot;

/// The longest a guest holds a thread. 10 ms costs nothing less and delays first bytes.
const TICK: Duration = Duration::from_millis(1);
/// After so many ticks without a guest it rests: an idle server must not wake a thousand times a
/// second, and a busy one must not wake it for each request.
const TICKS_BEFORE_REST: u32 = 20;

/// Advances the engine's epoch.
pub(in crate::guest) struct Ticker {
    engine: wasmtime::Engine,
    busy: Box<[Worker]>,
    resting: AtomicBool,
    closed: AtomicBool,
    thread: OnceLock<Thread>,
    is_asked: AtomicBool,
    pulses: Mutex<Vec<oneshot::Sender<()>>>,
}

/// On a cache line of its own: each is written by one thread, twice a slice.
#[repr(align(64))]
#[derive(Default)]
struct Worker(AtomicBool);

// === impl Ticker ===

impl Ticker {
    pub(super) fn new(engine: wasmtime::Engine, workers: usize) -> Self {
        Self {
            engine,
            busy: (0..workers).map(|_| Worker::default()).collect(),
            resting: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            thread: OnceLock::new(),
            is_asked: AtomicBool::new(false),
            pulses: Mutex::default(),
        }
    }

    /// A guest begins a slice on this worker.
    ///
    /// Both sides store first and load second, sequentially consistent: either the ticker sees
    /// the worker busy, or the worker sees the ticker resting.
    pub(super) fn enter(&self, worker: usize) {
        self.busy[worker].0.store(true, Ordering::SeqCst);
        if self.resting.load(Ordering::SeqCst)
            && let Some(thread) = self.thread.get()
        {
            thread.unpark();
        }
    }

    /// The slice is over.
    pub(super) fn leave(&self, worker: usize) {
        self.busy[worker].0.store(false, Ordering::Release);
    }

    pub(super) fn run(&self) {
        let _ = self.thread.set(std::thread::current());
        let mut quiet_ticks = 0;
        while !self.closed.load(Ordering::Acquire) {
            if quiet_ticks >= TICKS_BEFORE_REST {
                self.rest();
                quiet_ticks = 0;
            }
            std::thread::sleep(TICK);
            self.engine.increment_epoch();
            if self.is_asked.swap(false, Ordering::SeqCst) {
                self.answer();
            }
            quiet_ticks = if self.is_quiet() { quiet_ticks + 1 } else { 0 };
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Answers with the next tick.
    pub(super) fn pulse(&self, answer: oneshot::Sender<()>) {
        self.pulses
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(answer);
        self.is_asked.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    fn answer(&self) {
        let mut pulses = self.pulses.lock().unwrap_or_else(PoisonError::into_inner);
        for answer in pulses.drain(..) {
            // Whoever asked may have given up.
            let _ = answer.send(());
        }
    }

    fn rest(&self) {
        self.resting.store(true, Ordering::SeqCst);
        while self.is_quiet()
            && !self.is_asked.load(Ordering::SeqCst)
            && !self.closed.load(Ordering::Acquire)
        {
            std::thread::park();
        }
        self.resting.store(false, Ordering::SeqCst);
    }

    fn is_quiet(&self) -> bool {
        !self
            .busy
            .iter()
            .any(|worker| worker.0.load(Ordering::SeqCst))
    }
}
