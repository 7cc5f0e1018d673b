//! `wagi node`: serves what is published in a cluster, and reports.

use std::process::ExitCode;

use process_shell::effective::Effective;

use super::Error;
use super::args::node::NodeArgs;
use crate::app::command;
use crate::config::Node;

pub(super) fn run(args: NodeArgs, effective: &Effective) -> Result<ExitCode, Error> {
    let config = Node::try_from(args)?;
    effective.log();
    command::serve_cluster(config).map_err(Error::Failed)?;
    Ok(ExitCode::SUCCESS)
}
