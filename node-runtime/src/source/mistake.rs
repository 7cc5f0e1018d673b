//! One mistake in a manifest, said so that an editor can jump to it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: u64,
    /// The column, in characters.
    pub column: u64,
}

/// One mistake in a manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// The file.
    pub file: Arc<Path>,
    /// Where in it, unless the whole file is meant.
    pub position: Option<Position>,
    /// The field and what is wrong with it.
    pub text: String,
    /// How many routes of the file's last good version are served meanwhile.
    pub kept: usize,
}

// === impl Mistake ===

impl Mistake {
    /// A mistake at a place in a file.
    pub(super) fn at(file: &Arc<Path>, position: Position, text: String) -> Self {
        Self {
            file: Arc::clone(file),
            position: Some(position),
            text,
            kept: 0,
        }
    }

    /// A mistake of an object in a cluster.
    pub(super) fn of_object(name: &str, text: String) -> Self {
        Self::whole(&Arc::from(Path::new(name)), text)
    }

    /// A mistake of a file as a whole.
    pub(super) fn whole(file: &Arc<Path>, text: String) -> Self {
        Self {
            file: Arc::clone(file),
            position: None,
            text,
            kept: 0,
        }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(Position { line, column }) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        write!(f, ": {}", self.text)
    }
}
