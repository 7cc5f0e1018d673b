//! Wires the rooms together, runs them, and ends them.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Client;
use kube::api::Api;
use registry::Credentials;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::claims::Uid;
use crate::events::Events;
use crate::fleet;
use crate::grants;
use crate::leading::LeaderGate;
use crate::queue::Queue;
use crate::reconcile::apply::Cluster;
use crate::reconcile::resolve::Lookups;
use crate::reconcile::{After, Metrics, Slot, Stories, Turns, validate};
use crate::shared::Shared;
use crate::sources;
use crate::watches;
use crate::world::World;

/// Longer than the longest watch: it only ends a connection that nothing can come from any more.
const WATCH_READ_TIMEOUT: Duration = Duration::from_secs(90);
/// Calls have a bound of their own; this one closes the connection too.
const CALL_READ_TIMEOUT: Duration = Duration::from_secs(20);
/// Stories under way are given so long to end.
const LAST_STORIES: Duration = Duration::from_secs(5);

/// What it needs.
pub struct Config {
    /// To the API server.
    pub clients: Clients,
    /// Where the programs and their reports are.
    pub system_namespace: String,
    /// Where documents are published.
    pub documents_namespace: String,
    /// The runtimes that read them.
    pub pool: String,
    /// To registries.
    pub registry: registry::Client,
    /// Who we are to them.
    pub credentials: Credentials,
    /// Writes at the same time, and stories.
    pub concurrency: usize,
    /// Whether we lead.
    pub leader: Arc<dyn LeaderGate>,
    /// The name of our pod, for events.
    pub instance: Option<String>,
    /// What is counted.
    pub metrics: Metrics,
    /// Is called after each step of a story.
    pub after: After,
}

/// Two clients: a watch may be silent for long, a call may not.
#[derive(Clone)]
pub struct Clients {
    /// For watches.
    pub watch: Client,
    /// For everything else.
    pub calls: Client,
}

