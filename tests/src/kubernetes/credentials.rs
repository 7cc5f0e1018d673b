//! Who is who in a cluster: an authority of its own, certificates of its server, its administrator and
//! its controllers, the key that signs the tokens of accounts, and kubeconfigs.

use std::fs;
use std::path::Path;

use rcgen::KeyPair;

use crate::authority::{Authority, Identity};

/// Name of the administrator's kubeconfig.
pub(super) const ADMIN: &str = "admin.kubeconfig";
/// Name of the kubeconfig of Kubernetes' controllers.
pub(super) const CONTROLLERS: &str = "controllers.kubeconfig";

const AUTHORITY: &str = "ca.crt";
const SERVER: &str = "server";
const TOKENS: &str = "tokens";

/// What a new cluster is given.
pub(super) struct Credentials {
    authority: Authority,
    server: Identity,
    admin: Identity,
    controllers: Identity,
    tokens: KeyPair,
}

/// Who uses a kubeconfig.
pub(super) enum User<'a> {
    /// Whom a certificate names: files `NAME.crt` and `NAME.key` in the folder.
    Certificate(&'a str),
    /// Whom a token names.
    Token(&'a str),
}

/// The API server's flags for what [`Credentials::write`] wrote.
pub(super) fn flags(folder: &Path) -> Vec<String> {
    let flag = |flag: &str, file: &str| format!("--{flag}={}", folder.join(file).display());
    vec![
        flag("client-ca-file", AUTHORITY),
        flag("tls-cert-file", &format!("{SERVER}.crt")),
        flag("tls-private-key-file", &format!("{SERVER}.key")),
        flag("service-account-key-file", &format!("{TOKENS}.pub")),
        flag("service-account-signing-key-file", &format!("{TOKENS}.key")),
        "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
    ]
}

/// Where an API server with this port listens.
pub(super) fn url(port: u16) -> String {
    format!("https://127.0.0.1:{port}")
}

/// A kubeconfig's text. JSON, which is YAML: texts need no care.
pub(super) fn kubeconfig(folder: &Path, port: u16, user: &User<'_>) -> String {
    let user = match user {
        User::Certificate(name) => serde_json::json!({
            "client-certificate": folder.join(format!("{name}.crt")),
            "client-key": folder.join(format!("{name}.key")),
        }),
        User::Token(token) => serde_json::json!({ "token": token }),
    };
    let cluster = serde_json::json!({
        "server": url(port),
        "certificate-authority": folder.join(AUTHORITY),
    });
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "test", "cluster": cluster }],
        "users": [{ "name": "test", "user": user }],
        "contexts": [{ "name": "test", "context": { "cluster": "test", "user": "test" } }],
        "current-context": "test",
    });
    config.to_string()
}

// === impl Credentials ===

impl Credentials {
    pub(super) fn new() -> Self {
        let authority = Authority::new();
        Self {
            server: authority.identity(),
            admin: authority.client("admin", "system:masters"),
            // Kubernetes has a role for whoever is called so.
            controllers: authority.client("system:kube-controller-manager", "kube-wagi"),
            tokens: KeyPair::generate().expect("a key"),
            authority,
        }
    }

    /// Writes all of them, with the kubeconfigs, into a folder.
    pub(super) fn write(&self, folder: &Path, port: u16) {
        let write = |name: &str, text: &str| {
            fs::write(folder.join(name), text).expect("a file in a temporary folder");
        };
        fs::copy(self.authority.file(), folder.join(AUTHORITY)).expect("a copy");
        write(&format!("{TOKENS}.key"), &self.tokens.serialize_pem());
        write(&format!("{TOKENS}.pub"), &self.tokens.public_key_pem());
        let identities = [
            (SERVER, &self.server),
            ("admin", &self.admin),
            ("controllers", &self.controllers),
        ];
        for (name, identity) in identities {
            write(&format!("{name}.crt"), &identity.certificate);
            write(&format!("{name}.key"), &identity.key);
        }
        for (file, name) in [(ADMIN, "admin"), (CONTROLLERS, "controllers")] {
            write(file, &kubeconfig(folder, port, &User::Certificate(name)));
        }
    }
}
