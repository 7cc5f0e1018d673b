//! How control makes what requests are answered by: modules into programs, programs into routes.

use std::fs::File;
use std::io;
use std::sync::Arc;

use crds::digest::Digest;
use crds::references::Given;
use crds::validate::{ValidRoute, VolumeContent};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use crate::compile::{self, CompileConfig, CompileError};
use crate::control::Build;
use crate::guest::{
    Engine, EngineConfig, EngineError, Executor, MapError, Preopen, Program, Reset,
};
use crate::modules::metrics::Compiled;
use crate::modules::{Class, Compile, Retry};
use crate::route::{BuildError, Handler, LazySeries, Metrics, Route};
use crate::store::{CompiledKey, Store};
use crate::volumes::{VolumeError, Volumes};

/// Makes programs: a child compiles, this process maps; what was compiled is kept in a store.
pub struct Compiler {
    engine: Engine,
    config: CompileConfig,
    store: Option<Store>,
    compatibility: String,
}

/// A module cannot be made into a program.
#[derive(Debug, thiserror::Error)]
pub enum CompilerError {
    /// There is no file for what the child reads and writes.
    #[error("there is no memory for a compile: {0}")]
    File(#[source] io::Error),
    /// No code came of it.
    #[error(transparent)]
    Compile(#[from] CompileError),
    /// The code cannot be used.
    #[error(transparent)]
    Map(#[from] MapError),
}

/// A route cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum BuilderError {
    /// Its module does not fit.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The files of its volumes cannot be made.
    #[error(transparent)]
    Volume(#[from] VolumeError),
}

/// Makes routes.
pub struct Builder {
    engine: Engine,
    executor: Arc<Executor>,
    io: Handle,
    volumes: Arc<Volumes>,
    metrics: Option<Metrics>,
}

// === impl Compiler ===

impl Compiler {
    /// Compiles for `engine`, which also decides which proposals are on, and keeps the code in
    /// `store`.
    #[must_use]
    pub fn new(engine: Engine, config: CompileConfig, store: Option<Store>) -> Self {
        Self {
            compatibility: engine.compatibility(),
            config: CompileConfig {
                wasm_exceptions: engine.config().wasm_exceptions,
                ..config
            },
            engine,
            store,
        }
    }

    /// Compiles what may be compiled under a configuration, and runs none of it.
    ///
    /// # Errors
    ///
    /// When the kernel refuses address space.
    pub fn alone(config: CompileConfig) -> Result<Self, EngineError> {
        let largest = crds::limits::MEMORY.end().bytes();
        let engine = Engine::new(EngineConfig {
            max_guests: 1,
            guest_memory_bytes: usize::try_from(largest).unwrap_or(usize::MAX),
            wasm_exceptions: config.wasm_exceptions,
            reset: Reset::default(),
        })?;
        Ok(Self::new(engine, config, None))
    }

    fn key(&self, module: Digest) -> CompiledKey {
        CompiledKey::new(module, &self.compatibility)
    }

    /// Compiles into the store; nothing when the store does not take it.
    async fn compile_into(
        &self,
        store: &Store,
        key: CompiledKey,
        module: &File,
    ) -> Result<Option<File>, CompilerError> {
        let begun = store
            .begin_compiled()
            .and_then(|code| Ok((code.file().try_clone()?, code)));
        let (output, mut code) = match begun {
            Ok(begun) => begun,
            Err(error) => return Ok(not_taken(&error)),
        };
        let module = module.try_clone().map_err(CompilerError::File)?;
        match compile::compile(&self.config, module, output).await {
            Ok(()) => {}
            Err(error) if error.is_disk_full() => return Ok(not_taken(&error)),
            Err(error) => return Err(error.into()),
        }
        let published = spawn_blocking(move || code.publish_compiled(&key)).await;
        match published.map_err(io::Error::other).flatten() {
            Ok(code) => Ok(Some(code.file)),
            Err(error) => Ok(not_taken(&error)),
        }
    }

    async fn compile_in_memory(&self, module: File) -> Result<File, CompilerError> {
        let code = compile::memory_file().map_err(CompilerError::File)?;
        let output = code.try_clone().map_err(CompilerError::File)?;
        compile::compile(&self.config, module, output).await?;
        compile::seal(&code).map_err(CompilerError::File)?;
        Ok(code)
    }

    /// What it compiles for.
    #[must_use]
    pub const fn engine(&self) -> &Engine {
        &self.engine
    }
}

impl Compile for Compiler {
    type Program = Program;
    type Error = CompilerError;

    async fn recall(&self, digest: Digest) -> Option<Program> {
        let (store, key, engine) = (self.store.clone()?, self.key(digest), self.engine.clone());
        let mapped = spawn_blocking(move || {
            let code = store.compiled(&key)?;
            Program::map(&engine, &code.file)
                .inspect_err(|error| tracing::warn!("{digest} is compiled again: {error}"))
                .ok()
        });
        mapped.await.ok()?
    }

    async fn compile(&self, digest: Digest, module: File) -> Result<Program, CompilerError> {
        let kept = match &self.store {
            Some(store) => self.compile_into(store, self.key(digest), &module).await?,
            None => None,
        };
        let code = match kept {
            Some(code) => code,
            None => self.compile_in_memory(module).await?,
        };
        Ok(Program::map(&self.engine, &code)?)
    }

    fn ended(error: &CompilerError) -> Compiled {
        match error {
            CompilerError::Compile(CompileError::Refused(_))
            | CompilerError::Map(MapError::Unfit(_)) => Compiled::Refused,
            CompilerError::Compile(CompileError::Timeout { .. }) => Compiled::Timeout,
            CompilerError::Compile(CompileError::Memory { .. }) => Compiled::Memory,
            CompilerError::Compile(_) | CompilerError::File(_) | CompilerError::Map(_) => {
                Compiled::Failed
            }
        }
    }

    fn retry(error: &CompilerError) -> Retry {
        let class = match error {
            CompilerError::Compile(error) if !error.may_pass() => return Retry::Never,
            // It took all the time or memory it may have: not again soon.
            CompilerError::Compile(_) => Class::Long,
            // The code is what this engine makes of the module, each time.
            CompilerError::Map(MapError::Unfit(_)) => return Retry::Never,
            CompilerError::File(_) | CompilerError::Map(_) => Class::Short,
        };
        Retry::After {
            at_least: None,
            class,
        }
    }
}

/// A store that does not take code costs time, not service.
fn not_taken(error: &dyn std::fmt::Display) -> Option<File> {
    tracing::warn!("the store does not take compiled code: {error}; it is kept in memory");
    None
}

// === impl Builder ===

impl Builder {
    /// Builds for `engine`, asks modules for their parts on `executor`, and makes the files of
    /// `volumes`.
    #[must_use]
    pub const fn new(
        engine: Engine,
        executor: Arc<Executor>,
        io: Handle,
        volumes: Arc<Volumes>,
        metrics: Option<Metrics>,
    ) -> Self {
        Self {
            engine,
            executor,
            io,
            volumes,
            metrics,
        }
    }

    /// The folders that a route's guests may read.
    fn files(&self, route: &ValidRoute, given: &Given) -> Result<Arc<[Preopen]>, VolumeError> {
        let of_host = route
            .volumes
            .iter()
            .filter_map(|volume| match &volume.content {
                VolumeContent::Folder(path) => Some(Ok(Preopen {
                    guest_path: volume.mount_path.clone(),
                    host_path: path.clone(),
                    keep: None,
                })),
                VolumeContent::Object(_) => None,
            });
        let made = given.volumes.iter().map(|volume| {
            let folder = self.volumes.folder(&volume.files, volume.is_secret)?;
            Ok(Preopen {
                guest_path: volume.mount_path.clone(),
                host_path: folder.path().to_owned(),
                keep: Some(folder),
            })
        });
        of_host.chain(made).collect()
    }

    fn series(&self, name: &str) -> Option<LazySeries> {
        self.metrics.as_ref().map(|metrics| metrics.route(name))
    }
}

impl Build for Builder {
    type Program = Program;
    type Target = Arc<Route>;
    type Error = BuilderError;

    fn build(
        &self,
        route: &ValidRoute,
        given: &Given,
        program: Arc<Program>,
        digest: Digest,
    ) -> Result<Arc<Route>, BuilderError> {
        let files = self.files(route, given)?;
        let (env, engine) = (&given.env, &self.engine);
        let building = Handler::build(route, env, files, program, digest, engine, &self.executor);
        let name = route.name.to_string();
        Ok(Arc::new(Route {
            handler: Some(self.io.block_on(building)?),
            is_suspended: false,
            series: self.series(&name),
            name,
        }))
    }

    fn not_loaded(&self, route: &ValidRoute) -> Arc<Route> {
        let name = route.name.to_string();
        let series = self.series(&name);
        Arc::new(Route::not_loaded(name, series))
    }

    fn suspended(&self, route: &ValidRoute) -> Arc<Route> {
        let name = route.name.to_string();
        let series = self.series(&name);
        Arc::new(Route::suspended(name, series))
    }
}
