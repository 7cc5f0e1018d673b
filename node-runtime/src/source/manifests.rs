//! Files of manifests as a source: looks, waits until nothing changes, reads what changed.
//!
//! A thread of its own does the looking, so that a slow disk stalls nobody. However many files
//! change, one look finds them all and one snapshot says so. What cannot be read keeps the routes
//! of its last good version.

mod file;
mod objects;
mod scanner;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crds::validate::Place;
use tokio::sync::watch;

use super::watch::{Wake, Watch};
use super::{OpenError, Snapshot, Source};
use scanner::Scanner;

/// How often files are looked at when no event says so.
const RELIST: Duration = Duration::from_secs(2);

/// Files must look the same for this long before they are read: writers are not done at the first
/// event, and a rename is two.
const DEBOUNCE: Duration = Duration::from_millis(50);

/// So many looks, and then what does not stop changing is read all the same (a second).
const MOST_LOOKS: usize = 20;

/// Files of manifests, looked at until this is dropped.
#[derive(Debug)]
pub struct Manifests {
    snapshots: watch::Receiver<Option<Arc<Snapshot>>>,
    wake: SyncSender<Wake>,
    thread: Option<JoinHandle<()>>,
}

/// Reads manifests once, without watching them, for where they are to be served.
///
/// # Errors
/// As for [`Manifests::open`].
pub fn read_once(paths: Vec<PathBuf>, place: Place) -> Result<Snapshot, OpenError> {
    let mut scanner = Scanner::open(paths, place)?;
    scanner.look();
    Ok(scanner.read())
}

// === impl Manifests ===

impl Manifests {
    /// Begins to look at some paths: manifests, folders of them, or one bare module.
    ///
    /// # Errors
    /// When a path does not exist, or a bare module stands beside other paths.
    pub fn open(paths: Vec<PathBuf>) -> Result<Self, OpenError> {
        let scanner = Scanner::open(paths, Place::Local)?;
        // One wake in the queue says all there is to say; the second is room for the stop.
        let (wake, wakes) = sync_channel(2);
        let (send, snapshots) = watch::channel(None);
        let watch = Watch::new(wake.clone());
        let thread = std::thread::Builder::new()
            .name("manifests".to_owned())
            .spawn(move || run(scanner, watch, &wakes, &send))
            .map_err(|source| OpenError::Path {
                path: PathBuf::from("a thread to look at files"),
                source,
            })?;
        Ok(Self {
            snapshots,
            wake,
            thread: Some(thread),
        })
    }
}

impl Source for Manifests {
    async fn next(&mut self) -> Option<Arc<Snapshot>> {
        self.snapshots.changed().await.ok()?;
        self.snapshots.borrow_and_update().clone()
    }
}

impl Drop for Manifests {
    fn drop(&mut self) {
        // The thread takes what is queued, so that this ends within one look.
        let _ = self.wake.send(Wake::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The story of the looking thread.
fn run(
    mut scanner: Scanner,
    mut watch: Watch,
    wakes: &Receiver<Wake>,
    snapshots: &watch::Sender<Option<Arc<Snapshot>>>,
) {
    scanner.look();
    loop {
        // Watching begins before the look that counts, so that no change falls between the two.
        watch.set(scanner.folders());
        scanner.look();
        let snapshot = scanner.read();
        watch.set(scanner.folders());
        snapshots.send_replace(Some(Arc::new(snapshot)));
        while !(scanner.look() || scanner.is_in_doubt()) {
            match wakes.recv_timeout(RELIST) {
                Ok(Wake::Changed) | Err(RecvTimeoutError::Timeout) => {}
                Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
        for _ in 0..MOST_LOOKS {
            if rest(wakes, DEBOUNCE).is_break() {
                return;
            }
            if !scanner.look() {
                break;
            }
        }
    }
}

/// Waits out the whole time, whatever changes meanwhile.
fn rest(wakes: &Receiver<Wake>, time: Duration) -> std::ops::ControlFlow<()> {
    let end = std::time::Instant::now() + time;
    loop {
        let left = end.saturating_duration_since(std::time::Instant::now());
        match wakes.recv_timeout(left) {
            Ok(Wake::Changed) => {}
            Err(RecvTimeoutError::Timeout) => return std::ops::ControlFlow::Continue(()),
            Ok(Wake::Stop) | Err(RecvTimeoutError::Disconnected) => {
                return std::ops::ControlFlow::Break(());
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
