//! What the commands do with a runtime.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use registry::{Client, SettingsError};
use tokio::net::TcpListener;
use tokio::runtime;

use super::call::{self, Told};
use super::{Config, ModuleConfig, Runtime, capacity, cluster, storage};
use crate::admin::Health;
use crate::cli::up;
use crate::compile::{self, CompileConfig};
use crate::guest::{Ending, EngineConfig, ExecutorConfig, Reset};
use crate::http::{self, Connections, Counts, server};
use crate::modules::{Bounds, Images};
use crate::shutdown::{self, Draining, Ended, UnderWay};
use crate::source::{Kubernetes, Manifests, Source, kubernetes};
use crate::store::Store;
use crate::volumes::Volumes;
use crate::{config, control, telemetry};

/// A command could not do its work.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How long the connection of a single call may take to close.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the ending of a server is told to.
struct Front {
    connections: Connections,
    health: Health,
}

impl Draining for Front {
    fn begin(&self) {
        self.health.draining();
    }

    fn under_way(&self) -> UnderWay {
        let Counts {
            connections,
            requests,
        } = self.connections.counts();
        UnderWay {
            connections,
            requests,
        }
    }
}

/// A server that is bound, and serves no route yet.
struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    pre_stop_wait: Duration,
}

/// Serves manifests until it is told to stop.
///
/// # Errors
///
/// When nothing can be served.
pub fn serve(config: config::Up) -> Result<(), Failure> {
    on_io_threads(async {
        let source = Manifests::open(config.paths)?;
        Server::bind(&config.serve, || Ok(Volumes::temporary()))?
            .run(source)
            .await
    })
}

/// Serves what is published in a cluster, and reports, until it is told to stop.
///
/// # Errors
///
/// When nothing can be served.
pub fn serve_cluster(config: config::Node) -> Result<(), Failure> {
    on_io_threads(async {
        let client = kubernetes::connect(config.kubeconfig.clone()).await?;
        // Whoever holds the store's lock has the folder of documents, too.
        let mut server = Server::bind(&config.serve, || cluster::volumes(&config))?;
        let source = Kubernetes::open(cluster::source(&config, client.clone()))?;
        let _beside = cluster::start(config, client, source.view(), &mut server.runtime);
        server.run(source).await
    })
}

// === impl Server ===

impl Server {
    /// Makes `volumes` once it holds the store, and so what is beside it.
    fn bind(
        config: &config::Serve,
        volumes: impl FnOnce() -> Result<Volumes, Failure>,
    ) -> Result<Self, Failure> {
        let listener = server::bind(config.listen)
            .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
        let address = listener.local_addr()?;
        let runtime = Runtime::new(runtime_config(config, volumes)?)?;
        if let Some(address) = runtime.admin_address() {
            tracing::info!("admin server on http://{address}");
        }
        Ok(Self {
            runtime,
            listener,
            address,
            pre_stop_wait: config.lifecycle.pre_stop_wait.get(),
        })
    }

    /// Serves what a source says, until the order to stop.
    async fn run(self, source: impl Source) -> Result<(), Failure> {
        let Self {
            runtime,
            listener,
            address,
            pre_stop_wait,
        } = self;
        let front = Front {
            connections: runtime.connections().clone(),
            health: runtime.health(),
        };
        let mut told = Ok(());
        let applied = |applied: control::Applied| {
            up::log(&applied);
            if applied.is_first {
                telemetry::flush();
                told = up::list(&mut std::io::stderr(), address, &applied)
                    .and_then(|()| up::announce(&mut std::io::stdout(), address));
            }
        };
        let serve = |stop: shutdown::Stop| {
            // A sender that is gone is an order to stop, too.
            let stop = stop.map(Result::unwrap_or_default);
            runtime.serve(source, listener, stop, applied)
        };
        let ended = shutdown::run(shutdown::signals()?, pre_stop_wait, &front, serve).await;
        if ended == Ended::AtOnce {
            // Without waiting for a single thread but that of the log: somebody has asked twice.
            telemetry::flush();
            std::process::exit(1);
        }
        Ok(told?)
    }
}

fn on_io_threads<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let tokio = io_threads()?;
    let worked = tokio.block_on(work);
    tokio.shutdown_background();
    worked
}

