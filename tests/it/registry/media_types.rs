//! Modules in every form that tools push them, from the registry that most people run: pushed by
//! skopeo from layouts written by hand, and by requests written by hand.

use crds::digest::Digest;
use serde_json::json;
use tests::artifact::{Artifact, Blob, DOCKER_LIST, DOCKER_MANIFEST, Entry, INDEX, digest, module};
use tests::docker_registry::DockerRegistry;

use super::{client, pull, refused};

/// Pushes it in both ways and pulls it; the module, and the media type of its layer.
async fn is_pulled(artifact: &Artifact, module: &[u8], media_type: &str) {
    let registry = DockerRegistry::start();
    registry.push("by/skopeo:1", artifact, &[]);
    registry.push_by_hand("by/hand", "1", artifact);
    for name in ["by/skopeo:1", "by/hand:1"] {
        let text = registry.reference(name);
        let (resolved, bytes) = pull(&client(), &text).await.expect(name);
        assert_eq!(bytes, module, "{name}");
        assert_eq!(resolved.module, digest(module), "{name}");
        assert_eq!(resolved.manifest, artifact.digest(), "{name}");
        assert_eq!(resolved.size, module.len() as u64, "{name}");
        assert_eq!(resolved.media_type, media_type, "{name}");
        // The tag may move: by its digest the artifact stays what it is.
        let text = format!("{text}@{}", artifact.digest());
        let (by_digest, _) = pull(&client(), &text).await.expect(name);
        assert_eq!(by_digest, resolved, "{name}");
    }
}

/// Pushes it by hand, and has it refused with these words.
async fn is_refused(artifact: &Artifact, parts: &[&str]) {
    let registry = DockerRegistry::start();
    registry.push_by_hand("shop/hello", "1", artifact);
    let outcome = pull(&client(), &registry.reference("shop/hello:1")).await;
    refused(outcome, parts);
}

#[tokio::test]
async fn the_artifact_of_the_cncf() {
    let module = module("cncf");
    is_pulled(&Artifact::cncf(&module), &module, "application/wasm").await;
}

#[tokio::test]
async fn the_artifact_of_wasm_to_oci() {
    let module = module("wasm-to-oci");
    let media_type = "application/vnd.wasm.content.layer.v1+wasm";
    is_pulled(&Artifact::wasm_to_oci(&module), &module, media_type).await;
}

#[tokio::test]
async fn the_artifact_of_solo_io_with_either_configuration() {
    let module = module("solo.io");
    let media_type = "application/vnd.module.wasm.content.layer.v1+wasm";
    is_pulled(&Artifact::solo_io(&module), &module, media_type).await;
    // Its specification spells the configuration in two ways.
    let other = Artifact::new(
        Blob::new("application/vnd.io.wasm.module.config.v1+json", b"{}"),
        vec![Blob::new(media_type, &module)],
    );
    is_pulled(&other, &module, media_type).await;
}

#[tokio::test]
async fn what_oras_pushes_told_or_not_told_what_it_is() {
    let module = module("oras");
    is_pulled(&Artifact::oras(&module), &module, "application/wasm").await;
    let media_type = "application/vnd.oci.image.layer.v1.tar";
    is_pulled(&Artifact::oras_untyped(&module), &module, media_type).await;
}

#[tokio::test]
async fn a_manifest_of_dockers_own_type() {
    let module = module("docker");
    let config = Blob::new("application/vnd.wasm.config.v0+json", b"{}");
    let artifact = Artifact::with(
        config,
        vec![Blob::new("application/wasm", &module)],
        json!({ "mediaType": DOCKER_MANIFEST }),
    );
    let registry = DockerRegistry::start();
    registry.push_by_hand("shop/hello", "1", &artifact);
    let (_, bytes) = pull(&client(), &registry.reference("shop/hello:1"))
        .await
        .expect("it is pulled");
    assert_eq!(bytes, module);
}

/// An index with a module for each platform, and one for Linux; the module that is taken of it.
async fn taken_of(platforms: &[(&str, &str)]) -> (String, Digest) {
    let artifacts: Vec<_> = platforms
        .iter()
        .map(|(os, architecture)| Artifact::cncf(&module(&format!("{os}/{architecture}"))))
        .collect();
    let linux = Artifact::image();
    let mut entries = vec![Entry {
        artifact: &linux,
        platform: Some(("linux", "amd64")),
    }];
    let both = artifacts.iter().zip(platforms);
    entries.extend(both.map(|(artifact, platform)| Entry {
        artifact,
        platform: Some(*platform),
    }));
    let index = Artifact::index(&entries);
    let registry = DockerRegistry::start();
    let pointed_to: Vec<_> = artifacts.iter().chain([&linux]).collect();
    registry.push("shop/hello:1", &index, &pointed_to);
    let (resolved, bytes) = pull(&client(), &registry.reference("shop/hello:1"))
        .await
        .expect("it is pulled");
    // What is pinned is what the reference names, and not what was found behind it.
    assert_eq!(resolved.manifest, index.digest());
    let name = bytes.get(11..).unwrap_or_default();
    (String::from_utf8_lossy(name).into_owned(), resolved.module)
}

