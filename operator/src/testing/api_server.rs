//! An API server of a few lines: each request is answered by a function, and remembered.

use std::convert::Infallible;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::leading::LeaderGate;
use crate::reconcile::Metrics;
use crate::reconcile::apply::Cluster;

/// What a request said.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    /// `PATCH /api/v1/…`, without the query.
    pub(crate) what: String,
    pub(crate) query: String,
    pub(crate) body: Value,
}

/// What is answered: a status and an object; nothing ever where it is `None`.
pub(crate) type Answer = Option<(u16, Value)>;

/// An API server, and what leads its clients.
pub(crate) struct ApiServer {
    client: Client,
    asked: Arc<Mutex<Vec<Asked>>>,
    pub(crate) leader: Arc<Leader>,
    registry: prometheus::Registry,
    metrics: Metrics,
}

/// Leads, until it is told otherwise.
pub(crate) struct Leader(AtomicBool);

/// Refuses, as an API server does.
pub(crate) fn refusal(code: u16, reason: &str) -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "message": format!("so it is: {reason}"), "reason": reason, "code": code,
    });
    Some((code, status))
}

/// Takes what is applied, as version 20 of the object with this uid.
pub(crate) fn taken(asked: &Asked) -> Answer {
    let mut object = asked.body.clone();
    object["metadata"]["uid"] = "object".into();
    object["metadata"]["resourceVersion"] = "20".into();
    Some((200, object))
}

// === impl ApiServer ===

impl ApiServer {
    /// Answers at once.
    pub(crate) fn new(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> Self {
        Self::with(move |asked| std::future::ready(answer(&asked)).boxed())
    }

    /// Answers when it likes.
    pub(crate) fn with(
        answer: impl Fn(Asked) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&asked), Arc::new(answer));
        let service = tower::service_fn(move |request: Request<Body>| {
            let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
            async move {
                let asked = read(request).await;
                log.lock().expect("the log").push(asked.clone());
                let Some((status, object)) = answer(asked).await else {
                    return pending().await;
                };
                let mut response = Response::new(Body::from(object.to_string().into_bytes()));
                *response.status_mut() = status.try_into().expect("a status");
                Ok::<_, Infallible>(response)
            }
        });
        let registry = prometheus::Registry::new();
        Self {
            metrics: Metrics::register(&registry).expect("a new registry has room"),
            registry,
            client: Client::new(service, "default"),
            asked,
            leader: Arc::new(Leader(AtomicBool::new(true))),
        }
    }

    /// Who writes to it, to `wagi-documents`, at most so many at a time.
    pub(crate) fn cluster(&self, concurrency: usize) -> Cluster {
        Cluster::new(
            self.client.clone(),
            "wagi-documents".to_owned(),
            Arc::clone(&self.leader) as Arc<dyn LeaderGate>,
            concurrency,
            self.metrics.clone(),
        )
    }

    pub(crate) fn client(&self) -> Client {
        self.client.clone()
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().expect("the log").clone()
    }

    /// The one request that was made.
    #[track_caller]
    pub(crate) fn asked_once(&self) -> Asked {
        let mut asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.remove(0)
    }

    /// `KIND VERB OUTCOME COUNT` of all writes that were counted.
    pub(crate) fn counted(&self) -> Vec<String> {
        let families = self.registry.gather();
        let writes = families
            .iter()
            .filter(|family| family.name() == "wagi_operator_writes_total");
        let series = writes.flat_map(|family| family.get_metric());
        let said = series.map(|series| {
            let label = |name: &str| {
                let mut labels = series.get_label().iter();
                let label = labels.find(|label| label.name() == name);
                label.expect("a label").value().to_owned()
            };
            let count = series.get_counter().get_value();
            format!(
                "{} {} {} {count}",
                label("kind"),
                label("verb"),
                label("outcome")
            )
        });
        said.collect()
    }
}

async fn read(request: Request<Body>) -> Asked {
    let (head, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Asked {
        what: format!("{} {}", head.method, head.uri.path()),
        query: head.uri.query().unwrap_or_default().to_owned(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

// === impl Leader ===

impl Leader {
    pub(crate) fn loses(&self) {
        self.0.store(false, Ordering::SeqCst);
    }
}

impl LeaderGate for Leader {
    fn is_held(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn held(&self) -> BoxFuture<'_, ()> {
        match self.is_held() {
            true => std::future::ready(()).boxed(),
            false => pending().boxed(),
        }
    }
}
