//! A registry may send us elsewhere for its blobs; our credentials stay.

use tests::artifact::{Artifact, module};
use tests::registry::{Auth, Fault, Registry};

use super::{alice_on, client, client_with, pull, pull_as, refused};
use registry::Settings;

/// A registry that asks for credentials and sends on to another, which both have the module.
fn two(auth: Auth, other: Auth) -> (Registry, Registry, Vec<u8>) {
    let module = module("elsewhere");
    let registry = Registry::builder().auth(auth).start();
    let other = Registry::builder().auth(other).start();
    for registry in [&registry, &other] {
        registry.tag("shop/hello", "1", &Artifact::cncf(&module));
    }
    registry.redirect_to(&other.url());
    registry.fail(Fault::RedirectToAnotherHost);
    (registry, other, module)
}

#[tokio::test]
async fn credentials_are_not_sent_to_the_other_host() {
    for auth in [Auth::Basic, Auth::Token] {
        let (registry, other, module) = two(auth, Auth::Open);
        let text = registry.reference("shop/hello:1");
        let alice = alice_on(&[&registry.host()]);
        let (_, bytes) = pull_as(&client(), &text, &alice).await.expect("let in");
        assert_eq!(bytes, module);
        let seen = other.seen();
        assert_eq!(seen.len(), 1, "{:?}", other.lines());
        assert_eq!(seen[0].header("authorization"), None, "{auth:?}");
        assert_eq!(seen[0].header("cookie"), None);
        // It would say which registry and repository are private.
        assert_eq!(seen[0].header("referer"), None);
    }
}

#[tokio::test]
async fn the_other_host_gets_no_credentials_by_asking_for_them() {
    for asks in [Auth::Basic, Auth::Token] {
        let (registry, other, _) = two(Auth::Basic, asks);
        let text = registry.reference("shop/hello:1");
        // Even its own are not for who was sent there by somebody else.
        let alice = alice_on(&[&registry.host(), &other.host()]);
        refused(pull_as(&client(), &text, &alice).await, &["(401)"]);
        for it in other.seen() {
            assert_eq!(it.header("authorization"), None, "{it}");
        }
        assert_eq!(other.count("/token"), 0);
    }
}

#[tokio::test]
async fn a_redirect_to_plain_http_is_followed_only_where_it_is_allowed() {
    let (registry, other, module) = two(Auth::Open, Auth::Open);
    // This address is not one of this machine by its name, though it leads here.
    let place = format!("0.0.0.0:{}", other.port());
    registry.redirect_to(&format!("http://{place}"));
    let text = registry.reference("shop/hello:1");
    refused(
        pull(&client(), &text).await,
        &[
            &format!("redirects to http://{place}"),
            "plain HTTP and was not allowed by --plain-http",
        ],
    );
    assert!(other.seen().is_empty(), "{:?}", other.lines());
    let allowed = client_with(Settings {
        plain_http: vec![place],
        ..Settings::default()
    });
    let (_, bytes) = pull(&allowed, &text).await.expect("it is allowed");
    assert_eq!(bytes, module);
}

#[tokio::test]
async fn a_registry_elsewhere_does_not_make_us_ask_this_machine() {
    let (registry, other, _) = two(Auth::Open, Auth::Open);
    let elsewhere = format!("0.0.0.0:{}", registry.port());
    let client = client_with(Settings {
        plain_http: vec![elsewhere.clone()],
        ..Settings::default()
    });
    let text = format!("{elsewhere}/shop/hello:1");
    refused(
        pull(&client, &text).await,
        &["which is this machine itself"],
    );
    assert!(other.seen().is_empty(), "{:?}", other.lines());
}
