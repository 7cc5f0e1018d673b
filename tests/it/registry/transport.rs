//! Private authorities, plain HTTP, and nobody there.

use registry::{Client, Settings};
use tempfile::TempDir;
use tests::artifact::{Artifact, module};
use tests::authority::Authority;
use tests::docker_registry::DockerRegistry;
use tests::registry::Registry;

use super::{client, client_with, pull, refused};

fn trusting(authority: &Authority) -> Client {
    client_with(Settings {
        ca_files: vec![authority.file()],
        ..Settings::default()
    })
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_it_is_given() {
    let authority = Authority::new();
    let registry = DockerRegistry::builder().tls(&authority).start();
    let module = module("behind TLS");
    registry.push("shop/hello:1", &Artifact::cncf(&module), &[]);
    let text = registry.reference("shop/hello:1");
    let (_, bytes) = pull(&trusting(&authority), &text).await.expect("trusted");
    assert_eq!(bytes, module);
}

#[tokio::test]
async fn another_authority_is_not_trusted() {
    let authority = Authority::new();
    let registry = DockerRegistry::builder().tls(&authority).start();
    let text = registry.reference("shop/hello:1");
    refused(
        pull(&trusting(&Authority::new()), &text).await,
        &[
            &format!("no trust in {}", registry.host()),
            "is its authority given by --registry-ca?",
        ],
    );
}

#[tokio::test]
async fn without_an_authority_there_is_a_sentence() {
    let authority = Authority::new();
    let registry = Registry::builder().tls(&authority).start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&module("unseen")));
    // Not of this machine by its name, so plain HTTP is not even tried.
    let host = format!("0.0.0.0:{}", registry.port());
    refused(
        pull(&client(), &format!("{host}/shop/hello:1")).await,
        &[&format!("no trust in {host}"), "--registry-ca"],
    );
    assert!(registry.seen().is_empty(), "{:?}", registry.lines());
}

#[tokio::test]
async fn plain_http_is_for_this_machine_and_for_hosts_that_are_listed() {
    let registry = Registry::start();
    registry.tag("shop/hello", "1", &Artifact::cncf(&module("plain")));
    // This address is not one of this machine by its name, though it leads here.
    let host = format!("0.0.0.0:{}", registry.port());
    let text = format!("{host}/shop/hello:1");
    refused(
        pull(&client(), &text).await,
        &[
            &format!("{host} speaks no TLS"),
            &format!("allow plain HTTP with --plain-http {host}"),
        ],
    );
    assert!(registry.seen().is_empty(), "{:?}", registry.lines());
    for listed in [host.clone(), "0.0.0.0".to_owned()] {
        let client = client_with(Settings {
            plain_http: vec![listed],
            ..Settings::default()
        });
        pull(&client, &text).await.expect("it is listed");
    }
    let another_port = client_with(Settings {
        plain_http: vec!["0.0.0.0:1".to_owned()],
        ..Settings::default()
    });
    refused(pull(&another_port, &text).await, &["speaks no TLS"]);
    let by_name = format!("localhost:{}/shop/hello:1", registry.port());
    for text in [registry.reference("shop/hello:1"), by_name] {
        pull(&client(), &text).await.expect("of this machine");
    }
}

#[tokio::test]
async fn nobody_there_is_said() {
    // Bound and never listened to: nobody else gets the port, and nobody answers.
    let host = {
        let registry = Registry::start();
        registry.host()
    };
    let outcome = pull(&client(), &format!("{host}/shop/hello:1")).await;
    refused(outcome, &[&format!("no connection to {host}: ")]);
}

#[test]
fn an_authority_that_is_none_is_refused_at_once() {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("ca.crt");
    let settings = || Settings {
        ca_files: vec![file.clone()],
        ..Settings::default()
    };
    let missing = Client::new(settings()).expect_err("it is not there");
    assert!(missing.to_string().contains("ca.crt"), "{missing}");
    for garbage in [
        "",
        "no PEM",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        std::fs::write(&file, garbage).expect("a file");
        let error = Client::new(settings()).expect_err("it is none");
        let said = error.to_string();
        assert!(said.contains("write PEM text with at least one"), "{said}");
    }
}
