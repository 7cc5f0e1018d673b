//! The HTTP front: sockets in, requests to a [`Service`], answers out.
//!
//! [`server::run`] accepts; every connection is one task that owns everything on
//! it ([`scope::Scope`]); hyper speaks the protocols. A service gets
//! `Request<Upload>` and an [`Exchange`], and returns a response whose body says
//! how it ended: an error means *broken*, and this room sees to it that the last
//! bytes before it arrive and that the client can tell. What a client that goes
//! away had started is dropped with its connection, at once.
//!
//! A service need not: read or drain the request's body (dropping it is enough),
//! delay a body's error, or watch for hang-up. It must: call
//! [`Upload::continue_first`] before a 2xx head that it sends unread, call
//! [`Cut::now`] when a client stalls for too long, and ask [`host::check`] about
//! every request first.

pub mod access_log;
pub mod account;
pub mod admission;
pub mod body;
pub mod caller;
pub mod cut;
pub mod error;
pub mod exchange;
pub mod forwarded;
pub mod handler;
pub mod host;
pub mod metrics;
pub mod request_id;
pub mod scope;
pub mod server;
pub mod upload;

mod ahead;
mod answer;
mod beside;
mod connection;
mod flush;
mod frames;
mod framing;
mod io;
mod linger;
mod phase;
mod preface;
mod registry;
mod stall;
mod streams;
#[cfg(test)]
mod testing;

use std::time::Duration;

pub use self::cut::Cut;
pub use self::exchange::{BoxError, Exchange, Service};
pub use self::forwarded::TrustedProxies;
pub use self::registry::{Connections, Counts};
pub use self::scope::Scope;
pub use self::upload::Upload;

/// How long clients may take, and how many there may be.
#[derive(Clone, Debug)]
pub struct Config {
    /// Until a connection's first byte.
    pub first_byte: Duration,
    /// From a head's first byte to its last.
    pub head: Duration,
    /// Between requests. Proxies reuse connections: short values race with them.
    pub keep_alive: Duration,
    /// Connections at a time; at this number the longest idle one is closed.
    pub max_connections: usize,
    /// How much of a request body that nobody wants is read, unless the service says otherwise.
    pub drain_bytes: u64,
    /// How long such a body is read.
    pub drain_time: Duration,
    /// How many such bodies are read at the same time.
    pub max_drains: usize,
    /// How long connections may go on after the order to stop.
    pub drain_deadline: Duration,
    /// Whose word on forwarded requests counts.
    pub trusted_proxies: TrustedProxies,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            first_byte: Duration::from_secs(10),
            head: Duration::from_secs(30),
            keep_alive: Duration::from_secs(600),
            max_connections: 10_000,
            // The default of a route's `requestBody`.
            drain_bytes: 64 << 20,
            drain_time: Duration::from_secs(5),
            max_drains: 64,
            drain_deadline: Duration::from_secs(30),
            trusted_proxies: TrustedProxies::default(),
        }
    }
}
