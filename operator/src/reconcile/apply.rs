//! What is written to the API server, and how.
//!
//! Every write is asked of the leader's claim first, carries the version that it was computed from,
//! ends within a bound, and is counted. Nothing here decides what to write.

mod copies;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crds::document::LARGEST_BYTES;
use crds::names::{FLEET, FLEET_KEY, KIND_FLEET, KIND_LABEL, OPERATOR, document_name};
use crds::wagi_route::{API_VERSION, KIND, WagiRoute, WagiRouteStatus};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, DeleteParams, ObjectMeta, Patch, PatchParams, Preconditions};
use kube::core::{DeserializeGuard, DynamicObject};
use kube::{Client, Error};
use serde::Serialize;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::build::Built;
use super::metrics::Metrics;
use crate::leading::LeaderGate;
use crate::world::document::Published;
use crate::world::route::Seen;

/// No call to the API server lasts longer.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Documents a second: every runtime of the pool hears of each.
const DOCUMENTS_A_SECOND: u32 = 500;
/// The same, where only the writing of a document changes.
const REWRITES_A_SECOND: u32 = 50;
/// So many may go at once after a pause.
const BURST: u32 = 50;

/// Writes, one process's worth of them.
pub struct Cluster {
    client: Client,
    documents: Api<ConfigMap>,
    namespace: String,
    leader: Arc<dyn LeaderGate>,
    metrics: Metrics,
    places: Semaphore,
    pace: Pace,
    rewrites: Pace,
}

/// Something was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// Another process leads.
    #[error("this process does not lead")]
    NotLeading,
    /// It was changed, made or deleted meanwhile.
    #[error("it changed meanwhile: {0}")]
    Conflict(String),
    /// The API server says no.
    #[error("the API server refuses it: {0}")]
    Refused(String),
    /// No answer came.
    #[error("the API server did not answer within {} s", .after.as_secs())]
    Timeout {
        /// How long it was waited for.
        after: Duration,
    },
    /// It cannot be asked, or is not well.
    #[error("the API server cannot be asked: {0}")]
    Unreachable(String),
}

/// Lets so many pass a second.
struct Pace {
    interval: Duration,
    next: Mutex<Instant>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusPatch<'a> {
    api_version: &'static str,
    kind: &'static str,
    metadata: ObjectMeta,
    status: &'a WagiRouteStatus,
}

// === impl Cluster ===

impl Cluster {
    /// Writes documents to a namespace, at most `concurrency` at a time.
    #[must_use]
    pub fn new(
        client: Client,
        namespace: String,
        leader: Arc<dyn LeaderGate>,
        concurrency: usize,
        metrics: Metrics,
    ) -> Self {
        Self {
            documents: Api::namespaced(client.clone(), &namespace),
            client,
            namespace,
            leader,
            metrics,
            places: Semaphore::new(concurrency),
            pace: Pace::new(DOCUMENTS_A_SECOND),
            rewrites: Pace::new(REWRITES_A_SECOND),
        }
    }

    /// Writes a document over the one that is there, or a new one.
    ///
    /// # Errors
    ///
    /// When it is not as it should be afterwards, or that is not known.
    pub async fn publish(
        &self,
        built: &Built,
        over: Option<&Published>,
    ) -> Result<Arc<Published>, WriteError> {
        debug_assert!(built.text.len() <= LARGEST_BYTES, "was measured before");
        if over.is_some_and(|over| built.is_rewrite_of(over)) {
            self.rewrites.pass().await;
        }
        self.pace.pass().await;
        let object = built.object(&self.namespace, over);
        let (name, parameters) = (document_name(&built.route), parameters());
        let patch = Patch::Apply(&object);
        let call = self.documents.patch(&name, &parameters, &patch);
        let written = self.write("document", "apply", call).await?;
        Published::reduce(written)
            .map(|(_, published)| published)
            .ok_or_else(|| WriteError::Unreachable("its answer has no uid".to_owned()))
    }

