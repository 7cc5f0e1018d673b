//! What a node's access log says, by request id.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use node_runtime::telemetry::{Lines, Log, LogFormat};
use serde_json::Value;

use crate::PATIENCE;

/// Keeps an access log's lines.
#[derive(Clone, Default)]
pub struct AccessLog {
    kept: Arc<Kept>,
}

#[derive(Default)]
struct Kept {
    text: Mutex<String>,
    grown: Condvar,
}

impl AccessLog {
    /// Where a node's lines have to go to be kept here.
    #[must_use]
    pub fn log(&self) -> Log {
        let format = LogFormat::Json;
        Log {
            lines: Lines::new(self.clone(), format),
            format,
        }
    }

    /// Waits for the line about this request.
    ///
    /// # Panics
    ///
    /// When none comes, there are two, or it is not JSON.
    #[must_use]
    pub fn of(&self, id: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        let mut text = self.lock();
        loop {
            let mut lines = text.lines().map(|line| {
                let value: Value = serde_json::from_str(line).expect("a line is JSON");
                value
            });
            let is_wanted = |line: &Value| line["request_id"] == id;
            if let Some(line) = lines.find(is_wanted) {
                assert!(!lines.any(|line| is_wanted(&line)), "two lines for {id}");
                return line;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "no line for {id}: {text}");
            drop(lines);
            let waited = self.kept.grown.wait_timeout(text, left);
            text = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, String> {
        self.kept
            .text
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole lines come in one piece.
impl io::Write for AccessLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().push_str(&String::from_utf8_lossy(bytes));
        self.kept.grown.notify_all();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
