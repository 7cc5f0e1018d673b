//! Modules as artifacts of OCI registries, in every form that tools push them.
//!
//! An [`Artifact`] is bytes and media types only; how it gets into a registry is the registry's
//! matter. The forms stand beside the tools that make them.

use std::path::Path;

use crds::digest::Digest;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Media type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index of manifests.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a manifest as Docker pushes it.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Media type of an index as Docker pushes it.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Bytes with a media type.
#[derive(Clone, Debug)]
pub struct Blob {
    /// What the manifest says they are.
    pub media_type: String,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The file that they were, where it is said.
    pub title: Option<&'static str>,
}

/// A manifest with all that it names.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The manifest's own media type.
    pub media_type: String,
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// Configuration and layers.
    pub blobs: Vec<Blob>,
}

/// A manifest of an index, and for which platform it is.
pub struct Entry<'a> {
    /// What it points to.
    pub artifact: &'a Artifact,
    /// `(os, architecture)`, where it is said.
    pub platform: Option<(&'a str, &'a str)>,
}

/// The digest of these bytes.
#[must_use]
pub fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// The smallest module that differs from others by its name: a custom section says it.
///
/// # Panics
///
/// When the name is long.
#[must_use]
pub fn module(name: &str) -> Vec<u8> {
    let length = u8::try_from(name.len()).expect("a short name");
    let mut bytes = b"\0asm\x01\0\0\0".to_vec();
    bytes.extend([0, length + 1, length]);
    bytes.extend(name.as_bytes());
    bytes
}

// === impl Blob ===

impl Blob {
    /// Bytes that are said to be of this type.
    #[must_use]
    pub fn new(media_type: &str, bytes: &[u8]) -> Self {
        Self {
            media_type: media_type.to_owned(),
            bytes: bytes.to_vec(),
            title: None,
        }
    }

    /// Bytes of a file of that name.
    #[must_use]
    pub fn titled(mut self, title: &'static str) -> Self {
        self.title = Some(title);
        self
    }

    /// A descriptor of it (OCI image specification, "Content Descriptors").
    #[must_use]
    pub fn descriptor(&self) -> Value {
        let mut descriptor = json!({
            "mediaType": self.media_type,
            "digest": digest(&self.bytes).to_string(),
            "size": self.bytes.len(),
        });
        if let Some(title) = self.title {
            descriptor["annotations"] = json!({ "org.opencontainers.image.title": title });
        }
        descriptor
    }
}

// === impl Artifact ===

impl Artifact {
    /// A manifest with this configuration and these layers.
    #[must_use]
    pub fn new(config: Blob, layers: Vec<Blob>) -> Self {
        Self::with(config, layers, json!({}))
    }

