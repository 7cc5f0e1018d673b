//! Programs' accounts: tokens as the kubelet mounts them, and kubeconfigs with them.

use std::fs;
use std::path::PathBuf;

use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::Api;
use kube::api::PostParams;

use super::Cluster;
use super::credentials::{User, kubeconfig};

/// Longer than any test and than a day of `make dev-cluster`.
const VALID_SECONDS: i64 = 7 * 24 * 3600;

impl Cluster {
    /// A token of an account, bound to a pod of it (name and uid) if one is given; it ends to be valid
    /// when that pod goes.
    ///
    /// # Panics
    ///
    /// When the account or the pod is not there.
    #[must_use]
    pub fn token(&self, namespace: &str, account: &str, pod: Option<(&str, &str)>) -> String {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client.clone(), namespace);
        let answer = self.block_on(token(&accounts, account, pod));
        answer.unwrap_or_else(|error| panic!("{namespace}/{account}: {error}"))
    }

    /// A kubeconfig of an account, with a token of its own; see [`Self::token`].
    ///
    /// # Panics
    ///
    /// When the account or the pod is not there.
    #[must_use]
    pub fn kubeconfig_for(
        &self,
        namespace: &str,
        account: &str,
        pod: Option<(&str, &str)>,
    ) -> PathBuf {
        self.kubeconfig_at(self.port.number(), namespace, account, pod)
    }

    /// The same, for whoever reaches the API server at another port.
    pub(super) fn kubeconfig_at(
        &self,
        port: u16,
        namespace: &str,
        account: &str,
        pod: Option<(&str, &str)>,
    ) -> PathBuf {
        let token = self.token(namespace, account, pod);
        let name = pod.map_or_else(|| account.to_owned(), |(pod, uid)| format!("{pod}-{uid}"));
        let file = format!("{namespace}-{name}.kubeconfig");
        let file = self.folder.path().join(file);
        let text = kubeconfig(self.folder.path(), port, &User::Token(&token));
        fs::write(&file, text).expect("a file in a temporary folder");
        file
    }
}

/// Asks for a token of an account; see [`Cluster::token`].
pub(super) async fn token(
    accounts: &Api<ServiceAccount>,
    account: &str,
    pod: Option<(&str, &str)>,
) -> Result<String, kube::Error> {
    let request = TokenRequest {
        spec: TokenRequestSpec {
            expiration_seconds: Some(VALID_SECONDS),
            bound_object_ref: pod.map(|(name, uid)| BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(name.to_owned()),
                uid: Some(uid.to_owned()),
            }),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let parameters = PostParams::default();
    let asked = accounts.create_token_request(account, &parameters, &request);
    Ok(asked.await?.status.expect("an answer has a status").token)
}
