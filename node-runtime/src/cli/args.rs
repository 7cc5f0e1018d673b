//! Flags that commands share, one file a subject.

pub mod modules;
pub mod store;
