//! How control makes what requests are answered by: modules into programs, programs into routes.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use crds::digest::Digest;
use crds::validate::ValidRoute;
use tokio::runtime::Handle;

use crate::config;
use crate::control::Build;
use crate::guest::{Engine, EngineConfig, EngineError, Executor, LoadError, Program};
use crate::modules::{Compile, Retry};
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

    /// Compiles what may be compiled under a configuration, and runs none of it.
    ///
    /// # Errors
    ///
    /// When the kernel refuses address space.
    pub fn alone(config: config::Compile) -> Result<Self, EngineError> {
        let largest = crds::limits::MEMORY.end().bytes();
        let engine = Engine::new(EngineConfig {
            max_guests: 1,
            guest_memory_bytes: usize::try_from(largest).unwrap_or(usize::MAX),
            wasm_exceptions: config.wasm_exceptions,
        })?;
        Ok(Self { engine })
    }
}

impl Compile for Compiler {
    type Program = Program;
    type Error = LoadError;

    async fn recall(&self, _: Digest) -> Option<Program> {
        None
    }

    async fn compile(&self, _: Digest, mut module: File) -> Result<Program, LoadError> {
        let engine = self.engine.clone();
        let compiling = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            module.read_to_end(&mut bytes).expect("memory can be read");
            Program::compile_any(&engine, &bytes)
        });
        compiling.await.expect("no panic")
    }

    fn retry(_: &LoadError) -> Retry {
        Retry::Never
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
