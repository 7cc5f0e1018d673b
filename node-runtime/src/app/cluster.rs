//! What a runtime in a cluster does beside serving: says when it is ready, and reports.

mod findings;
mod readiness;

use std::sync::Arc;

use kube::Client;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::Runtime;
use super::command::Failure;
use crate::admin::Health;
use crate::config;
use crate::control::Statuses;
use crate::report::{Identity, Reporter, compose};
use crate::source::kubernetes::{Settings, View};
use crate::volumes::{Volumes, check_in_memory};

/// Where documents come from under a configuration.
pub(super) fn source(config: &config::Node, client: Client) -> Settings {
    Settings {
        client,
        namespace: config.documents_namespace.clone(),
        relist_spread: config.relist_spread.get(),
        shrink_grace: config.shrink_grace.get(),
        folder: Some(config.documents.clone()),
        secrets: config.secrets.as_ref().map(|folder| folder.join("copies")),
    }
}

/// Where the files of objects are made under a configuration.
///
/// # Errors
///
/// When a folder for secrets is not in memory, or one of the folders cannot be used.
pub(super) fn volumes(config: &config::Node) -> Result<Volumes, Failure> {
    if let Some(secrets) = &config.secrets {
        check_in_memory(secrets)?;
    }
    let secrets = config.secrets.as_ref().map(|folder| folder.join("volumes"));
    Ok(Volumes::open(&config.volumes, secrets.as_deref())?)
}

/// Begins; dropping what it returns ends it.
pub(super) fn start(
    config: config::Node,
    client: Client,
    view: watch::Receiver<View>,
    runtime: &mut Runtime,
) -> Option<AbortOnDropHandle<()>> {
    let statuses = runtime.statuses()?;
    let health = runtime.health();
    runtime.is_told_when_ready();
    let identity = Identity {
        namespace: config.system_namespace,
        pod: config.pod_name,
        uid: config.pod_uid,
        node: config.node_name,
        pool: config.pool,
    };
    let following = follow(identity, client, view, statuses, health);
    Some(AbortOnDropHandle::new(tokio::spawn(following)))
}

/// Looks at every change of what is known and of what became of it.
async fn follow(
    identity: Identity,
    client: Client,
    mut view: watch::Receiver<View>,
    mut statuses: watch::Receiver<Arc<Statuses>>,
    health: Health,
) {
    let (report, reports) = watch::channel(None);
    let node = identity.node.clone();
    let fleet = view.clone();
    let ready = move || fleet.borrow().fleet.ready;
    let mut saying = std::pin::pin!(Reporter::new(client, identity).run(reports, ready));
    loop {
        let now = Arc::clone(&statuses.borrow_and_update());
        if !health.is_loaded() {
            let view = view.borrow_and_update();
            match readiness::reasons(&view, &now) {
                reasons if reasons.is_empty() => {
                    tracing::info!("ready: every published route serves, or can by no runtime");
                    health.loaded();
                }
                reasons => health.held(reasons),
            }
        }
        if let Some(found) = findings::findings(&now) {
            report.send_replace(Some(compose(&node, found)));
        }
        tokio::select! {
            changed = statuses.changed() => if changed.is_err() { return },
            changed = view.changed() => if changed.is_err() { return },
            () = &mut saying => return,
        }
    }
}
