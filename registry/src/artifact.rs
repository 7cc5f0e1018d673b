//! From a manifest's bytes to the layer that is the module.
//!
//! Accepted are the artifacts that tools make of WebAssembly modules: the CNCF artifact, wasm-to-oci's,
//! solo.io's, and what ORAS pushes when it is told nothing; and image indexes that lead to one.
//! Everything else is refused with the media types that were found. Pure: does no I/O, and does not
//! know whether the layer's bytes are a module.

#[doc(hidden)]
pub mod fuzz;
mod index;

use std::collections::BTreeMap;

use crds::digest::Digest;
use oci_distribution::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest, WASM_CONFIG_MEDIA_TYPE,
    WASM_LAYER_MEDIA_TYPE,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// The CNCF artifact's configuration.
pub const CNCF_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The CNCF artifact's module.
pub const CNCF_LAYER: &str = "application/wasm";
/// wasm-to-oci's configuration.
pub const LEGACY_CONFIG: &str = WASM_CONFIG_MEDIA_TYPE;
/// wasm-to-oci's module.
pub const LEGACY_LAYER: &str = WASM_LAYER_MEDIA_TYPE;

/// solo.io's module.
const SOLO_LAYER: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
/// What ORAS calls a file whose type it was not told: a tar, which it is not.
const ORAS_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// What ORAS configures with since 1.1 (OCI image specification, "Guidance for an Empty Descriptor").
const EMPTY_CONFIG: &str = "application/vnd.oci.empty.v1+json";
/// What ORAS configured with before.
const ORAS_CONFIG: &str = "application/vnd.unknown.config.v1+json";

/// Configurations of artifacts that hold a module.
const CONFIGS: [&str; 6] = [
    CNCF_CONFIG,
    LEGACY_CONFIG,
    "application/vnd.module.wasm.config.v1+json",
    // The other spelling in solo.io's own specification.
    "application/vnd.io.wasm.module.config.v1+json",
    EMPTY_CONFIG,
    ORAS_CONFIG,
];

/// What is asked for, best first.
pub(crate) const ACCEPT: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json;q=0.9, \
     application/vnd.docker.distribution.manifest.v2+json;q=0.8, \
     application/vnd.docker.distribution.manifest.list.v2+json;q=0.7";

/// File name of a layer (OCI image specification, "Pre-Defined Annotation Keys").
const TITLE: &str = "org.opencontainers.image.title";

/// What a manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// It holds a module.
    Module(Module),
    /// It is an index; the manifest with this digest is the one to read.
    Index(Digest),
}

/// A layer that is a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Module {
    /// Digest of the module's bytes.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// The layer's media type.
    pub media_type: String,
    /// The manifest's annotations.
    pub annotations: BTreeMap<String, String>,
}

/// Why no module can be had from a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArtifactError {
    /// Not JSON, or not of the shape that the specification has.
    #[error("its manifest cannot be read: {0}")]
    Malformed(String),
    /// Both an image and an index: programs would disagree about what it is.
    #[error("its manifest has both layers and manifests, which readers understand differently")]
    Ambiguous,
    /// A kind of manifest that we do not know.
    #[error("its manifest has media type {0}; write an OCI image manifest, as wagi push does")]
    Unknown(String),
    /// No layer is a module, or the artifact is of another kind.
    #[error("it is no WebAssembly module: {found}; push it with wagi push")]
    NoModule {
        /// The media types that were found.
        found: String,
    },
    /// More than one layer is a module.
    #[error("it has {count} WebAssembly layers, and one is served: {found}")]
    Several {
        /// How many.
        count: usize,
        /// The media types that were found.
        found: String,
    },
    /// An index without a manifest for WebAssembly.
    #[error("its index has nothing for the platform wasi/wasm or wasip1/wasm; it has {found}")]
    NoPlatform {
        /// Platforms and media types that were found.
        found: String,
    },
    /// An index that leads to an index.
    #[error("it is an index of indexes: {0}; push the module itself")]
    IndexOfIndexes(String),
    /// A digest that is not SHA-256.
    #[error("its {part} is named by {text:?}, and only sha256 digests can be checked")]
    Digest {
        /// Layer or manifest.
        part: &'static str,
        /// What was written.
        text: String,
    },
    /// A size below nothing.
    #[error("its layer has {0} bytes, which is no size")]
    Size(i64),
}

/// Just enough to see which kind it is: OCI image specification, "Compatibility Matrix".
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Probe {
    media_type: Option<String>,
    layers: Option<IgnoredAny>,
    manifests: Option<IgnoredAny>,
    fs_layers: Option<IgnoredAny>,
}

