//! The bytes of an artifact: configuration and manifest. Pure.

use bytes::Bytes;
use crds::digest::Digest;
use oci_distribution::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};
use sha2::{Digest as _, Sha256};

use super::{Annotations, Pushed};
use crate::artifact::{CNCF_CONFIG, CNCF_LAYER, LEGACY_CONFIG, LEGACY_LAYER};

/// When an artifact was made (OCI image specification, "Pre-Defined Annotation Keys").
const CREATED: &str = "org.opencontainers.image.created";
/// When nothing is said of it: one moment for all, so that the same module keeps its digest.
const EPOCH: &str = "1970-01-01T00:00:00Z";

/// Whose types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Types {
    Cncf,
    Legacy,
}

/// What is uploaded beside the module.
pub(super) struct Artifact {
    types: Types,
    pub(super) layer: Digest,
    pub(super) config: Bytes,
    pub(super) config_digest: Digest,
    pub(super) manifest: Bytes,
}

/// Configuration of the CNCF's artifact ("WASM OCI Artifact", "Config").
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'a str,
    architecture: &'a str,
    os: &'a str,
    layer_digests: [String; 1],
}

// === impl Artifact ===

impl Artifact {
    pub(super) fn new(types: Types, module: &Bytes, annotations: &Annotations) -> Self {
        let layer = digest(module);
        let (config_type, layer_type) = types.media_types();
        let config = match types {
            Types::Cncf => json(&Config {
                created: annotations.get(CREATED).map_or(EPOCH, String::as_str),
                architecture: "wasm",
                os: "wasip1",
                layer_digests: [layer.to_string()],
            }),
            Types::Legacy => Bytes::from_static(b"{}"),
        };
        let config_digest = digest(&config);
        let descriptor = |media_type: &str, digest: Digest, bytes: &Bytes| OciDescriptor {
            media_type: media_type.to_owned(),
            digest: digest.to_string(),
            size: i64::try_from(bytes.len()).expect("bytes in memory must be countable"),
            ..OciDescriptor::default()
        };
        let manifest = json(&OciImageManifest {
            media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
            config: descriptor(config_type, config_digest, &config),
            layers: vec![descriptor(layer_type, layer, module)],
            annotations: (!annotations.is_empty()).then(|| annotations.clone()),
            ..OciImageManifest::default()
        });
        Self {
            types,
            layer,
            config,
            config_digest,
            manifest,
        }
    }

    pub(super) fn pushed(&self) -> Pushed {
        Pushed {
            manifest: digest(&self.manifest),
            module: self.layer,
            media_type: self.types.media_types().1,
        }
    }
}

// === impl Types ===

impl Types {
    fn media_types(self) -> (&'static str, &'static str) {
        match self {
            Self::Cncf => (CNCF_CONFIG, CNCF_LAYER),
            Self::Legacy => (LEGACY_CONFIG, LEGACY_LAYER),
        }
    }
}

fn digest(bytes: &Bytes) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

fn json(value: &impl serde::Serialize) -> Bytes {
    serde_json::to_vec(value)
        .expect("strings and numbers must be writable as JSON")
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::{Manifest, read};

    #[test]
    fn what_is_pushed_can_be_read_and_keeps_its_digest() {
        let module = Bytes::from_static(b"\0asm\x01\0\0\0");
        let annotations = Annotations::from([("a".to_owned(), "b".to_owned())]);
        for (types, media_type) in [(Types::Cncf, CNCF_LAYER), (Types::Legacy, LEGACY_LAYER)] {
            let artifact = Artifact::new(types, &module, &annotations);
            let Ok(Manifest::Module(read)) = read(None, &artifact.manifest) else {
                panic!("{types:?} cannot be read");
            };
            assert_eq!(read.media_type, media_type);
            assert_eq!((read.digest, read.size), (digest(&module), 8));
            assert_eq!(read.annotations, annotations);
            let again = Artifact::new(types, &module, &annotations);
            assert_eq!(again.pushed(), artifact.pushed());
        }
    }

    #[test]
    fn the_configuration_is_the_cncfs() {
        let module = Bytes::from_static(b"x");
        let created = "2026-01-02T03:04:05Z".to_owned();
        let annotations = Annotations::from([(CREATED.to_owned(), created.clone())]);
        let artifact = Artifact::new(Types::Cncf, &module, &annotations);
        let config: serde_json::Value = serde_json::from_slice(&artifact.config).unwrap();
        assert_eq!(
            config,
            serde_json::json!({"created": created, "architecture": "wasm", "os": "wasip1",
                "layerDigests": [digest(&module).to_string()]})
        );
    }
}
