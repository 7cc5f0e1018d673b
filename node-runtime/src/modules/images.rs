//! Images in registries: what a reference names, and its bytes.

use std::fs::File;

use crds::digest::Digest;
use crds::module_reference::RegistryReference;

use super::error::Failure;

/// Where images are looked for. There is no such place yet.
pub enum Images {}

/// What a reference names.
#[derive(Clone)]
pub(super) struct Pinned {
    /// The digest of the module's bytes.
    pub(super) module: Digest,
}

// === impl Images ===

impl Images {
    pub(super) async fn resolve(&self, _: &RegistryReference) -> Result<Pinned, Failure> {
        match *self {}
    }

    pub(super) async fn fetch(
        &self,
        _: &RegistryReference,
        _: &Pinned,
        _: u64,
    ) -> Result<File, Failure> {
        match *self {}
    }
}
