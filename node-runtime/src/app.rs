//! The composition root: the only file that names every room.

pub mod build;
mod call;
pub mod capacity;
mod cluster;
pub mod command;
pub mod observe;
mod storage;

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

use self::build::{Builder, Compiler};
use self::observe::Metrics;
use crate::admin::{self, Admin, Health, Shown};
use crate::compile::CompileConfig;
use crate::control::{Applied, Control, Statuses};
use crate::guest::{
    Ending, Engine, EngineConfig, EngineError, Executor, ExecutorConfig, ExecutorError,
};
use crate::http::access_log::AccessLog;
use crate::http::account::Reports;
use crate::http::admission::Admission;
use crate::http::handler::Handler;
use crate::http::server::Grace;
use crate::http::{self, Connections, server};
use crate::modules::{self, Bounds, Images, Modules};
use crate::route::Route;
use crate::routing::live::{self, RoutesWriter};
use crate::source::Source;
use crate::stderr;
use crate::store::Store;
use crate::telemetry::{self, Log};
use crate::volumes::Volumes;

/// What the parts of a runtime are made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections.
    pub http: http::Config,
    /// Guests.
    pub engine: EngineConfig,
    /// Modules.
    pub modules: ModuleConfig,
    /// Threads.
    pub executor: ExecutorConfig,
    /// Where files of ConfigMaps and Secrets are made.
    pub volumes: Arc<Volumes>,
    /// Requests at once.
    pub max_requests: usize,
    /// Lines a second that one route's guests may log.
    pub stderr_rate: u32,
    /// Who hears how guests end, beside the log.
    pub endings: Option<mpsc::Sender<Ending>>,
    /// Where the process can be looked at; without it nothing is counted.
    pub admin: Option<admin::Config>,
    /// Where the access log goes.
    pub access_log: Option<Log>,
}

/// How modules become programs.
#[derive(Clone, Debug)]
pub struct ModuleConfig {
    /// Compiling.
    pub compile: CompileConfig,
    /// How much at once, and how large.
    pub bounds: Bounds,
    /// Where images are looked for, if they are.
    pub images: Option<Images>,
    /// Where modules are kept, if they are.
    pub store: Option<Store>,
}

/// A runtime that serves whatever its routes say.
pub struct Runtime {
    handler: Handler,
    connections: Connections,
    control: Option<Control<Compiler, Builder>>,
    http: http::Config,
    stderr: JoinHandle<()>,
    health: Health,
    readiness: Readiness,
    admin: Option<Admin>,
}

/// Who decides whether it is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readiness {
    /// It is when every route was tried.
    Tried,
    /// Somebody else tells its [`Health`].
    Told,
}

