//! Where a reference is looked for: its mirrors in their order, then the registry itself.
//!
//! A mirror's path comes before the repository's name, as in `docker.io=https://cache.example/hub`.
//! Knows no requests.

use crds::module_reference::RegistryReference;
use reqwest::Url;

use crate::settings::{Mirror, SettingsError};
use crate::transport::{PlainHttp, Transport, TransportError, authority};

/// Where Docker Hub really is.
const DOCKER_HUB: &str = "registry-1.docker.io";

/// One place to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// The place, without a path.
    pub(crate) base: Url,
    /// The repository's name there.
    pub(crate) repository: String,
    /// Whose credentials are for it.
    pub(crate) host: String,
    /// Which registry a mirror stands for.
    namespace: Option<String>,
}

/// Checks that each mirror may be spoken to as its URL wants.
pub(crate) fn check(mirrors: &[Mirror], plain: &PlainHttp) -> Result<(), SettingsError> {
    for mirror in mirrors {
        if mirror.url.scheme() == "http" && !plain.is_allowed(&mirror.url) {
            return Err(SettingsError::MirrorPlain {
                registry: mirror.registry.clone(),
                url: mirror.url.to_string(),
                host: authority(&mirror.url),
            });
        }
    }
    Ok(())
}

/// The mirrors of a reference's registry.
pub(crate) fn mirrors(all: &[Mirror], reference: &RegistryReference) -> Vec<Endpoint> {
    let is_for = |mirror: &&Mirror| mirror.registry.eq_ignore_ascii_case(&reference.registry);
    all.iter()
        .filter(is_for)
        .map(|mirror| {
            let path = mirror.url.path().trim_matches('/');
            let repository = match path {
                "" => reference.repository.clone(),
                path => format!("{path}/{}", reference.repository),
            };
            let mut base = mirror.url.clone();
            base.set_path("");
            Endpoint {
                host: authority(&base),
                base,
                repository,
                namespace: Some(reference.registry.clone()),
            }
        })
        .collect()
}

/// The registry that a reference names.
pub(crate) async fn registry(
    transport: &Transport,
    reference: &RegistryReference,
) -> Result<Endpoint, TransportError> {
    let place = match reference.registry.as_str() {
        "docker.io" | "index.docker.io" => DOCKER_HUB,
        registry => registry,
    };
    Ok(Endpoint {
        base: transport.base(place).await?,
        repository: reference.repository.clone(),
        host: reference.registry.clone(),
        namespace: None,
    })
}

// === impl Endpoint ===

impl Endpoint {
    /// `/v2/REPOSITORY/KIND/NAME` (OCI distribution specification, "Endpoints").
    pub(crate) fn url(&self, kind: &str, name: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{kind}/{name}", self.repository));
        // One mirror can stand for several registries, as containerd's do.
        if let Some(namespace) = &self.namespace {
            url.query_pairs_mut().append_pair("ns", namespace);
        }
        url
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crds::module_reference::ModuleReference;

    fn reference(text: &str) -> RegistryReference {
        match ModuleReference::parse(text) {
            Ok(ModuleReference::Registry(reference)) => reference,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn mirrors_come_in_order_with_their_path_before_the_repository() {
        let all: Vec<Mirror> = [
            "docker.io=https://one.example",
            "r.example=https://two.example",
            "docker.io=https://three.example:8443/hub/",
        ]
        .map(|text| text.parse().unwrap())
        .to_vec();
        let found = mirrors(&all, &reference("hello:1"));
        let urls: Vec<_> = found
            .iter()
            .map(|endpoint| endpoint.url("manifests", "1").to_string())
            .collect();
        assert_eq!(
            urls,
            [
                "https://one.example/v2/library/hello/manifests/1?ns=docker.io",
                "https://three.example:8443/v2/hub/library/hello/manifests/1?ns=docker.io",
            ]
        );
        assert_eq!(found[1].host, "three.example:8443");
    }

    #[test]
    fn a_mirror_on_plain_http_must_be_allowed() {
        let mirrors = ["docker.io=http://m.example".parse().unwrap()];
        let error = check(&mirrors, &PlainHttp::default()).unwrap_err();
        assert!(
            error.to_string().contains("--plain-http m.example"),
            "{error}"
        );
        let allowed = PlainHttp::parse(&["m.example".to_owned()]).unwrap();
        assert!(check(&mirrors, &allowed).is_ok());
    }
}
