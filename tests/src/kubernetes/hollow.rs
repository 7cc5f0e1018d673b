//! Many runtimes at the price of one: pods that say they serve all that is published, and serve nothing.
//!
//! Each has a pod, a token and a report of its own, which the program's own reporter writes; what is
//! published is watched once for all of them. So to whoever counts runtimes they are runtimes, and
//! admission looks at each. They know no modules, never fail, and have no address.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crds::names::{
    DEFAULT_POOL, DOCUMENTS_NAMESPACE, NODE, POOL_LABEL, SYSTEM_NAMESPACE, route_uid,
};
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, ServiceAccount};
use kube::config::Kubeconfig;
use kube::core::PartialObjectMeta;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client, ResourceExt as _};
use node_runtime::report::{Findings, Identity, Reporter, compose};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::credentials::{User, kubeconfig};
use super::pods::{self, PROGRAM_LABEL, say_ready};
use super::{Cluster, accounts, block_on, client, config, config_of};
use crate::PATIENCE;

/// An API server that is away is asked again after so long.
const PAUSE: Duration = Duration::from_millis(200);

/// What one watch saw: nothing before all was listed.
type Seen = Option<Arc<Findings>>;

/// Runtimes of the default pool that serve nothing; dropped they fall silent, and their pods stay.
///
/// Methods block, as those of a [`Cluster`] do.
pub struct HollowFleet {
    runtime: Handle,
    pods: Api<Pod>,
    accounts: Api<ServiceAccount>,
    /// A kubeconfig for a token.
    kubeconfig: Arc<dyn Fn(&str) -> String + Send + Sync>,
    prefix: String,
    /// Oldest first.
    members: Vec<Member>,
    /// How many there ever were.
    made: usize,
    /// How many there are, for their reporters.
    size: Arc<AtomicU32>,
    seen: watch::Receiver<Seen>,
    // The watch.
    _following: JoinSet<()>,
}

/// One of them.
struct Member {
    pod: String,
    is_ready: watch::Receiver<bool>,
    // Becomes ready, and reports.
    _living: JoinSet<()>,
}

/// What one needs to live.
struct Beginning {
    client: Client,
    pods: Api<Pod>,
    identity: Identity,
    seen: watch::Receiver<Seen>,
    size: Arc<AtomicU32>,
}

impl Cluster {
    /// So many hollow runtimes, in pods `PREFIX-0`, `PREFIX-1`, …; not waited for.
    ///
    /// # Panics
    ///
    /// When a pod or its token is refused.
    #[must_use]
    pub fn start_hollow(&self, prefix: &str, count: usize) -> HollowFleet {
        let runtime = self.worker.runtime().handle().clone();
        let admin = config(&self.worker, &self.kubeconfig_admin());
        // One of its own: the cluster's ends what is silent.
        let documents = Api::namespaced(client(&runtime, admin), DOCUMENTS_NAMESPACE);
        let (folder, port) = (self.folder().to_owned(), self.port.number());
        let (sees, seen) = watch::channel(None);
        let mut following = JoinSet::new();
        following.spawn_on(follow(documents, sees), &runtime);
        let mut fleet = HollowFleet {
            pods: Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE),
            accounts: Api::namespaced(self.client.clone(), SYSTEM_NAMESPACE),
            kubeconfig: Arc::new(move |token| kubeconfig(&folder, port, &User::Token(token))),
            runtime,
            prefix: prefix.to_owned(),
            members: Vec::new(),
            made: 0,
            size: Arc::default(),
            seen,
            _following: following,
        };
        fleet.add(count);
        fleet
    }
}

// === impl HollowFleet ===

impl HollowFleet {
    /// The names of their pods, the oldest first.
    #[must_use]
    pub fn pods(&self) -> Vec<&str> {
        self.members.iter().map(|member| &*member.pod).collect()
    }

    /// Waits until each of their pods says that it is ready.
    ///
    /// # Panics
    ///
    /// When one does not become so.
    pub fn wait_until_ready(&mut self) {
        let members = &mut self.members;
        block_on(&self.runtime, async {
            for Member { pod, is_ready, .. } in members {
                let ready = timeout(PATIENCE, is_ready.wait_for(|is_ready| *is_ready)).await;
                assert!(matches!(ready, Ok(Ok(_))), "{pod} is not ready");
            }
        });
    }

    /// A new one comes; the name of its pod. It is not waited for.
    ///
    /// # Panics
    ///
    /// When its pod or its token is refused.
    pub fn join(&mut self) -> &str {
        self.add(1);
        &self.members.last().expect("one was added").pod
    }

    /// The oldest is told to end: its pod is terminating and stays until [`Self::leave`].
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn terminate(&self) {
        self.delete(30);
    }

