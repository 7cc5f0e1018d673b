//! Mirrors are asked first, in their order; what they cannot give, the registry does.

use registry::{Client, Settings};
use tests::artifact::{Artifact, module};
use tests::registry::{Auth, Fault, Registry};

use super::{alice_on, client_with, pull, pull_as, refused};

fn with_mirrors(of: &str, mirrors: &[&str]) -> Client {
    let mirrors = mirrors.iter().map(|url| {
        let text = format!("{of}={url}");
        text.parse().expect("a mirror")
    });
    client_with(Settings {
        mirrors: mirrors.collect(),
        ..Settings::default()
    })
}

fn with_module(name: &str) -> (Registry, Vec<u8>) {
    let registry = Registry::start();
    let module = module(name);
    registry.tag("shop/hello", "1", &Artifact::cncf(&module));
    (registry, module)
}

#[tokio::test]
async fn the_first_mirror_that_has_it_gives_it() {
    let gone = Registry::start().url();
    let empty = Registry::start();
    let failing = Registry::start();
    failing.fail(Fault::ServerError500);
    let (mirror, module) = with_module("mirrored");
    let later = Registry::start();
    let registry = Registry::start();
    let urls = [
        &gone,
        &empty.url(),
        &failing.url(),
        &mirror.url(),
        &later.url(),
    ];
    let client = with_mirrors(&registry.host(), &urls.map(String::as_str));
    let (_, bytes) = pull(&client, &registry.reference("shop/hello:1"))
        .await
        .expect("a mirror has it");
    assert_eq!(bytes, module);
    let manifest = "GET /v2/shop/hello/manifests/1";
    assert_eq!(empty.lines()[0], format!("{manifest} 404"));
    assert_eq!(failing.lines()[0], format!("{manifest} 500"));
    assert_eq!(mirror.lines()[0], format!("{manifest} 200"));
    // Neither is in the way of the pull.
    for unasked in [&later, &registry] {
        assert!(unasked.seen().is_empty(), "{:?}", unasked.lines());
    }
    // One mirror can stand for several registries: it is told which.
    let query = &mirror.seen()[0].query;
    assert!(query.starts_with("ns=127.0.0.1"), "{query}");
}

#[tokio::test]
async fn what_no_mirror_gives_the_registry_does() {
    for fault in [
        Fault::NotFound404,
        Fault::Unauthorized401,
        Fault::ServerError500,
        Fault::NoManifest,
        Fault::WrongDigest,
        Fault::TruncatedBody,
        Fault::TooManyRequests429,
    ] {
        let (mirror, _) = with_module("the same");
        let (registry, module) = with_module("the same");
        mirror.fail(fault);
        let client = with_mirrors(&registry.host(), &[&mirror.url()]);
        let text = registry.reference("shop/hello:1");
        let (_, bytes) = pull(&client, &text)
            .await
            .unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(bytes, module, "{fault:?}");
        assert!(mirror.times_failed() > 0, "{fault:?}");
    }
}

#[tokio::test]
async fn a_registry_that_is_gone_is_not_missed_while_a_mirror_has_it() {
    let host = {
        let registry = Registry::start();
        registry.host()
    };
    let (mirror, module) = with_module("kept");
    let client = with_mirrors(&host, &[&mirror.url()]);
    let (_, bytes) = pull(&client, &format!("{host}/shop/hello:1"))
        .await
        .expect("the mirror has it");
    assert_eq!(bytes, module);
}

#[tokio::test]
async fn the_reason_is_the_registrys_and_not_a_mirrors() {
    let mirror = Registry::start();
    mirror.fail(Fault::Unavailable503);
    let registry = Registry::start();
    let client = with_mirrors(&registry.host(), &[&mirror.url()]);
    let outcome = pull(&client, &registry.reference("shop/hello:1")).await;
    refused(
        outcome,
        &[&format!("{} does not know it (404)", registry.host())],
    );
}

#[tokio::test]
async fn a_mirrors_path_comes_before_the_repository() {
    let mirror = Registry::start();
    let module = module("below a path");
    mirror.tag("cache/shop/hello", "1", &Artifact::cncf(&module));
    let registry = Registry::start();
    let url = format!("{}/cache", mirror.url());
    let client = with_mirrors(&registry.host(), &[&url]);
    let (_, bytes) = pull(&client, &registry.reference("shop/hello:1"))
        .await
        .expect("the mirror has it");
    assert_eq!(bytes, module);
}

#[tokio::test]
async fn a_mirror_gets_its_own_credentials_and_never_the_registrys() {
    let module = module("private");
    let mirror = Registry::builder().auth(Auth::Basic).start();
    let registry = Registry::builder().auth(Auth::Basic).start();
    for registry in [&mirror, &registry] {
        registry.tag("shop/hello", "1", &Artifact::cncf(&module));
    }
    let client = with_mirrors(&registry.host(), &[&mirror.url()]);
    let text = registry.reference("shop/hello:1");
    let of_registry = alice_on(&[&registry.host()]);
    pull_as(&client, &text, &of_registry).await.expect("let in");
    for it in mirror.seen() {
        assert_eq!(it.header("authorization"), None, "{it}");
    }
    let asked = registry.seen().len();
    let of_both = alice_on(&[&registry.host(), &mirror.host()]);
    pull_as(&client, &text, &of_both).await.expect("let in");
    assert_eq!(registry.seen().len(), asked, "the mirror let us in");
}
