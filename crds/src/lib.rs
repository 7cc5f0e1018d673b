//! The contract of kube-wagi: what a `WagiRoute` says, and the values it is made of.
//!
//! A manifest's text becomes a [`wagi_route::WagiRoute`] as it was written, and
//! [`validate::validate`] turns that into a [`validate::ValidRoute`], whose parts cannot hold a wrong value:
//!
//! ```text
//! text ──serde──▶ wagi_route::WagiRoute ──validate──▶ validate::ValidRoute
//!                 (strings, as written)               (HostPattern, PathPattern, ModuleReference,
//!                                                      Quantity, Duration, Limits)
//! ```
//!
//! The crate does no I/O and knows no runtime, no HTTP server and no WebAssembly.

pub mod wagi_route;

pub mod validate;

pub mod digest;
pub mod duration;
pub mod host;
pub mod limits;
pub mod module_reference;
pub mod path;
pub mod quantity;
