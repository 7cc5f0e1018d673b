//! Which files there are and how they look, without reading them.
//!
//! A folder is listed with its sub-folders. Names that begin with a dot are skipped: editors keep
//! their drafts there, and Kubernetes the `..data` folders that its links go through. The links
//! themselves are followed, so a flip of `..data` shows as files that look different.
//! What a folder's `cluster.yaml` says is for a cluster, and the files beside it are for this machine.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crds::validate::Place;

/// Deeper folders are not looked into: a link back to its own parent would never end.
const DEEPEST: usize = 16;

/// Within this time after a change a second one may leave the same time stamp: file systems count
/// in ticks of up to two seconds.
const SETTLING: Duration = Duration::from_secs(2);

/// How a file looks from outside; equal looks mean equal content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
    /// Whether the change was old enough when it was looked at. A file that changed just now is
    /// looked at once more when it has settled.
    is_settled: bool,
}

/// Which files there are.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    /// The manifests in order of precedence: by argument, then by name.
    pub(super) files: Vec<(Arc<Path>, Stamp)>,
    /// The folders that were looked into.
    pub(super) folders: Vec<PathBuf>,
    /// What could not be looked at, and why.
    pub(super) unreadable: Vec<(PathBuf, String)>,
}

// === impl Stamp ===

impl Stamp {
    /// How a file looks now; nothing when there is no such file.
    ///
    /// # Errors
    /// When the file may be there and cannot be looked at.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(Self::from(&metadata))),
            Err(error) if is_absence(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether an open file is still the one that looked like this.
    #[must_use]
    pub fn fits(&self, metadata: &fs::Metadata) -> bool {
        let now = Self::from(metadata);
        Self {
            is_settled: self.is_settled,
            ..now
        } == *self
    }
}

impl From<&fs::Metadata> for Stamp {
    fn from(metadata: &fs::Metadata) -> Self {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| {
                i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
            });
        let latest = metadata.mtime().max(metadata.ctime());
        let settling = i64::try_from(SETTLING.as_secs()).unwrap_or(i64::MAX);
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            is_settled: now.saturating_sub(latest) > settling,
        }
    }
}

/// What a folder has for a cluster, when it has something for this machine too.
const FOR_CLUSTERS: &str = "cluster.yaml";

/// Lists the manifests under some paths that are meant for a place; files that are named themselves
/// are meant.
pub(super) fn list(roots: &[PathBuf], place: Place) -> Listing {
    let mut listing = Listing::default();
    let mut seen = HashSet::new();
    for root in roots {
        match fs::metadata(root) {
            Ok(metadata) if metadata.is_dir() => {
                folder(&mut listing, &mut seen, root, place, DEEPEST);
            }
            Ok(metadata) => add(&mut listing, &mut seen, root.clone(), &metadata),
            Err(error) if is_absence(&error) => {}
            Err(error) => listing.unreadable.push((root.clone(), error.to_string())),
        }
    }
    listing
}

fn folder(
    listing: &mut Listing,
    seen: &mut HashSet<Arc<Path>>,
    path: &Path,
    place: Place,
    depth: usize,
) {
    let entries = fs::read_dir(path).and_then(|entries| {
        entries
            .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
            .collect::<io::Result<Vec<_>>>()
    });
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) if is_absence(&error) => return,
        Err(error) => {
            return listing
                .unreadable
                .push((path.to_owned(), error.to_string()));
        }
    };
    listing.folders.push(path.to_owned());
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    let has_own = entries.iter().any(|(name, _)| name == FOR_CLUSTERS);
    for (name, kind) in entries {
        let is_manifest = matches!(
            Path::new(&name)
                .extension()
                .and_then(|extension| extension.to_str()),
            Some("yaml" | "yml")
        ) && match place {
            Place::Local => name != FOR_CLUSTERS,
            Place::Cluster => name == FOR_CLUSTERS || !has_own,
        };
        // Only what may be a manifest or a folder is looked at: a folder may be full of others.
        let may_matter = is_manifest || kind.is_dir() || kind.is_symlink();
        if name.as_encoded_bytes().starts_with(b".") || !may_matter {
            continue;
        }
        let entry = path.join(&name);
        match fs::metadata(&entry) {
            Ok(metadata) if metadata.is_dir() => {
                if depth > 0 {
                    folder(listing, seen, &entry, place, depth - 1);
                }
            }
            Ok(metadata) if is_manifest && metadata.is_file() => {
                add(listing, seen, entry, &metadata);
            }
            Ok(_) => {}
            Err(error) if is_absence(&error) => {}
            Err(error) if is_manifest => listing.unreadable.push((entry, error.to_string())),
            Err(_) => {}
        }
    }
}

