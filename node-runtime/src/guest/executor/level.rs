//! The two levels: their queues, their threads' work, and how turns are taken.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use tokio::sync::{mpsc, oneshot};

use super::{Shared, Task};

/// What a thread of the first level is told.
enum Message {
    Run(Arc<Task>),
    Pulse(oneshot::Sender<()>),
    Close,
}

/// The first level: first come, first served.
///
/// One bounded channel under a lock is as good as any queue tried (`docs/decisions/0003-executor.md`).
pub(in crate::guest) struct First {
    sender: mpsc::Sender<Message>,
    receiver: Mutex<mpsc::Receiver<Message>>,
    capacity: usize,
}

/// The second level: routes take turns, then guests within a route.
#[derive(Default)]
pub(in crate::guest) struct Second {
    turns: Mutex<Turns>,
    wake: Condvar,
}

/// Whose turn it is.
#[derive(Default)]
struct Turns {
    routes: VecDeque<u64>,
    guests: HashMap<u64, VecDeque<Arc<Task>>>,
    pulses: Vec<oneshot::Sender<()>>,
    closed: bool,
}

/// How much lower the priority of the second level is: a third of the first's share of a core
/// when both want it.
const NICE: i32 = 5;

/// Lowers the priority of the calling thread. Best effort: it may always be lowered.
pub(super) fn lower_priority() {
    let thread = rustix::thread::gettid();
    if let Err(error) = rustix::process::setpriority_process(Some(thread), NICE) {
        tracing::warn!("guests that compute for long keep their priority: {error}");
    }
}

// === impl First ===

impl First {
    /// `capacity` is how many tasks there can be: each is queued at most once.
    pub(super) fn new(capacity: usize) -> Self {
        let (sender, receiver) = mpsc::channel(capacity);
        Self {
            sender,
            receiver: Mutex::new(receiver),
            capacity,
        }
    }

    pub(super) fn push(&self, task: Arc<Task>) {
        // Cannot be full: there are never more tasks than it has places.
        if self.sender.try_send(Message::Run(task)).is_err() {
            tracing::error!(
                capacity = self.capacity,
                "a guest was lost: the queue is full or closed"
            );
        }
    }

    pub(super) fn work(&self, shared: &Arc<Shared>, worker: usize) {
        while let Some(task) = self.next() {
            Task::run(task, &shared.ticker, worker);
        }
    }

    pub(super) fn close(&self) {
        // One is enough: whoever takes it passes it on.
        let _ = self.sender.try_send(Message::Close);
    }

    /// Whoever asks hears nothing when there is no room for the question.
    pub(super) fn pulse(&self, answer: oneshot::Sender<()>) {
        let _ = self.sender.try_send(Message::Pulse(answer));
    }

    fn next(&self) -> Option<Arc<Task>> {
        loop {
            let message = self
                .receiver
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .blocking_recv();
            match message {
                Some(Message::Run(task)) => return Some(task),
                Some(Message::Pulse(answer)) => {
                    // Whoever asked may have given up.
                    let _ = answer.send(());
                }
                Some(Message::Close) | None => {
                    self.close();
                    return None;
                }
            }
        }
    }
}

// === impl Second ===

impl Second {
    pub(super) fn push(&self, task: Arc<Task>) {
        self.lock().push(task);
        self.wake.notify_one();
    }

    pub(super) fn work(&self, shared: &Arc<Shared>, worker: usize) {
        while let Some(task) = self.next() {
            Task::run(task, &shared.ticker, worker);
        }
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake.notify_all();
    }

    pub(super) fn pulse(&self, answer: oneshot::Sender<()>) {
        self.lock().pulses.push(answer);
        self.wake.notify_one();
    }

    fn next(&self) -> Option<Arc<Task>> {
        let mut turns = self.lock();
        loop {
            for answer in turns.pulses.drain(..) {
                // Whoever asked may have given up.
                let _ = answer.send(());
            }
            if turns.closed {
                return None;
            }
            if let Some(task) = turns.pop() {
                return Some(task);
            }
            turns = self
                .wake
                .wait(turns)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Turns ===

impl Turns {
    fn push(&mut self, task: Arc<Task>) {
        let route = task.route();
        let guests = self.guests.entry(route).or_default();
        if guests.is_empty() {
            self.routes.push_back(route);
        }
        guests.push_back(task);
    }

    fn pop(&mut self) -> Option<Arc<Task>> {
        let route = self.routes.pop_front()?;
        let guests = self.guests.get_mut(&route)?;
        let task = guests.pop_front();
        if guests.is_empty() {
            self.guests.remove(&route);
        } else {
            self.routes.push_back(route);
        }
        task
    }
}
