//! A real control plane: etcd and an API server with RBAC on, whose only administrator is the test.
//!
//! [`Cluster::start`] gives one of one's own, which may be stopped and started again; [`shared`] one
//! that all tests of a process share, each with namespaces, routes and pods of its own names. There
//! is no kubelet: [`Cluster::make_pod`] makes a pod and [`Cluster::set_pod_ready`] says that it is ready,
//! and programs run as processes of this machine, under the accounts that they have in a cluster
//! ([`Cluster::kubeconfig_for`]). Where only their number matters, a [`HollowFleet`] is many runtimes at the
//! price of one.
//!
//! The programs are Kubernetes' own, built by `scripts/kubernetes`. Nothing of them outlives the process
//! of the tests, however that ends: the kernel kills them ([`crate::child`]), and a shell that waits for that
//! removes their folder ([`crate::folder`]).
//!
//! Methods block, and may be called with a tokio runtime or without one.

mod accounts;
mod counts;
mod credentials;
mod gate;
mod history;
mod hollow;
mod install;
mod kubectl;
mod pods;
mod ports;
mod programs;
mod workload;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::runtime::{Handle, Runtime};

use crate::PATIENCE;
use crate::child::Child;
use crate::folder::Folder;

use credentials::Credentials;
use ports::Port;
use programs::Programs;

pub use gate::Gate;
pub use history::Backup;
pub use hollow::HollowFleet;
pub use workload::Workload;

/// What a cluster has from its start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether [`Cluster::install`] is done.
    pub installed: bool,
    /// Whether Kubernetes' controllers run: those that delete what a namespace or an owner had, and
    /// make the account `default` of each namespace. They learn of custom resources that are
    /// installed later only within half a minute.
    pub controllers: bool,
}

/// A control plane that runs.
pub struct Cluster {
    // In the order in which they end: nobody loses what it talks to, and the folder goes last.
    controllers: Mutex<Option<Child>>,
    api_server: Mutex<Option<Child>>,
    etcd: Mutex<Option<Child>>,
    client: Client,
    worker: Worker,
    programs: Programs,
    port: Port,
    folder: Folder,
    memory: Folder,
}

/// What the cluster itself waits with, whoever calls.
struct Worker(Option<Runtime>);

/// The cluster that the tests of this process share, installed and with controllers.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| {
        Cluster::start(Options {
            installed: true,
            controllers: true,
        })
    })
}

// === impl Cluster ===

impl Cluster {
    /// A new one, once its API server is ready: about 3 s.
    ///
    /// # Panics
    ///
    /// When its programs do not start; with what they logged.
    #[must_use]
    pub fn start(options: Options) -> Self {
        crate::install_crypto();
        let programs = Programs::find();
        let folder = Folder::new();
        let port = Port::claim();
        let credentials = Credentials::new();
        credentials.write(folder.path(), port.number());
        let worker = Worker::new();
        let mut admin = config(&worker, &folder.path().join(credentials::ADMIN));
        // It has no watches, which this would cut.
        admin.read_timeout = Some(Duration::from_secs(15));
        admin.reset_reader_on_write = true;
        let client = client(worker.runtime().handle(), admin);
        let cluster = Self {
            controllers: Mutex::default(),
            api_server: Mutex::default(),
            etcd: Mutex::default(),
            client,
            worker,
            programs,
            port,
            folder,
            memory: Folder::in_memory(),
        };
        cluster.start_again();
        if options.installed {
            cluster.install();
        }
        if options.controllers {
            *lock(&cluster.controllers) = Some(cluster.start_controllers());
        }
        cluster
    }

    /// Kills API server and etcd, as a crash would.
    pub fn stop(&self) {
        lock(&self.api_server).take();
        lock(&self.etcd).take();
    }

    /// Starts API server and etcd where they were, with what they had, and waits until they are ready.
    ///
    /// # Panics
    ///
    /// When they do not become ready.
    pub fn start_again(&self) {
        let mut etcd = lock(&self.etcd);
        let mut api_server = lock(&self.api_server);
        let etcd = etcd.get_or_insert_with(|| self.start_etcd());
        let api_server = api_server.get_or_insert_with(|| self.start_api_server());
        self.until("the API server", [etcd, api_server], || async {
            let request = http::Request::get("/readyz").body(Vec::new());
            let answer = self.client.request_text(request.expect("a request")).await;
            answer.is_ok_and(|answer| answer == "ok")
        });
    }

    /// Keeps the API server from running: connections stay open and nothing answers.
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn pause(&self) {
        let api_server = lock(&self.api_server);
        api_server.as_ref().expect("it runs").signal("STOP");
    }

    /// Lets the API server run on after [`Self::pause`].
    ///
    /// # Panics
    ///
    /// When it does not run.
    pub fn resume(&self) {
        let api_server = lock(&self.api_server);
        api_server.as_ref().expect("it runs").signal("CONT");
    }

    /// Where the API server listens.
    #[must_use]
    pub fn url(&self) -> String {
        credentials::url(self.port.number())
    }

    /// A client of the administrator, new and for the runtime that it is asked for in.
    #[must_use]
    pub fn admin(&self) -> Client {
        self.client_of(&self.kubeconfig_admin())
    }

    /// A client of whoever a kubeconfig is of, new and for the runtime that it is asked for in.
    #[must_use]
    pub fn client_of(&self, kubeconfig: &Path) -> Client {
        let handle = Handle::try_current();
        let handle = handle.unwrap_or_else(|_| self.worker.runtime().handle().clone());
        client(&handle, config(&self.worker, kubeconfig))
    }

