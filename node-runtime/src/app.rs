//! The composition root: the only file that names every room.

use std::future::Future;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::guest::{Engine, EngineConfig, EngineError, Executor, ExecutorConfig, ExecutorError};
use crate::http::admission::Admission;
use crate::http::handler::Handler;
use crate::http::{self, server};
use crate::route::Route;
use crate::routing::live::{self, RoutesWriter};
use crate::stderr;

/// What the parts of a runtime are made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Connections.
    pub http: http::Config,
    /// Guests.
    pub engine: EngineConfig,
    /// Threads.
    pub executor: ExecutorConfig,
    /// Requests at once.
    pub max_requests: usize,
    /// Lines a second that one route's guests may log.
    pub stderr_rate: u32,
}

/// A runtime that serves whatever its routes say.
pub struct Runtime {
    engine: Engine,
    executor: Arc<Executor>,
    handler: Handler,
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
    pub fn new(config: Config) -> Result<(Self, RoutesWriter<Arc<Route>>), SetupError> {
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
        );
        let runtime = Self {
            engine,
            executor,
            handler,
            http: config.http,
            stderr: tokio::spawn(lines.run()),
        };
        Ok((runtime, writer))
    }

    /// Compiles modules.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Runs guests.
    #[must_use]
    pub fn executor(&self) -> &Arc<Executor> {
        &self.executor
    }

    /// Serves until `stop`, then lets connections finish within the drain deadline.
    ///
    /// # Cancellation
    ///
    /// Dropping the future drops every connection, and with it every guest.
    pub async fn serve(&self, listener: TcpListener, stop: impl Future<Output = ()>) {
        server::run(listener, stop, self.http.clone(), self.handler.clone()).await;
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.stderr.abort();
    }
}
