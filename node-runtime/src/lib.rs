//! Serves WAGI handlers: one fresh WebAssembly guest per request, its output streamed.
//!
//! Two flows meet in [`routing::live`], and nowhere else:
//!
//! ```text
//! request    http ── find ── admit ── start ──▶ guest ──▶ bridge ──▶ head ──▶ body
//! document   source ──▶ control ── plan ── load (modules) ── swap ──▶ routing::live
//!                                                       └────▶ report
//! ```
//!
//! [`http::handler`] tells the story of one request, [`control`] that of one document. Rooms import
//! only what stands below them; [`app`] alone names them all.

pub mod admin;
pub mod app;
pub mod bridge;
pub mod cgi;
pub mod cli;
pub mod compile;
pub mod compile_child;
pub mod config;
pub mod control;
pub mod gate;
pub mod guest;
pub mod http;
pub mod modules;
pub mod report;
pub mod route;
pub mod routing;
pub mod shutdown;
pub mod source;
pub mod stderr;
pub mod store;
pub mod telemetry;
pub mod volumes;
