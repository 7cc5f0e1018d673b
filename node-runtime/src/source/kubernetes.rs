//! The API server as a source: one list and one watch each of a namespace's ConfigMaps and Secrets.
//!
//! A task of its own follows them, so that whoever takes snapshots may take their time: what was
//! published meanwhile is in the next one. What was published last is kept on disk and read first,
//! so that a start without the API server has something to serve. It writes nothing to the cluster,
//! and knows no module.

mod client;
mod copies;
mod known;
mod patience;
mod published;
mod snapshot;
mod watch;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crds::fleet::Fleet;
use kube::Client;
use tokio::sync::watch as channel;
use tokio_util::task::AbortOnDropHandle;

use super::{Snapshot, Source};
use copies::{Documents, Secrets};
use known::Known;
use snapshot::Journal;
use watch::Follower;

pub use client::{ConnectError, connect};
pub use patience::{Backoff, up_to};
pub use snapshot::SnapshotError;
pub use watch::said;

/// How documents are followed.
#[derive(Clone)]
pub struct Settings {
    /// Whom to ask.
    pub client: Client,
    /// Where documents are published.
    pub namespace: String,
    /// A list after a lost connection waits a random part of this.
    pub relist_spread: Duration,
    /// How long routes stay that a list lacks, when it lacks most.
    pub shrink_grace: Duration,
    /// Where what was seen is kept, if it is.
    pub folder: Option<PathBuf>,
    /// Where the Secrets that were seen are kept, if they are: in memory.
    pub secrets: Option<PathBuf>,
}

/// What is known beside documents.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Whether all was listed yet.
    pub stage: Stage,
    /// What runtimes know of each other.
    pub fleet: Arc<Fleet>,
}

/// Whether all was listed yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// The API server has not answered yet.
    #[default]
    Looking,
    /// It was asked in vain.
    Away {
        /// Why.
        reason: String,
        /// How many documents were kept on disk; nothing when there is no such file.
        kept: Option<usize>,
    },
    /// It was.
    Listed,
}

/// Documents of a cluster, followed until this is dropped.
#[derive(Debug)]
pub struct Kubernetes {
    snapshots: channel::Receiver<Option<Arc<Snapshot>>>,
    view: channel::Receiver<View>,
    _tasks: [AbortOnDropHandle<()>; 2],
    /// Whoever drops these waits until the disk has what was seen.
    _journals: [Option<Journal>; 2],
}

// === impl Kubernetes ===

impl Kubernetes {
    /// Begins to follow.
    ///
    /// # Errors
    /// When what was seen cannot be kept where it should be.
    pub fn open(settings: Settings) -> Result<Self, SnapshotError> {
        let kept = |folder: &Option<PathBuf>| {
            let kept = folder.as_deref().map(Journal::open).transpose()?;
            Ok::<_, SnapshotError>(kept.unzip())
        };
        let (journal, restored) = kept(&settings.folder)?;
        let (memory, remembered) = kept(&settings.secrets)?;
        let (send, snapshots) = channel::channel(None);
        let (show, view) = channel::channel(View::default());
        let (hand, handed) = channel::channel(Arc::default());
        let mut secrets = Secrets::new(hand);
        // Before the documents, which would wait for them.
        if let Some(remembered) = remembered {
            secrets.remember(remembered);
        }
        let documents = Documents {
            known: Known::new(settings.namespace.clone()),
            secrets: handed,
            snapshots: send,
            view: show,
        };
        let keeper = |journal: &Option<Journal>| journal.as_ref().map(Journal::keeper);
        let secrets = Follower::new(settings.clone(), secrets, keeper(&memory));
        let documents = Follower::new(settings, documents, keeper(&journal));
        let task = |running| AbortOnDropHandle::new(running);
        Ok(Self {
            snapshots,
            view,
            _tasks: [
                task(tokio::spawn(documents.run(restored))),
                task(tokio::spawn(secrets.run(None))),
            ],
            _journals: [journal, memory],
        })
    }

    /// What is known beside documents, from now on.
    #[must_use]
    pub fn view(&self) -> channel::Receiver<View> {
        self.view.clone()
    }
}

impl Source for Kubernetes {
    async fn next(&mut self) -> Option<Arc<Snapshot>> {
        self.snapshots.changed().await.ok()?;
        self.snapshots.borrow_and_update().clone()
    }
}
