//! Serves WAGI handlers: one fresh WebAssembly guest per request, its output streamed.

pub mod bridge;
pub mod cgi;
pub mod guest;
pub mod http;
pub mod routing;
