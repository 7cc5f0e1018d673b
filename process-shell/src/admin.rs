//! What whoever is paged for a process looks at: `/livez`, `/readyz`, `/metrics`, and what else the
//! program shows.
//!
//! It answers from a thread and a port of its own, with a small server of its own, so that it
//! answers when everything else is busy or stuck. What it shows it is given as questions that it may
//! ask; it knows none of the answers.

mod pulse;
mod server;
mod token;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use prometheus::Registry;
use tokio::sync::oneshot;

pub use self::pulse::Pulse;
pub use self::token::TokenError;

use self::pulse::Heart;
use self::server::Server;
use self::token::Access;

/// Knows whether the process is ready; asked on the admin server's thread.
pub trait Readiness: Send + Sync + 'static {
    /// What is so while it is ready, as in "200 while …".
    fn means(&self) -> &'static str;

    /// Why it is not, one line each; none is ready.
    fn reasons(&self) -> Vec<String>;
}

/// Something of a program's own that is shown as JSON; asked on the admin server's thread.
pub trait Page: Send + Sync + 'static {
    /// What it shows, in one word; `/WORD` is its path.
    fn name(&self) -> &'static str;

    /// All of it, as it is now.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    fn write(&self) -> Result<String, Box<dyn std::error::Error>>;
}

/// What is shown.
pub struct Shown {
    /// Whether the process is ready.
    pub readiness: Arc<dyn Readiness>,
    /// The metrics.
    pub registry: Registry,
    /// Who has to answer for the process to be alive.
    pub pulses: Vec<Pulse>,
    /// What else there is, for whoever may see it.
    pub page: Option<Private>,
}

/// A page, and who may see it.
pub struct Private {
    /// What it shows.
    pub page: Arc<dyn Page>,
    /// The file with the token; without one, it is shown to this machine only.
    pub token_file: Option<PathBuf>,
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
    pub fn start(listener: TcpListener, shown: Shown) -> Result<Self, Error> {
        let Shown {
            readiness,
            registry,
            pulses,
            page,
        } = shown;
        let page = page.map(|Private { page, token_file }| {
            let access = Access::open(token_file)?;
            Ok::<_, TokenError>((page, access))
        });
        let server = Server {
            heart: Heart::new(pulses),
            readiness,
            registry,
            page: page.transpose()?,
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

#[cfg(test)]
mod tests;