/// Runs one request through the whole path.
///
/// # Errors
///
/// When there is nothing to run.
pub fn call(config: config::Call) -> Result<ExitCode, Failure> {
    let told = on_io_threads(async {
        let runtime = runtime_config_of_call(&config)?;
        call::call(&config, runtime).await
    });
    match told? {
        Told::Answer(Some(Ending::Exited(0))) => Ok(ExitCode::SUCCESS),
        Told::Answer(_) | Told::Broken(_) => Ok(ExitCode::FAILURE),
    }
}

fn io_threads() -> std::io::Result<runtime::Runtime> {
    runtime::Builder::new_multi_thread()
        .worker_threads(capacity::cores())
        .thread_name("wagi-io")
        .enable_all()
        .build()
}

fn runtime_config(
    config: &config::Serve,
    volumes: impl FnOnce() -> Result<Volumes, Failure>,
) -> Result<Config, Failure> {
    let max_requests = capacity::guests(config.max_requests.get() as usize);
    let store = storage::open(&config.store)?;
    Ok(Config {
        http: http::Config {
            keep_alive: config.keep_alive.get(),
            max_connections: capacity::connections(config.max_connections.get() as usize),
            drain_deadline: config.lifecycle.drain_deadline.get(),
            trusted_proxies: http::TrustedProxies::new(&config.trusted_proxies),
            ..http::Config::default()
        },
        engine: EngineConfig {
            max_guests: max_requests,
            guest_memory_bytes: guest_memory(config.guest_memory),
            wasm_exceptions: config.compile.wasm_exceptions,
            reset: Reset::default(),
        },
        modules: ModuleConfig {
            compile: compile_config(config.compile),
            bounds: Bounds {
                pulls: config.modules.parallel_pulls.get() as usize,
                compiles: compile::parallel(capacity::memory_bytes()),
                module_bytes: config.modules.max_size.bytes(),
            },
            images: Some(images(&config.registry, store.clone())?),
            store,
        },
        executor: ExecutorConfig {
            threads_per_level: capacity::cores(),
        },
        volumes: Arc::new(volumes()?),
        max_requests,
        stderr_rate: config.stderr_rate.get(),
        endings: None,
        admin: config.admin.server.clone(),
        access_log: telemetry::log()
            .filter(|_| config.admin.access_log)
            .cloned(),
    })
}

fn runtime_config_of_call(config: &config::Call) -> Result<Config, Failure> {
    Ok(Config {
        http: http::Config {
            drain_deadline: PATIENCE,
            ..http::Config::default()
        },
        engine: EngineConfig {
            max_guests: 1,
            guest_memory_bytes: guest_memory(config::GuestMemory::Percent(60)),
            wasm_exceptions: config.compile.wasm_exceptions,
            reset: Reset::default(),
        },
        modules: ModuleConfig {
            compile: compile_config(config.compile),
            bounds: Bounds {
                compiles: compile::parallel(capacity::memory_bytes()),
                ..Bounds::default()
            },
            images: Some(images(&config.registry, None)?),
            store: None,
        },
        executor: ExecutorConfig {
            threads_per_level: 1,
        },
        volumes: Arc::new(Volumes::temporary()),
        max_requests: 1,
        stderr_rate: u32::MAX,
        endings: None,
        admin: None,
        access_log: None,
    })
}

/// Where this program looks for images under a configuration.
fn images(
    config: &config::registry::Registry,
    store: Option<Store>,
) -> Result<Images, SettingsError> {
    let client = Client::new(config.settings.clone())?;
    Ok(Images::new(client, config.credentials.clone(), store))
}

/// How this program compiles under a configuration.
#[must_use]
pub fn compile_config(config: config::Compile) -> CompileConfig {
    CompileConfig {
        program: CompileConfig::own_program(),
        timeout: config.timeout.get(),
        memory_bytes: config.memory_bytes(capacity::memory_bytes()),
        wasm_exceptions: config.wasm_exceptions,
    }
}

fn guest_memory(share: config::GuestMemory) -> usize {
    usize::try_from(share.bytes(capacity::memory_bytes())).unwrap_or(usize::MAX)
}
