//! What this runtime says back: one object of its pod, applied whole.
//!
//! [`compose()`] makes it, pure; [`Reporter`] brings it to the API server. The last state wins: what
//! changed while one report was on its way is in the next, and what did not change is not said
//! again. A report is followed by a silence, so that however fast things change, a hundred reports a
//! second come from all runtimes together. Nothing that serves waits for it. It knows neither routes nor modules, only what it is
//! told of them.

mod compose;

use std::time::Duration;

use crds::names;
use crds::wagi_node::{WagiNode, WagiNodeSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::source::kubernetes::{Backoff, said, up_to};

pub use compose::{Findings, compose};

/// How long one report may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Below so many runtimes a report waits for nothing.
const FEW: u32 = 50;
/// So many reports a second are expected of all runtimes together.
const A_SECOND: u32 = 100;

/// Which runtime this is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Its pod's namespace.
    pub namespace: String,
    /// Its pod's name.
    pub pod: String,
    /// Its pod's uid.
    pub uid: String,
    /// The node that it runs on.
    pub node: String,
    /// Its pool.
    pub pool: String,
}

/// Brings reports to the API server.
pub struct Reporter {
    api: Api<WagiNode>,
    identity: Identity,
}

// === impl Reporter ===

impl Reporter {
    /// Has said nothing yet.
    #[must_use]
    pub fn new(client: Client, identity: Identity) -> Self {
        Self {
            api: Api::namespaced(client, &identity.namespace),
            identity,
        }
    }

    /// Says what `reports` has whenever that changed, until its other end is gone; `ready` knows how
    /// many runtimes there are.
    ///
    /// # Cancellation
    /// Dropping the future leaves what was said last; it goes with the pod.
    pub async fn run(
        self,
        mut reports: watch::Receiver<Option<WagiNodeSpec>>,
        ready: impl Fn() -> u32,
    ) {
        let mut said = None;
        while reports.changed().await.is_ok() {
            sleep(spread(ready())).await;
            let mut backoff = Backoff::default();
            loop {
                // The newest, however long it was tried in vain.
                let report = reports.borrow_and_update().clone();
                if report == said {
                    break;
                }
                let Some(spec) = &report else { break };
                match self.say(spec).await {
                    Ok(()) => {
                        said = report;
                        sleep(silence(ready())).await;
                        break;
                    }
                    Err(reason) => {
                        if backoff.failures() == 0 {
                            tracing::warn!("the report cannot be written: {reason}");
                        }
                        sleep(backoff.pause()).await;
                    }
                }
            }
        }
    }

    async fn say(&self, spec: &WagiNodeSpec) -> Result<(), String> {
        let node = self.identity.object(spec.clone());
        let parameters = PatchParams::apply(names::NODE).force();
        let patch = Patch::Apply(&node);
        match timeout(
            TIMEOUT,
            self.api.patch(&self.identity.pod, &parameters, &patch),
        )
        .await
        {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(said(&error)),
            Err(_elapsed) => Err(format!("no answer within {TIMEOUT:?}")),
        }
    }
}

// === impl Identity ===

impl Identity {
    /// The object that holds a report.
    fn object(&self, spec: WagiNodeSpec) -> WagiNode {
        let owner = OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            name: self.pod.clone(),
            uid: self.uid.clone(),
            ..OwnerReference::default()
        };
        WagiNode {
            metadata: ObjectMeta {
                name: Some(self.pod.clone()),
                namespace: Some(self.namespace.clone()),
                labels: Some([(names::POOL_LABEL.to_owned(), self.pool.clone())].into()),
                owner_references: Some(vec![owner]),
                ..ObjectMeta::default()
            },
            spec,
        }
    }
}

/// How long a runtime says nothing after a report; what changes meanwhile is in the next.
fn silence(ready: u32) -> Duration {
    Duration::from_secs(1) * ready / A_SECOND
}

/// How long a report waits: of a thousand runtimes that see the same change a hundred a second say
/// so.
fn spread(ready: u32) -> Duration {
    if ready <= FEW {
        return Duration::ZERO;
    }
    up_to(silence(ready))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use http::{Request, Response};
    use kube::client::Body;

    use super::*;

    fn identity() -> Identity {
        Identity {
            namespace: "wagi-system".to_owned(),
            pod: "wagi-node-x".to_owned(),
            uid: "u".to_owned(),
            node: "a".to_owned(),
            pool: "default".to_owned(),
        }
    }

    /// An API server that takes every report, and how many it took.
    fn counting() -> (Client, Arc<AtomicUsize>) {
        let taken = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&taken);
        let server = tower::service_fn(move |_request: Request<Body>| {
            counter.fetch_add(1, Ordering::Relaxed);
            let object = identity().object(WagiNodeSpec::default());
            let text = serde_json::to_vec(&object).expect("JSON");
            async move { Ok::<_, Infallible>(Response::new(Body::from(text))) }
        });
        (Client::new(server, "wagi-system"), taken)
    }

    #[tokio::test(start_paused = true)]
    async fn what_changes_quickly_is_said_a_hundred_times_a_second_by_all_together() {
        let (client, taken) = counting();
        let (report, reports) = watch::channel(None);
        let saying = Reporter::new(client, identity()).run(reports, || 50);
        let changing = async {
            for applied in 0..1000_i64 {
                let mut spec = WagiNodeSpec::default();
                spec.counts.applied = applied;
                report.send_replace(Some(spec));
                tokio::task::yield_now().await;
                if applied == 0 {
                    sleep(Duration::from_millis(1)).await;
                    assert_eq!(
                        taken.load(Ordering::Relaxed),
                        1,
                        "the first is said at once"
                    );
                }
                sleep(Duration::from_millis(10)).await;
            }
            sleep(Duration::from_secs(1)).await;
        };
        tokio::select! {
            () = saying => unreachable!("its other end is here"),
            () = changing => {}
        }
        // Ten seconds, one of fifty: two a second, the first and the last.
        let taken = taken.load(Ordering::Relaxed);
        assert!((20..=22).contains(&taken), "{taken}");
    }

    #[test]
    fn reports_of_few_runtimes_do_not_wait() {
        assert_eq!(spread(0), Duration::ZERO);
        assert_eq!(spread(50), Duration::ZERO);
        let waits: Vec<Duration> = (0..100).map(|_| spread(1000)).collect();
        assert!(waits.iter().all(|wait| *wait <= Duration::from_secs(10)));
        assert!(waits.iter().any(|wait| *wait > Duration::from_secs(1)));
    }

    #[test]
    fn the_object_is_the_pods() {
        let object =
            serde_json::to_value(identity().object(WagiNodeSpec::default())).expect("JSON");
        let metadata = serde_json::json!({
            "name": "wagi-node-x",
            "namespace": "wagi-system",
            "labels": {"wagi.dev/pool": "default"},
            "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": "wagi-node-x", "uid": "u"}],
        });
        assert_eq!(object["metadata"], metadata);
        assert_eq!(object["kind"], "WagiNode");
    }
}
