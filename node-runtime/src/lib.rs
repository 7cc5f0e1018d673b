//! Serves WAGI handlers: one fresh WebAssembly guest per request, its output streamed.

pub mod app;
pub mod bridge;
pub mod cgi;
pub mod gate;
pub mod guest;
pub mod http;
pub mod route;
pub mod routing;
pub mod stderr;

