//! The contract of kube-wagi: what a `WagiRoute` says, and what the programs say to each other.
//!
//! | type | who writes it | who reads it |
//! |---|---|---|
//! | [`wagi_route::WagiRoute`] | a person; its status the operator | the operator |
//! | [`manifest::Manifest`] | a person, in a file | a runtime without a cluster |
//! | [`document::Document`] | the operator, one ConfigMap a route | every runtime of the pool |
//! | [`copies`] | the operator, one object for each that routes refer to | every runtime of the pool |
//! | [`fleet::Fleet`] | the operator, one ConfigMap a pool | every runtime of the pool |
//! | [`wagi_node::WagiNode`] | each runtime, one object a pod | the operator |
//!
//! What people write becomes a [`wagi_route::WagiRouteSpec`] as it was written, and [`validate`] turns
//! that into a [`validate::ValidRoute`], whose parts cannot hold a wrong value; both programs use it,
//! so that what the operator accepts a runtime can serve:
//!
//! ```text
//! text ──serde──▶ WagiRouteSpec ──validate──▶ ValidRoute
//!                 (strings, as written)        (HostPattern, PathPattern, ModuleReference,
//!                                               Quantity, Duration, Limits)
//! ```
//!
//! The crate does no I/O and knows no runtime, no HTTP server and no WebAssembly.

pub mod manifest;
pub mod wagi_route;

pub mod validate;

pub mod definitions;

pub mod conditions;
pub mod copies;
pub mod document;
pub mod fleet;
pub mod names;
pub mod references;
pub mod wagi_node;

pub mod digest;
pub mod duration;
pub mod host;
pub mod limits;
pub mod module_reference;
pub mod path;
pub mod quantity;
