//! A folder that goes with this process, also when it is killed or ends with statics that nobody drops.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A shell that waits for the end of its input, which comes when this process ends. Programs that are
/// killed at that time may still be writing, so it tries more than once.
const REMOVE: &str = "cat >/dev/null; for _ in 1 2 3 4 5 6 7 8 9 10; do \
                      rm -rf -- \"$1\" 2>/dev/null && exit; sleep 0.1; done";

/// A folder that goes when this is dropped, or when this process ends.
pub struct Folder {
    path: PathBuf,
    remover: Child,
}

// === impl Folder ===

impl Folder {
    /// A new one.
    ///
    /// # Panics
    ///
    /// When there is no place for it, or no shell.
    #[must_use]
    pub fn new() -> Self {
        Self::of(TempDir::with_prefix("kube-wagi-").expect("a temporary folder"))
    }

    /// A new one in memory, as Secrets need it.
    ///
    /// # Panics
    ///
    /// When there is no place for it, or no shell.
    #[must_use]
    pub fn in_memory() -> Self {
        Self::of(TempDir::with_prefix_in("kube-wagi-", "/dev/shm").expect("a folder in memory"))
    }

    fn of(folder: TempDir) -> Self {
        let remover = Command::new("sh")
            .args(["-c", REMOVE, "sh"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // What a terminal sends to this process would end it too early.
            .process_group(0)
            .spawn();
        Self {
            remover: remover.expect("sh runs"),
            path: folder.keep(),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Default for Folder {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.remover.stdin.take());
        let _ = self.remover.wait();
    }
}