fn add(
    listing: &mut Listing,
    seen: &mut HashSet<Arc<Path>>,
    path: PathBuf,
    metadata: &fs::Metadata,
) {
    let path: Arc<Path> = Arc::from(path);
    if seen.insert(Arc::clone(&path)) {
        listing.files.push((path, Stamp::from(metadata)));
    }
}

/// A link that leads nowhere, or a parent that became a file, is an absent file too.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(root: &Path, roots: &[PathBuf]) -> Vec<String> {
        names_for(Place::Local, root, roots)
    }

    fn names_for(place: Place, root: &Path, roots: &[PathBuf]) -> Vec<String> {
        list(roots, place)
            .files
            .iter()
            .map(|(path, _)| {
                path.strip_prefix(root)
                    .unwrap_or(path)
                    .display()
                    .to_string()
            })
            .collect()
    }

    #[test]
    fn manifests_come_by_argument_and_then_by_name() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path();
        fs::create_dir_all(root.join("b/c")).expect("folders");
        fs::create_dir_all(root.join(".git")).expect("a hidden folder");
        for name in [
            "z.yaml",
            "a.yml",
            "b/c/x.yaml",
            ".draft.yaml",
            ".git/y.yaml",
            "a.txt",
            "m.wasm",
        ] {
            fs::write(root.join(name), "").expect("a file");
        }
        assert_eq!(
            names(root, &[root.to_owned()]),
            ["a.yml", "b/c/x.yaml", "z.yaml"]
        );
        let arguments = [root.join("z.yaml"), root.to_owned(), root.join("a.txt")];
        assert_eq!(
            names(root, &arguments),
            ["z.yaml", "a.yml", "b/c/x.yaml", "a.txt"]
        );
    }

    #[test]
    fn a_folder_may_have_a_file_of_its_own_for_clusters() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path();
        fs::create_dir(root.join("b")).expect("a folder");
        for name in ["cluster.yaml", "manifest.yaml", "b/other.yaml"] {
            fs::write(root.join(name), "").expect("a file");
        }
        let roots = [root.to_owned()];
        let for_place = |place| names_for(place, root, &roots);
        assert_eq!(for_place(Place::Local), ["b/other.yaml", "manifest.yaml"]);
        assert_eq!(for_place(Place::Cluster), ["b/other.yaml", "cluster.yaml"]);
        let named = [root.join("cluster.yaml")];
        assert_eq!(names(root, &named), ["cluster.yaml"]);
    }

    #[test]
    fn links_are_followed_and_loops_end() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path();
        fs::create_dir(root.join("..2024")).expect("a folder");
        fs::write(root.join("..2024/a.yaml"), "").expect("a file");
        symlink("..2024", root.join("..data")).expect("a link");
        symlink("..data/a.yaml", root.join("a.yaml")).expect("a link");
        symlink("nowhere", root.join("broken.yaml")).expect("a link");
        assert_eq!(names(root, &[root.to_owned()]), ["a.yaml"]);
        symlink(".", root.join("loop")).expect("a link");
        assert!(list(&[root.to_owned()], Place::Local).files.len() > 1);
    }

    #[test]
    fn a_flipped_link_looks_different() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = dir.path();
        for version in ["1", "2"] {
            fs::create_dir(root.join(version)).expect("a folder");
            fs::write(root.join(version).join("a.yaml"), "same size").expect("a file");
        }
        symlink("1", root.join("..data")).expect("a link");
        symlink("..data/a.yaml", root.join("a.yaml")).expect("a link");
        let before = Stamp::of(&root.join("a.yaml")).expect("a look");
        symlink("2", root.join("..tmp")).expect("a link");
        fs::rename(root.join("..tmp"), root.join("..data")).expect("a flip");
        assert_ne!(Stamp::of(&root.join("a.yaml")).expect("a look"), before);
        assert_eq!(Stamp::of(&root.join("b.yaml")).expect("a look"), None);
    }
}