    /// The administrator's kubeconfig.
    #[must_use]
    pub fn kubeconfig_admin(&self) -> PathBuf {
        self.folder.path().join(credentials::ADMIN)
    }

    /// The folder that has Kubernetes' own programs.
    #[must_use]
    pub fn programs(&self) -> &Path {
        self.programs.folder()
    }

    /// A folder that goes with the cluster.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A folder of its own in memory.
    #[must_use]
    pub fn memory(&self) -> &Path {
        self.memory.path()
    }

    /// Waits for what needs a runtime, where there is one and where there is none. A client that was
    /// asked for in the caller's own runtime cannot be waited for here, since that is kept from running.
    pub fn block_on<F: Future + Send>(&self, future: F) -> F::Output
    where
        F::Output: Send,
    {
        self.worker.block_on(future)
    }

    fn start_etcd_again(&self) {
        lock(&self.etcd).get_or_insert_with(|| self.start_etcd());
    }

    fn etcd_data(&self) -> PathBuf {
        self.folder.path().join("etcd")
    }

    fn etcd_socket(&self) -> PathBuf {
        self.folder.path().join("etcd.sock")
    }

    fn start_etcd(&self) -> Child {
        let folder = self.folder.path();
        let socket = self.etcd_socket();
        // What was killed leaves its socket, which is waited for below.
        let _ = std::fs::remove_file(&socket);
        let mut command = self.programs.command("etcd");
        command.arg(format!("--data-dir={}", self.etcd_data().display()));
        command.arg(format!("--listen-client-urls=unix://{}", socket.display()));
        // It is alone and nobody asks it for its address, but it insists on having some.
        command.args([
            "--advertise-client-urls=http://127.0.0.1:0",
            "--listen-peer-urls=http://127.0.0.1:0",
            "--initial-advertise-peer-urls=http://127.0.0.1:0",
            "--initial-cluster=default=http://127.0.0.1:0",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]);
        let mut etcd = Child::start(&command, &folder.join("etcd.log"));
        self.until("etcd", [&mut etcd], || async { socket.exists() });
        etcd
    }

    fn start_api_server(&self) -> Child {
        let folder = self.folder.path();
        let mut command = self.programs.command("kube-apiserver");
        let socket = folder.join("etcd.sock");
        command.arg(format!("--etcd-servers=unix://{}", socket.display()));
        command.arg(format!("--secure-port={}", self.port.number()));
        command.args(credentials::flags(folder));
        command.args([
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            // Endpoints of the Service `kubernetes` may not be loopback, and nobody needs them.
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--authorization-mode=RBAC",
            // Tests measure and break our programs, not the API server's fairness among clients.
            "--max-requests-inflight=4000",
            "--max-mutating-requests-inflight=2000",
        ]);
        Child::start(&command, &folder.join("kube-apiserver.log"))
    }

    fn start_controllers(&self) -> Child {
        let folder = self.folder.path();
        let mut command = self.programs.command("kube-controller-manager");
        let kubeconfig = folder.join(credentials::CONTROLLERS);
        command.arg(format!("--kubeconfig={}", kubeconfig.display()));
        command.args([
            "--controllers=namespace-controller,garbage-collector-controller,\
             serviceaccount-controller,clusterrole-aggregation-controller,\
             validatingadmissionpolicy-status-controller",
            // Each under its own account, as everywhere: admission policies see whom they stop.
            "--use-service-account-credentials=true",
            "--leader-elect=false",
            "--secure-port=0",
            "--kube-api-qps=500",
            "--kube-api-burst=1000",
        ]);
        Child::start(&command, &folder.join("kube-controller-manager.log"))
    }

    /// Asks until it is so: these programs tell nobody that they are ready.
    fn until<const N: usize, F: Future<Output = bool> + Send>(
        &self,
        what: &str,
        mut children: [&mut Child; N],
        is_so: impl Fn() -> F + Sync,
    ) {
        let waiting = async {
            loop {
                if is_so().await {
                    return Ok(());
                }
                for child in &mut children {
                    if let Some(status) = child.ended() {
                        return Err(format!("{status}, {}", child.log_tail()));
                    }
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let outcome = self.block_on(async { tokio::time::timeout(PATIENCE, waiting).await });
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(why)) => panic!("{what} is not ready, {why}"),
            Err(_) => panic!("{what} is not ready after {PATIENCE:?}"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A test that failed elsewhere says enough.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn config(worker: &Worker, kubeconfig: &Path) -> Config {
    let read = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig that was written here");
    worker.block_on(config_of(read))
}

async fn config_of(kubeconfig: Kubeconfig) -> Config {
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    let mut config = config.expect("a kubeconfig that was written here");
    // The environment's is not for loopback.
    config.proxy_url = None;
    // What a test asks for is asked for once.
    config.default_retry = false;
    config
}

fn client(runtime: &Handle, config: Config) -> Client {
    let _entered = runtime.enter();
    Client::try_from(config).expect("a client of a config that was written here")
}

/// On a thread of its own, since a thread that runs a runtime may not wait for another.
fn block_on<F: Future + Send>(runtime: &Handle, future: F) -> F::Output
where
    F::Output: Send,
{
    let outcome = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| runtime.block_on(future));
        waiting.join()
    });
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

// === impl Worker ===

impl Worker {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        Self(Some(runtime.expect("a tokio runtime")))
    }

    fn runtime(&self) -> &Runtime {
        self.0.as_ref().expect("it is taken when dropped")
    }

    fn block_on<F: Future + Send>(&self, future: F) -> F::Output
    where
        F::Output: Send,
    {
        block_on(self.runtime().handle(), future)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // Waiting for it is not allowed where another runtime runs.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
