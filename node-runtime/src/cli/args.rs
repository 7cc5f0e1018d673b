//! Flags that commands share, one file a subject.

pub mod admin;
pub mod compile;
pub mod lifecycle;
pub mod modules;
pub mod node;
pub mod proxies;
pub mod registry;
pub mod serve;
pub mod store;
