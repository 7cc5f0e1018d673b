//! The control plane of kube-wagi: routes become documents that every runtime of a pool serves, and
//! what the runtimes report becomes the routes' status.
//!
//! ```text
//!  watches ──news──▶ world ──due──▶ queues ──▶ reconcile: validate → resolve → build → apply → status
//!                      ▲  claims                    │
//!                      └──────── what was written ──┘
//! ```

pub mod admin;
pub mod cli;
pub mod config;
pub mod kubernetes;
pub mod lease;
pub mod metrics;
pub mod telemetry;
pub mod app;
pub mod claims;
pub mod events;
pub mod fleet;
pub mod leading;
pub mod outcome;
pub mod queue;
pub mod reconcile;
pub mod shared;
pub mod watches;
pub mod world;
