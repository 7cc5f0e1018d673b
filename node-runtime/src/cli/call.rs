//! `wagi call`: one request through the whole path, without a server.

use std::process::ExitCode;

use super::{CallArgs, Error};
use crate::app::command;
use crate::config::Call;

pub(super) fn run(args: CallArgs) -> Result<ExitCode, Error> {
    let config = Call::try_from(args)?;
    command::call(config).map_err(Error::Failed)
}
