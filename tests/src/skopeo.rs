//! `skopeo`, which copies between registries and folders: a third party that knows neither our
//! client nor our registry.

use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::artifact::Artifact;

/// What skopeo needs to be let in.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// `USER:PASSWORD`.
    pub credentials: Option<String>,
    /// Folder with the authority's certificate; plain HTTP where there is none.
    pub authority: Option<PathBuf>,
}

/// Pushes an artifact, written by hand as an OCI layout; what an index points to is given with it.
///
/// # Panics
///
/// When skopeo or the registry refuses.
pub fn push(reference: &str, artifact: &Artifact, pointed_to: &[&Artifact], access: &Access) {
    let layout = TempDir::new().expect("a temporary folder");
    for artifact in pointed_to {
        artifact.write_layout(layout.path(), "of-an-index");
    }
    artifact.write_layout(layout.path(), "this");
    let from = format!("oci:{}:this", layout.path().display());
    copy("dest", &from, &format!("docker://{reference}"), access);
}

/// Pulls an artifact into a folder: `manifest.json`, and each blob named by its digits.
///
/// # Panics
///
/// When skopeo or the registry refuses.
pub fn pull(reference: &str, folder: &Path, access: &Access) {
    let to = format!("dir:{}", folder.display());
    copy("src", &format!("docker://{reference}"), &to, access);
}

fn copy(side: &str, from: &str, to: &str, access: &Access) {
    let home = TempDir::new().expect("a temporary folder");
    let mut skopeo = Command::new("skopeo");
    // Nothing of the caller's: neither his credentials nor his policy nor his proxy.
    skopeo.env_clear();
    skopeo.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    skopeo.env("HOME", home.path());
    skopeo.args(["--insecure-policy", "copy", "--quiet", "--all"]);
    skopeo.arg("--preserve-digests");
    if let Some(credentials) = &access.credentials {
        skopeo.arg(format!("--{side}-creds={credentials}"));
    }
    match &access.authority {
        Some(folder) => skopeo.arg(format!("--{side}-cert-dir={}", folder.display())),
        None => skopeo.arg(format!("--{side}-tls-verify=false")),
    };
    let output = skopeo.args([from, to]).output();
    let output = output.expect("skopeo runs (Debian: skopeo)");
    assert!(output.status.success(), "{output:?}");
}
