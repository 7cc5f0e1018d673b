//! Files of modules → programs, each compiled once.
//!
//! A file is read and hashed once per look of it, and bytes are compiled once per digest, however
//! many routes ask at the same time: the first one works and the others wait for its result. All of
//! it happens on blocking threads, a bounded number at a time. Programs are kept as long as the
//! caller says so with [`Modules::retain`]. The room does not know what a program is, nor routes.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::hash::Hash;
use std::io::Read;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crds::digest::Digest;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OnceCell, Semaphore};

use crate::source::{ModuleFile, Stamp};

/// Turns a module's bytes into a program.
pub trait Compile: Send + Sync + 'static {
    /// What can be started.
    type Program: Send + Sync + 'static;
    /// Why not; its text names what the module lacks or has too much of.
    type Error: std::error::Error + Send + Sync + 'static;

    /// Compiles; takes as long as it takes, on a thread where that is allowed.
    fn compile(&self, bytes: &[u8]) -> Result<Self::Program, Self::Error>;
}

/// Why a module cannot be served.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LoadError {
    /// There is no such file.
    #[error("there is no file {0}")]
    Absent(String),
    /// The file cannot be read.
    #[error("cannot read {path}: {reason}")]
    Unreadable {
        /// The file.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file is larger than any module may be.
    #[error("{0} is larger than {limit} MiB", limit = LARGEST >> 20)]
    TooLarge(String),
    /// The file is being written; when that is over it is loaded again.
    #[error("{0} changed while it was read")]
    Changing(String),
    /// It does not compile.
    #[error("{0}")]
    Refused(String),
    /// The compiler broke down.
    #[error("the compiler broke down on {0}")]
    Broken(Digest),
}

/// The largest module: what registries' modules are limited to by default.
const LARGEST: u64 = 128 << 20;

type Loaded<P> = Result<(Digest, Arc<P>), LoadError>;

/// Programs by the digest of their module.
#[derive(Debug)]
pub struct Modules<C: Compile> {
    compiler: Arc<C>,
    /// One permit for each module that is read or compiled: bounds memory and CPU.
    permits: Semaphore,
    files: Flights<(Arc<Path>, Stamp), Loaded<C::Program>>,
    programs: Flights<Digest, Result<Arc<C::Program>, LoadError>>,
}

// === impl Modules ===

impl<C: Compile> Modules<C> {
    /// Has no programs yet; compiles at most `parallel` modules at a time.
    pub fn new(compiler: C, parallel: usize) -> Self {
        Self {
            compiler: Arc::new(compiler),
            permits: Semaphore::new(parallel.max(1)),
            files: Flights::default(),
            programs: Flights::default(),
        }
    }

    /// The program of a file as it looked, and the digest of the file's bytes.
    ///
    /// # Cancellation
    /// Dropping the future leaves the work to whoever else waits for it, or loses it.
    pub async fn load(&self, file: &ModuleFile) -> Loaded<C::Program> {
        let path = file.path.display().to_string();
        let stamp = file.stamp.ok_or(LoadError::Absent(path))?;
        let flight = self.files.join((Arc::clone(&file.path), stamp));
        let loaded = flight
            .get_or_init(|| self.load_once(Arc::clone(&file.path), stamp))
            .await;
        loaded.clone()
    }

    /// Forgets every program but those, and every failure.
    pub fn retain(&self, digests: &HashSet<Digest>) {
        // Reading a file again costs little; its program is found by digest.
        self.files.retain(|_| false);
        self.programs.retain(|digest| digests.contains(digest));
    }

    async fn load_once(&self, path: Arc<Path>, stamp: Stamp) -> Loaded<C::Program> {
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("the semaphore is never closed");
        let name = path.display().to_string();
        let read = tokio::task::spawn_blocking(move || read(&path, &stamp)).await;
        let (digest, bytes) = read.map_err(|panic| LoadError::Unreadable {
            path: name,
            reason: panic.to_string(),
        })??;
        let flight = self.programs.join(digest);
        let program = flight.get_or_init(|| self.compile(digest, bytes)).await;
        program.clone().map(|program| (digest, program))
    }

    async fn compile(&self, digest: Digest, bytes: Vec<u8>) -> Result<Arc<C::Program>, LoadError> {
        let compiler = Arc::clone(&self.compiler);
        let compiled = tokio::task::spawn_blocking(move || compiler.compile(&bytes)).await;
        match compiled {
            Ok(Ok(program)) => Ok(Arc::new(program)),
            Ok(Err(error)) => Err(LoadError::Refused(chain(&error))),
            // The panic's own message is on stderr already.
            Err(_) => Err(LoadError::Broken(digest)),
        }
    }
}

fn read(path: &Path, stamp: &Stamp) -> Result<(Digest, Vec<u8>), LoadError> {
    let name = || path.display().to_string();
    let unreadable = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => LoadError::Absent(name()),
        _ => LoadError::Unreadable {
            path: name(),
            reason: error.to_string(),
        },
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    (&file)
        .take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(LoadError::TooLarge(name()));
    }
    // What was written meanwhile may be half of one module and half of another.
    if !stamp.fits(&file.metadata().map_err(unreadable)?) {
        return Err(LoadError::Changing(name()));
    }
    Ok((Digest::from_bytes(Sha256::digest(&bytes).into()), bytes))
}

/// An error and its causes on one line, none of them twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let cause = error.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        source = error.source();
    }
    text
}

/// Work by what it is for; who comes second joins the first.
#[derive(Debug)]
struct Flights<K, V>(Mutex<HashMap<K, Arc<OnceCell<V>>>>);

// === impl Flights ===

impl<K: Eq + Hash, V> Flights<K, V> {
    fn join(&self, key: K) -> Arc<OnceCell<V>> {
        Arc::clone(self.lock().entry(key).or_default())
    }

    fn retain(&self, is_kept: impl Fn(&K) -> bool) {
        // Work that is under way stays: somebody waits for it.
        self.lock()
            .retain(|key, cell| !cell.initialized() || is_kept(key));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<K, Arc<OnceCell<V>>>> {
        // Nothing panics while it holds the lock, and a map is whole at every moment anyway.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self(Mutex::new(HashMap::new()))
    }
}

#[cfg(test)]
pub(crate) mod tests;
