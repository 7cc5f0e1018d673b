//! `wagi-operator uninstall`: removes what the operator made.

use std::io::Write;
use std::process::ExitCode;

use super::{Error, PlaceArgs};
use crate::config::Uninstall;
use crate::kubernetes;
use crate::uninstall::{Removed, uninstall};

/// What people made, and how they remove it.
const KEPT: &str = "\
kept: WagiRoutes, custom resource definitions and namespaces; \
kubectl delete crd wagiroutes.wagi.dev waginodes.wagi.dev removes all routes with their definition";

pub(super) fn run(args: PlaceArgs) -> Result<ExitCode, Error> {
    let config = Uninstall::try_from(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::failed)?;
    runtime.block_on(async {
        let clients = kubernetes::clients(config.kubeconfig.as_deref()).await;
        let client = clients.map_err(Error::failed)?.calls;
        let removed = |Removed { count, what }| say(&format!("removed: {count} {what}"));
        uninstall(&client, &config.place, removed)
            .await
            .map_err(Error::failed)
    })?;
    say(KEPT);
    Ok(ExitCode::SUCCESS)
}

/// Whoever does not read it any more has it removed all the same.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
