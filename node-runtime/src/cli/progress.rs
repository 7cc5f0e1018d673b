//! What a person sees at a terminal while something takes long; nothing otherwise.

use std::io::{self, IsTerminal, Write};
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};

/// What ends sooner needs no words.
const FIRST: Duration = Duration::from_millis(500);
const EVERY: Duration = Duration::from_millis(200);
/// Back to the line's beginning, and nothing on it.
const CLEAR: &str = "\r\x1b[K";

/// Waits, and shows what `now` says meanwhile.
pub(super) async fn show<T>(now: impl Fn() -> String, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    if !io::stderr().is_terminal() {
        return work.await;
    }
    let began = Instant::now();
    let mut ticks = interval_at(began + FIRST, EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut is_shown = false;
    let done = loop {
        tokio::select! {
            done = &mut work => break done,
            _ = ticks.tick() => {
                let seconds = began.elapsed().as_secs();
                let _ = write!(io::stderr(), "{CLEAR}{} ({seconds} s)", now());
                is_shown = true;
            }
        }
    };
    if is_shown {
        let _ = write!(io::stderr(), "{CLEAR}");
    }
    done
}
