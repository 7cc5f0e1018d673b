//! What was published last, on disk: read when the API server is away at a start.
//!
//! One file that is only added to, and rewritten when more than half of it is old: an edit costs its
//! own length, however many documents there are. A thread of its own writes, at most once a second.
//! Each record carries a hash; what a crash left half written ends the file, and all before it
//! counts. It knows names and texts, not what is in them.

mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::known::Keep;
use record::{FORMAT, Record};

/// The disk hears of changes at most so often.
const BETWEEN_WRITES: Duration = Duration::from_secs(1);
/// After the disk took nothing.
const BETWEEN_TRIES: Duration = Duration::from_secs(10);
/// Below this a file is never worth rewriting.
const SMALLEST: u64 = 1 << 20;

/// Why there can be no file.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Others could add routes there.
    #[error(
        "{} belongs to user {owner} with mode {mode:o}, and what is in it is served; it must be ours and \
         closed to others: name another folder with --store", folder.display()
    )]
    Open {
        /// The folder.
        folder: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who may do what.
        mode: u32,
    },
    /// The disk says no.
    #[error("cannot keep documents in {}", folder.display())]
    Io {
        /// Where.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// What was kept.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Restored {
    /// Up to which resourceVersion it goes.
    pub(super) version: u64,
    /// Names with their version and text.
    pub(super) texts: Vec<(String, u64, String)>,
}

/// The file, written by a thread of its own; dropping it writes the rest.
#[derive(Debug)]
pub(super) struct Journal {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// Takes what is to be kept.
#[derive(Clone, Debug)]
pub(super) struct Keeper(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

/// What is on its way to the disk: of each name the last.
#[derive(Debug, Default)]
struct State {
    changes: BTreeMap<String, Keep>,
    version: u64,
    is_over: bool,
}

/// The file, and where in it the texts that count are.
struct Log {
    folder: PathBuf,
    file: File,
    size: u64,
    live: HashMap<String, (u64, u64)>,
    version: u64,
    /// A write failed in the middle: what is added to it could not be read.
    is_torn: bool,
}

// === impl Journal ===

impl Journal {
    /// Opens the file in a folder, or makes them, and reads it.
    pub(super) fn open(folder: &Path) -> Result<(Self, Restored), SnapshotError> {
        let (log, restored) = Log::open(folder)?;
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new()
            .name("documents".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || run(&shared, log)
            })
            .map_err(cannot(folder))?;
        let journal = Self {
            shared,
            thread: Some(thread),
        };
        Ok((journal, restored))
    }

    /// Whoever knows what is to be kept.
    pub(super) fn keeper(&self) -> Keeper {
        Keeper(Arc::clone(&self.shared))
    }
}

impl Keeper {
    /// Keeps these from now on; the disk has them within a second or so.
    pub(super) fn keep(&self, changes: Vec<Keep>, version: u64) {
        let mut state = self.0.lock();
        for change in changes {
            state.changes.insert(change.name().to_owned(), change);
        }
        state.version = version;
        self.0.wake.notify_one();
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.lock().is_over = true;
        self.shared.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _ = thread.join();
        }
    }
}

/// The story of the writing thread.
fn run(shared: &Shared, mut log: Log) {
    let mut was_refused = false;
    loop {
        let (changes, version, is_over) = shared.take();
        let mut rest = BETWEEN_WRITES;
        if !changes.is_empty() {
            match log.add(&changes, version) {
                Ok(()) => was_refused = false,
                Err(error) => {
                    if !std::mem::replace(&mut was_refused, true) {
                        tracing::warn!(
                            "documents are not kept in {}: {error}; a restart without the API server \
                             serves older ones",
                            log.folder.display()
                        );
                    }
                    shared.put_back(changes);
                    rest = BETWEEN_TRIES;
                }
            }
        }
        if is_over {
            return;
        }
        shared.rest(rest);
    }
}

// === impl Shared ===

