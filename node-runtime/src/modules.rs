//! Where a module is → a program, each fetched and compiled once.
//!
//! A file is read and hashed once per look of it, an image is resolved once per value, and bytes are
//! fetched and compiled once per digest, however many routes ask at the same time: the first one
//! works and the others wait for its result. What was compiled before is taken from where it was
//! kept, and then nothing is fetched. A failure is remembered until it is time to try again.
//! Programs are kept as long as the caller says so with [`Modules::retain`]. The room does not know
//! what a program is, nor routes.

mod bytes;
mod error;
mod flights;
mod images;
pub mod metrics;

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use crds::digest::Digest;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio_util::task::AbortOnDropHandle;

use crate::source::{Image, ModuleFile, ModuleSource, Stamp};
use crate::store::{Hold, Store};
use flights::Flights;
use metrics::{Compiled, Metrics};

pub use error::{Failure, LoadError};
pub use images::Images;
pub use registry::retry::{Class, Retry};

/// Turns a module's bytes into a program.
pub trait Compile: Send + Sync + 'static {
    /// What can be started.
    type Program: Send + Sync + 'static;
    /// Why not; its text names what the module lacks or has too much of.
    type Error: std::error::Error + Send + Sync + 'static;

    /// The program as it was compiled before, where that was kept.
    fn recall(&self, digest: Digest) -> impl Future<Output = Option<Self::Program>> + Send;

    /// Compiles the bytes that have this digest, as long as that takes.
    fn compile(
        &self,
        digest: Digest,
        module: File,
    ) -> impl Future<Output = Result<Self::Program, Self::Error>> + Send;

    /// When the same bytes may fare better.
    fn retry(error: &Self::Error) -> Retry;

    /// What it counts as.
    fn ended(error: &Self::Error) -> Compiled;
}

/// How much happens at the same time, and how large a module may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Images that are fetched.
    pub pulls: usize,
    /// Modules that are compiled.
    pub compiles: usize,
    /// Bytes of one module.
    pub module_bytes: u64,
}

/// What came of loading.
pub type Loaded<P> = Result<(Digest, Arc<P>), Failure>;

/// Programs by the digest of their module.
pub struct Modules<C: Compile> {
    compiler: Arc<C>,
    images: Option<Images>,
    store: Option<Store>,
    metrics: Option<Metrics>,
    bounds: Bounds,
    /// One permit for each file that is read.
    reads: Semaphore,
    pulls: Semaphore,
    compiles: Semaphore,
    files: Flights<(Arc<Path>, Stamp), Digest>,
    pinned: Flights<Image, images::Pinned>,
    programs: Flights<Digest, Arc<Kept<C::Program>>>,
}

/// A program, and the hold on what the store has of it.
struct Kept<P> {
    program: Arc<P>,
    _hold: Option<Hold>,
}

// === impl Bounds ===

impl Default for Bounds {
    fn default() -> Self {
        Self {
            pulls: 4,
            compiles: 2,
            module_bytes: 128 << 20,
        }
    }
}

// === impl Modules ===

impl<C: Compile> Modules<C> {
    /// Has no programs yet. Without `images`, routes with modules in registries fail; without
    /// `store`, what was fetched and compiled is gone with the process.
    pub fn new(
        compiler: C,
        bounds: Bounds,
        images: Option<Images>,
        store: Option<Store>,
        metrics: Option<Metrics>,
    ) -> Self {
        Self {
            compiler: Arc::new(compiler),
            images,
            store,
            metrics,
            bounds,
            reads: Semaphore::new(2),
            pulls: Semaphore::new(bounds.pulls.max(1)),
            compiles: Semaphore::new(bounds.compiles.max(1)),
            files: Flights::default(),
            pinned: Flights::default(),
            programs: Flights::default(),
        }
    }

    /// The program of a module, and the digest of its bytes.
    ///
    /// # Cancellation
    /// Dropping the future leaves the work to whoever else waits for it, or loses it.
    pub async fn load(&self, module: &ModuleSource) -> Loaded<C::Program> {
        match module {
            ModuleSource::File(file) => self.load_file(file).await,
            ModuleSource::Registry(image) => self.load_image(image).await,
        }
    }

    /// Forgets every program but those, and every image that is not named.
    pub fn retain(&self, digests: &HashSet<Digest>, images: &HashSet<&Image>) {
        // Reading a file again costs little; its program is found by digest.
        self.files.retain(|_| false);
        self.pinned.retain(|image| images.contains(image));
        self.programs.retain(|digest| digests.contains(digest));
    }