    /// As [`Self::new`], with more members of the manifest.
    #[must_use]
    pub fn with(config: Blob, layers: Vec<Blob>, more: Value) -> Self {
        let mut manifest = json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config.descriptor(),
            "layers": layers.iter().map(Blob::descriptor).collect::<Vec<_>>(),
        });
        if let (Value::Object(manifest), Value::Object(more)) = (&mut manifest, more) {
            manifest.extend(more);
        }
        let media_type = manifest["mediaType"]
            .as_str()
            .unwrap_or(MANIFEST)
            .to_owned();
        let mut blobs = layers;
        blobs.push(config);
        Self {
            media_type,
            manifest: manifest.to_string().into_bytes(),
            blobs,
        }
    }

    /// CNCF's "Wasm OCI artifact layout": wkg, wasmCloud, `wagi push`.
    #[must_use]
    pub fn cncf(module: &[u8]) -> Self {
        let config = json!({
            "created": "2026-01-01T00:00:00Z",
            "architecture": "wasm",
            "os": "wasip1",
            "layerDigests": [digest(module).to_string()],
        });
        Self::new(
            Blob::new(
                "application/vnd.wasm.config.v0+json",
                config.to_string().as_bytes(),
            ),
            vec![Blob::new("application/wasm", module)],
        )
    }

    /// wasm-to-oci and what followed it: Krustlet, Kubewarden, Spin's modules.
    #[must_use]
    pub fn wasm_to_oci(module: &[u8]) -> Self {
        Self::new(
            Blob::new("application/vnd.wasm.config.v1+json", b"{}"),
            vec![Blob::new(
                "application/vnd.wasm.content.layer.v1+wasm",
                module,
            )],
        )
    }

    /// solo.io's and Istio's `oci` variant.
    #[must_use]
    pub fn solo_io(module: &[u8]) -> Self {
        Self::new(
            Blob::new("application/vnd.module.wasm.config.v1+json", b"{}"),
            vec![Blob::new(
                "application/vnd.module.wasm.content.layer.v1+wasm",
                module,
            )],
        )
    }

    /// What `oras push REF hello.wasm:application/wasm` makes.
    #[must_use]
    pub fn oras(module: &[u8]) -> Self {
        Self::with(
            Blob::new("application/vnd.oci.empty.v1+json", b"{}"),
            vec![Blob::new("application/wasm", module)],
            json!({ "artifactType": "application/vnd.wasm.component.v1+wasm" }),
        )
    }

    /// What `oras push REF hello.wasm` makes, which was not told what the file is.
    #[must_use]
    pub fn oras_untyped(module: &[u8]) -> Self {
        Self::with(
            Blob::new("application/vnd.oci.empty.v1+json", b"{}"),
            vec![Blob::new("application/vnd.oci.image.layer.v1.tar", module).titled("hello.wasm")],
            json!({ "artifactType": "application/vnd.unknown.artifact.v1" }),
        )
    }

    /// A Spin application: a module, and what only Spin can do with it.
    #[must_use]
    pub fn spin(module: &[u8]) -> Self {
        Self::new(
            Blob::new("application/vnd.fermyon.spin.application.v1+config", b"{}"),
            vec![
                Blob::new("application/vnd.wasm.content.layer.v1+wasm", module),
                Blob::new("application/vnd.wasm.content.layer.v1+data", b"a file"),
            ],
        )
    }

    /// A container image, which has no module.
    #[must_use]
    pub fn image() -> Self {
        let config = json!({
            "architecture": "amd64",
            "os": "linux",
            "rootfs": { "type": "layers", "diff_ids": [] },
        });
        Self::new(
            Blob::new(
                "application/vnd.oci.image.config.v1+json",
                config.to_string().as_bytes(),
            ),
            vec![Blob::new(
                "application/vnd.oci.image.layer.v1.tar+gzip",
                b"not read",
            )],
        )
    }

    /// An index of these.
    #[must_use]
    pub fn index(entries: &[Entry<'_>]) -> Self {
        let manifests = entries.iter().map(|entry| {
            let Artifact {
                media_type,
                manifest,
                ..
            } = entry.artifact;
            let mut descriptor = Blob::new(media_type, manifest).descriptor();
            if let Some((os, architecture)) = entry.platform {
                descriptor["platform"] = json!({ "os": os, "architecture": architecture });
            }
            descriptor
        });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": manifests.collect::<Vec<_>>(),
        });
        Self {
            media_type: INDEX.to_owned(),
            manifest: index.to_string().into_bytes(),
            blobs: Vec::new(),
        }
    }

    /// The manifest's digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        digest(&self.manifest)
    }

    /// Writes it into a layout in a folder, where it is named `tag` (OCI image specification,
    /// "Image Layout"). What an index points to was written before; a layout names one artifact.
    ///
    /// # Panics
    ///
    /// When a file cannot be written.
    pub fn write_layout(&self, folder: &Path, tag: &str) {
        let blobs = folder.join("blobs/sha256");
        std::fs::create_dir_all(&blobs).expect("a folder");
        let manifest = Blob::new(&self.media_type, &self.manifest);
        for blob in self.blobs.iter().chain([&manifest]) {
            let name = digest(&blob.bytes).to_string();
            let name = name.trim_start_matches("sha256:");
            std::fs::write(blobs.join(name), &blob.bytes).expect("a file");
        }
        let mut descriptor = manifest.descriptor();
        descriptor["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        let index = json!({ "schemaVersion": 2, "manifests": [descriptor] });
        std::fs::write(folder.join("index.json"), index.to_string()).expect("a file");
        std::fs::write(
            folder.join("oci-layout"),
            r#"{"imageLayoutVersion":"1.0.0"}"#,
        )
        .expect("a file");
    }
}