impl Shared {
    /// Waits for changes and takes them all.
    fn take(&self) -> (BTreeMap<String, Keep>, u64, bool) {
        let mut state = self.lock();
        while state.changes.is_empty() && !state.is_over {
            state = self
                .wake
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let changes = std::mem::take(&mut state.changes);
        (changes, state.version, state.is_over)
    }

    /// What came meanwhile is newer.
    fn put_back(&self, changes: BTreeMap<String, Keep>) {
        let mut state = self.lock();
        for (name, change) in changes {
            state.changes.entry(name).or_insert(change);
        }
    }

    /// Waits out a time, unless it is all over.
    fn rest(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut state = self.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if state.is_over || left.is_zero() {
                return;
            }
            let waited = self.wake.wait_timeout(state, left);
            (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Log ===

impl Log {
    fn open(folder: &Path) -> Result<(Self, Restored), SnapshotError> {
        make(folder)?;
        let opened = || {
            // From a rewrite that was interrupted.
            let _ = fs::remove_file(draft_of(folder));
            let file = file_options().open(folder.join("documents"))?;
            let bytes = fs::read(folder.join("documents"))?;
            Ok((file, bytes))
        };
        let (file, bytes) = opened().map_err(cannot(folder))?;
        let (records, size) = record::parse(&bytes);
        let lost = bytes.len() as u64 - size;
        if lost > 0 {
            tracing::warn!(
                "the last {lost} bytes of {} were not written to their end, and are left out",
                folder.join("documents").display()
            );
        }
        let mut log = Self {
            folder: folder.to_owned(),
            file,
            size,
            live: HashMap::new(),
            version: 0,
            is_torn: false,
        };
        let mut texts: BTreeMap<&str, (u64, &str)> = BTreeMap::new();
        for (record, place) in &records {
            match *record {
                Record::Put {
                    name,
                    version,
                    text,
                } => {
                    log.live.insert(name.to_owned(), *place);
                    texts.insert(name, (version, text));
                }
                Record::Remove { name } => {
                    log.live.remove(name);
                    texts.remove(name);
                }
                Record::Version(version) => log.version = version,
            }
        }
        let restored = Restored {
            version: log.version,
            texts: texts
                .into_iter()
                .map(|(name, (version, text))| (name.to_owned(), version, text.to_owned()))
                .collect(),
        };
        log.begin().map_err(cannot(folder))?;
        Ok((log, restored))
    }

    /// Leaves the file as if nothing had ever been written after what counts.
    fn begin(&mut self) -> io::Result<()> {
        self.file.set_len(self.size)?;
        if self.size == 0 {
            self.file.write_all_at(FORMAT.as_bytes(), 0)?;
            self.size = FORMAT.len() as u64;
            self.file.sync_all()?;
            File::open(&self.folder)?.sync_all()?;
        }
        Ok(())
    }

    /// Adds changes, and makes them survive a crash.
    fn add(&mut self, changes: &BTreeMap<String, Keep>, version: u64) -> io::Result<()> {
        if self.is_torn || self.is_mostly_old() {
            self.rewrite()?;
        }
        let mut bytes = Vec::new();
        let mut places = Vec::with_capacity(changes.len());
        for change in changes.values() {
            let start = bytes.len() as u64;
            Record::of(change).write(&mut bytes);
            places.push((change, (start, bytes.len() as u64 - start)));
        }
        Record::Version(version).write(&mut bytes);
        let written = self.file.write_all_at(&bytes, self.size);
        let written = written.and_then(|()| self.file.sync_data());
        if written.is_err() {
            self.is_torn = self.file.set_len(self.size).is_err();
            return written;
        }
        for (change, (start, length)) in places {
            match change {
                Keep::Put { name, .. } => {
                    self.live.insert(name.clone(), (self.size + start, length));
                }
                Keep::Remove { name } => {
                    self.live.remove(name);
                }
            }
        }
        self.size += bytes.len() as u64;
        self.version = version;
        Ok(())
    }

    fn is_mostly_old(&self) -> bool {
        let live: u64 = self.live.values().map(|(_, length)| length).sum();
        self.size > SMALLEST && self.size > live * 2
    }

    /// Replaces the file by one with only what counts.
    fn rewrite(&mut self) -> io::Result<()> {
        let draft = draft_of(&self.folder);
        let file = file_options().truncate(true).open(&draft)?;
        let mut size = FORMAT.len() as u64;
        file.write_all_at(FORMAT.as_bytes(), 0)?;
        let mut live = HashMap::with_capacity(self.live.len());
        let mut record = Vec::new();
        for (name, &(start, length)) in &self.live {
            record.resize(usize::try_from(length).map_err(io::Error::other)?, 0);
            self.file.read_exact_at(&mut record, start)?;
            file.write_all_at(&record, size)?;
            live.insert(name.clone(), (size, length));
            size += length;
        }
        let mut last = Vec::new();
        Record::Version(self.version).write(&mut last);
        file.write_all_at(&last, size)?;
        size += last.len() as u64;
        file.sync_all()?;
        fs::rename(&draft, self.folder.join("documents"))?;
        File::open(&self.folder)?.sync_all()?;
        (self.file, self.size, self.live, self.is_torn) = (file, size, live, false);
        Ok(())
    }
}

fn draft_of(folder: &Path) -> PathBuf {
    folder.join("documents.new")
}

fn file_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    options
}

/// What is in the folder is served, so nobody else may have put it there.
fn make(folder: &Path) -> Result<(), SnapshotError> {
    let mut builder = DirBuilder::new();
    let made = builder.recursive(true).mode(0o700).create(folder);
    let metadata = made.and_then(|()| fs::metadata(folder));
    let metadata = metadata.map_err(cannot(folder))?;
    let (owner, mode) = (metadata.uid(), metadata.mode() & 0o7777);
    if owner == rustix::process::geteuid().as_raw() && mode & 0o022 == 0 {
        return Ok(());
    }
    Err(SnapshotError::Open {
        folder: folder.to_owned(),
        owner,
        mode,
    })
}

fn cannot(folder: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    let folder = folder.to_owned();
    move |source| SnapshotError::Io { folder, source }
}
