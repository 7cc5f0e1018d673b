//! `wagi push` and `wagi inspect` with a registry, by what scripts and the environment see of them.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;
use tests::artifact::{Artifact, module};
use tests::authority::Authority;
use tests::docker_registry::DockerRegistry;
use tests::registry::{Auth, PASSWORD, Registry, USER};
use tests::wagi::command;

use super::docker_config;

/// A command without anything of the caller's that concerns registries.
fn wagi(arguments: &[&str]) -> Command {
    let mut command = command(arguments);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name);
        command.env_remove(name.to_lowercase());
    }
    // A folder that is not there says nothing.
    command.env("DOCKER_CONFIG", "/nonexistent");
    command
}

fn run(mut command: Command) -> Output {
    command.output().expect("wagi runs")
}

#[track_caller]
fn succeeds(command: Command) -> String {
    let output = run(command);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// Ends with 1 and says all of this.
#[track_caller]
fn fails(command: Command, parts: &[&str]) {
    let output = run(command);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    for part in parts {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

fn with_module(registry: &Registry) -> String {
    registry.tag("shop/hello", "1", &Artifact::cncf(&module("inspected")));
    registry.reference("shop/hello:1")
}

#[test]
fn push_prints_the_digest_and_inspect_shows_what_was_pushed() {
    let registry = DockerRegistry::builder().asking().start();
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("hello.wat");
    std::fs::write(&file, tests::guests::hello.wat).expect("a file");
    let config = docker_config(&[&registry.host()]);
    std::fs::write(folder.path().join("config.json"), config).expect("a file");
    let text = registry.reference("shop/hello:1");
    let file = file.display().to_string();
    let mut push = wagi(&[
        "push",
        &file,
        &text,
        "--annotation",
        "org.example.colour=red",
    ]);
    push.env("DOCKER_CONFIG", folder.path());
    let printed = succeeds(push);
    let digest = printed.strip_suffix('\n').expect("a line");
    assert!(
        digest.starts_with("sha256:") && digest.len() == 71,
        "{printed}"
    );
    // What was printed is enough to name it, whatever becomes of the tag.
    for name in [&text, &registry.reference(&format!("shop/hello@{digest}"))] {
        let mut inspect = wagi(&["inspect", name]);
        inspect.env("DOCKER_CONFIG", folder.path());
        let shown = succeeds(inspect);
        for part in [
            digest,
            "application/wasm",
            "org.example.colour=red",
            "org.opencontainers.image.title=hello.wat",
            "_start",
        ] {
            assert!(shown.contains(part), "{part:?} is not in {shown}");
        }
    }
    fails(wagi(&["inspect", &text]), &["(401)", "docker login"]);
}

#[test]
fn a_registry_is_trusted_by_flag_and_by_environment() {
    let authority = Authority::new();
    let registry = Registry::builder().tls(&authority).start();
    let text = with_module(&registry);
    let file = authority.file().display().to_string();
    succeeds(wagi(&["inspect", &text, "--registry-ca", &file]));
    let mut by_environment = wagi(&["inspect", &text]);
    by_environment.env("WAGI_REGISTRY_CA", &file);
    succeeds(by_environment);
}

#[test]
fn a_mirror_is_asked_first() {
    let registry = Registry::start();
    let mirror = Registry::start();
    with_module(&mirror);
    let of = format!("registry.example={}", mirror.url());
    succeeds(wagi(&[
        "inspect",
        "registry.example/shop/hello:1",
        "--registry-mirror",
        &of,
    ]));
    assert_eq!(mirror.seen()[0].query, "ns=registry.example");
    assert!(registry.seen().is_empty());
}

/// Puts a program into a folder under the name by which Docker's tools look for it.
fn helper(folder: &Path, script: &str) {
    let file = folder.join("docker-credential-ours");
    std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).expect("a file");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&file, executable).expect("a mode");
}

/// `wagi inspect` whose configuration asks that program for a registry's host.
fn inspect_with_helper(text: &str, host: &str, folder: &Path) -> Command {
    let config = format!(r#"{{"credHelpers":{{"{host}":"ours"}}}}"#);
    std::fs::write(folder.join("config.json"), config).expect("a file");
    let mut inspect = wagi(&["inspect", text]);
    inspect.env("DOCKER_CONFIG", folder);
    let path = std::env::var("PATH").unwrap_or_default();
    inspect.env("PATH", format!("{}:{path}", folder.display()));
    inspect
}

#[test]
fn a_credential_helper_is_asked_for_the_host() {
    let registry = Registry::builder().auth(Auth::Basic).start();
    let text = with_module(&registry);
    let host = registry.host();
    let folder = TempDir::new().expect("a temporary folder");
    fails(
        inspect_with_helper(&text, &host, folder.path()),
        &["credential helper", &host],
    );
    let asked = folder.path().join("asked").display().to_string();
    helper(
        folder.path(),
        &format!(
            "read -r host\necho \"$1 $host\" > {asked}\n\
             printf '{{\"ServerURL\":\"%s\",\"Username\":\"{USER}\",\"Secret\":\"{PASSWORD}\"}}' \"$host\""
        ),
    );
    succeeds(inspect_with_helper(&text, &host, folder.path()));
    let asked = std::fs::read_to_string(asked).expect("it was asked");
    assert_eq!(asked, format!("get {host}\n"));
    helper(
        folder.path(),
        "read -r host; echo the vault is sealed >&2; exit 1",
    );
    fails(
        inspect_with_helper(&text, &host, folder.path()),
        &["the vault is sealed", &host],
    );
}

#[test]
fn a_proxy_is_taken_from_the_environment() {
    // Whoever is asked for another's URL is a proxy.
    let proxy = Registry::start();
    with_module(&proxy);
    let text = "registry.example/shop/hello:1";
    let inspect = || {
        let mut inspect = wagi(&["inspect", text, "--plain-http", "registry.example"]);
        inspect.env("HTTP_PROXY", proxy.url());
        inspect
    };
    succeeds(inspect());
    let asked = proxy.seen().len();
    assert_eq!(proxy.seen()[0].header("host"), Some("registry.example"));
    let mut exempt = inspect();
    exempt.env("NO_PROXY", "localhost,registry.example");
    fails(exempt, &["no connection to registry.example"]);
    assert_eq!(proxy.seen().len(), asked, "{:?}", proxy.lines());
}

#[test]
fn a_proxy_is_asked_for_a_tunnel_where_there_is_tls() {
    let proxy = Registry::start();
    let mut inspect = wagi(&["inspect", "registry.example/shop/hello:1"]);
    inspect.env("HTTPS_PROXY", proxy.url());
    fails(inspect, &["registry.example"]);
    let lines = proxy.lines();
    assert!(
        lines
            .iter()
            .all(|line| line == "CONNECT registry.example:443 404")
            && !lines.is_empty(),
        "{lines:?}"
    );
}

#[test]
fn no_proxy_is_asked_for_what_is_on_this_machine() {
    let proxy = Registry::start();
    let registry = Registry::start();
    let text = with_module(&registry);
    let mut inspect = wagi(&["inspect", &text]);
    inspect.env("HTTP_PROXY", proxy.url());
    succeeds(inspect);
    assert!(proxy.seen().is_empty(), "{:?}", proxy.lines());
}

#[test]
fn every_wrong_flag_about_registries_is_said_at_once() {
    let output = run(wagi(&[
        "inspect",
        "registry.example/shop/hello:1",
        "--plain-http=http://registry.example",
        "--registry-mirror=registry.example",
        "--registry-ca=/nonexistent",
    ]));
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    for part in ["http://registry.example", "REGISTRY=URL", "/nonexistent"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}
