//! Wakes whoever looks at files when one of their folders changed.
//!
//! Events only say *when* to look, never what changed: they are lost on network file systems, on
//! links' far ends and when the kernel's queue overflows. Whoever waits looks every so often anyway.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

/// What the looking thread is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// Something changed in a folder.
    Changed,
    /// Nobody wants to know any more.
    Stop,
}

/// The folders that are watched.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    folders: HashSet<PathBuf>,
    was_refused: bool,
}

// === impl Watch ===

impl Watch {
    /// Watches nothing yet.
    pub(super) fn new(wake: SyncSender<Wake>) -> Self {
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // Reading a file is an event as well, and looking reads.
            let is_change = event.as_ref().map_or(true, |event| !event.kind.is_access());
            if is_change {
                // A full queue holds a wake already.
                let _ = wake.try_send(Wake::Changed);
            }
        });
        if let Err(error) = &watcher {
            tracing::warn!("file events are not available, looking every 2 s instead: {error}");
        }
        Self {
            watcher: watcher.ok(),
            folders: HashSet::new(),
            was_refused: false,
        }
    }

    /// Watches these folders from now on and no others.
    pub(super) fn set(&mut self, wanted: HashSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else {
            return;
        };
        for gone in self.folders.difference(&wanted) {
            // A folder that was deleted is not watched any more, which is what is wanted.
            let _ = watcher.unwatch(gone);
        }
        let mut folders = HashSet::with_capacity(wanted.len());
        for folder in wanted {
            let is_watched = self.folders.contains(&folder);
            if is_watched || watch(watcher, &folder, &mut self.was_refused) {
                folders.insert(folder);
            }
        }
        self.folders = folders;
    }
}

fn watch(watcher: &mut RecommendedWatcher, folder: &Path, was_refused: &mut bool) -> bool {
    match watcher.watch(folder, RecursiveMode::NonRecursive) {
        Ok(()) => true,
        Err(error) => {
            let is_absent = matches!(error.kind, notify::ErrorKind::PathNotFound);
            if !is_absent && !std::mem::replace(was_refused, true) {
                tracing::warn!("no events for some folders, looking every 2 s instead: {error}");
            }
            false
        }
    }
}
