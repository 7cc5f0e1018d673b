//! What the runtimes are told of each other: how many are ready, and which routes none can load, so
//! that a new one does not wait for those.

use std::sync::Arc;
use std::time::Duration;

use crds::fleet::{FailingRoute, Fleet};

use crate::claims::Uid;
use crate::leading::LeaderGate;
use crate::reconcile::apply::Cluster;
use crate::shared::Shared;
use crate::world::World;

/// News of a rollout come in bunches; one write has them all.
const DEBOUNCE: Duration = Duration::from_secs(1);
/// After a write that failed.
const RETRY: Duration = Duration::from_secs(2);

/// What the runtimes are to know now.
#[must_use]
pub fn fleet(world: &World) -> Fleet {
    let failing = world.runtimes.failed_anywhere();
    let failing = failing.iter().filter_map(|uid| nobody_loads(world, uid));
    Fleet {
        ready: u32::try_from(world.runtimes.ready()).unwrap_or(u32::MAX),
        failing: failing.collect(),
    }
}

/// A route of which every report says that it cannot be loaded, and none ever said otherwise.
fn nobody_loads(world: &World, uid: &Uid) -> Option<FailingRoute> {
    let document = world.document(uid)?;
    let digest = document.resolved()?.digest.clone();
    let status = &world.route(uid)?.seen.status;
    let is_known = status
        .module
        .as_ref()
        .is_some_and(|module| module.digest == digest);
    let served = status
        .nodes
        .as_deref()
        .is_some_and(|nodes| !nodes.starts_with("0/"));
    if (is_known && served) || world.runtimes.is_served_anywhere(uid, document.version) {
        return None;
    }
    Some(FailingRoute {
        uid: uid.to_string(),
        digest,
    })
}

/// Keeps the runtimes informed.
pub async fn keep(shared: &Shared, cluster: &Cluster, leader: &Arc<dyn LeaderGate>) {
    loop {
        shared.fleet.notified().await;
        leader.held().await;
        let text = shared.read(|world| fleet(world).encode());
        if shared.read(|world| world.fleet() == Some(text.as_str())) {
            continue;
        }
        match cluster.write_fleet(&text).await {
            Ok(()) => {
                shared.change(|world| world.observe_fleet(Some(text)));
                tokio::time::sleep(DEBOUNCE).await;
            }
            Err(error) => {
                tracing::debug!(%error, "the fleet was not written");
                tokio::time::sleep(RETRY).await;
                shared.fleet.notify_one();
            }
        }
    }
}

#[cfg(test)]
mod tests;
