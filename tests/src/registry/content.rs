//! What a registry holds: manifests and blobs by repository. Digests are computed, never believed.

use std::collections::HashMap;

use bytes::Bytes;
use crds::digest::Digest;

use crate::artifact::{self, Blob};

#[derive(Default)]
pub(super) struct Content {
    repositories: HashMap<String, Repository>,
    /// Uploads that have begun, by their session's number.
    uploads: HashMap<String, Vec<u8>>,
    next_upload: u64,
}

#[derive(Default)]
struct Repository {
    blobs: HashMap<String, Bytes>,
    manifests: HashMap<String, Blob>,
    tags: HashMap<String, String>,
}

// === impl Content ===

impl Content {
    pub(super) fn put_blob(&mut self, repository: &str, bytes: &[u8]) {
        let digest = artifact::digest(bytes).to_string();
        let bytes = Bytes::copy_from_slice(bytes);
        self.repository(repository).blobs.insert(digest, bytes);
    }

    pub(super) fn put_manifest(&mut self, repository: &str, manifest: Blob) -> Digest {
        let digest = artifact::digest(&manifest.bytes);
        let manifests = &mut self.repository(repository).manifests;
        manifests.insert(digest.to_string(), manifest);
        digest
    }

    pub(super) fn tag(&mut self, repository: &str, tag: &str, digest: Digest) {
        let tags = &mut self.repository(repository).tags;
        tags.insert(tag.to_owned(), digest.to_string());
    }

    pub(super) fn manifest(&self, repository: &str, name: &str) -> Option<&Blob> {
        let repository = self.repositories.get(repository)?;
        let digest = repository.tags.get(name).map_or(name, String::as_str);
        repository.manifests.get(digest)
    }

    pub(super) fn blob(&self, repository: &str, digest: &str) -> Option<Bytes> {
        self.repositories
            .get(repository)?
            .blobs
            .get(digest)
            .cloned()
    }

    pub(super) fn begin_upload(&mut self) -> String {
        self.next_upload += 1;
        let session = format!("upload-{}", self.next_upload);
        self.uploads.insert(session.clone(), Vec::new());
        session
    }

    /// How many bytes the upload has now; nothing when it was never begun.
    pub(super) fn append(&mut self, session: &str, bytes: &[u8]) -> Option<usize> {
        let upload = self.uploads.get_mut(session)?;
        upload.extend_from_slice(bytes);
        Some(upload.len())
    }

    pub(super) fn end_upload(&mut self, session: &str) -> Option<Vec<u8>> {
        self.uploads.remove(session)
    }

    fn repository(&mut self, name: &str) -> &mut Repository {
        self.repositories.entry(name.to_owned()).or_default()
    }
}
