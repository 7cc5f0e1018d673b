//! Where modules are kept.
//!
//! The default folder is that of the XDG Base Directory Specification for what can be made again.

use std::ffi::OsString;
use std::path::PathBuf;

use crds::duration::Duration;
use crds::quantity::Quantity;

use super::{ConfigError, Mistakes};
use crate::cli::args::store::{FolderArgs, PruneArgs, StoreArgs};

/// Where modules are kept, and how many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Where.
    pub folder: Folder,
    /// Bytes that modules and compiled code may take there.
    pub size: Quantity,
}

/// A folder for modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folder {
    /// The one that was named: without it there is no going on.
    Named(PathBuf),
    /// The user's cache: good to have.
    Default(PathBuf),
    /// None was named, and the user has no home.
    Nowhere,
}

/// What `wagi store prune` was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// Where.
    pub folder: PathBuf,
    /// What was not used for so long goes too.
    pub unused_for: Option<Duration>,
}

/// Less holds no module worth keeping.
const SMALLEST: Quantity = Quantity::from_bytes(1 << 20);

// === impl Store ===

impl Store {
    pub(super) fn parse(mistakes: &mut Mistakes, args: &StoreArgs) -> Option<Self> {
        let size = mistakes.flag("--store-size", &args.store_size, size)?;
        let folder = Folder::of(&args.folder);
        Some(Self { folder, size })
    }
}

// === impl Folder ===

impl Folder {
    /// The folder, if there can be one.
    #[must_use]
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Named(path) | Self::Default(path) => Some(path),
            Self::Nowhere => None,
        }
    }

    fn of(args: &FolderArgs) -> Self {
        match &args.store {
            Some(path) => Self::Named(path.clone()),
            None => Self::default_of(["XDG_CACHE_HOME", "HOME"].map(std::env::var_os)),
        }
    }

    fn default_of([cache, home]: [Option<OsString>; 2]) -> Self {
        // "If an implementation encounters a relative path [...] it should consider the path
        // invalid and ignore it."
        let absolute = |text: OsString| Some(PathBuf::from(text)).filter(|path| path.is_absolute());
        let cache = cache.and_then(absolute);
        let cache = cache.or_else(|| Some(home.and_then(absolute)?.join(".cache")));
        cache.map_or(Self::Nowhere, |cache| Self::Default(cache.join("wagi")))
    }
}

/// The folder that `wagi store` is about.
///
/// # Errors
/// When it is not named and there is no default.
pub fn folder(args: &FolderArgs) -> Result<PathBuf, ConfigError> {
    let mut mistakes = Mistakes::default();
    let folder = existing(&mut mistakes, args);
    mistakes.finish(|| folder)
}

fn existing(mistakes: &mut Mistakes, args: &FolderArgs) -> Option<PathBuf> {
    let folder = Folder::of(args);
    let path = folder.path().cloned();
    let none = "there is no default without HOME; write a folder";
    mistakes.flag("--store", "", |_| path.ok_or(none))
}

impl TryFrom<&PruneArgs> for Prune {
    type Error = ConfigError;

    fn try_from(args: &PruneArgs) -> Result<Self, ConfigError> {
        let mut mistakes = Mistakes::default();
        let folder = existing(&mut mistakes, &args.folder);
        let unused_for = args.unused_for.as_deref();
        let unused_for =
            unused_for.map(|text| mistakes.flag("--unused-for", text, Duration::parse));
        mistakes.finish(|| {
            Some(Self {
                folder: folder?,
                // A mistake is no absence.
                unused_for: unused_for.map_or(Some(None), |duration| duration.map(Some))?,
            })
        })
    }
}

fn size(text: &str) -> Result<Quantity, String> {
    match Quantity::parse(text) {
        Ok(size) if size < SMALLEST => Err("no module fits; write at least 1Mi".to_owned()),
        Ok(size) => Ok(size),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command, args::store::StoreCommand};
    use crate::config::Up;
    use clap::Parser;

    fn up(flags: &[&str]) -> Result<Store, ConfigError> {
        let arguments = ["wagi", "up", "routes"].iter().chain(flags);
        let cli = Cli::try_parse_from(arguments).expect("a command line");
        match cli.command {
            Command::Up(args) => Up::try_from(*args).map(|up| up.serve.store),
            other => panic!("{other:?}"),
        }
    }

    fn prune(flags: &[&str]) -> Result<Prune, ConfigError> {
        let arguments = ["wagi", "store", "prune"].iter().chain(flags);
        let cli = Cli::try_parse_from(arguments).expect("a command line");
        match cli.command {
            Command::Store(args) => match args.command {
                StoreCommand::Prune(args) => Prune::try_from(&args),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_default_folder_is_the_users_cache() {
        let of = |cache: Option<&str>, home: Option<&str>| {
            Folder::default_of([cache.map(OsString::from), home.map(OsString::from)])
        };
        let is = |path: &str| Folder::Default(PathBuf::from(path));
        assert_eq!(of(Some("/c"), Some("/h")), is("/c/wagi"));
        assert_eq!(of(None, Some("/h")), is("/h/.cache/wagi"));
        assert_eq!(of(Some(""), Some("/h")), is("/h/.cache/wagi"));
        assert_eq!(of(Some("relative"), Some("/h")), is("/h/.cache/wagi"));
        assert_eq!(of(Some("/c"), None), is("/c/wagi"));
        assert_eq!(of(None, None), Folder::Nowhere);
        assert_eq!(of(None, Some("")), Folder::Nowhere);
    }

    #[test]
    fn flags_are_read() {
        let store = up(&["--store=/s", "--store-size=2Gi"]).expect("a configuration");
        assert_eq!(store.folder, Folder::Named(PathBuf::from("/s")));
        assert_eq!(store.size.bytes(), 2 << 30);
        let default = up(&["--store=/s"]).expect("a configuration");
        assert_eq!(default.size.bytes(), 1 << 30);
        let pruned = prune(&["--store=/s", "--unused-for=720h"]).expect("a configuration");
        assert_eq!(pruned.folder, PathBuf::from("/s"));
        assert_eq!(pruned.unused_for, Some(Duration::from_secs(720 * 3600)));
        let pruned = prune(&["--store=/s"]).expect("a configuration");
        assert_eq!(pruned.unused_for, None);
    }

    #[test]
    fn mistakes_say_what_to_write() {
        let error = up(&["--store=/s", "--store-size=1k"]).expect_err("a mistake");
        assert_eq!(
            error.0,
            [r#"--store-size "1k": no module fits; write at least 1Mi"#]
        );
        let error = prune(&["--store=/s", "--unused-for=30"]).expect_err("a mistake");
        assert_eq!(
            error.0,
            [r#"--unused-for "30": has no unit; write 30s for seconds, or one of ms, m, h"#]
        );
    }
}
