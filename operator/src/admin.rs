//! What the admin server of the operator shows: `/livez`, `/readyz`, `/metrics`.
//!
//! A standby is ready, too. It knows no routes.

pub mod health;

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use process_shell::admin::{self, Admin, Pulse, Shown};
use prometheus::Registry;
use tokio::runtime::Handle;

pub use self::health::Health;

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
    #[error(transparent)]
    Start(#[from] admin::Error),
}

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
) -> Result<Admin, Error> {
    let listener = listen(address)?;
    let shown = Shown {
        readiness: Arc::new(health),
        registry,
        pulses: vec![Pulse::of_runtime("the threads of the stories", threads)],
        page: None,
    };
    let admin = Admin::start(listener, shown)?;
    tracing::info!(address = %admin.address(), "answers /livez, /readyz and /metrics");
    Ok(admin)
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
