use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::{Request, Response};
use hyper::body::Incoming;

use super::*;
use crate::retry::{Class, Retry};
use crate::testing::{Body, Server, answer, client, client_with, digest, manifest, stalling, with};
use crate::{Credentials, DockerConfig, Problem};

const MODULE: &[u8] = b"\0asm\x01\0\0\0 and so on";
const LIMIT: u64 = 1 << 20;

/// Gives one module under the tag `1`.
fn registry(request: &Request<Incoming>) -> Response<Body> {
    let path = request.uri().path();
    if path == "/v2/shop/hello/manifests/1"
        || path
            == format!(
                "/v2/shop/hello/manifests/{}",
                digest(manifest(MODULE).as_bytes())
            )
    {
        answer(200, manifest(MODULE))
    } else if path == format!("/v2/shop/hello/blobs/{}", digest(MODULE)) {
        answer(200, MODULE)
    } else {
        answer(
            404,
            r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no\nsuch"}]}"#,
        )
    }
}

fn alice(host: &str) -> Credentials {
    let json = serde_json::json!({"auths": {host: {"username": "alice", "password": "secret"}}});
    Credentials::DockerConfig(DockerConfig::from_text(json.to_string()).unwrap())
}

/// `alice:secret`.
const ALICE: &str = "Basic YWxpY2U6c2VjcmV0";

async fn pull_with(
    client: &Client,
    server: &Server,
    credentials: &Credentials,
) -> Result<Vec<u8>, Error> {
    let reference = server.reference("shop/hello:1");
    let resolved = client.resolve(&reference, credentials).await?;
    let mut bytes = Vec::new();
    client
        .pull(&reference, &resolved, credentials, LIMIT, &mut bytes)
        .await?;
    Ok(bytes)
}

async fn pull(client: &Client, server: &Server) -> Result<Vec<u8>, Error> {
    pull_with(client, server, &Credentials::Anonymous).await
}

/// The error when the module's bytes are answered so.
async fn failure_of_blob(
    blob: impl Fn() -> Response<Body> + Clone + Send + Sync + 'static,
) -> Error {
    let server = Server::start(move |request| match request.uri().path() {
        path if path.contains("/blobs/") => blob(),
        _ => registry(request),
    })
    .await;
    pull(&client(), &server).await.unwrap_err()
}

#[tokio::test]
async fn a_module_is_found_by_tag_and_by_digest() {
    let server = Server::start(registry).await;
    let client = client();
    assert_eq!(pull(&client, &server).await.unwrap(), MODULE);
    let by_tag = client
        .resolve(&server.reference("shop/hello:1"), &Credentials::Anonymous)
        .await
        .unwrap();
    assert_eq!(by_tag.manifest, digest(manifest(MODULE).as_bytes()));
    assert_eq!(
        (by_tag.module, by_tag.size),
        (digest(MODULE), MODULE.len() as u64)
    );
    let pinned = server.reference(&format!("shop/hello:gone@{}", by_tag.manifest));
    let by_digest = client.resolve(&pinned, &Credentials::Anonymous).await;
    assert_eq!(by_digest.unwrap(), by_tag);
}

#[tokio::test]
async fn an_index_leads_to_the_module() {
    let index = serde_json::json!({"schemaVersion": 2, "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1,
        "digest": digest(manifest(MODULE).as_bytes()).to_string(),
        "platform": {"os": "wasip1", "architecture": "wasm"},
    }]})
    .to_string();
    let expected = digest(index.as_bytes());
    let server = Server::start(move |request| match request.uri().path() {
        "/v2/shop/hello/manifests/all" => answer(200, index.clone()),
        _ => registry(request),
    })
    .await;
    let reference = server.reference("shop/hello:all");
    let resolved = client()
        .resolve(&reference, &Credentials::Anonymous)
        .await
        .unwrap();
    assert_eq!(
        (resolved.manifest, resolved.module),
        (expected, digest(MODULE))
    );
}

#[tokio::test]
async fn what_is_not_there_is_said_with_what_the_registry_says() {
    let server = Server::start(registry).await;
    let reference = server.reference("shop/bye");
    let error = client()
        .resolve(&reference, &Credentials::Anonymous)
        .await
        .unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.contains("/shop/bye: 127.0.0.1"), "{sentence}");
    assert!(sentence.contains("(404)"), "{sentence}");
    assert!(
        sentence.contains("MANIFEST_UNKNOWN no\u{fffd}such"),
        "{sentence}"
    );
    assert!(matches!(
        error.retry(),
        Retry::After {
            class: Class::Long,
            ..
        }
    ));
    assert_eq!(server.seen().len(), 1, "asked again at once");
}

