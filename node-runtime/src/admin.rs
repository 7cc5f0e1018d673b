//! What whoever is paged for the process looks at: `/livez`, `/readyz`, `/metrics`, `/routes`.
//!
//! It answers from a thread and a port of its own, with a small server of its own, so that it
//! answers when everything else is busy or stuck. Readiness latches: once ready, only draining ends
//! it, never a route. It knows neither guests nor routes: what it shows it is given as questions
//! that it may ask.

pub mod health;
mod pulse;
mod routes;
mod server;
mod token;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use prometheus::Registry;
use tokio::sync::oneshot;

pub use self::health::Health;
pub use self::pulse::Pulse;
pub use self::routes::{RouteStatus, Routes, State};
pub use self::token::TokenError;

use self::pulse::Heart;
use self::server::Server;
use self::token::Access;

/// Where it listens, and who may ask for routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Port 0 takes a free one.
    pub listen: SocketAddr,
    /// The file with the token; without one, routes are shown to this machine only.
    pub token_file: Option<PathBuf>,
}

/// What it shows.
pub struct Shown {
    /// Whether the process is ready.
    pub health: Health,
    /// The metrics.
    pub registry: Registry,
    /// Who has to answer for the process to be alive.
    pub pulses: Vec<Pulse>,
    /// The routes.
    pub routes: Arc<dyn Routes>,
}

/// The server; dropped is stopped.
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// It cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No socket, no thread.
    #[error("the admin server cannot be started")]
    Io(#[from] std::io::Error),
    /// No token.
    #[error("--admin-token-file: {0}")]
    Token(#[from] TokenError),
}

// === impl Admin ===

impl Admin {
    /// Answers on `listener` from now on.
    ///
    /// # Errors
    ///
    /// When the token cannot be read, or the kernel gives no thread.
    pub fn start(
        listener: TcpListener,
        token_file: Option<PathBuf>,
        shown: Shown,
    ) -> Result<Self, Error> {
        let Shown {
            health,
            registry,
            pulses,
            routes,
        } = shown;
        let server = Server {
            access: Access::open(token_file)?,
            heart: Heart::new(pulses),
            health,
            registry,
            routes,
        };
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("wagi-admin".to_owned())
            .spawn(move || runtime.block_on(server::run(listener, server, stopped)))?;
        Ok(Self {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}
