//! `kubectl`, as the person who installs and uses it all.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::Cluster;

impl Cluster {
    /// A command that runs `kubectl` with a kubeconfig, and with nothing of the caller's.
    #[must_use]
    pub fn kubectl_command(&self, kubeconfig: &Path, arguments: &[&str]) -> Command {
        let mut command = self.programs.command("kubectl");
        command.args(arguments).stdin(Stdio::null()).env_clear();
        command.env("KUBECONFIG", kubeconfig);
        command.env("HOME", self.folder.path());
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Runs `kubectl` as the administrator.
    ///
    /// # Panics
    ///
    /// When it cannot be run.
    #[must_use]
    pub fn kubectl(&self, arguments: &[&str]) -> Output {
        let mut command = self.kubectl_command(&self.kubeconfig_admin(), arguments);
        command.output().expect("kubectl runs")
    }

    /// Runs `kubectl` as the administrator, with something on stdin (`-f -`).
    ///
    /// # Panics
    ///
    /// When it cannot be run.
    #[must_use]
    pub fn kubectl_with(&self, arguments: &[&str], stdin: &str) -> Output {
        let mut command = self.kubectl_command(&self.kubeconfig_admin(), arguments);
        command.stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kubectl runs");
        let mut input = child.stdin.take().expect("stdin is piped");
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                // One that refuses its arguments does not read.
                let _ = input.write_all(stdin.as_bytes());
            });
            child.wait_with_output()
        });
        output.expect("kubectl can be waited for")
    }

    /// Runs `kubectl` as the administrator and gives what it printed.
    ///
    /// # Panics
    ///
    /// When it fails; with what it said.
    pub fn kubectl_ok(&self, arguments: &[&str]) -> String {
        printed(arguments, self.kubectl(arguments))
    }

    /// `kubectl apply` as the administrator.
    ///
    /// # Panics
    ///
    /// When it fails; with what it said.
    pub fn apply(&self, manifests: &str) {
        let arguments = ["apply", "-f", "-"];
        printed(&arguments, self.kubectl_with(&arguments, manifests));
    }
}

fn printed(arguments: &[&str], output: Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let words = arguments.join(" ");
    assert!(output.status.success(), "kubectl {words}: {said}");
    String::from_utf8(output.stdout).expect("kubectl prints UTF-8")
}
