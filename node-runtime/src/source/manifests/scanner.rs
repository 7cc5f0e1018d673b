//! Looks at files and reads those that changed; blocking, and without a clock of its own but one.
//!
//! [`Scanner::look`] is cheap and says whether anything differs from what was read last;
//! [`Scanner::read`] reads it. Modules and volumes are only looked at.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crds::module_reference::ModuleReference;
use crds::references::Given;
use crds::validate::{Place, RouteName, ValidRoute};

use super::file::{File, LARGEST};
use super::objects::{Objects, folders_of};
use crate::source::listing::{self, Listing, Stamp};
use crate::source::mistake::Mistake;
use crate::source::{Document, Image, ModuleFile, ModuleSource, OpenError, Origin, Snapshot, bare};

/// What is looked at, and what was read.
#[derive(Debug)]
pub(super) struct Scanner {
    roots: Roots,
    place: Place,
    files: HashMap<Arc<Path>, File>,
    seen: Look,
}

#[derive(Debug)]
enum Roots {
    Manifests(Vec<PathBuf>),
    /// One module without a manifest.
    Module {
        argument: Arc<Path>,
        module: ModuleReference,
    },
}

/// How everything looked.
#[derive(Debug, Default, PartialEq, Eq)]
struct Look {
    listing: Listing,
    modules: HashMap<Arc<Path>, Option<Stamp>>,
    /// The volumes' folders, and whether each is there.
    volumes: HashMap<PathBuf, bool>,
}

// === impl Scanner ===

impl Scanner {
    pub(super) fn open(paths: Vec<PathBuf>, place: Place) -> Result<Self, OpenError> {
        let mut module = None;
        for path in &paths {
            match fs::metadata(path) {
                Ok(metadata) if bare::is_module(path) && !metadata.is_dir() => {
                    module = Some((path, ModuleReference::File(path.clone())));
                }
                Ok(_) => {}
                // A file of that name would win: what is on the disk is what a person sees.
                Err(source) => match bare::image(path) {
                    Some(image) => module = Some((path, ModuleReference::Registry(image))),
                    None => {
                        return Err(OpenError::Path {
                            path: path.clone(),
                            source,
                        });
                    }
                },
            }
        }
        let roots = match (module, paths.len()) {
            (_, 0) => return Err(OpenError::NoPath),
            (Some((path, module)), 1) => Roots::Module {
                argument: Arc::from(path.as_path()),
                module,
            },
            (Some((path, _)), _) => return Err(OpenError::ModuleAmongOthers(path.clone())),
            (None, _) => Roots::Manifests(paths),
        };
        Ok(Self {
            roots,
            place,
            files: HashMap::new(),
            seen: Look::default(),
        })
    }

    /// Looks at everything; says whether it differs from the look before.
    pub(super) fn look(&mut self) -> bool {
        let listing = match &self.roots {
            Roots::Manifests(paths) => listing::list(paths, self.place),
            Roots::Module { .. } => Listing::default(),
        };
        let look = Look {
            listing,
            modules: self.modules(),
            volumes: self.volumes(),
        };
        let differs = look != self.seen;
        self.seen = look;
        differs
    }