    /// The oldest ends and its pod is gone; the name of it.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn leave(&mut self) -> String {
        self.delete(0);
        self.size.fetch_sub(1, Ordering::Relaxed);
        self.members.remove(0).pod
    }

    fn delete(&self, seconds: u32) {
        let pod = &self.members.first().expect("there is one").pod;
        let deleted = block_on(&self.runtime, pods::delete(&self.pods, pod, seconds));
        deleted.unwrap_or_else(|error| panic!("{pod}: {error}"));
    }

    fn add(&mut self, count: usize) {
        let names =
            (self.made..self.made + count).map(|number| format!("{}-{number}", self.prefix));
        let making: Vec<_> = names.map(|pod| self.make(pod)).collect();
        // All at once: each waits for the API server only.
        let made = block_on(&self.runtime, futures::future::join_all(making));
        self.made += count;
        self.size
            .fetch_add(u32::try_from(count).expect("few"), Ordering::Relaxed);
        for beginning in made {
            self.members.push(Member::start(beginning, &self.runtime));
        }
    }

    /// A pod, its token and a client with that.
    fn make(&self, pod: String) -> impl Future<Output = Beginning> + Send + use<> {
        let (pods, accounts) = (self.pods.clone(), self.accounts.clone());
        let (seen, size) = (self.seen.clone(), Arc::clone(&self.size));
        let kubeconfig = Arc::clone(&self.kubeconfig);
        async move {
            let labels = [(PROGRAM_LABEL, NODE), (POOL_LABEL, DEFAULT_POOL)];
            let node = format!("node-of-{pod}");
            let made = pods::make(&pods, &pod, &labels, &node).await;
            let uid = made.unwrap_or_else(|error| panic!("{pod}: {error}"));
            let token = accounts::token(&accounts, NODE, Some((&pod, &uid))).await;
            let token = token.unwrap_or_else(|error| panic!("{pod}: {error}"));
            let kubeconfig = Kubeconfig::from_yaml(&kubeconfig(&token)).expect("a kubeconfig");
            let client = Client::try_from(config_of(kubeconfig).await);
            Beginning {
                client: client.expect("a client of a config that was written here"),
                pods,
                identity: Identity {
                    namespace: SYSTEM_NAMESPACE.to_owned(),
                    pod,
                    uid,
                    node,
                    pool: DEFAULT_POOL.to_owned(),
                },
                seen,
                size,
            }
        }
    }
}

// === impl Member ===

impl Member {
    fn start(beginning: Beginning, runtime: &Handle) -> Self {
        let Beginning {
            client,
            pods,
            identity,
            seen,
            size,
        } = beginning;
        let pod = identity.pod.clone();
        let (becomes_ready, is_ready) = watch::channel(false);
        let (reports, reported) = watch::channel(None);
        let mut living = JoinSet::new();
        let node = identity.node.clone();
        living.spawn_on(
            tell(seen.clone(), move |seen| {
                reports.send_replace(Some(compose(&node, (*seen).clone())));
            }),
            runtime,
        );
        let reporter = Reporter::new(client, identity);
        living.spawn_on(
            reporter.run(reported, move || size.load(Ordering::Relaxed)),
            runtime,
        );
        living.spawn_on(
            become_ready(pods, pod.clone(), seen, becomes_ready),
            runtime,
        );
        Self {
            pod,
            is_ready,
            _living: living,
        }
    }
}

/// Tells each thing that was seen, the newest only where somebody is slow.
async fn tell(mut seen: watch::Receiver<Seen>, tell: impl Fn(Arc<Findings>)) {
    seen.mark_changed();
    while seen.changed().await.is_ok() {
        let now = seen.borrow_and_update().clone();
        now.into_iter().for_each(&tell);
    }
}

/// Says that a pod is ready once what is published was seen.
async fn become_ready(
    pods: Api<Pod>,
    pod: String,
    mut seen: watch::Receiver<Seen>,
    is_ready: watch::Sender<bool>,
) {
    if seen.wait_for(Option::is_some).await.is_err() {
        return;
    }
    while say_ready(&pods, &pod, true).await.is_err() {
        sleep(PAUSE).await;
    }
    is_ready.send_replace(true);
}

/// Follows what is published, for ever.
async fn follow(documents: Api<PartialObjectMeta<ConfigMap>>, sees: watch::Sender<Seen>) {
    let mut news = std::pin::pin!(watcher(documents, watcher::Config::default()));
    let mut routes = HashSet::new();
    let mut version = 0;
    let mut is_listed = false;
    while let Some(event) = news.next().await {
        match event {
            Ok(Event::Init) => {
                routes.clear();
                (version, is_listed) = (0, false);
            }
            Ok(Event::InitDone) => is_listed = true,
            Ok(Event::InitApply(object) | Event::Apply(object)) => {
                version = version.max(version_of(&object));
                routes.extend(route_of(&object));
            }
            Ok(Event::Delete(object)) => {
                version = version.max(version_of(&object));
                route_of(&object).inspect(|route| {
                    routes.remove(route);
                });
            }
            Err(_) => sleep(PAUSE).await,
        }
        if is_listed {
            sees.send_replace(Some(Arc::new(Findings {
                version,
                applied: routes.len(),
                ..Findings::default()
            })));
        }
    }
}

fn version_of(object: &PartialObjectMeta<ConfigMap>) -> u64 {
    let version = object.resource_version();
    version
        .and_then(|version| version.parse().ok())
        .unwrap_or_default()
}

fn route_of(object: &PartialObjectMeta<ConfigMap>) -> Option<String> {
    route_uid(&object.name_any()).map(str::to_owned)
}
