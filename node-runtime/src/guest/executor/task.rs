//! One guest as the executor sees it: when it is queued, run, stopped and over.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

use super::super::clocks::Clocks;
use super::super::host::SharedHost;
use super::super::watch::Due;
use super::super::{Ending, Start, Stop, Timeouts, Used};
use super::Shared;
use super::run::{self, Run};
use super::ticker::Ticker;
use crate::bridge::{End, Sender, Writer};

/// More than so much CPU moves a guest to the second level.
const FIRST_LEVEL_CPU: Duration = Duration::from_millis(2);

/// Where a task is. Only the thread that took it from a queue leaves `RUNNING` or `WOKEN`.
mod place {
    pub(super) const IDLE: u8 = 0;
    pub(super) const QUEUED: u8 = 1;
    pub(super) const RUNNING: u8 = 2;
    /// Running, and woken meanwhile: it must run again.
    pub(super) const WOKEN: u8 = 3;
    pub(super) const OVER: u8 = 4;
}

/// A guest with what is known of it.
pub(in crate::guest) struct Task {
    shared: Arc<Shared>,
    place: AtomicU8,
    /// Code of the first [`Stop`]; 0 is none.
    stop: AtomicU8,
    on_second_level: AtomicBool,
    head_committed: AtomicBool,
    ending: OnceLock<Ending>,
    /// Locked by the thread that runs it and by no other.
    run: Mutex<Option<Run>>,
    output: Writer,
    clocks: Arc<Clocks>,
    host: SharedHost,
    timeouts: Timeouts,
    route: u64,
}

// === impl Task ===

impl Task {
    pub(super) fn new(
        shared: Arc<Shared>,
        start: Start,
        sender: Sender,
        clocks: Arc<Clocks>,
    ) -> Arc<Self> {
        Arc::new(Self {
            place: AtomicU8::new(place::IDLE),
            stop: AtomicU8::new(0),
            on_second_level: AtomicBool::new(false),
            head_committed: AtomicBool::new(false),
            ending: OnceLock::new(),
            output: sender.writer(),
            host: Arc::clone(&start.host),
            timeouts: start.timeouts,
            route: start.route,
            run: Mutex::new(Some(Run::new(start, sender, Arc::clone(&clocks)))),
            clocks,
            shared,
        })
    }

    pub(super) const fn route(&self) -> u64 {
        self.route
    }

    pub(in crate::guest) fn ending(&self) -> Option<&Ending> {
        self.ending.get()
    }

    pub(in crate::guest) fn head_committed(&self) {
        self.head_committed.store(true, Ordering::Relaxed);
    }

    pub(in crate::guest) fn stop(task: &Arc<Self>, stop: Stop) {
        task.set_stop(stop);
        Self::schedule(task);
    }

