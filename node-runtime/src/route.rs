//! One route as it is served: its program and its settings, ready for a request.
//!
//! What can be prepared once is: the request path loads, parses and compiles nothing. It knows
//! neither where the route came from nor how requests come in.

mod metrics;
mod outcome;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crds::digest::Digest;
use crds::path::PathPattern;
use crds::validate::{OnDisconnect, ValidRoute};

use crate::cgi::arguments::ArgvTemplate;
use crate::cgi::environment::StaticVariables;
use crate::gate::Gate;
use crate::guest::{
    DiscoverError, Engine, EntryPoint, Executor, NoEntryPoint, Preopen, Program, Timeouts,
};
use crate::routing::{RequestPath, SubRoutes};
use crate::stderr::RouteLog;

pub use self::metrics::{LazySeries, Metrics, Request, Series};
pub use self::outcome::Outcome;

/// A host and path bound to a module and its settings.
pub struct Route {
    /// `namespace/name`.
    pub name: String,
    /// What answers, if it was ever loaded.
    pub handler: Option<Handler>,
    /// Whether nothing answers because it is told so.
    pub is_suspended: bool,
    /// What is counted of its requests, if anything is.
    pub series: Option<LazySeries>,
}

/// What answers the requests of a route.
pub struct Handler {
    /// Tells routes apart where their guests take turns.
    pub number: u64,
    /// The module's bytes.
    pub digest: Digest,
    /// The path of the route.
    pub pattern: PathPattern,
    /// What its guests may still say on standard error.
    pub stderr: Arc<RouteLog>,
    /// The module, ready to run.
    pub program: Arc<Program>,
    /// How many requests at once.
    pub gate: Gate,
    /// What is the same in every request's environment.
    pub variables: StaticVariables,
    /// Its arguments.
    pub argv: ArgvTemplate,
    /// The folders it may read.
    pub files: Arc<[Preopen]>,
    /// What happens when a client leaves.
    pub on_disconnect: OnDisconnect,
    /// Linear memory and tables, in bytes.
    pub memory_bytes: usize,
    /// A request's body, in bytes.
    pub request_body_bytes: u64,
    /// A response's head, in bytes.
    pub response_head_bytes: usize,
    /// How long a request waits for its turn.
    pub queue: std::time::Duration,
    /// What bounds it in time.
    pub timeouts: Timeouts,
    entry: EntryPoint,
    parts: SubRoutes,
    part_entries: Vec<EntryPoint>,
}

/// A route cannot be served with this module.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The entry point is not there.
    #[error(transparent)]
    Entry(#[from] NoEntryPoint),
    /// It begins larger than its limit.
    #[error("the module begins with {found} bytes of memory and tables; limits.memory is {limit}")]
    Memory {
        /// What it begins with.
        found: usize,
        /// What it may have.
        limit: usize,
    },
    /// It begins larger than all guests together may be.
    #[error(
        "the module begins with {found} bytes of memory and tables; all guests of this process \
         share {total} (--guest-memory)"
    )]
    NodeMemory {
        /// What it begins with.
        found: usize,
        /// What there is.
        total: usize,
    },
    /// Its arguments are not a template.
    #[error("argv: {0}")]
    Argv(#[from] crate::cgi::arguments::Error),
    /// `_routes` failed.
    #[error(transparent)]
    Discover(#[from] DiscoverError),
    /// `_routes` printed nonsense.
    #[error("_routes: {0}")]
    Parts(#[from] crate::routing::sub_routes::Error),
}

// === impl Route ===

impl Route {
    /// A route that has its place, and answers that it is not loaded.
    #[must_use]
    pub fn not_loaded(name: String, series: Option<LazySeries>) -> Self {
        Self {
            name,
            handler: None,
            is_suspended: false,
            series,
        }
    }

    /// A route that has its place, and answers that it is suspended.
    #[must_use]
    pub fn suspended(name: String, series: Option<LazySeries>) -> Self {
        Self {
            is_suspended: true,
            ..Self::not_loaded(name, series)
        }
    }
}

// === impl Handler ===

impl Handler {
    /// Binds a route's settings to its module; asks the module for its parts. `env` are its own
    /// variables, wherever they come from.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names what of the two does not fit.
    pub async fn build(
        route: &ValidRoute,
        env: &[(String, String)],
        files: Arc<[Preopen]>,
        program: Arc<Program>,
        digest: Digest,
        engine: &Engine,
        executor: &Executor,
    ) -> Result<Self, BuildError> {
        let memory_bytes = clamp(route.limits.memory.bytes());
        check_memory(&program, memory_bytes, engine)?;
        let entry = program.entry(&route.entrypoint)?;
        let (parts, part_entries) = discover(route, &program, executor).await?;
        let limits = &route.limits;
        Ok(Self {
            number: next_number(),
            digest,
            pattern: route.path.clone(),
            stderr: Arc::new(RouteLog::new(route.name.to_string())),
            gate: Gate::new(limits.concurrency as usize),
            variables: StaticVariables::new(env),
            argv: ArgvTemplate::parse(&route.argv)?,
            files,
            on_disconnect: route.on_disconnect,
            memory_bytes,
            request_body_bytes: limits.request_body.bytes(),
            response_head_bytes: clamp(limits.response_head.bytes()),
            queue: limits.timeouts.queue.get(),
            timeouts: Timeouts {
                head: limits.timeouts.head.get(),
                idle: limits.timeouts.idle.get(),
                client: limits.timeouts.client.get(),
                total: limits.timeouts.total.get(),
                cpu: limits.cpu_time.get(),
            },
            program,
            entry,
            parts,
            part_entries,
        })
    }

    /// The part of the route that answers `path`, if it is divided.
    #[must_use]
    pub fn part(&self, path: &RequestPath<'_>) -> Option<usize> {
        self.parts.find_index(path)
    }

    /// The paths of its parts, in the order in which they were declared.
    pub fn parts(&self) -> impl Iterator<Item = &PathPattern> {
        self.parts.iter().map(|part| &part.pattern)
    }

    /// The path of a part.
    #[must_use]
    pub fn part_pattern(&self, part: usize) -> Option<&crds::path::PathPattern> {
        self.parts.get(part).map(|part| &part.pattern)
    }

    /// Where a request begins: in a part of the route, or in all of it.
    #[must_use]
    pub fn entry(&self, part: Option<usize>) -> EntryPoint {
        part.and_then(|part| self.part_entries.get(part))
            .unwrap_or(&self.entry)
            .clone()
    }
}

async fn discover(
    route: &ValidRoute,
    program: &Arc<Program>,
    executor: &Executor,
) -> Result<(SubRoutes, Vec<EntryPoint>), BuildError> {
    let Some(output) = program.discover(executor).await? else {
        return Ok((SubRoutes::default(), Vec::new()));
    };
    let (parts, not_served) = SubRoutes::parse(output.as_bytes(), &route.path)?;
    for part in not_served {
        tracing::warn!(route = %route.name, "_routes line {}: {} is not served: {}", part.line, part.path, part.reason);
    }
    let entries: Result<Vec<_>, _> = parts
        .iter()
        .map(|part| program.entry(&part.entrypoint))
        .collect();
    Ok((parts, entries?))
}

fn check_memory(program: &Program, limit: usize, engine: &Engine) -> Result<(), BuildError> {
    let found = program.initial_bytes();
    if found > limit {
        return Err(BuildError::Memory { found, limit });
    }
    let total = engine.budget().total_bytes();
    if found > total {
        return Err(BuildError::NodeMemory { found, total });
    }
    Ok(())
}

fn clamp(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

fn next_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
