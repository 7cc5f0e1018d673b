//! What a person would do next, done: push, apply, wait, ask.

use std::process::Command;

use anyhow::ensure;
use tests::wagi;

use crate::pieces::{Pieces, module};
use crate::say;

/// Pushes the example, applies its route and asks every runtime for it.
///
/// # Errors
/// When one of the steps fails, or an answer is not the example's.
pub fn run(pieces: &mut Pieces) -> anyhow::Result<()> {
    let image = pieces.image();
    step(wagi::command(&["push", &module(), &image]))?;
    let cluster = pieces.cluster();
    let kubectl =
        |arguments: &[&str]| step(cluster.kubectl_command(&cluster.kubeconfig_admin(), arguments));
    kubectl(&["apply", "-f", &pieces.route().display().to_string()])?;
    kubectl(&[
        "wait",
        "--for=condition=Ready",
        "--timeout=60s",
        "wagiroute/hello",
    ])?;
    kubectl(&["get", "wagiroutes,waginodes", "-A"])?;
    for url in pieces.urls() {
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--fail", "--max-time", "30", "--noproxy", "*", &url]);
        let answer = step(curl)?;
        ensure!(
            answer == "Hello from WebAssembly.\n",
            "{url} answers {answer:?}"
        );
    }
    pieces.check()
}

/// Runs a command, and shows it with what it prints.
fn step(mut command: Command) -> anyhow::Result<String> {
    let program = std::path::Path::new(command.get_program());
    let program = program.file_name().unwrap_or_default().to_string_lossy();
    let arguments: Vec<_> = command.get_args().map(|it| it.to_string_lossy()).collect();
    let line = format!("{program} {}", arguments.join(" "));
    say(&format!("\n$ {line}"));
    let output = command.output()?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    say(printed.trim_end());
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{line}: {errors}");
    Ok(printed)
}
