//! `wagi completions`: prints a script that a shell reads.

use std::process::ExitCode;

use super::{CompletionsArgs, Error, description};

pub(super) fn run(args: &CompletionsArgs) -> Result<ExitCode, Error> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut description(), "wagi", &mut script);
    std::io::Write::write_all(&mut std::io::stdout(), &script).map_err(Error::failed)?;
    Ok(ExitCode::SUCCESS)
}
