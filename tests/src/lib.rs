//! Harness for whole-program tests: nodes, clients, guests and the log, no tests.
//!
//! A [`node::Node`] is the real runtime on a free loopback port, following a folder of manifests as
//! `wagi up` does; dropped is stopped. A [`client::Connection`] is a raw HTTP/1 client that can read
//! slowly, hang up or send nonsense. [`log`] keeps what was logged, [`guests`] has one guest a
//! behaviour. A [`registry::Registry`] is an OCI registry in this process that can be told to misbehave,
//! a [`docker_registry::DockerRegistry`] the real one. A
//! [`kubernetes::Cluster`] is a real API server with its store. Nothing here sleeps to wait for an
//! outcome: it waits for the outcome, for a bounded time that only a hang can exceed.

pub mod access_log;
pub mod artifact;
pub mod authority;
pub mod child;
pub mod client;
pub mod docker_registry;
pub mod folder;
pub mod fuzz;
pub mod guests;
pub mod h2;
pub mod kubernetes;
pub mod log;
pub mod node;
pub mod process;
pub mod registry;
pub mod request;
pub mod skopeo;
pub mod wagi;

use std::time::Duration;

/// How long an outcome may take on a busy machine before it counts as a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Installs the crypto provider that everything with TLS in this process uses; once is enough.
pub fn install_crypto() {
    // It fails where another test was first, with the same provider.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
