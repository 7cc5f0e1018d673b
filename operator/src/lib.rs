//! The control plane of kube-wagi: routes become documents that every runtime of a pool serves, and
//! what the runtimes report becomes the routes' status.
//!
//! ```text
//!  watches ──news──▶ world ──due──▶ queues ──▶ reconcile: validate → resolve → build → apply → status
//!                      ▲  claims                    │
//!                      └──────── what was written ──┘
//! ```
//!
//! Around it stands [`process`]: probes and metrics on a thread of their own ([`admin`]), the claim
//! that is asked before each write ([`lease`]), and the order in which all of it ends ([`shutdown`]).
//! [`app`] alone names the rooms of the work, [`process`] those around it; [`cli`] brings both together.

pub mod cli;
pub mod config;
pub mod process;

pub mod admin;
pub mod kubernetes;
pub mod lease;
pub mod metrics;
pub mod shutdown;
pub mod telemetry;

pub mod app;
pub mod claims;
pub mod events;
pub mod fleet;
pub mod grants;
pub mod leading;
pub mod outcome;
pub mod queue;
pub mod reconcile;
pub mod references;
pub mod shared;
pub mod sources;
pub mod uninstall;
pub mod watches;
pub mod world;

#[cfg(test)]
mod testing;