/// A runtime could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// No engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// No threads.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// No admin server.
    #[error(transparent)]
    Admin(#[from] admin::Error),
    /// Its address is not to be had.
    #[error("cannot listen on {address} (--admin-listen): {source}")]
    AdminListen {
        /// What was asked for.
        address: SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// Two metrics of one name; a bug of ours.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
}

// === impl Runtime ===

impl Runtime {
    /// Sets everything up on the tokio runtime it is called from; serves no route yet.
    ///
    /// # Errors
    ///
    /// When the kernel refuses address space or threads.
    pub fn new(config: Config) -> Result<Self, SetupError> {
        let io = tokio::runtime::Handle::current();
        let metrics = config.admin.as_ref().map(|_| Metrics::register());
        let metrics = metrics.transpose()?;
        let guest_metrics = metrics.as_ref().map(|metrics| metrics.guest.clone());
        let engine = Engine::measured(config.engine, guest_metrics)?;
        let executor = Executor::new(&engine, &config.executor, &io)?;
        let executor = Arc::new(executor);
        let (writer, routes) = live::channel();
        let (log, lines) = stderr::channel(config.stderr_rate);
        let mut admission = Admission::new(config.max_requests, engine.budget().clone());
        if let Some(metrics) = &metrics {
            admission = admission.counting(metrics.http.queue().clone());
            metrics.watch(&executor, engine.budget(), &admission, routes.clone())?;
            if let Some(log) = telemetry::log().or(config.access_log.as_ref()) {
                metrics.watch_log(&log.lines)?;
            }
            if let Some(store) = &config.modules.store {
                metrics.watch_store(store.clone())?;
            }
        }
        let health = Health::default();
        let pulses = observe::pulses(&io, &executor);
        let handler = Handler::new(
            routes.clone(),
            Arc::clone(&executor),
            admission,
            Arc::new(log),
            config.endings,
            reports(metrics.as_ref(), config.access_log),
        );
        let route_metrics = metrics.as_ref().map(|metrics| metrics.route.clone());
        let builder = Builder::new(engine.clone(), executor, io, config.volumes, route_metrics);
        let module_metrics = metrics.as_ref().map(|metrics| metrics.modules.clone());
        let control = control(config.modules, engine, builder, writer, module_metrics);
        let admin = match (config.admin, metrics) {
            (Some(config), Some(metrics)) => {
                let statuses = control.statuses();
                let shown = Shown {
                    health: health.clone(),
                    registry: metrics.registry,
                    pulses,
                    routes: Arc::new(move || observe::statuses(&statuses, &routes)),
                };
                Some(start_admin(config, shown)?)
            }
            _ => None,
        };
        Ok(Self {
            control: Some(control),
            handler,
            connections: Connections::default(),
            http: config.http,
            stderr: tokio::spawn(lines.run()),
            health,
            readiness: Readiness::Tried,
            admin,
        })
    }

    /// What is under way on its connections.
    #[must_use]
    pub const fn connections(&self) -> &Connections {
        &self.connections
    }

    /// Whether it is ready; whoever ends it says so there first.
    #[must_use]
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// What there is to say of every route, from now on.
    #[must_use]
    pub fn statuses(&self) -> Option<watch::Receiver<Arc<Statuses>>> {
        self.control.as_ref().map(Control::statuses)
    }

    /// Leaves it to the caller to say when it is ready: having tried every route is not enough.
    pub fn is_told_when_ready(&mut self) {
        self.readiness = Readiness::Told;
    }

    /// Where it can be looked at.
    #[must_use]
    pub fn admin_address(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(Admin::address)
    }

    /// Follows `source` and serves its routes on `listener` from the time all were tried, until
    /// `stop`; then lets connections and guests finish within the drain deadline. `applied` hears
    /// of every swap of the table.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops every connection, and with it every guest.
    pub async fn serve(
        mut self,
        source: impl Source,
        listener: TcpListener,
        stop: impl Future<Output: Into<Grace>>,
        mut applied: impl FnMut(Applied),
    ) {
        let Some(control) = self.control.take() else {
            return;
        };
        let (loaded, first) = tokio::sync::oneshot::channel();
        let mut loaded = Some(loaded);
        let (health, readiness) = (self.health(), self.readiness);
        let following = control.run(source, |change| {
            if readiness == Readiness::Tried {
                match &change.loading[..] {
                    [] => health.loaded(),
                    loading => health.loading(loading.iter().map(ToString::to_string).collect()),
                }
            }
            applied(change);
            if let Some(loaded) = loaded.take() {
                // Nobody listens when the order to stop came first.
                let _ = loaded.send(());
            }
        });
        let serving = async {
            let mut stop = pin!(stop);
            tokio::select! {
                _ = &mut stop => return,
                _ = first => {}
            }
            let (http, open) = (self.http.clone(), self.connections.clone());
            let until = server::run(listener, stop, http, open, self.handler.clone()).await;
            // Guests that may finish without their clients.
            if timeout_at(until, self.handler.idle()).await.is_err() {
                let guests = self.handler.running();
                tracing::warn!(guests, "guests without clients are cut at the deadline");
            }
        };
        let mut following = pin!(following);
        let mut serving = pin!(serving);
        tokio::select! {
            () = &mut serving => {}
            // A source that has ended leaves its last routes.
            () = &mut following => serving.await,
        }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stderr.abort();
    }
}

fn control(
    config: ModuleConfig,
    engine: Engine,
    builder: Builder,
    writer: RoutesWriter<Arc<Route>>,
    metrics: Option<modules::metrics::Metrics>,
) -> Control<Compiler, Builder> {
    let compiler = Compiler::new(engine, config.compile, config.store.clone());
    let modules = Modules::new(
        compiler,
        config.bounds,
        config.images,
        config.store,
        metrics,
    );
    Control::new(modules, builder, writer)
}

/// Who hears of requests, if anybody does.
fn reports(metrics: Option<&Metrics>, access_log: Option<Log>) -> Option<Arc<Reports>> {
    if metrics.is_none() && access_log.is_none() {
        return None;
    }
    Some(Arc::new(Reports {
        access_log: access_log.map(AccessLog::new),
        metrics: metrics.map(Metrics::counted),
    }))
}

fn start_admin(config: admin::Config, shown: Shown) -> Result<Admin, SetupError> {
    let address = config.listen;
    let listener = server::bind(address).and_then(TcpListener::into_std);
    let listener = listener.map_err(|source| SetupError::AdminListen { address, source })?;
    Ok(admin::start(listener, config.token_file, shown)?)
}