/// It ended, and was not told to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No client can be made.
    #[error("no client for the API server: {0}")]
    Client(#[from] Box<kube::Error>),
    /// A part of it ended, which none does by itself.
    #[error("{0} ended")]
    Ended(&'static str),
}

/// The running operator, to whoever watches over it.
#[derive(Clone)]
pub struct Operator {
    config: Arc<Config>,
    stories: Arc<Stories>,
}

// === impl Clients ===

impl Clients {
    /// Makes both of one configuration.
    ///
    /// # Errors
    ///
    /// When it cannot be used.
    pub fn new(config: &kube::Config) -> Result<Self, Error> {
        let client = |read_timeout| {
            let mut config = config.clone();
            config.connect_timeout = Some(Duration::from_secs(5));
            config.read_timeout = Some(read_timeout);
            // The story's own retry decides: one that nobody sees holds a place for minutes.
            config.default_retry = false;
            Client::try_from(config).map_err(|error| Error::Client(Box::new(error)))
        };
        Ok(Self {
            watch: client(WATCH_READ_TIMEOUT)?,
            calls: client(CALL_READ_TIMEOUT)?,
        })
    }
}

// === impl Operator ===

impl Operator {
    /// Wires everything; nothing runs yet.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let metrics = &config.metrics;
        let shared = Shared::new(
            World::new(config.pool.clone(), validate::asks),
            ["routes", "statuses", "reads", "copies"].map(|name| Queue::new(metrics.queue(name))),
            metrics.kept(),
        );
        let calls = &config.clients.calls;
        let stories = Stories {
            shared: Arc::new(shared),
            lookups: Lookups::new(
                config.registry.clone(),
                config.credentials.clone(),
                metrics.clone(),
            ),
            cluster: Cluster::new(
                calls.clone(),
                config.documents_namespace.clone(),
                Arc::clone(&config.leader),
                config.concurrency,
                metrics.clone(),
            ),
            copying: Turns::default(),
            system_namespace: config.system_namespace.clone(),
            events: Events::new(calls.clone(), config.instance.clone()),
            metrics: metrics.clone(),
            after: Arc::clone(&config.after),
        };
        Self {
            config: Arc::new(config),
            stories: Arc::new(stories),
        }
    }

    /// Waits until everything there is was listed once: from then on it can lead at once.
    pub async fn is_warm(&self) {
        let mut complete = self.stories.shared.complete.subscribe();
        // Its sender lives as long as we do.
        let _ = complete.wait_for(|complete| *complete).await;
    }

    /// Follows the cluster, and acts whenever it leads, until it is told to stop.
    ///
    /// # Errors
    ///
    /// When a part of it ended.
    pub async fn run(&self, stop: CancellationToken) -> Result<(), Error> {
        let mut parts = JoinSet::new();
        let mut part = |name: &'static str, work: Pin<Box<dyn Future<Output = ()> + Send>>| {
            parts.spawn(async move {
                work.await;
                name
            });
        };
        let this = || self.clone();
        let (own, stopped) = (this(), stop.clone());
        part(
            "the watch of routes",
            Box::pin(async move { own.follow_routes().await }),
        );
        let own = this();
        part(
            "the watch of documents",
            Box::pin(async move { own.follow_documents().await }),
        );
        let own = this();
        part(
            "the watch of Secrets",
            Box::pin(async move { own.follow_secrets().await }),
        );
        let own = this();
        part(
            "the watches of what routes refer to",
            Box::pin(async move { own.keep_sources().await }),
        );
        let (own, token) = (this(), stop.clone());
        part(
            "the reads of what routes refer to",
            Box::pin(async move {
                own.read_sources(token).await;
                // It was told to: that is said elsewhere.
                std::future::pending().await
            }),
        );
        let (own, token) = (this(), stop.clone());
        part(
            "the copies",
            Box::pin(async move {
                own.trim_copies(token).await;
                std::future::pending().await
            }),
        );
        let own = this();
        part(
            "the watch of pods",
            Box::pin(async move { own.follow_pods().await }),
        );
        let own = this();
        part(
            "the watch of reports",
            Box::pin(async move { own.follow_reports().await }),
        );
        let own = this();
        part(
            "the watch of the namespace",
            Box::pin(async move { own.follow_allowance().await }),
        );
        let own = this();
        part("the fleet", Box::pin(async move { own.keep_fleet().await }));
        let own = this();
        part(
            "the grants",
            Box::pin(async move { own.keep_grants().await }),
        );
        let (own, token) = (this(), stop.clone());
        let routes = tokio::spawn(async move { own.tell_stories(token).await });
        let (own, token) = (this(), stop.clone());
        let statuses = tokio::spawn(async move { own.say_statuses(token).await });
        let ended = tokio::select! {
            () = stopped.cancelled() => Ok(()),
            Some(ended) = parts.join_next() => Err(Error::Ended(ended.unwrap_or("a part that panicked"))),
        };
        stop.cancel();
        let last = async { (routes.await, statuses.await) };
        match tokio::time::timeout(LAST_STORIES, last).await {
            Ok((Ok(()), Ok(()))) | Err(_) => ended,
            Ok(_) => Err(Error::Ended("a story that panicked")),
        }
    }

    async fn follow_routes(&self) {
        let api = Api::all(self.config.clients.watch.clone());
        watches::routes(&self.stories.shared, api, &self.config.metrics).await;
    }

    async fn follow_documents(&self) {
        let api: Api<ConfigMap> = Api::namespaced(
            self.config.clients.watch.clone(),
            &self.config.documents_namespace,
        );
        watches::documents(&self.stories.shared, api, &self.config.metrics).await;
    }

    async fn follow_secrets(&self) {
        let api = Api::namespaced(
            self.config.clients.watch.clone(),
            &self.config.documents_namespace,
        );
        watches::secrets(&self.stories.shared, api, &self.config.metrics).await;
    }

    async fn keep_sources(&self) {
        let client = self.config.clients.watch.clone();
        sources::keep(Arc::clone(&self.stories.shared), client).await;
    }

    async fn read_sources(&self, stop: CancellationToken) {
        let (stories, config) = (Arc::clone(&self.stories), Arc::clone(&self.config));
        self.work(&self.stories.shared.reads, stop, move |key, slot| {
            let (stories, config) = (Arc::clone(&stories), Arc::clone(&config));
            async move {
                let _slot = slot;
                sources::read(&stories.shared, &config.clients.calls, &key).await;
                stories.shared.reads.done(&key);
            }
        })
        .await;
    }

    async fn trim_copies(&self, stop: CancellationToken) {
        let stories = Arc::clone(&self.stories);
        self.work(&self.stories.shared.copies, stop, move |name, slot| {
            let stories = Arc::clone(&stories);
            async move {
                let _slot = slot;
                stories.trim(&name).await;
                stories.shared.copies.done(&name);
            }
        })
        .await;
    }

    async fn follow_pods(&self) {
        let api = Api::namespaced(
            self.config.clients.watch.clone(),
            &self.config.system_namespace,
        );
        watches::pods(&self.stories.shared, api, &self.config.metrics).await;
    }

    async fn follow_reports(&self) {
        let api = Api::namespaced(
            self.config.clients.watch.clone(),
            &self.config.system_namespace,
        );
        watches::reports(&self.stories.shared, api, &self.config.metrics).await;
    }

    async fn follow_allowance(&self) {
        let api = Api::all(self.config.clients.watch.clone());
        watches::allowance(&self.stories.shared, api, &self.config.documents_namespace).await;
    }

    async fn keep_fleet(&self) {
        self.is_warm().await;
        fleet::keep(
            &self.stories.shared,
            &self.stories.cluster,
            &self.config.leader,
        )
        .await;
    }

    async fn keep_grants(&self) {
        self.is_warm().await;
        let api = |client: &Client| grants::api(client.clone(), &self.config.system_namespace);
        let Clients { watch, calls } = &self.config.clients;
        let Stories {
            shared, cluster, ..
        } = &*self.stories;
        grants::keep(shared, cluster, &self.config.leader, api(watch), api(calls)).await;
    }

    async fn tell_stories(&self, stop: CancellationToken) {
        let stories = Arc::clone(&self.stories);
        self.work(&self.stories.shared.routes, stop, move |uid, mut slot| {
            let stories = Arc::clone(&stories);
            async move {
                stories.tell(&uid, &mut slot).await;
                stories.shared.routes.done(&uid);
            }
        })
        .await;
    }

    async fn say_statuses(&self, stop: CancellationToken) {
        let stories = Arc::clone(&self.stories);
        self.work(&self.stories.shared.statuses, stop, move |uid, slot| {
            let stories = Arc::clone(&stories);
            async move {
                let _slot = slot;
                stories.say(&uid).await;
                stories.shared.statuses.done(&uid);
            }
        })
        .await;
    }

    /// Works on a queue while we lead. What is under way when it is told to stop is worked to its end.
    async fn work<F>(&self, queue: &Queue, stop: CancellationToken, work: impl Fn(Uid, Slot) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let places = Arc::new(Semaphore::new(self.config.concurrency));
        let mut under_way = JoinSet::new();
        let next = async || {
            self.is_warm().await;
            self.config.leader.held().await;
            let slot = Slot::take(&places).await;
            (queue.next().await, slot)
        };
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                (uid, slot) = next() => {
                    under_way.spawn(work(uid, slot));
                }
                Some(ended) = under_way.join_next() => resume_panic(ended),
            }
        }
        while let Some(ended) = under_way.join_next().await {
            resume_panic(ended);
        }
    }
}

/// A story that panics ends the process: nothing that it holds can be trusted.
fn resume_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && let Ok(panic) = error.try_into_panic()
    {
        std::panic::resume_unwind(panic);
    }
}
