//! What whoever is paged for the process looks at: `/livez`, `/readyz`, `/metrics`.
//!
//! It answers from a thread and a port of its own, so that it answers when everything else is busy
//! or stuck. A standby is ready, too. It knows no routes: what it shows it is given.

pub mod health;
mod pulse;
mod server;

use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use prometheus::Registry;
use tokio::runtime::Handle;
use tokio::sync::oneshot;

pub use self::health::Health;

use self::pulse::Pulse;
use self::server::Server;

/// The server; dropped is stopped.
pub struct Admin {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// It cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address is not to be had.
    #[error("--admin-listen {address}: cannot listen there; write another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// No thread.
    #[error("the admin server cannot be started")]
    Io(#[from] std::io::Error),
}

// === impl Admin ===

impl Admin {
    /// Answers on `address` from now on; `[::]` is `0.0.0.0` where there is no IPv6.
    ///
    /// # Errors
    ///
    /// When the address is taken, or the kernel gives no thread.
    pub fn start(
        address: SocketAddr,
        health: Health,
        registry: Registry,
        threads: Handle,
    ) -> Result<Self, Error> {
        let listener = listen(address)?;
        let server = Server {
            pulse: Pulse::new(threads),
            health,
            registry,
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
        tracing::info!(%address, "answers /livez, /readyz and /metrics");
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

fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let bound = TcpListener::bind(address).or_else(|error| {
        let any: SocketAddr = (std::net::Ipv6Addr::UNSPECIFIED, address.port()).into();
        let has_no_ipv6 = error.kind() != std::io::ErrorKind::AddrInUse;
        if address == any && has_no_ipv6 {
            TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, address.port()))
        } else {
            Err(error)
        }
    });
    bound.map_err(|source| Error::Listen { address, source })
}

#[cfg(test)]
mod tests;
