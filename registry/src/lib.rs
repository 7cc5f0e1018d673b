//! What kube-wagi does with OCI registries.
//!
//! ```text
//! reference ──resolve──▶ manifest ──artifact──▶ layer ──pull──▶ bytes, hashed while they come
//!    │                      ▲                                     ▲
//!    └─mirror──▶ endpoints ─┴── transport ◀── auth ◀── credentials┘      push: the other way
//! ```
//!
//! Every byte that arrives is checked against a digest, every wait ends, every size is bounded, and
//! credentials go to the host that they are for. Knows nothing of stores, WebAssembly or Kubernetes.

mod client;
mod pull;
mod push;

pub mod artifact;
mod auth;
mod credentials;
mod error;
mod mirror;
pub mod retry;
mod settings;
mod transport;

#[cfg(test)]
mod testing;

pub use auth::AuthError;
pub use client::Client;
pub use credentials::{Credentials, CredentialsError, DockerConfig};
pub use error::{Error, Problem, Refused, What};
pub use pull::{Resolved, Sink};
pub use push::{Annotations, PushError, Pushed};
pub use retry::Retry;
pub use settings::{Mirror, MirrorError, Settings, SettingsError, Timeouts};
pub use transport::TransportError;
