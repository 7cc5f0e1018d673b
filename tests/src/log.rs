//! What was logged by every node of this process, to be searched.
//!
//! Lines of different tests stand beside each other: search for something of your own, such as a
//! request id.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use tracing_subscriber::fmt::MakeWriter;

use crate::PATIENCE;

#[derive(Default)]
struct Log {
    lines: Mutex<Vec<String>>,
    grown: Condvar,
}

/// Begins to keep the log; called by whatever makes a node.
pub fn keep() {
    let _ = log();
}

/// The lines so far that contain `text`.
#[must_use]
pub fn lines_with(text: &str) -> Vec<String> {
    let lines = log().lock();
    let found = lines.iter().filter(|line| line.contains(text));
    found.cloned().collect()
}

/// Waits for `count` lines that contain all of `texts`, and returns them.
///
/// # Panics
///
/// When they do not come.
#[must_use]
pub fn wait_for(texts: &[&str], count: usize) -> Vec<String> {
    let deadline = Instant::now() + PATIENCE;
    let mut lines = log().lock();
    loop {
        let found: Vec<String> = lines
            .iter()
            .filter(|line| texts.iter().all(|text| line.contains(text)))
            .cloned()
            .collect();
        if found.len() >= count {
            return found;
        }
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(
            !left.is_zero(),
            "not logged {count} times: {texts:?}; of the first: {:?}",
            lines
                .iter()
                .filter(|line| line.contains(texts[0]))
                .collect::<Vec<_>>()
        );
        lines = log()
            .grown
            .wait_timeout(lines, left)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
}

fn log() -> &'static Arc<Log> {
    static LOG: OnceLock<Arc<Log>> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Arc::new(Log::default());
        tracing_subscriber::fmt()
            .with_ansi(false)
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(Lines(Arc::clone(&log)))
            .init();
        log
    })
}

impl Log {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Lines(Arc<Log>);

/// tracing writes one event in one piece.
struct Line(Arc<Log>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line;

    fn make_writer(&'a self) -> Line {
        Line(Arc::clone(&self.0))
    }
}

impl io::Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(bytes).trim_end().to_owned();
        self.0.lock().push(line);
        self.0.grown.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