    /// Deletes that very document; one that is gone is deleted.
    ///
    /// # Errors
    ///
    /// When it may be there still.
    pub async fn remove(&self, route_uid: &str, published: &Published) -> Result<(), WriteError> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(published.object_uid.clone()),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        let name = document_name(route_uid);
        let call = async {
            match self.documents.delete(&name, &parameters).await {
                Err(Error::Api(status)) if status.is_not_found() => Ok(()),
                deleted => deleted.map(drop),
            }
        };
        self.write("document", "delete", call).await
    }

    /// Writes what is to be said of a route.
    ///
    /// # Errors
    ///
    /// When that is not said.
    pub async fn write_status(
        &self,
        seen: &Seen,
        status: &WagiRouteStatus,
    ) -> Result<Option<Arc<Seen>>, WriteError> {
        let patch = StatusPatch {
            api_version: API_VERSION,
            kind: KIND,
            metadata: ObjectMeta {
                name: Some(seen.name.name.clone()),
                namespace: Some(seen.name.namespace.clone()),
                uid: Some(seen.uid.to_string()),
                resource_version: Some(seen.version.to_string()),
                ..ObjectMeta::default()
            },
            status,
        };
        let api: Api<DeserializeGuard<WagiRoute>> =
            Api::namespaced(self.client.clone(), &seen.name.namespace);
        let (parameters, patch) = (parameters(), Patch::Apply(&patch));
        let call = api.patch_status(&seen.name.name, &parameters, &patch);
        let written = self.write("status", "apply", call).await?;
        Ok(Seen::reduce(written))
    }

    /// Writes what runtimes are to know of each other.
    ///
    /// # Errors
    ///
    /// When it is not as it should be afterwards, or that is not known.
    pub async fn write_fleet(&self, text: &str) -> Result<(), WriteError> {
        let one = |key: &str, value: &str| Some([(key.to_owned(), value.to_owned())].into());
        let object = ConfigMap {
            metadata: ObjectMeta {
                name: Some(FLEET.to_owned()),
                namespace: Some(self.namespace.clone()),
                labels: one(KIND_LABEL, KIND_FLEET),
                ..ObjectMeta::default()
            },
            data: one(FLEET_KEY, text),
            ..ConfigMap::default()
        };
        let (parameters, patch) = (parameters(), Patch::Apply(&object));
        let call = self.documents.patch(FLEET, &parameters, &patch);
        self.write("fleet", "apply", call).await.map(drop)
    }

    /// Gives the HTTPRoutes of a namespace leave.
    ///
    /// # Errors
    ///
    /// When it may not be as it should be afterwards.
    pub async fn grant(
        &self,
        grants: &Api<DynamicObject>,
        grant: &DynamicObject,
    ) -> Result<DynamicObject, WriteError> {
        let name = grant.metadata.name.clone().unwrap_or_default();
        let (parameters, patch) = (parameters(), Patch::Apply(grant));
        let call = grants.patch(&name, &parameters, &patch);
        self.write("grant", "apply", call).await
    }

    /// Takes it away; one that is gone is taken away.
    ///
    /// # Errors
    ///
    /// When it may be there still.
    pub async fn withdraw(
        &self,
        grants: &Api<DynamicObject>,
        name: &str,
    ) -> Result<(), WriteError> {
        let parameters = DeleteParams::default();
        let call = async {
            match grants.delete(name, &parameters).await {
                Err(Error::Api(status)) if status.is_not_found() => Ok(()),
                deleted => deleted.map(drop),
            }
        };
        self.write("grant", "delete", call).await
    }

    /// A write as all of them are made.
    async fn write<T>(
        &self,
        kind: &str,
        verb: &str,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, WriteError> {
        let _place = self
            .places
            .acquire()
            .await
            .expect("the places are never closed");
        // Asked last, after all waiting: a claim may have ended meanwhile.
        if !self.leader.is_held() {
            return Err(WriteError::NotLeading);
        }
        let written = match tokio::time::timeout(TIMEOUT, call).await {
            Ok(answer) => answer.map_err(WriteError::from),
            Err(_) => Err(WriteError::Timeout { after: TIMEOUT }),
        };
        let outcome = written.as_ref().map_or_else(WriteError::word, |_| "ok");
        self.metrics.wrote(kind, verb, outcome);
        written
    }
}

fn parameters() -> PatchParams {
    PatchParams::apply(OPERATOR).force()
}

// === impl WriteError ===

impl WriteError {
    const fn word(&self) -> &'static str {
        match self {
            Self::NotLeading => "not_leading",
            Self::Conflict(_) => "conflict",
            Self::Refused(_) => "refused",
            Self::Timeout { .. } => "timeout",
            Self::Unreachable(_) => "unreachable",
        }
    }
}

impl From<Error> for WriteError {
    fn from(error: Error) -> Self {
        match error {
            Error::Api(status)
                if status.is_conflict() || status.is_not_found() || status.is_already_exists() =>
            {
                Self::Conflict(status.message)
            }
            Error::Api(status) if status.code < 500 && status.code != 429 && status.code != 408 => {
                Self::Refused(status.message)
            }
            Error::Api(status) => Self::Unreachable(status.message),
            // Its text has its source in it.
            error => Self::Unreachable(error.to_string()),
        }
    }
}

// === impl Pace ===

impl Pace {
    fn new(a_second: u32) -> Self {
        Self {
            interval: Duration::from_secs(1) / a_second,
            next: Mutex::new(Instant::now()),
        }
    }

    /// Waits for this one's time.
    async fn pass(&self) {
        let at = {
            let mut next = self
                .next
                .lock()
                .expect("nothing panics while it holds the pace");
            let earliest = Instant::now().checked_sub(self.interval * BURST);
            let at = earliest.map_or(*next, |earliest| earliest.max(*next));
            *next = at + self.interval;
            at
        };
        tokio::time::sleep_until(at).await;
    }
}

#[cfg(test)]
mod tests;
