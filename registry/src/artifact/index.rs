//! Which manifest of an image index is the one for WebAssembly.

use crds::digest::Digest;
use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, ImageIndexEntry,
    OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE, OciImageIndex,
};

use super::{ArtifactError, digest, listed, malformed, shown};

/// Platforms that a module may be for, as OS and architecture, best first.
const PLATFORMS: [(&str, &str); 2] = [("wasi", "wasm"), ("wasip1", "wasm")];

/// The manifest to read.
pub(super) fn choose(bytes: &[u8]) -> Result<Digest, ArtifactError> {
    let index: OciImageIndex = serde_json::from_slice(bytes).map_err(malformed)?;
    let for_wasm = PLATFORMS.iter().find_map(|platform| {
        let is_for = |entry: &&ImageIndexEntry| is_for(entry, *platform);
        index.manifests.iter().find(is_for)
    });
    let entry = match (for_wasm, index.manifests.as_slice()) {
        (Some(entry), _) => entry,
        // Nothing to choose from, and nothing said against it.
        (None, [only]) if only.platform.is_none() => only,
        (None, entries) => {
            return Err(ArtifactError::NoPlatform {
                found: found(entries),
            });
        }
    };
    match entry.media_type.as_str() {
        OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE => digest("manifest", &entry.digest),
        OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE => {
            Err(ArtifactError::IndexOfIndexes(shown(&entry.media_type)))
        }
        other => Err(ArtifactError::Unknown(shown(other))),
    }
}

fn is_for(entry: &ImageIndexEntry, (os, architecture): (&str, &str)) -> bool {
    entry.platform.as_ref().is_some_and(|platform| {
        platform.os.to_string() == os && platform.architecture.to_string() == architecture
    })
}

fn found(entries: &[ImageIndexEntry]) -> String {
    let each: Vec<_> = entries
        .iter()
        .map(|entry| {
            let platform = entry
                .platform
                .as_ref()
                .map_or("no platform".to_owned(), |p| {
                    format!("{}/{}", p.os, p.architecture)
                });
            format!("{} ({})", shown(&platform), shown(&entry.media_type))
        })
        .collect();
    match each.as_slice() {
        [] => "no manifest".to_owned(),
        each => listed("manifest", each),
    }
}
