//! Tells people of what waits for them, where `kubectl describe` shows it.

use std::time::Duration;

use crds::conditions::Reason;
use crds::names::OPERATOR;
use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

/// An event that is not taken by then is lost: the status says the same.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The API's own limit is a kibibyte.
const LONGEST_NOTE: usize = 1000;

/// Publishes events.
#[derive(Clone)]
pub struct Events(Recorder);

// === impl Events ===

impl Events {
    /// Publishes as this program; `instance` is the pod's name.
    #[must_use]
    pub fn new(client: Client, instance: Option<String>) -> Self {
        let reporter = Reporter {
            controller: OPERATOR.to_owned(),
            instance,
        };
        Self(Recorder::new(client, reporter))
    }

    /// Warns of what waits for a person. An event that cannot be published is logged, and no more.
    pub async fn warn(&self, about: &ObjectReference, reason: Reason, mut note: String) {
        note.truncate(note.floor_char_boundary(LONGEST_NOTE));
        let event = Event {
            type_: EventType::Warning,
            reason: reason.to_string(),
            note: Some(note),
            action: "Reconcile".to_owned(),
            secondary: None,
        };
        match tokio::time::timeout(TIMEOUT, self.0.publish(&event, about)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, %reason, "an event was not published"),
            Err(_) => tracing::warn!(%reason, "an event was not published in time"),
        }
    }
}
