//! `make dev-cluster`: a control plane, a registry, the operator and two runtimes on this machine.
//!
//! Everything is what users run but the kubelet, which there is none of: the harness makes the pods and
//! says whether they are ready. It ends when one of its programs does, or on Ctrl-C, which nothing here
//! needs to know of: whatever the end of this process is, its programs and folders end with it.

mod once;
mod pieces;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use pieces::Pieces;

fn main() -> ExitCode {
    // The harness panics where a program does not start, and says why: where in our code is no help.
    std::panic::set_hook(Box::new(|panic| {
        fail(panic.payload_as_str().unwrap_or("for no known reason"));
    }));
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            fail(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn run() -> anyhow::Result<()> {
    let mut pieces = Pieces::start(|what| say(&format!("{what} ...")))?;
    if std::env::var_os("ONCE").is_some_and(|once| once == "1") {
        return once::run(&mut pieces);
    }
    say(&pieces.next_steps());
    loop {
        pieces.check()?;
        // Programs that end are told by no channel.
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn fail(why: &str) {
    let _ = writeln!(std::io::stderr(), "FAILED: {why}");
}

/// To whoever started it.
fn say(what: &str) {
    // Nobody there to read it is no reason to end.
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{what}").and_then(|()| stdout.flush());
}
