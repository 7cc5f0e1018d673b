//! The last step of a story: what is to be said of a route, held for a moment, and one patch.

use std::sync::Arc;
use std::time::Duration;

use crds::wagi_route::{API_VERSION, KIND};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::retry::{self, Again};
use super::status::{self, Progress};
use super::{Step, Stories};
use crate::claims::Uid;
use crate::world::Spread;
use crate::world::route::Seen;

/// A status waits so long for the first reports, so that a change costs one or two writes.
const HOLD: Duration = Duration::from_secs(1);

impl Stories {
    /// Says what is to be said of a route.
    pub async fn say(&self, uid: &Uid) {
        let now = Time(Timestamp::now());
        let told = self.shared.read(|world| {
            let entry = world.route(uid)?;
            let outcome = Arc::clone(entry.outcome.as_ref()?);
            // A newer generation has a story of its own, which says what there is to say.
            if outcome.generation != entry.seen.generation {
                return None;
            }
            let fold = world.runtimes.fold(uid, entry.version().unwrap_or(0));
            let is_settled = entry.spread == Spread::Settled;
            let next = status::next(&entry.seen.status, &outcome, &fold, is_settled, &now);
            Some((Arc::clone(&entry.seen), entry.version(), entry.spread, next))
        });
        let Some((seen, version, spread, next)) = told else {
            return;
        };
        if next.status != seen.status {
            if let (Progress::Spreading, Spread::Spreading { since, wrote }) =
                (next.progress, spread)
            {
                let until = wrote.unwrap_or(since) + HOLD;
                if let Some(left) = until
                    .checked_duration_since(Instant::now())
                    .filter(|left| !left.is_zero())
                {
                    self.shared.statuses.add_after(uid.clone(), left);
                    return;
                }
            }
            match self.cluster.write_status(&seen, &next.status).await {
                Ok(written) => self.shared.change(|world| {
                    world.status_written(uid, Instant::now());
                    if let Some(written) = written {
                        world.observe_route(written);
                    }
                }),
                Err(error) => {
                    let attempts = self.shared.statuses.failed(uid);
                    tracing::debug!(%uid, attempts, %error, "a status was not written");
                    if let Again::After(delay) = retry::of_write(&error, attempts) {
                        self.shared.statuses.add_after(uid.clone(), delay);
                    }
                    return;
                }
            }
            (self.after)(Step::Status);
            if let Some((reason, note)) = next.event {
                self.events.warn(&reference(&seen), reason, note).await;
            }
        }
        self.shared.statuses.succeeded(uid);
        if let (Progress::Complete, Some(version)) = (next.progress, version)
            && let Some(took) = self.shared.change(|world| world.settle(uid, version))
        {
            self.metrics.applied(took);
        }
    }
}

fn reference(seen: &Seen) -> ObjectReference {
    ObjectReference {
        api_version: Some(API_VERSION.to_owned()),
        kind: Some(KIND.to_owned()),
        name: Some(seen.name.name.clone()),
        namespace: Some(seen.name.namespace.clone()),
        uid: Some(seen.uid.to_string()),
        ..ObjectReference::default()
    }
}
