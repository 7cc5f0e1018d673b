//! Where Kubernetes' own programs are.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::wagi::repository;

/// The folder, for a process that was told.
const VARIABLE: &str = "KUBERNETES_PROGRAMS";

/// The folder that has the programs.
pub(super) struct Programs(PathBuf);

// === impl Programs ===

impl Programs {
    /// Where `make test` says, or where `scripts/kubernetes` builds them.
    ///
    /// # Panics
    ///
    /// When they are not there and cannot be built.
    pub(super) fn find() -> Self {
        if let Some(folder) = std::env::var_os(VARIABLE) {
            return Self(folder.into());
        }
        let script = repository("scripts/kubernetes");
        // It says there how long it will take.
        let built = Command::new(&script).stderr(Stdio::inherit()).output();
        let built = built.expect("the script runs");
        assert!(built.status.success(), "{script} failed");
        let folder = String::from_utf8(built.stdout).expect("a path in UTF-8");
        Self(folder.trim_end().into())
    }

    pub(super) fn folder(&self) -> &Path {
        &self.0
    }

    /// A command that runs one of them.
    pub(super) fn command(&self, program: &str) -> Command {
        Command::new(self.0.join(program))
    }
}
