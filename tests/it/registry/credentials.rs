//! Who we are to a registry, and that nobody else is told.

use registry::{Credentials, DockerConfig};
use serde_json::json;
use tempfile::TempDir;
use tests::artifact::{Artifact, module};
use tests::docker_registry::DockerRegistry;
use tests::registry::{Auth, IDENTITY, PASSWORD, Registry, USER, base64, basic};

use super::{alice_on, client, docker_config, docker_config_of, pull, pull_as, refused, text};

/// The registry that most people run, asking for a password, with a module.
fn real() -> (DockerRegistry, String, Vec<u8>) {
    let registry = DockerRegistry::builder().asking().start();
    let module = module("asked for");
    registry.push("shop/hello:1", &Artifact::cncf(&module), &[]);
    let text = registry.reference("shop/hello:1");
    (registry, text, module)
}

/// The registry of this process with a module.
fn ours(auth: Auth) -> (Registry, String) {
    let registry = Registry::builder().auth(auth).start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&module("ours")));
    let text = registry.reference("shop/hello:1");
    (registry, text)
}

#[tokio::test]
async fn a_password_from_the_text_of_a_secret() {
    let (registry, text, module) = real();
    let alice = alice_on(&[&registry.host()]);
    let (_, bytes) = pull_as(&client(), &text, &alice).await.expect("let in");
    assert_eq!(bytes, module);
}

#[tokio::test]
async fn a_password_from_a_file_which_may_come_later() {
    let (registry, text, module) = real();
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("config.json");
    let alice = Credentials::DockerConfig(DockerConfig::file(&file));
    let client = client();
    // Who never logged in is nobody.
    refused(pull_as(&client, &text, &alice).await, &["(401)"]);
    std::fs::write(&file, docker_config(&[&registry.host()])).expect("a file");
    let (_, bytes) = pull_as(&client, &text, &alice).await.expect("let in");
    assert_eq!(bytes, module);
}

#[tokio::test]
async fn nobody_and_a_wrong_password_get_a_sentence_that_helps() {
    let (registry, text, _) = real();
    let host = registry.host();
    let mallory = self::text(&docker_config_of(&[&host], USER, "guessed"));
    for credentials in [Credentials::Anonymous, mallory] {
        let error = refused(
            pull_as(&client(), &text, &credentials).await,
            &[
                &format!("{host} asks who wants the manifest (401)"),
                "credentials for it are missing or wrong",
                &format!("docker login {host}"),
            ],
        );
        assert!(error.is_not_permitted());
        assert!(!error.to_string().contains("guessed"), "{error}");
    }
}

#[tokio::test]
async fn one_client_mixes_up_nobody() {
    for auth in [Auth::Basic, Auth::Token] {
        let (registry, text) = ours(auth);
        let client = client();
        let alice = alice_on(&[&registry.host()]);
        pull_as(&client, &text, &alice).await.expect("let in");
        // What alice got is kept for alice.
        let nobody = pull(&client, &text).await;
        assert!(refused(nobody, &["(401)"]).is_not_permitted(), "{auth:?}");
        pull_as(&client, &text, &alice).await.expect("let in again");
    }
}

#[tokio::test]
async fn a_password_is_for_the_host_that_it_was_written_for() {
    let (registry, text) = ours(Auth::Basic);
    let others = [
        "registry.example".to_owned(),
        "127.0.0.1".to_owned(),
        format!("127.0.0.1:{}", registry.port() ^ 1),
        format!("localhost:{}", registry.port()),
        format!("{}/another/repository", registry.host()),
    ];
    for other in others {
        let elsewhere = alice_on(&[&other]);
        let outcome = pull_as(&client(), &text, &elsewhere).await;
        refused(outcome, &["(401)"]);
    }
    let told = registry.seen();
    let told = told
        .iter()
        .filter(|it| it.header("authorization").is_some());
    assert_eq!(told.count(), 0);
}