    fn set_stop(&self, stop: Stop) {
        // A failure means that another reason came first.
        let _ = self
            .stop
            .compare_exchange(0, stop as u8, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Puts it into its level's queue, unless it is there, running, or over.
    pub(super) fn schedule(task: &Arc<Self>) {
        let queued = task
            .place
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |place| match place {
                place::IDLE => Some(place::QUEUED),
                place::RUNNING => Some(place::WOKEN),
                _ => None,
            });
        if queued == Ok(place::IDLE) {
            Self::push(task);
        }
    }

    fn push(task: &Arc<Self>) {
        let levels = &task.shared;
        if task.on_second_level.load(Ordering::Relaxed) {
            levels.second.push(Arc::clone(task));
        } else {
            levels.first.push(Arc::clone(task));
        }
    }

    /// Runs one slice of it, on a thread that took it from a queue.
    pub(super) fn run(task: Arc<Self>, ticker: &Ticker, worker: usize) {
        task.place.store(place::RUNNING, Ordering::Release);
        let mut slot = task.run.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(run) = slot.as_mut() else { return };
        let outcome = match task.stopped() {
            Some(stop) => Some(Ending::Stopped(stop)),
            None => task.slice(run, ticker, worker, &Waker::from(Arc::clone(&task))),
        };
        match outcome {
            Some(ending) => {
                let run = slot.take();
                drop(slot);
                if let Some(run) = run {
                    task.end(run, ending);
                }
            }
            None => {
                let watched = std::mem::replace(&mut run.watched, true);
                drop(slot);
                if !watched {
                    task.shared.watch.add(Arc::clone(&task));
                }
                Self::rest(&task);
            }
        }
    }

    /// Polls the guest once; its ending, if that was the last time.
    fn slice(
        &self,
        run: &mut Run,
        ticker: &Ticker,
        worker: usize,
        waker: &Waker,
    ) -> Option<Ending> {
        let clock = SliceClock::start(run.slices == 0);
        ticker.enter(worker);
        let polled = catch_unwind(AssertUnwindSafe(|| {
            run.future.as_mut().poll(&mut Context::from_waker(waker))
        }));
        ticker.leave(worker);
        run.slices += 1;
        match polled {
            Ok(Poll::Ready(ending)) => {
                run.cpu += clock.used(Instant::now());
                Some(match self.stopped() {
                    // Its writes fail from then on, and what it makes of that is not its own end.
                    Some(stop @ Stop::ClientGone) => Ending::Stopped(stop),
                    _ => ending,
                })
            }
            Err(panic) => Some(Ending::HostFault(run::panic_text(&*panic))),
            Ok(Poll::Pending) => {
                let now = Instant::now();
                run.cpu += clock.used(now);
                self.clocks.wrote(run.sender.publish(), now);
                self.judge(run.cpu)
            }
        }
    }

    /// After a slice that was not the last.
    fn judge(&self, cpu: Duration) -> Option<Ending> {
        if let Some(stop) = self.stopped() {
            return Some(Ending::Stopped(stop));
        }
        if cpu > self.timeouts.cpu {
            return Some(Ending::Stopped(Stop::CpuTime));
        }
        if cpu > FIRST_LEVEL_CPU {
            self.on_second_level.store(true, Ordering::Relaxed);
        }
        None
    }

    /// Goes to sleep, unless it was woken while it ran.
    fn rest(task: &Arc<Self>) {
        let slept = task.place.compare_exchange(
            place::RUNNING,
            place::IDLE,
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if slept.is_err() {
            task.place.store(place::QUEUED, Ordering::Release);
            Self::push(task);
        }
    }

    /// The order matters: whoever sees the end of the bytes sees why, the client does not wait
    /// for memory to be given back, and permits are free when what they stand for is.
    fn end(&self, run: Run, ending: Ending) {
        let Run {
            future,
            sender,
            cpu,
            ..
        } = run;
        let end = if ending.is_complete() {
            End::Complete
        } else {
            End::Aborted
        };
        let ending = self.ending.get_or_init(|| ending);
        sender.finish(end);
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(future)));
        if let Err(panic) = dropped {
            tracing::error!(
                "a guest could not be cleaned up: {}",
                run::panic_text(&*panic)
            );
        }
        self.place.store(place::OVER, Ordering::Release);
        self.shared.ended();
        let (input_waits, room_waits) = self.clocks.waits();
        self.host.ended(
            ending,
            &Used {
                cpu,
                room_waits,
                input_waits,
            },
        );
    }

    fn stopped(&self) -> Option<Stop> {
        Stop::from_code(self.stop.load(Ordering::Acquire))
    }

    /// Whether it is gone, and all that it wrote is taken.
    pub(in crate::guest) fn is_over(&self) -> bool {
        self.place.load(Ordering::Acquire) == place::OVER && self.output.stalled_since().is_none()
    }

    /// What its limits say at `now`.
    pub(in crate::guest) fn due(&self, now: Instant) -> Due {
        if self.is_over() {
            return Due::Over;
        }
        let stalled = self.output.stalled_since();
        let due = match self.ending.get() {
            None => self.due_while_running(now),
            Some(_) => Due::Never,
        };
        // The client must take what waits, also when the guest is long gone.
        due.sooner(now, stalled, self.timeouts.client, Stop::ClientStalled)
    }

    fn due_while_running(&self, now: Instant) -> Due {
        let limits = &self.timeouts;
        let start = Some(self.clocks.start());
        let waits = self.clocks.waits_for_input_since();
        // Of two that are over at the same time the first one named is the reason.
        let mut due = Due::Never.sooner(now, start, limits.total, Stop::TotalTimeout);
        if !self.head_committed.load(Ordering::Relaxed) {
            due = due.sooner(now, start, limits.head, Stop::HeadTimeout);
        }
        due.sooner(
            now,
            self.clocks.idle_since(),
            limits.idle,
            Stop::IdleTimeout,
        )
        .sooner(now, waits, limits.client, Stop::ClientStalled)
    }

    /// A limit of its time is over.
    pub(in crate::guest) fn expire(task: &Arc<Self>, stop: Stop) {
        // First the reason: a client that is cut off would be one that has left.
        task.set_stop(stop);
        if stop == Stop::ClientStalled && task.output.stalled_since().is_some() {
            // Nobody takes the bytes, so nobody would see the break behind them.
            task.host.cut();
        }
        Self::schedule(task);
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        Self::schedule(&self);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        Self::schedule(self);
    }
}

/// What one slice uses.
///
/// The thread's own clock is a system call; most guests end within their first slice, for which
/// the time on the wall is near enough.
enum SliceClock {
    Wall(Instant),
    Thread(Duration),
}

// === impl SliceClock ===

impl SliceClock {
    fn start(is_first: bool) -> Self {
        if is_first {
            Self::Wall(Instant::now())
        } else {
            Self::Thread(thread_cpu())
        }
    }

    fn used(&self, now: Instant) -> Duration {
        match self {
            Self::Wall(start) => now.saturating_duration_since(*start),
            Self::Thread(start) => thread_cpu().saturating_sub(*start),
        }
    }
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
