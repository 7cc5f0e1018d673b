//! How requests are served, wherever routes come from.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use crds::duration::Duration;

use super::registry::Credentials;
use super::{
    Compile, GuestMemory, Mistakes, admin, compile, lifecycle, modules, parse, proxies, registry,
    store,
};
use crate::cli::args::serve::ServeArgs;

/// How requests are served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Serve {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Guests that run at the same time.
    pub max_requests: NonZeroU32,
    /// Connections that are open at the same time.
    pub max_connections: NonZeroU32,
    /// Memory of all guests together.
    pub guest_memory: GuestMemory,
    /// How long a connection may idle between two requests.
    pub keep_alive: Duration,
    /// Lines of stderr a second and route that go to the log.
    pub stderr_rate: NonZeroU32,
    /// What can be seen of it.
    pub admin: admin::Admin,
    /// Where modules are kept.
    pub store: store::Store,
    /// How modules are loaded.
    pub modules: modules::Modules,
    /// How registries are spoken to.
    pub registry: registry::Registry,
    /// How it ends.
    pub lifecycle: lifecycle::Lifecycle,
    /// Networks of proxies that are believed.
    pub trusted_proxies: proxies::TrustedProxies,
    /// How modules are compiled.
    pub compile: Compile,
}

// === impl Serve ===

impl Serve {
    pub(super) fn parse(
        mistakes: &mut Mistakes,
        args: &ServeArgs,
        credentials: Credentials,
    ) -> Option<Self> {
        let listen = mistakes.flag("--listen", &args.listen, parse::address);
        let max_requests = mistakes.flag("--max-requests", &args.max_requests, parse::count);
        let max_connections =
            mistakes.flag("--max-connections", &args.max_connections, parse::count);
        let guest_memory = mistakes.flag("--guest-memory", &args.guest_memory, parse::guest_memory);
        let keep_alive = mistakes.flag("--keep-alive", &args.keep_alive, parse::keep_alive);
        let stderr_rate = mistakes.flag("--stderr-rate", &args.stderr_rate, parse::count);
        let lifecycle = lifecycle::Lifecycle::parse(mistakes, &args.lifecycle);
        let trusted_proxies = proxies::parse(mistakes, &args.proxies);
        let admin = admin::Admin::parse(mistakes, &args.admin);
        let store = store::Store::parse(mistakes, &args.store);
        let modules = modules::Modules::parse(mistakes, &args.modules);
        let registry = registry::Registry::parse(mistakes, &args.registry, credentials);
        let compile = compile::parse(mistakes, &args.compile);
        Some(Self {
            listen: listen?,
            max_requests: max_requests?,
            max_connections: max_connections?,
            guest_memory: guest_memory?,
            keep_alive: keep_alive?,
            stderr_rate: stderr_rate?,
            admin: admin?,
            store: store?,
            modules: modules?,
            registry: registry?,
            lifecycle: lifecycle?,
            trusted_proxies: trusted_proxies?,
            compile: compile?,
        })
    }
}
