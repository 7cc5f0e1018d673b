//! What is pushed is there, for everybody who pulls.

use registry::{Annotations, Credentials, Error, Pushed, Settings};
use tempfile::TempDir;
use tests::artifact::{digest, module};
use tests::authority::Authority;
use tests::docker_registry::DockerRegistry;
use tests::registry::{Auth, Fault, PASSWORD, Registry, USER};
use tests::skopeo::{self, Access};

use super::{alice_on, client, client_with, pull, pull_as, reference, refused};

const CNCF_CONFIG: &str = "application/vnd.wasm.config.v0+json";

async fn push(text: &str, credentials: &Credentials, module: &[u8]) -> Result<Pushed, Error> {
    let annotations = Annotations::from([("org.example.colour".to_owned(), "red".to_owned())]);
    client()
        .push(&reference(text), credentials, module.to_vec(), annotations)
        .await
}

#[tokio::test]
async fn it_is_pulled_again_by_us_and_by_skopeo() {
    let registry = DockerRegistry::builder().asking().start();
    let module = module("pushed");
    let text = registry.reference("shop/hello:1");
    let alice = alice_on(&[&registry.host()]);
    let pushed = push(&text, &alice, &module).await.expect("it is taken");
    assert_eq!(pushed.module, digest(&module));
    let (resolved, bytes) = pull_as(&client(), &text, &alice)
        .await
        .expect("it is there");
    assert_eq!(bytes, module);
    assert_eq!(resolved.manifest, pushed.manifest);
    assert_eq!(resolved.media_type, "application/wasm");
    let colour = resolved.annotations.get("org.example.colour");
    assert_eq!(colour.map(String::as_str), Some("red"));
    let folder = TempDir::new().expect("a temporary folder");
    let access = Access {
        credentials: Some(format!("{USER}:{PASSWORD}")),
        ..Access::default()
    };
    skopeo::pull(&text, folder.path(), &access);
    let manifest = std::fs::read(folder.path().join("manifest.json")).expect("a manifest");
    assert_eq!(digest(&manifest), pushed.manifest);
}

#[tokio::test]
async fn the_same_has_the_same_digest_and_is_not_sent_twice() {
    let registry = Registry::start();
    let module = module("again");
    let nobody = Credentials::Anonymous;
    let first = push(&registry.reference("shop/hello:1"), &nobody, &module).await;
    let sent = registry.count("/blobs/uploads/");
    let second = push(&registry.reference("shop/hello:2"), &nobody, &module).await;
    assert_eq!(
        first.expect("it is taken"),
        second.expect("it is taken again")
    );
    assert_eq!(registry.count("/blobs/uploads/"), sent);
}

#[tokio::test]
async fn a_registry_that_refuses_its_types_gets_those_of_wasm_to_oci() {
    let registry = Registry::builder().refusing_config(CNCF_CONFIG).start();
    let module = module("an older form");
    let text = registry.reference("shop/hello:1");
    let pushed = push(&text, &Credentials::Anonymous, &module).await;
    let pushed = pushed.expect("it is taken");
    let media_type = "application/vnd.wasm.content.layer.v1+wasm";
    assert_eq!(pushed.media_type, media_type);
    let (resolved, bytes) = pull(&client(), &text).await.expect("it is there");
    assert_eq!(bytes, module);
    assert_eq!(resolved.media_type, media_type);
    assert_eq!(resolved.manifest, pushed.manifest);
}

#[tokio::test]
async fn it_takes_a_token_for_pushing() {
    let registry = Registry::builder().auth(Auth::Token).start();
    let module = module("with a token");
    let text = registry.reference("shop/hello:1");
    let alice = alice_on(&[&registry.host()]);
    push(&text, &alice, &module).await.expect("it is taken");
    let (_, bytes) = pull_as(&client(), &text, &alice)
        .await
        .expect("it is there");
    assert_eq!(bytes, module);
}

#[tokio::test]
async fn nobody_gets_a_sentence_and_sends_nothing() {
    for auth in [Auth::Basic, Auth::Token] {
        let registry = Registry::builder().auth(auth).start();
        let text = registry.reference("shop/hello:1");
        let outcome = push(&text, &Credentials::Anonymous, &module("refused")).await;
        refused(outcome, &["(401)"]);
        assert_eq!(registry.manifest("shop/hello", "1").map(drop), None);
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_for_pushing_too() {
    let authority = Authority::new();
    let registry = Registry::builder().tls(&authority).start();
    let client = client_with(Settings {
        ca_files: vec![authority.file()],
        ..Settings::default()
    });
    let text = registry.reference("shop/hello:1");
    let module = module("behind TLS");
    let (nobody, none) = (Credentials::Anonymous, Annotations::new());
    let image = reference(&text);
    let pushed = client.push(&image, &nobody, module.clone(), none).await;
    pushed.expect("it is taken");
    let (_, bytes) = pull(&client, &text).await.expect("it is there");
    assert_eq!(bytes, module);
}

#[tokio::test]
async fn what_cannot_be_pushed_is_said_before_anything_is_sent() {
    let registry = Registry::start();
    let nobody = Credentials::Anonymous;
    let module = module("a digest");
    let named = registry.reference(&format!("shop/hello@{}", digest(&module)));
    let outcome = push(&named, &nobody, &module).await;
    refused(outcome, &["a digest cannot be chosen; push to a tag"]);
    let outcome = push(&registry.reference("shop/hello:1"), &nobody, b"").await;
    refused(outcome, &["the module is empty"]);
    assert!(registry.seen().is_empty(), "{:?}", registry.lines());
}

#[tokio::test]
async fn a_registry_that_stumbles_is_pushed_to_again() {
    let registry = Registry::start();
    let text = registry.reference("shop/hello:1");
    let module = module("at the second try");
    registry.fail_times(Fault::ServerError500, 1);
    push(&text, &Credentials::Anonymous, &module)
        .await
        .expect("it is taken");
    registry.heal();
    let (_, bytes) = pull(&client(), &text).await.expect("it is there");
    assert_eq!(bytes, module);
}
