//! How control makes what requests are answered by: modules into programs, programs into routes.

use std::sync::Arc;

use crds::digest::Digest;
use crds::validate::ValidRoute;
use tokio::runtime::Handle;

use crate::control::Build;
use crate::guest::{Engine, Executor, LoadError, Program};
use crate::modules::Compile;
use crate::route::{BuildError, Handler, Route};

/// Makes programs.
pub struct Compiler {
    engine: Engine,
}

/// Makes routes.
pub struct Builder {
    engine: Engine,
    executor: Arc<Executor>,
    io: Handle,
}

// === impl Compiler ===

impl Compiler {
    /// Compiles for `engine`.
    #[must_use]
    pub const fn new(engine: Engine) -> Self {
        Self { engine }
    }
}

impl Compile for Compiler {
    type Program = Program;
    type Error = LoadError;

    fn compile(&self, bytes: &[u8]) -> Result<Program, LoadError> {
        Program::compile_any(&self.engine, bytes)
    }
}

// === impl Builder ===

impl Builder {
    /// Builds for `engine`, and asks modules for their parts on `executor`.
    #[must_use]
    pub const fn new(engine: Engine, executor: Arc<Executor>, io: Handle) -> Self {
        Self {
            engine,
            executor,
            io,
        }
    }
}

impl Build for Builder {
    type Program = Program;
    type Target = Arc<Route>;
    type Error = BuildError;

    fn build(
        &self,
        route: &ValidRoute,
        program: Arc<Program>,
        digest: Digest,
    ) -> Result<Arc<Route>, BuildError> {
        let building = Handler::build(route, program, digest, &self.engine, &self.executor);
        Ok(Arc::new(Route {
            name: route.name.to_string(),
            handler: Some(self.io.block_on(building)?),
        }))
    }

    fn not_loaded(&self, route: &ValidRoute) -> Arc<Route> {
        Arc::new(Route::not_loaded(route.name.to_string()))
    }
}
