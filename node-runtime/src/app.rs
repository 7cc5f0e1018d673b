//! The composition root: the only file that names every room.

pub mod build;
mod call;
pub mod capacity;
pub mod command;
mod storage;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout_at;

use self::build::{Builder, Compiler};
use crate::compile::CompileConfig;
use crate::control::{Applied, Control};
use crate::guest::{
    Ending, Engine, EngineConfig, EngineError, Executor, ExecutorConfig, ExecutorError,
};
use crate::http::admission::Admission;
use crate::http::handler::Handler;
use crate::http::server::Grace;
use crate::http::{self, Connections, server};
use crate::modules::{Bounds, Images, Modules};
use crate::route::Route;
use crate::routing::live::{self, RoutesWriter};
use crate::source::Source;
use crate::stderr;
use crate::store::Store;

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
    /// Requests at once.
    pub max_requests: usize,
    /// Lines a second that one route's guests may log.
    pub stderr_rate: u32,
    /// Who hears how guests end, beside the log.
    pub endings: Option<mpsc::Sender<Ending>>,
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
}

// === impl Runtime ===

impl Runtime {
    /// Sets everything up on the tokio runtime it is called from; serves no route yet.
    ///
    /// # Errors
    ///
    /// When the kernel refuses address space or threads.
    pub fn new(config: Config) -> Result<Self, SetupError> {
        let engine = Engine::new(config.engine)?;
        let io = tokio::runtime::Handle::current();
        let executor = Arc::new(Executor::new(&engine, &config.executor, &io)?);
        let (writer, routes) = live::channel();
        let (log, lines) = stderr::channel(config.stderr_rate);
        let handler = Handler::new(
            routes,
            Arc::clone(&executor),
            Admission::new(config.max_requests, engine.budget().clone()),
            Arc::new(log),
            config.endings,
        );
        Ok(Self {
            control: Some(control(config.modules, engine, executor, io, writer)),
            handler,
            connections: Connections::default(),
            http: config.http,
            stderr: tokio::spawn(lines.run()),
        })
    }

    /// What is under way on its connections.
    #[must_use]
    pub const fn connections(&self) -> &Connections {
        &self.connections
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
        let following = control.run(source, |change| {
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
    executor: Arc<Executor>,
    io: tokio::runtime::Handle,
    writer: RoutesWriter<Arc<Route>>,
) -> Control<Compiler, Builder> {
    let compiler = Compiler::new(engine.clone(), config.compile, config.store.clone());
    let modules = Modules::new(compiler, config.bounds, config.images, config.store);
    Control::new(modules, Builder::new(engine, executor, io), writer)
}
