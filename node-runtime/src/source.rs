//! Where routes come from: a [`Snapshot`] after another, each all that should be served now.
//!
//! A source says what is wanted and what is wrong with it, in order of precedence, and never
//! partly: whoever takes a snapshot needs no earlier one. It knows no module's content, no table and
//! no request.

mod bare;
mod document;
pub mod kubernetes;
mod listing;
mod manifests;
mod mistake;
mod node;
mod object;
mod watch;
mod yaml;

#[doc(hidden)]
pub mod fuzz;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crds::module_reference::RegistryReference;
use crds::names;
use crds::references::Given;
use crds::validate::{RouteName, ValidRoute};
use registry::{Credentials, CredentialsError, DockerConfig};

pub use kubernetes::Kubernetes;
pub use listing::Stamp;
#[cfg(test)]
pub(crate) use manifests::tests::in_memory;
pub use manifests::{Manifests, read_once};
pub use mistake::{Mistake, Position};

/// Gives one snapshot after another.
pub trait Source: Send {
    /// The next snapshot: at once the first time, later when something changed; nothing when there
    /// will be no more.
    ///
    /// # Cancellation
    /// Dropping the future loses nothing: the next call gives the newest snapshot.
    fn next(&mut self) -> impl Future<Output = Option<Arc<Snapshot>>> + Send;
}

/// All that should be served at one moment.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The routes, an earlier one winning over a later.
    pub documents: Vec<Arc<Document>>,
    /// What is wrong, in the order of the files.
    pub mistakes: Vec<Mistake>,
    /// How many files were read.
    pub files: usize,
    /// How many objects of other kinds were skipped.
    pub other_kinds: usize,
    /// What of a cluster this shows; nothing where routes are files.
    pub cluster: Option<Cluster>,
}

/// What of a cluster a snapshot shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cluster {
    /// The resourceVersion up to which it goes.
    pub version: u64,
    /// Whether the API server was asked for all there is, and not only what was kept on disk.
    pub is_listed: bool,
    /// Routes that are kept although a list lacked them.
    pub kept: usize,
    /// Documents that cannot be read, or wait.
    pub refused: Vec<Arc<Refused>>,
}

/// A document of a cluster that cannot be read, or not be served yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Of which route.
    pub route: RouteName,
    /// The route's uid.
    pub uid: Arc<str>,
    /// The route's generation, where that can be read.
    pub generation: i64,
    /// The document's resourceVersion.
    pub version: u64,
    /// Why.
    pub reason: String,
    /// Whether an older document of the route stays.
    pub has_older: bool,
    /// Whether it can be read, and waits for copies that it names.
    pub waits: bool,
}

/// One route as its source has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The route, with the paths of its module and volumes as this process can open them.
    pub route: ValidRoute,
    /// Where it stands.
    pub origin: Origin,
    /// Where its module is.
    pub module: ModuleSource,
    /// The first of its volumes' folders that is not there.
    pub missing_volume: Option<PathBuf>,
    /// What its programs get of ConfigMaps and Secrets; a sentence where something is missing.
    pub given: Result<Given, String>,
}

/// Where a route stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In a file.
    File {
        /// The file.
        file: Arc<Path>,
        /// The line where its document begins.
        line: u64,
    },
    /// In a cluster.
    Cluster {
        /// The route's uid.
        uid: Arc<str>,
        /// The route's generation that the document was made of.
        generation: i64,
        /// The resourceVersion with which the document came.
        version: u64,
    },
}

/// Where a route's module is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModuleSource {
    /// In a file beside the manifest.
    File(ModuleFile),
    /// In a registry.
    Registry(Image),
}

/// A module in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Image {
    /// Where it is.
    pub reference: RegistryReference,
    /// Who we are to its registry; nothing where we are whom the process is told to be.
    pub login: Option<Credentials>,
}

/// A module's file and how it looked last.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ModuleFile {
    /// The file.
    pub path: Arc<Path>,
    /// Its looks; nothing when there is no such file.
    pub stamp: Option<Stamp>,
}

/// The paths cannot be served at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No path was given.
    #[error("no path; name manifests, folders, or one .wasm or .wat file")]
    NoPath,
    /// A path does not exist or cannot be looked at.
    #[error("{}", path.display())]
    Path {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A bare module stands beside other paths.
    #[error("{} is a module: name it alone, or write a manifest for it", .0.display())]
    ModuleAmongOthers(PathBuf),
}

// === impl Origin ===

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { file, line } => write!(f, "{}:{line}", file.display()),
            Self::Cluster { uid, version, .. } => {
                write!(f, "{}@{version}", names::document_name(uid))
            }
        }
    }
}

// === impl Image ===

impl Image {
    /// An image that is fetched with what a route was given for that, or as whom the process is
    /// told to be.
    ///
    /// # Errors
    /// When what it was given is no login.
    pub fn new(reference: RegistryReference, given: &Given) -> Result<Self, CredentialsError> {
        let login = if given.pull.is_empty() {
            None
        } else {
            let texts = given.pull.iter().map(String::as_str);
            Some(Credentials::DockerConfig(DockerConfig::from_texts(texts)?))
        };
        Ok(Self { reference, login })
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

// === impl Document ===

impl Document {
    /// Which route this is.
    #[must_use]
    pub fn name(&self) -> &RouteName {
        &self.route.name
    }

    /// Whether both ask for the same of the same module.
    #[must_use]
    pub fn asks_like(&self, other: &Self) -> bool {
        (&self.route, &self.given) == (&other.route, &other.given)
    }
}
