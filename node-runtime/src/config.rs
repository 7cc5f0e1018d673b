//! What the command line and the environment say, checked.
//!
//! Flags are text until they come here, so that every mistake is said at once and not only the
//! first. Rooms get their part by value and never see the rest.

pub mod admin;
mod compile;
pub mod lifecycle;
pub mod modules;
pub mod node;
mod parse;
pub mod proxies;
pub mod registry;
pub mod serve;
pub mod store;

use std::path::PathBuf;

use crds::quantity::Quantity;
use http::{HeaderName, HeaderValue, Method, Uri};
pub use process_shell::mistakes::ConfigError;
use process_shell::mistakes::Mistakes;

use crate::cli::{CallArgs, UpArgs};
pub use compile::Compile;
pub use node::Node;
use registry::Credentials;
pub use serve::Serve;

/// What `wagi up` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Up {
    /// What to serve.
    pub paths: Vec<PathBuf>,
    /// How requests are served.
    pub serve: Serve,
}

/// Memory of all guests together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuestMemory {
    /// So many percent of what the process may use.
    Percent(u8),
    /// So many bytes.
    Bytes(Quantity),
}

/// What `wagi call` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The manifests or the module.
    pub path: PathBuf,
    /// The request's target, with a host when one was written.
    pub uri: Uri,
    /// The request's method.
    pub method: Method,
    /// The request's header fields, in order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The request's body.
    pub body: CallBody,
    /// How registries are spoken to.
    pub registry: registry::Registry,
    /// How modules are compiled.
    pub compile: Compile,
}

/// Where the body of `wagi call` comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallBody {
    /// There is none.
    Empty,
    /// From the command line itself.
    Bytes(Vec<u8>),
    /// From a file.
    File(PathBuf),
    /// From standard input.
    Stdin,
}

// === impl GuestMemory ===

impl GuestMemory {
    /// The number of bytes, of so many that the process may use.
    #[must_use]
    pub fn bytes(self, available: u64) -> u64 {
        match self {
            Self::Percent(percent) => available / 100 * u64::from(percent),
            Self::Bytes(quantity) => quantity.bytes(),
        }
    }
}

// === impl Up ===

impl TryFrom<UpArgs> for Up {
    type Error = ConfigError;

    fn try_from(args: UpArgs) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let serve = Serve::parse(&mut mistakes, &args.serve, Credentials::OfTheUser);
        mistakes.finish(move || {
            Some(Self {
                paths: args.paths,
                serve: serve?,
            })
        })
    }
}

// === impl Call ===

impl TryFrom<CallArgs> for Call {
    type Error = ConfigError;

    fn try_from(args: CallArgs) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let body = match args.data {
            None => CallBody::Empty,
            Some(data) => parse::body(data),
        };
        let method = match args.method.as_deref() {
            Some(text) => mistakes.flag("--request", text, parse::method),
            None if body == CallBody::Empty => Some(Method::GET),
            None => Some(Method::POST),
        };
        let uri = mistakes.flag("URI", &args.uri, parse::uri);
        let mut headers = Vec::with_capacity(args.headers.len());
        for text in &args.headers {
            headers.extend(mistakes.flag("--header", text, parse::header));
        }
        let registry =
            registry::Registry::parse(&mut mistakes, &args.registry, Credentials::OfTheUser);
        let compile = compile::parse(&mut mistakes, &args.compile);
        mistakes.finish(move || {
            Some(Self {
                path: args.path,
                uri: uri?,
                method: method?,
                headers,
                body,
                registry: registry?,
                compile: compile?,
            })
        })
    }
}

#[cfg(test)]
mod tests;