#[tokio::test]
async fn what_fails_for_a_moment_is_asked_again() {
    let failures = Arc::new(AtomicUsize::new(2));
    let server = Server::start(move |request| {
        let is_failing = failures
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(1)
            })
            .is_ok();
        match is_failing {
            true => with(answer(503, ""), "retry-after", "0"),
            false => registry(request),
        }
    })
    .await;
    assert_eq!(pull(&client(), &server).await.unwrap(), MODULE);
}

#[tokio::test]
async fn a_long_wait_is_left_to_the_caller() {
    let server = Server::start(|_| with(answer(429, ""), "retry-after", "120")).await;
    let error = pull(&client(), &server).await.unwrap_err();
    let expected = Some(std::time::Duration::from_secs(120));
    assert_eq!(
        error.retry(),
        Retry::After {
            at_least: expected,
            class: Class::Short
        }
    );
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn bytes_that_are_not_the_modules_are_never_ok() {
    let same_length: Vec<u8> = MODULE.iter().map(|byte| byte ^ 1).collect();
    let error = failure_of_blob(move || answer(200, same_length.clone())).await;
    assert!(matches!(error.problem(), Problem::Digest { .. }), "{error}");
    let error = failure_of_blob(|| answer(200, [MODULE, b"!"].concat())).await;
    assert!(matches!(error.problem(), Problem::Size { .. }), "{error}");
    let error = failure_of_blob(|| answer(200, &MODULE[1..])).await;
    assert!(matches!(error.problem(), Problem::Size { .. }), "{error}");
}

#[tokio::test]
async fn a_body_that_stalls_ends() {
    let error = failure_of_blob(|| stalling(MODULE.len(), &MODULE[..4])).await;
    assert!(error.to_string().contains("sent nothing more"), "{error}");
}

#[tokio::test]
async fn a_manifest_that_is_another_or_too_large_is_refused() {
    let server = Server::start(|request| match request.uri().path() {
        "/v2/shop/hello/manifests/1" => with(
            answer(200, manifest(MODULE)),
            "docker-content-digest",
            &digest(b"x").to_string(),
        ),
        _ => answer(200, vec![b' '; 5 << 20]),
    })
    .await;
    for (rest, expected) in [
        ("shop/hello:1".to_owned(), "sent a manifest with digest"),
        ("shop/hello:2".to_owned(), "more than 4194304 bytes"),
    ] {
        let reference = server.reference(&rest);
        let error = client()
            .resolve(&reference, &Credentials::Anonymous)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn a_module_above_the_limit_is_not_asked_for() {
    let server = Server::start(registry).await;
    let client = client();
    let reference = server.reference("shop/hello:1");
    let resolved = client
        .resolve(&reference, &Credentials::Anonymous)
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let error = client
        .pull(
            &reference,
            &resolved,
            &Credentials::Anonymous,
            3,
            &mut bytes,
        )
        .await
        .unwrap_err();
    assert!(error.to_string().contains("at most 3"), "{error}");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_password_is_sent_when_asked_for_and_kept() {
    let server = Server::start(|request| match request.headers().get("authorization") {
        Some(value) if value == ALICE => registry(request),
        _ => with(answer(401, ""), "www-authenticate", "Basic realm=\"r\""),
    })
    .await;
    let client = client();
    assert_eq!(
        pull_with(&client, &server, &alice(&server.authority))
            .await
            .unwrap(),
        MODULE
    );
    // Once without, and twice with.
    assert_eq!(server.seen().len(), 3);
    let error = pull(&client, &server).await.unwrap_err();
    assert!(error.is_not_permitted(), "{error}");
    assert!(error.to_string().contains("docker login"), "{error}");
}

#[tokio::test]
async fn a_token_is_fetched_once_for_one_login() {
    let server = Server::start(|request| {
        let authorization = request.headers().get("authorization");
        let host = request.headers()["host"].to_str().unwrap();
        match request.uri().path() {
            "/token" if authorization.is_some_and(|value| value == ALICE) => {
                answer(200, r#"{"token":"t","expires_in":300}"#)
            }
            "/token" => answer(401, ""),
            _ if authorization.is_some_and(|value| value == "Bearer t") => registry(request),
            _ => {
                let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"r\"");
                with(answer(401, ""), "www-authenticate", &challenge)
            }
        }
    })
    .await;
    let client = client();
    let alice = alice(&server.authority);
    assert_eq!(pull_with(&client, &server, &alice).await.unwrap(), MODULE);
    assert_eq!(pull_with(&client, &server, &alice).await.unwrap(), MODULE);
    let tokens: Vec<_> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.target.starts_with("/token"))
        .collect();
    assert_eq!(tokens.len(), 1);
    assert_eq!(
        tokens[0].target,
        "/token?scope=repository%3Ashop%2Fhello%3Apull&service=r"
    );
    // Alice's token is hers alone.
    assert!(pull(&client, &server).await.unwrap_err().is_not_permitted());
}

#[tokio::test]
async fn a_redirect_takes_no_credentials_along() {
    let storage = Server::start(|_| answer(200, MODULE)).await;
    let elsewhere = format!("http://{}/blob", storage.authority);
    let server = Server::start(move |request| {
        match (request.headers().get("authorization"), request.uri().path()) {
            (None, _) => with(answer(401, ""), "www-authenticate", "Basic realm=\"r\""),
            (_, path) if path.contains("/blobs/") => with(answer(307, ""), "location", &elsewhere),
            _ => registry(request),
        }
    })
    .await;
    let bytes = pull_with(&client(), &server, &alice(&server.authority)).await;
    assert_eq!(bytes.unwrap(), MODULE);
    let seen = storage.seen();
    assert_eq!((seen.len(), &seen[0].authorization), (1, &None));
}

#[tokio::test]
async fn whoever_is_redirected_to_may_not_ask_for_credentials() {
    let thief =
        Server::start(|_| with(answer(401, ""), "www-authenticate", "Basic realm=\"r\"")).await;
    let elsewhere = format!("http://{}/blob", thief.authority);
    let server = Server::start(move |request| match request.uri().path() {
        path if path.contains("/blobs/") => with(answer(302, ""), "location", &elsewhere),
        _ => registry(request),
    })
    .await;
    let json = serde_json::json!({"auths": {
        &server.authority: {"username": "alice", "password": "secret"},
        &thief.authority: {"username": "alice", "password": "secret"},
    }});
    let both = Credentials::DockerConfig(DockerConfig::from_text(json.to_string()).unwrap());
    let error = pull_with(&client(), &server, &both).await.unwrap_err();
    assert!(error.to_string().contains(&thief.authority), "{error}");
    assert!(thief.seen().iter().all(|seen| seen.authorization.is_none()));
}

#[tokio::test]
async fn redirects_off_tls_or_without_an_end_are_refused() {
    for (location, expected) in [
        ("http://storage.example/blob", "which is plain HTTP"),
        ("/v2/shop/hello/blobs/again", "without an end"),
        ("ftp://storage.example/blob", "neither https nor http"),
    ] {
        let error = failure_of_blob(move || with(answer(307, ""), "location", location)).await;
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test]
async fn tokens_from_a_place_without_tls_are_refused() {
    let server = Server::start(|_| {
        let challenge = "Bearer realm=\"http://auth.example/token\"";
        with(answer(401, ""), "www-authenticate", challenge)
    })
    .await;
    let error = pull(&client(), &server).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("gives its tokens at http://auth.example"),
        "{error}"
    );
}

#[tokio::test]
async fn mirrors_are_tried_in_order_and_the_registry_last() {
    let broken = Server::start(|_| answer(500, "")).await;
    let empty = Server::start(|_| answer(404, "")).await;
    let lying = Server::start(|request| match request.uri().path() {
        path if path.contains("/blobs/") => answer(200, vec![0; MODULE.len()]),
        _ => registry(request),
    })
    .await;
    let server = Server::start(registry).await;
    let name = &server.authority;
    let mirror = |mirror: &Server| format!("{name}=http://{}", mirror.authority);
    let client = client_with(&[mirror(&broken), mirror(&empty), mirror(&lying)]);
    assert_eq!(
        pull_with(&client, &server, &alice(name)).await.unwrap(),
        MODULE
    );
    for mirror in [&broken, &empty, &lying] {
        assert_eq!(mirror.seen().len(), 2);
        assert!(
            mirror.seen()[0]
                .target
                .ends_with(&format!("?ns={}", name.replace(':', "%3A")))
        );
    }
    // The manifest came from a mirror, and the module that it got wrong from the registry itself.
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn whoever_does_not_listen_is_named() {
    let reference = crate::testing::reference("127.0.0.1:1/shop/hello:1");
    let error = client()
        .resolve(&reference, &Credentials::Anonymous)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("no connection to 127.0.0.1:1"),
        "{error}"
    );
    assert!(matches!(
        error.retry(),
        Retry::After {
            class: Class::Short,
            ..
        }
    ));
}

#[test]
fn an_authority_that_is_none_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let garbage = folder.path().join("garbage.pem");
    for text in [
        "garbage",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&garbage, text).unwrap();
        let settings = Settings {
            ca_files: vec![garbage.clone()],
            ..Settings::default()
        };
        let error = Client::new(settings).unwrap_err().to_string();
        assert!(
            error.contains("garbage.pem") && error.contains("PEM"),
            "{error}"
        );
    }
}
