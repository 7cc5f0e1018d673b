//! One route as the operator publishes it to the runtimes of a pool, in a ConfigMap of its own.
//!
//! The text is JSON, which is YAML: `kubectl get -o yaml` shows it as it is, and ten thousand are
//! read in a fraction of a second.
//! A runtime reads versions it knows and ignores fields it does not know; a field that must not be
//! ignored is named in `requires`. What a runtime cannot read leaves the document it has.

use serde::{Deserialize, Serialize};

use crate::copies::CopyReference;
use crate::validate::{RouteName, ValidRoute, Violation, validate_object};
use crate::wagi_route::WagiRouteSpec;

/// The versions that this program reads, and the last of which it writes.
pub const VERSIONS: [u32; 1] = [1];

/// The features that this program knows, of those that `requires` may name.
pub const FEATURES: [&str; 1] = [REFERENCES];

/// The feature of documents that take something of ConfigMaps or Secrets: a runtime that ignored that
/// would start programs without their settings.
pub const REFERENCES: &str = "references";

/// The largest document, in bytes: a watch of ten thousand must stay affordable.
pub const LARGEST_BYTES: usize = 256 << 10;

/// One route as it is published.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    /// The version of this format.
    pub version: u32,
    /// Features that a runtime must know to serve it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requires: Vec<String>,
    /// Which route.
    pub route: Identity,
    /// Since when the route holds which host, with its path; in the order of its hosts. Only these
    /// hosts are served.
    pub claims: Vec<Claim>,
    /// How the module's digest came about.
    pub resolved: Resolved,
    /// The copies that it needs; what its spec names and this does not is not there, and optional.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copies: Vec<CopyReference>,
    /// What is served: every limit written out, the hosts that are held, and as image the
    /// repository with the digest.
    pub spec: WagiRouteSpec,
}

/// Which route.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its uid: routes of one name, one after the other, are not one route.
    pub uid: String,
    /// The generation of it that this was made of.
    pub generation: i64,
}

/// A route's hold on a host, with the path of its spec.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// The host; `*` is any.
    pub host: String,
    /// When the operator first published this host and path for this route (RFC 3339, UTC, with
    /// microseconds).
    pub since: String,
}

/// How a module's digest came about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resolved {
    /// `spec.module.image` as it was written when it was looked up.
    pub image: String,
    /// The annotation `wagi.dev/resolve` at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolve: Option<String>,
    /// The digest of the artifact's manifest.
    pub digest: String,
    /// The Secrets with which its registry gave it, as they were then: with these, and no others, it
    /// may be served while the registry is away.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<Login>,
}

/// A Secret with a login for registries, as it once was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Login {
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// Its resourceVersion.
    pub version: String,
}

/// A document cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It is no document at all.
    #[error("not a document: {0}")]
    Malformed(String),
    /// It is of a version that this program does not know.
    #[error("version {0} is not known here, only {known}", known = VERSIONS[0])]
    Version(u32),
    /// It needs what this program does not know.
    #[error("needs {0:?}, which is not known here")]
    Feature(String),
    /// What it asks for is not valid.
    #[error("{}", .0.iter().map(Violation::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<Violation>),
}

/// Only that of a document which every version has.
#[derive(Deserialize)]
struct Envelope {
    version: u32,
    #[serde(default)]
    requires: Vec<String>,
}

// === impl Document ===

impl Document {
    /// The text that is published.
    #[must_use]
    pub fn encode(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts, numbers and lists become JSON")
    }

    /// Reads a text that was published.
    ///
    /// # Errors
    /// When the text is of another version, needs more than this program knows, or is malformed.
    pub fn decode(text: &str) -> Result<Self, DecodeError> {
        let malformed = |error: serde_json::Error| DecodeError::Malformed(error.to_string());
        let envelope: Envelope = serde_json::from_str(text).map_err(malformed)?;
        if !VERSIONS.contains(&envelope.version) {
            return Err(DecodeError::Version(envelope.version));
        }
        let unknown = |feature: &&String| !FEATURES.contains(&feature.as_str());
        if let Some(feature) = envelope.requires.iter().find(unknown) {
            return Err(DecodeError::Feature(feature.clone()));
        }
        serde_json::from_str(text).map_err(malformed)
    }

    /// The route to serve, by the same rules as the operator's.
    ///
    /// # Errors
    /// When its spec breaks a rule.
    pub fn valid_route(&self) -> Result<ValidRoute, DecodeError> {
        let Identity {
            namespace, name, ..
        } = &self.route;
        validate_object(namespace, name, &self.spec).map_err(DecodeError::Invalid)
    }

    /// Which route it is of.
    #[must_use]
    pub fn name(&self) -> RouteName {
        RouteName {
            namespace: self.route.namespace.clone(),
            name: self.route.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wagi_route::Module;

    fn document() -> Document {
        Document {
            version: 1,
            route: Identity {
                namespace: "shop".to_owned(),
                name: "hello".to_owned(),
                uid: "u".to_owned(),
                generation: 3,
            },
            claims: vec![Claim {
                host: "*".to_owned(),
                since: "2026-01-01T00:00:00.000000Z".to_owned(),
            }],
            spec: WagiRouteSpec {
                path: Some("/hello".to_owned()),
                module: Some(Module {
                    image: Some(format!("r.example/hello@sha256:{}", "0".repeat(64))),
                    ..Module::default()
                }),
                ..WagiRouteSpec::default()
            },
            ..Document::default()
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let read = Document::decode(&document().encode()).expect("a document");
        assert_eq!(read, document());
        let route = read.valid_route().expect("a route");
        assert_eq!(route.name.to_string(), "shop/hello");
    }

    #[test]
    fn unknown_fields_are_ignored_and_unknown_needs_are_not() {
        let newer = document()
            .encode()
            .replacen('{', "{\"new\": {\"a\": [1]},", 1);
        assert_eq!(Document::decode(&newer), Ok(document()));
        let needs = newer.replacen('{', "{\"requires\": [\"gpu\"],", 1);
        let refused = DecodeError::Feature("gpu".to_owned());
        assert_eq!(Document::decode(&needs), Err(refused));
    }

    #[test]
    fn another_version_is_named_whatever_it_looks_like() {
        let refused = Document::decode("{\"version\": 9, \"route\": []}").expect_err("refused");
        assert_eq!(refused.to_string(), "version 9 is not known here, only 1");
        let refused = Document::decode("version: 1").expect_err("refused");
        assert!(refused.to_string().starts_with("not a document: "));
    }

    #[test]
    fn a_spec_that_breaks_a_rule_is_said_like_everywhere() {
        let mut document = document();
        document.spec.path = Some("hello".to_owned());
        let refused = document.valid_route().expect_err("refused").to_string();
        assert!(refused.starts_with("spec.path: \"hello\": "), "{refused}");
    }
}