    /// Whether a file must be read again although it looks the same.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.files.values().any(|file| file.doubted_since.is_some())
    }

    /// Reads what differs since the last reading.
    pub(super) fn read(&mut self) -> Snapshot {
        let now = Instant::now();
        let mut previous = std::mem::take(&mut self.files);
        for (path, stamp) in &self.seen.listing.files {
            let file = match previous.remove(path) {
                Some(file) if file.stamp == *stamp && file.doubted_since.is_none() => file,
                Some(mut file) => {
                    file.update(path, *stamp, read_text(path), now);
                    file
                }
                None => File::new(self.place, path, *stamp, read_text(path)),
            };
            self.files.insert(Arc::clone(path), file);
        }
        // A folder that cannot be looked into is not an empty one.
        for (path, file) in previous {
            let is_hidden = |(hidden, _): &(PathBuf, String)| path.starts_with(hidden);
            if self.seen.listing.unreadable.iter().any(is_hidden) {
                self.files.insert(path, file);
            }
        }
        // New manifests may name modules that nobody looked at yet.
        self.seen.modules = self.modules();
        self.seen.volumes = self.volumes();
        self.snapshot()
    }

    /// The folders in which a change matters.
    pub(super) fn folders(&self) -> HashSet<PathBuf> {
        let mut folders: HashSet<PathBuf> = self.seen.listing.folders.iter().cloned().collect();
        let files = self.seen.listing.files.iter().map(|(path, _)| path);
        for path in files.chain(self.seen.modules.keys()) {
            if let Some(parent) = path.parent() {
                let parent = if parent.as_os_str().is_empty() {
                    Path::new(".")
                } else {
                    parent
                };
                if !folders.contains(parent) {
                    folders.insert(parent.to_owned());
                }
            }
        }
        folders
    }

    fn modules(&self) -> HashMap<Arc<Path>, Option<Stamp>> {
        let mut modules = HashMap::with_capacity(self.seen.modules.len());
        let mut add = |path: &Path| {
            if !modules.contains_key(path) {
                // What cannot be looked at cannot be read either; the load says why.
                modules.insert(Arc::from(path), Stamp::of(path).unwrap_or(None));
            }
        };
        if let Roots::Module {
            module: ModuleReference::File(path),
            ..
        } = &self.roots
        {
            add(path);
        }
        for route in self.routes() {
            if let ModuleReference::File(path) = &route.module {
                add(path);
            }
        }
        modules
    }

    fn volumes(&self) -> HashMap<PathBuf, bool> {
        self.routes()
            .flat_map(folders_of)
            .map(|folder| (folder.clone(), folder.is_dir()))
            .collect()
    }

    fn routes(&self) -> impl Iterator<Item = &ValidRoute> {
        self.files
            .values()
            .flat_map(|file| file.routes.iter().map(|(_, route)| route))
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        let objects = Objects::new(
            self.in_order()
                .into_iter()
                .filter_map(|path| self.files.get(path)),
        );
        if let Roots::Module { argument, module } = &self.roots {
            snapshot.files = 1;
            let document = self.document(argument, 1, bare::route(module.clone()), &objects);
            snapshot.documents.extend(document.map(Arc::new));
        }
        let mut first: HashMap<&RouteName, (&Arc<Path>, u64)> = HashMap::new();
        for path in self.in_order() {
            let Some(file) = self.files.get(path) else {
                continue;
            };
            snapshot.files += 1;
            snapshot.other_kinds += file.other_kinds;
            snapshot.mistakes.extend(file.mistakes.iter().cloned());
            for (line, route) in &file.routes {
                if let Some((other, other_line)) = first.get(&route.name) {
                    let text = format!(
                        "metadata.name: {} is named at {}:{other_line} already; write another name",
                        route.name,
                        other.display()
                    );
                    let position = super::super::Position {
                        line: *line,
                        column: 1,
                    };
                    snapshot.mistakes.push(Mistake::at(path, position, text));
                    continue;
                }
                first.insert(&route.name, (path, *line));
                let document = self.document(path, *line, route.clone(), &objects);
                snapshot.documents.extend(document.map(Arc::new));
            }
        }
        snapshot.other_kinds += objects.unused();
        for (path, reason) in &self.seen.listing.unreadable {
            snapshot
                .mistakes
                .push(Mistake::whole(&Arc::from(path.as_path()), reason.clone()));
        }
        snapshot
    }

    /// The files in order of precedence; those whose folder hides them come last.
    fn in_order(&self) -> Vec<&Arc<Path>> {
        let listed: Vec<&Arc<Path>> = self
            .seen
            .listing
            .files
            .iter()
            .map(|(path, _)| path)
            .collect();
        let mut hidden: Vec<&Arc<Path>> = Vec::new();
        if listed.len() < self.files.len() {
            let known: HashSet<&Arc<Path>> = listed.iter().copied().collect();
            hidden.extend(self.files.keys().filter(|path| !known.contains(path)));
            hidden.sort();
        }
        listed.into_iter().chain(hidden).collect()
    }

    fn document(
        &self,
        file: &Arc<Path>,
        line: u64,
        route: ValidRoute,
        objects: &Objects<'_>,
    ) -> Option<Document> {
        let is_missing = |path: &&PathBuf| !self.seen.volumes.get(*path).copied().unwrap_or(false);
        let missing_volume = folders_of(&route).find(is_missing).cloned();
        let mut given = match self.place {
            // What a cluster has is not here.
            Place::Cluster => Ok(Given::default()),
            Place::Local => objects.given(&route),
        };
        let module = match &route.module {
            ModuleReference::File(path) => {
                let (path, stamp) = self.seen.modules.get_key_value(path.as_path())?;
                ModuleSource::File(ModuleFile {
                    path: Arc::clone(path),
                    stamp: *stamp,
                })
            }
            ModuleReference::Registry(reference) => {
                let without = Given::default();
                let image = Image::new(reference.clone(), given.as_ref().unwrap_or(&without));
                let image = image.unwrap_or_else(|error| {
                    given = Err(format!("spec.module.pullSecrets: {error}"));
                    Image {
                        reference: reference.clone(),
                        login: None,
                    }
                });
                ModuleSource::Registry(image)
            }
        };
        Some(Document {
            given,
            origin: Origin::File {
                file: Arc::clone(file),
                line,
            },
            module,
            missing_volume,
            route,
        })
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("larger than {} MiB; no manifest is", LARGEST >> 20));
    }
    String::from_utf8(bytes).map_err(|error| format!("not text: {error}"))
}
