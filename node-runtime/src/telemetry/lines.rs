//! Whole lines on their way out, in order, bounded.
//!
//! Whoever has a line copies it under a lock and goes on; one thread writes what has gathered in
//! one piece. When its reader stalls, lines are dropped and counted, and the first ones through
//! again are followed by their number. It knows neither what is logged nor where to.

use std::fmt;
use std::io::{ErrorKind, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::{LogFormat, time};

/// How much of the access log may wait, in bytes: a tenth of a second of it at the most requests
/// that one process answers.
const ACCESS_BYTES: usize = 1 << 20;
/// How much may wait in all: what is said of trouble finds room although requests are many.
const ALL_BYTES: usize = ACCESS_BYTES + (256 << 10);
/// How long lines gather after a write: a wake and a write for each would cost more than all else.
const GATHER: Duration = Duration::from_millis(20);
/// So much is worth a write before that.
const GATHERED_BYTES: usize = 256 << 10;
/// A queue that was once larger is given back.
const KEEP_BYTES: usize = 256 << 10;
/// How long a writer waits that cannot, without being told when it can.
const RETRY: Duration = Duration::from_millis(10);

/// Takes lines; clones take them for the same place. When the last is gone the rest is written.
#[derive(Clone)]
pub struct Lines {
    end: Arc<End>,
}

/// What a line is about, which decides who is dropped first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One request.
    Access,
    /// Anything else.
    Log,
}

struct End(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    written: Condvar,
}

#[derive(Default)]
struct State {
    held: Vec<u8>,
    /// Bytes taken since the beginning.
    taken: u64,
    /// Of those, what was written or cannot be.
    written: u64,
    /// Lines, not said yet.
    unsaid: u64,
    /// Lines, since the beginning.
    dropped: u64,
    writer: Writer,
    /// Somebody waits for the write.
    hurry: bool,
    closed: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Writer {
    #[default]
    Busy,
    /// Lets lines gather.
    Gathering,
    /// Has nothing to write.
    Asleep,
}

// === impl Lines ===

impl Lines {
    /// Lines are written to `out` from now on, on a thread of its own; `format` is of what it says
    /// itself.
    #[must_use]
    pub fn new(out: impl Write + Send + 'static, format: LogFormat) -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            wake: Condvar::new(),
            written: Condvar::new(),
        });
        let writer = Arc::clone(&shared);
        let spawned = std::thread::Builder::new()
            .name("wagi-log".to_owned())
            .spawn(move || writer.write_to(out, format));
        if spawned.is_err() {
            // Without a thread there is no log, which is no reason not to serve.
            shared.lock().closed = true;
        }
        Self {
            end: Arc::new(End(shared)),
        }
    }

    /// Takes a line with its end of line; never waits.
    pub fn push(&self, kind: Kind, line: &[u8]) {
        let bound = match kind {
            Kind::Access => ACCESS_BYTES,
            Kind::Log => ALL_BYTES,
        };
        let mut state = self.end.0.lock();
        if state.held.len() + line.len() > bound || state.closed {
            state.unsaid += 1;
            state.dropped += 1;
        } else {
            state.held.extend_from_slice(line);
            state.taken += line.len() as u64;
        }
        let wakes = match state.writer {
            Writer::Asleep => true,
            Writer::Gathering => state.held.len() >= GATHERED_BYTES,
            Writer::Busy => false,
        };
        if wakes {
            // Once: the next line need not.
            state.writer = Writer::Busy;
            drop(state);
            self.end.0.wake.notify_one();
        }
    }

    /// How many lines found no room since the beginning.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.end.0.lock().dropped
    }

    /// Waits until all that was taken is written, at most so long; whether it is.
    pub fn flush(&self, patience: Duration) -> bool {
        let shared = &self.end.0;
        let mut state = shared.lock();
        let wanted = state.taken;
        state.hurry = true;
        shared.wake.notify_one();
        let waited = shared.written.wait_timeout_while(state, patience, |state| {
            state.written < wanted && !state.closed
        });
        let (mut state, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        state.hurry = false;
        !timeout.timed_out()
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Lines").finish_non_exhaustive()
    }
}

// === impl End ===

impl Drop for End {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_one();
    }
}

// === impl Shared ===

impl Shared {
    fn write_to(&self, mut out: impl Write, format: LogFormat) {
        let mut batch = Vec::new();
        while let Some(taken) = self.next(&mut batch, format) {
            write_all(&mut out, &batch);
            batch.clear();
            batch.shrink_to(KEEP_BYTES);
            self.gather(taken);
        }
    }

    /// Waits for lines and takes them; how much was taken since the beginning. `None` when there
    /// will be no more.
    fn next(&self, batch: &mut Vec<u8>, format: LogFormat) -> Option<u64> {
        let mut state = self.lock();
        while state.held.is_empty() && state.unsaid == 0 {
            if state.closed {
                return None;
            }
            state.writer = Writer::Asleep;
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.writer = Writer::Busy;
        std::mem::swap(&mut state.held, batch);
        let dropped = std::mem::take(&mut state.unsaid);
        let taken = state.taken;
        drop(state);
        if dropped > 0 {
            say_dropped(batch, dropped, format);
        }
        Some(taken)
    }

    /// Lets lines gather after a write.
    fn gather(&self, written: u64) {
        let mut state = self.lock();
        state.written = written;
        self.written.notify_all();
        state.writer = Writer::Gathering;
        let gathers =
            |state: &mut State| state.writer == Writer::Gathering && !state.hurry && !state.closed;
        // How it ended does not matter.
        drop(self.wake.wait_timeout_while(state, GATHER, gathers));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What cannot be written is lost: there is nobody who could be told.
fn write_all(out: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match out.write(bytes) {
            Ok(0) => return,
            Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // Whoever shares the pipe with us may have made it so.
            Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::sleep(RETRY),
            Err(_) => return,
        }
    }
    let _ = out.flush();
}

fn say_dropped(batch: &mut Vec<u8>, dropped: u64, format: LogFormat) {
    let mut line = |text: fmt::Arguments<'_>| {
        let _ = batch.write_fmt(text);
    };
    let mut now = Vec::new();
    time::write_now(&mut now);
    let now = String::from_utf8_lossy(&now);
    let text = "lines of the log were dropped: stderr is read too slowly";
    match format {
        LogFormat::Text => line(format_args!("{now}  WARN {dropped} {text}\n")),
        LogFormat::Json => line(format_args!(
            "{{\"timestamp\":\"{now}\",\"level\":\"WARN\",\"message\":\"{dropped} {text}\",\"dropped\":{dropped}}}\n"
        )),
    }
}

#[cfg(test)]
mod tests;