#[tokio::test]
async fn an_index_gives_its_module_for_wasi() {
    let (taken, digest) = taken_of(&[("wasi", "wasm")]).await;
    assert_eq!(taken, "wasi/wasm");
    assert_eq!(digest, tests::artifact::digest(&module("wasi/wasm")));
}

#[tokio::test]
async fn an_index_with_both_names_gives_wasi_wasm_whatever_the_order() {
    let (taken, _) = taken_of(&[("wasip1", "wasm"), ("wasi", "wasm")]).await;
    assert_eq!(taken, "wasi/wasm");
    let (taken, _) = taken_of(&[("wasip2", "wasm"), ("wasip1", "wasm")]).await;
    assert_eq!(taken, "wasip1/wasm");
}

#[tokio::test]
async fn an_index_without_a_module_is_refused_with_what_it_has() {
    let linux = Artifact::image();
    let index = Artifact::index(&[Entry {
        artifact: &linux,
        platform: Some(("linux", "amd64")),
    }]);
    let registry = DockerRegistry::start();
    registry.push("shop/hello:1", &index, &[&linux]);
    let outcome = pull(&client(), &registry.reference("shop/hello:1")).await;
    refused(
        outcome,
        &["nothing for the platform wasi/wasm", "linux/amd64"],
    );
}

#[tokio::test]
async fn an_index_of_indexes_is_refused() {
    let artifact = Artifact::cncf(&module("deep"));
    let of = |artifact| {
        Artifact::index(&[Entry {
            artifact,
            platform: Some(("wasi", "wasm")),
        }])
    };
    let inner = of(&artifact);
    let outer = of(&inner);
    let registry = DockerRegistry::start();
    for artifact in [&artifact, &inner] {
        registry.push_by_hand("shop/hello", &artifact.digest().to_string(), artifact);
    }
    registry.push_by_hand("shop/hello", "1", &outer);
    let outcome = pull(&client(), &registry.reference("shop/hello:1")).await;
    refused(outcome, &["it is an index of indexes", INDEX]);
}

#[tokio::test]
async fn other_artifacts_are_refused_with_the_media_types_found() {
    is_refused(
        &Artifact::image(),
        &[
            "it is no WebAssembly module",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "push it with wagi push",
        ],
    )
    .await;
    is_refused(
        &Artifact::spin(&module("spin")),
        &[
            "it is no WebAssembly module",
            "application/vnd.fermyon.spin.application.v1+config",
        ],
    )
    .await;
    let component = Blob::new(
        "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm",
        &module("runwasi"),
    );
    let config = Blob::new("application/vnd.oci.image.config.v1+json", b"{}");
    is_refused(
        &Artifact::new(config, vec![component]),
        &["application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"],
    )
    .await;
}

#[tokio::test]
async fn an_artifact_with_two_modules_is_refused() {
    let config = Blob::new("application/vnd.wasm.config.v0+json", b"{}");
    let layers = ["one", "two"].map(|name| Blob::new("application/wasm", &module(name)));
    is_refused(
        &Artifact::new(config, layers.to_vec()),
        &["it has 2 WebAssembly layers, and one is served"],
    )
    .await;
}

#[tokio::test]
async fn an_artifact_without_layers_is_refused() {
    let config = Blob::new("application/vnd.wasm.config.v0+json", b"{}");
    is_refused(&Artifact::new(config, vec![]), &["no layer"]).await;
}

#[tokio::test]
async fn a_list_of_dockers_own_type_is_an_index() {
    let module = module("docker's list");
    let artifact = Artifact::with(
        Blob::new("application/vnd.wasm.config.v0+json", b"{}"),
        vec![Blob::new("application/wasm", &module)],
        json!({ "mediaType": DOCKER_MANIFEST }),
    );
    let mut list = Artifact::index(&[Entry {
        artifact: &artifact,
        platform: Some(("wasi", "wasm")),
    }]);
    let text = String::from_utf8(list.manifest).expect("JSON");
    list.manifest = text.replace(INDEX, DOCKER_LIST).into_bytes();
    list.media_type = DOCKER_LIST.to_owned();
    let registry = DockerRegistry::start();
    registry.push_by_hand("shop/hello", &artifact.digest().to_string(), &artifact);
    registry.push_by_hand("shop/hello", "1", &list);
    let (_, bytes) = pull(&client(), &registry.reference("shop/hello:1"))
        .await
        .expect("it is pulled");
    assert_eq!(bytes, module);
}
