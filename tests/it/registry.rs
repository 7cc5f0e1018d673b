//! What the crate `registry` promises, against registries: the real one, and one that misbehaves.

mod credentials;
mod faults;
mod harness;
mod limits;
mod media_types;
mod mirrors;
mod program;
mod push;
mod redirects;
mod transport;

use crds::module_reference::{ModuleReference, RegistryReference};
use registry::{Client, Credentials, DockerConfig, Error, Resolved, Settings};
use tests::registry::{PASSWORD, USER, base64};

/// More than any module here has.
const LIMIT: u64 = 1 << 20;

/// A client with default settings.
fn client() -> Client {
    client_with(Settings::default())
}

fn client_with(settings: Settings) -> Client {
    Client::new(settings).expect("settings that can be used")
}

fn reference(text: &str) -> RegistryReference {
    match ModuleReference::parse(text) {
        Ok(ModuleReference::Registry(reference)) => reference,
        other => panic!("{text} is no reference to a registry: {other:?}"),
    }
}

/// Resolves and pulls, as nobody.
async fn pull(client: &Client, text: &str) -> Result<(Resolved, Vec<u8>), Error> {
    pull_as(client, text, &Credentials::Anonymous).await
}

async fn pull_as(
    client: &Client,
    text: &str,
    credentials: &Credentials,
) -> Result<(Resolved, Vec<u8>), Error> {
    let reference = reference(text);
    let resolved = client.resolve(&reference, credentials).await?;
    let mut bytes = Vec::new();
    client
        .pull(&reference, &resolved, credentials, LIMIT, &mut bytes)
        .await?;
    Ok((resolved, bytes))
}

/// What `docker login` leaves behind for these hosts.
fn docker_config(hosts: &[&str]) -> String {
    docker_config_of(hosts, USER, PASSWORD)
}

fn docker_config_of(hosts: &[&str], user: &str, password: &str) -> String {
    let auth = base64(format!("{user}:{password}").as_bytes());
    let entries = hosts
        .iter()
        .map(|host| format!(r#""{host}":{{"auth":"{auth}"}}"#));
    let entries = entries.collect::<Vec<_>>().join(",");
    format!(r#"{{"auths":{{{entries}}}}}"#)
}

/// The user whom the registries know, on these hosts.
fn alice_on(hosts: &[&str]) -> Credentials {
    text(&docker_config(hosts))
}

fn text(config: &str) -> Credentials {
    Credentials::DockerConfig(DockerConfig::from_text(config).expect("a configuration"))
}

/// Asserts that nothing came of it, and returns the sentence.
#[track_caller]
fn refused<T: std::fmt::Debug>(outcome: Result<T, Error>, parts: &[&str]) -> Error {
    let error = outcome.expect_err("it is refused");
    let said = error.to_string();
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said:?}");
    }
    error
}
