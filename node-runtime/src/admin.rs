//! What the admin server of a runtime shows: whether it is ready, and its routes.
//!
//! Readiness latches: once ready, only draining ends it, never a route. It knows neither guests nor
//! routes: what it shows it is given as questions that it may ask.

pub mod health;
mod routes;

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;

use process_shell::admin::{self, Private};
use prometheus::Registry;

pub use process_shell::admin::{Admin, Error, Pulse, TokenError};

pub use self::health::Health;
pub use self::routes::{RouteStatus, Routes, State};

use self::routes::Listing;

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

/// Shows it on `listener` from now on.
///
/// # Errors
///
/// When the token cannot be read, or the kernel gives no thread.
pub fn start(
    listener: TcpListener,
    token_file: Option<PathBuf>,
    shown: Shown,
) -> Result<Admin, Error> {
    let Shown {
        health,
        registry,
        pulses,
        routes,
    } = shown;
    let page = Arc::new(Listing(routes));
    let shown = admin::Shown {
        readiness: Arc::new(health),
        registry,
        pulses,
        page: Some(Private { page, token_file }),
    };
    Admin::start(listener, shown)
}