#[tokio::test]
async fn the_entry_for_a_repository_wins_over_the_one_for_its_host() {
    let (registry, text) = ours(Auth::Basic);
    let host = registry.host();
    let auth = |password: &str| base64(format!("{USER}:{password}").as_bytes());
    let both = json!({ "auths": {
        &host: { "auth": auth("another") },
        format!("{host}/shop"): { "auth": auth(PASSWORD) },
    }})
    .to_string();
    pull_as(&client(), &text, &self::text(&both))
        .await
        .expect("let in");
}

#[tokio::test]
async fn a_token_is_fetched_once_and_the_password_goes_to_its_server_only() {
    let (registry, text) = ours(Auth::Token);
    let client = client();
    let alice = alice_on(&[&registry.host()]);
    pull_as(&client, &text, &alice).await.expect("let in");
    pull_as(&client, &text, &alice).await.expect("let in");
    let seen = registry.seen();
    let asked: Vec<_> = seen
        .iter()
        .map(|it| (it.path.split('/').nth(4).unwrap_or("token"), it.status))
        .collect();
    assert_eq!(
        asked,
        [
            ("manifests", Some(401)),
            ("token", Some(200)),
            ("manifests", Some(200)),
            ("blobs", Some(200)),
            ("manifests", Some(200)),
            ("blobs", Some(200)),
        ]
    );
    let password = basic(USER, PASSWORD);
    for it in &seen {
        let told = it.header("authorization").unwrap_or_default();
        assert_eq!(told == password, it.path == "/token", "{it}");
    }
    let scope = "scope=repository%3Ashop%2Fhello%3Apull";
    let token = seen.iter().find(|it| it.path == "/token").expect("a token");
    assert!(token.query.contains(scope), "{}", token.query);
}

#[tokio::test]
async fn a_token_that_is_no_longer_good_is_fetched_anew() {
    let (registry, text) = ours(Auth::Token);
    let client = client();
    let alice = alice_on(&[&registry.host()]);
    pull_as(&client, &text, &alice).await.expect("let in");
    registry.forget_tokens();
    pull_as(&client, &text, &alice).await.expect("let in again");
    assert_eq!(registry.count("/token"), 2);
}

#[tokio::test]
async fn a_token_for_nobody_is_enough_for_a_public_registry() {
    let (registry, text) = ours(Auth::PublicToken);
    pull(&client(), &text).await.expect("let in");
    assert_eq!(registry.count("/token"), 1);
}

#[tokio::test]
async fn a_wrong_password_is_told_by_the_token_server() {
    let (registry, text) = ours(Auth::Token);
    let mallory = self::text(&docker_config_of(&[&registry.host()], USER, "guessed"));
    let error = refused(
        pull_as(&client(), &text, &mallory).await,
        &[
            "asks who wants a token (401)",
            "incorrect username or password",
        ],
    );
    assert!(error.is_not_permitted());
}

#[tokio::test]
async fn an_identity_token_is_exchanged() {
    let (registry, text) = ours(Auth::Token);
    let config = format!(
        r#"{{"auths":{{"{}":{{"auth":"","identitytoken":"{IDENTITY}"}}}}}}"#,
        registry.host()
    );
    pull_as(&client(), &text, &self::text(&config))
        .await
        .expect("let in");
    assert!(
        registry.lines().contains(&"POST /token 200".to_owned()),
        "{:?}",
        registry.lines()
    );
}

#[tokio::test]
async fn a_secret_starts_no_program() {
    let (registry, text) = ours(Auth::Basic);
    let host = registry.host();
    // `false` is a program everywhere: had it been asked, its failure would be the reason.
    let config = format!(r#"{{"credHelpers":{{"{host}":"false"}},"credsStore":"false"}}"#);
    let outcome = pull_as(&client(), &text, &self::text(&config)).await;
    refused(outcome, &["(401)"]);
}

#[test]
fn a_configuration_that_is_none_is_refused_and_not_repeated() {
    let error = DockerConfig::from_text("alice:secret").expect_err("it is refused");
    let said = error.to_string();
    assert!(said.contains("write what docker login writes"), "{said}");
    assert!(!said.contains("secret"), "{said}");
}