    async fn load_file(&self, file: &ModuleFile) -> Loaded<C::Program> {
        let absent = || LoadError::Absent(file.path.display().to_string());
        let stamp = file.stamp.ok_or_else(absent)?;
        // The bytes are read to know their digest; most often the program is there already.
        let mut bytes = None;
        let digest = self
            .files
            .run((Arc::clone(&file.path), stamp), async || {
                let (digest, module) = self.read(file, stamp).await?;
                bytes = Some(module);
                Ok(digest)
            })
            .await?;
        let program = self
            .program(digest, async || match bytes {
                Some(bytes) => Ok(bytes),
                None => match self.read(file, stamp).await? {
                    (found, module) if found == digest => Ok(module),
                    _ => Err(LoadError::Changing(file.path.display().to_string()).into()),
                },
            })
            .await?;
        Ok((digest, program))
    }

    async fn load_image(&self, image: &Image) -> Loaded<C::Program> {
        let Some(images) = &self.images else {
            return Err(LoadError::NoRegistries.into());
        };
        let pinned = self
            .pinned
            .run(image.clone(), async || images.resolve(image).await)
            .await?;
        let loaded = self
            .program(pinned.module, async || {
                let _permit = permit(&self.pulls).await;
                let (limit, metrics) = (self.bounds.module_bytes, self.metrics.as_ref());
                images.fetch(image, &pinned, limit, metrics).await
            })
            .await;
        match loaded {
            Ok(program) => Ok((pinned.module, program)),
            Err(failure) => {
                if failure.error.is_of_image() {
                    // What an image was pinned to cannot be had: the next try looks again.
                    self.pinned.fail(image, &failure);
                }
                Err(failure)
            }
        }
    }

    /// The program of a digest; `module` gives its bytes when it must be compiled. What `module`
    /// fails with is not remembered: somebody else may know a better place.
    async fn program(
        &self,
        digest: Digest,
        module: impl AsyncFnOnce() -> Result<File, Failure>,
    ) -> Result<Arc<C::Program>, Failure> {
        let work = async || {
            let hold = self.store.as_ref().map(|store| store.hold(&digest));
            let program = match self.compiler.recall(digest).await {
                Some(program) => program,
                None => {
                    let module = module().await.map_err(flights::Unremembered)?;
                    match self.compile(digest, module).await {
                        Ok(program) => program,
                        Err(failure) => return Ok(Err(failure)),
                    }
                }
            };
            Ok(Ok(Arc::new(Kept {
                program: Arc::new(program),
                _hold: hold,
            })))
        };
        let kept = self.programs.try_run(digest, work).await?;
        Ok(Arc::clone(&kept.program))
    }

    async fn compile(&self, digest: Digest, module: File) -> Result<C::Program, Failure> {
        let _permit = permit(&self.compiles).await;
        let compiler = Arc::clone(&self.compiler);
        let begun = Instant::now();
        let compiling = tokio::spawn(async move { compiler.compile(digest, module).await });
        let (ended, compiled) = match AbortOnDropHandle::new(compiling).await {
            Ok(Ok(program)) => (Compiled::Ok, Ok(program)),
            Ok(Err(error)) => {
                let failure = Failure::of_compiler(&error, C::retry(&error));
                (C::ended(&error), Err(failure))
            }
            // The panic's own message is on stderr already.
            Err(_) => (Compiled::Failed, Err(LoadError::Broken(digest).into())),
        };
        if let Some(metrics) = &self.metrics {
            metrics.compiled(ended, begun.elapsed());
        }
        compiled
    }

    async fn read(&self, file: &ModuleFile, stamp: Stamp) -> Result<(Digest, File), Failure> {
        let _permit = permit(&self.reads).await;
        let (path, limit) = (Arc::clone(&file.path), self.bounds.module_bytes);
        let read = tokio::task::spawn_blocking(move || bytes::read(&path, &stamp, limit)).await;
        let unreadable = |panic: tokio::task::JoinError| LoadError::Unreadable {
            path: file.path.display().to_string(),
            reason: panic.to_string(),
        };
        Ok(read.map_err(unreadable)??)
    }
}

async fn permit(permits: &Semaphore) -> SemaphorePermit<'_> {
    permits
        .acquire()
        .await
        .expect("the semaphore is never closed")
}

#[cfg(test)]
pub(crate) mod tests;
