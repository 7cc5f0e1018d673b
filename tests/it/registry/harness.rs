//! The registry of this process is one by the judgement of a client that nobody here wrote.

use serde_json::Value;
use tempfile::TempDir;
use tests::artifact::{Artifact, Entry, digest, module};
use tests::authority::Authority;
use tests::registry::{Auth, PASSWORD, Registry, USER};
use tests::skopeo::{self, Access};

/// Pushes an artifact and pulls it again.
fn there_and_back(registry: &Registry, access: &Access) {
    let module = module("there and back");
    let artifact = Artifact::cncf(&module);
    let reference = registry.reference("shop/hello:1");
    skopeo::push(&reference, &artifact, &[], access);
    let stored = registry.manifest("shop/hello", "1").expect("it is there");
    assert_eq!(stored.bytes, artifact.manifest);
    let folder = TempDir::new().expect("a temporary folder");
    skopeo::pull(&reference, folder.path(), access);
    let named = digest(&module).to_string();
    let blob = folder.path().join(named.trim_start_matches("sha256:"));
    assert_eq!(std::fs::read(blob).expect("a blob"), module);
}

#[test]
fn skopeo_pushes_to_it_and_pulls_from_it() {
    there_and_back(&Registry::start(), &Access::default());
}

#[test]
fn skopeo_logs_in_with_a_password_and_with_a_token() {
    for auth in [Auth::Basic, Auth::Token] {
        let registry = Registry::builder().auth(auth).start();
        let access = Access {
            credentials: Some(format!("{USER}:{PASSWORD}")),
            ..Access::default()
        };
        there_and_back(&registry, &access);
        let refused = registry.seen().into_iter().any(|it| it.status == Some(401));
        assert!(refused, "{auth:?} was asked for: {:?}", registry.lines());
    }
}

#[test]
fn skopeo_trusts_its_authority() {
    let authority = Authority::new();
    let registry = Registry::builder().tls(&authority).start();
    let access = Access {
        authority: Some(authority.folder().to_owned()),
        ..Access::default()
    };
    there_and_back(&registry, &access);
}

#[test]
fn skopeo_pulls_an_index_from_it() {
    let registry = Registry::start();
    let artifact = Artifact::cncf(&module("of an index"));
    registry.keep("shop/hello", &artifact);
    let index = Artifact::index(&[Entry {
        artifact: &artifact,
        platform: Some(("wasi", "wasm")),
    }]);
    registry.tag("shop/hello", "1", &index);
    let folder = TempDir::new().expect("a temporary folder");
    let access = Access::default();
    skopeo::pull(&registry.reference("shop/hello:1"), folder.path(), &access);
    let manifest = std::fs::read(folder.path().join("manifest.json")).expect("a manifest");
    let manifest: Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(
        manifest["manifests"][0]["digest"],
        artifact.digest().to_string()
    );
}
