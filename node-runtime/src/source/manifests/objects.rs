//! What routes in files take from what stands beside them: folders, ConfigMaps and Secrets.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use crds::references::{self, Data, Given, Missing, Object};
use crds::validate::{ValidRoute, VolumeContent};

use super::file::File;

/// The ConfigMaps and Secrets of all files, by namespace; of two of one name the first counts.
pub(super) struct Objects<'a> {
    all: HashMap<(&'a str, &'a Object), Entry<'a>>,
    count: usize,
}

struct Entry<'a> {
    data: &'a Arc<Data>,
    is_used: Cell<bool>,
}

// === impl Objects ===

impl<'a> Objects<'a> {
    pub(super) fn new(files: impl Iterator<Item = &'a File>) -> Self {
        let (mut all, mut count) = (HashMap::new(), 0);
        for held in files.flat_map(|file| &file.objects) {
            count += 1;
            let key = (held.namespace.as_str(), &held.object);
            all.entry(key).or_insert(Entry {
                data: &held.data,
                is_used: Cell::new(false),
            });
        }
        Self { all, count }
    }

    /// What a route's programs get; a sentence where something is missing.
    pub(super) fn given(&self, route: &ValidRoute) -> Result<Given, String> {
        let given = references::given(route, |object| {
            let entry = self.all.get(&(route.name.namespace.as_str(), object))?;
            entry.is_used.set(true);
            Some(Arc::clone(entry.data))
        });
        given.map_err(|missing| {
            let sentences: Vec<_> = missing.iter().map(Missing::to_string).collect();
            sentences.join("; ")
        })
    }

    /// How many no route takes anything of.
    pub(super) fn unused(&self) -> usize {
        let used = self.all.values().filter(|entry| entry.is_used.get());
        self.count - used.count()
    }
}

/// The folders of this machine that a route's programs may read.
pub(super) fn folders_of(route: &ValidRoute) -> impl Iterator<Item = &PathBuf> {
    route
        .volumes
        .iter()
        .filter_map(|volume| match &volume.content {
            VolumeContent::Folder(path) => Some(path),
            VolumeContent::Object(_) => None,
        })
}