/// Finds the module that a manifest names.
///
/// `content_type` is what the registry said that the bytes are; the manifest's own word wins.
///
/// # Errors
///
/// When it names none, or it is not certain which.
pub fn read(content_type: Option<&str>, bytes: &[u8]) -> Result<Manifest, ArtifactError> {
    let probe: Probe = serde_json::from_slice(bytes).map_err(malformed)?;
    if probe.manifests.is_some() && (probe.layers.is_some() || probe.fs_layers.is_some()) {
        return Err(ArtifactError::Ambiguous);
    }
    // Registries may answer with a parameter behind the type.
    let said = content_type.map(|text| text.split(';').next().unwrap_or_default().trim());
    let is_index = probe.manifests.is_some();
    match probe.media_type.as_deref().or(said) {
        Some(OCI_IMAGE_MEDIA_TYPE | IMAGE_MANIFEST_MEDIA_TYPE) if !is_index => module(bytes),
        Some(OCI_IMAGE_INDEX_MEDIA_TYPE | IMAGE_MANIFEST_LIST_MEDIA_TYPE) if is_index => {
            index::choose(bytes).map(Manifest::Index)
        }
        // The field is optional, and some registries send no useful type.
        None | Some("" | "application/json" | "application/octet-stream" | "text/plain") => {
            match (is_index, probe.layers.is_some()) {
                (true, _) => index::choose(bytes).map(Manifest::Index),
                (false, true) => module(bytes),
                (false, false) => Err(ArtifactError::Unknown("none".to_owned())),
            }
        }
        Some(other) => Err(ArtifactError::Unknown(shown(other))),
    }
}

fn module(bytes: &[u8]) -> Result<Manifest, ArtifactError> {
    let manifest: OciImageManifest = serde_json::from_slice(bytes).map_err(malformed)?;
    let config = manifest.config.media_type.as_str();
    let is_module = |layer: &&OciDescriptor| {
        is_wasm(&layer.media_type) || is_untyped_oras_file(config, manifest.layers.len(), layer)
    };
    let mut modules = manifest.layers.iter().filter(is_module);
    let layer = match modules.next() {
        Some(layer) if CONFIGS.contains(&config) => layer,
        _ => {
            return Err(ArtifactError::NoModule {
                found: media_types(&manifest),
            });
        }
    };
    let others = modules.count();
    if others > 0 {
        return Err(ArtifactError::Several {
            count: others + 1,
            found: media_types(&manifest),
        });
    }
    Ok(Manifest::Module(Module {
        digest: digest("layer", &layer.digest)?,
        size: u64::try_from(layer.size).map_err(|_| ArtifactError::Size(layer.size))?,
        media_type: layer.media_type.clone(),
        annotations: manifest.annotations.unwrap_or_default(),
    }))
}

fn is_wasm(media_type: &str) -> bool {
    matches!(media_type, CNCF_LAYER | LEGACY_LAYER | SOLO_LAYER)
}

/// `oras push REF hello.wasm` says tar; that it is one file, and its name, tell.
fn is_untyped_oras_file(config: &str, layers: usize, layer: &OciDescriptor) -> bool {
    let title = layer.annotations.as_ref().and_then(|all| all.get(TITLE));
    layers == 1
        && matches!(config, EMPTY_CONFIG | ORAS_CONFIG)
        && layer.media_type == ORAS_LAYER
        && title.is_some_and(|title| title.ends_with(".wasm"))
}

fn media_types(manifest: &OciImageManifest) -> String {
    let mut found = format!("configuration {}", shown(&manifest.config.media_type));
    if let Some(kind) = &manifest.artifact_type {
        found = format!("artifact {}, {found}", shown(kind));
    }
    let layers: Vec<_> = manifest
        .layers
        .iter()
        .map(|layer| shown(&layer.media_type))
        .collect();
    match layers.as_slice() {
        [] => found + ", no layer",
        layers => format!("{found}, {}", listed("layer", layers)),
    }
}

/// Each once, and not more than a reader takes in.
fn listed(what: &str, all: &[String]) -> String {
    let mut once: Vec<&str> = Vec::new();
    for text in all {
        if !once.contains(&text.as_str()) && once.len() < 5 {
            once.push(text);
        }
    }
    let several = if all.len() == 1 { "" } else { "s" };
    format!("{} {what}{several} {}", all.len(), once.join(", "))
}

/// A stranger's text in a sentence of ours: one line, not too long.
fn shown(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    text.chars().map(printable).take(128).collect()
}

fn digest(part: &'static str, text: &str) -> Result<Digest, ArtifactError> {
    Digest::parse(text).map_err(|_| ArtifactError::Digest {
        part,
        text: shown(text),
    })
}

fn malformed(error: serde_json::Error) -> ArtifactError {
    ArtifactError::Malformed(shown(&error.to_string()))
}

#[cfg(test)]
mod tests;
