//! A ConfigMap or a Secret in a file → what it holds. Pure.
//!
//! Only its data matters here, and a mistake in it never repeats a value of a Secret.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crds::manifest::Metadata;
use crds::references::{Data, Kind, Object, is_key};
use k8s_openapi::ByteString;
use serde::Deserialize;

use super::mistake::Mistake;
use super::node::{Node, read};

/// An object in a file, and its namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) namespace: String,
    pub(super) object: Object,
    pub(super) data: Arc<Data>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Written {
    metadata: Metadata,
    data: BTreeMap<String, String>,
    binary_data: BTreeMap<String, ByteString>,
    string_data: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct WrittenSecret {
    metadata: Metadata,
    data: BTreeMap<String, ByteString>,
    string_data: BTreeMap<String, String>,
}

/// Which kind of them a document is of.
pub(super) fn kind(root: &Node) -> Option<Kind> {
    match (root.text("apiVersion")?, root.text("kind")?) {
        ("v1", "ConfigMap") => Some(Kind::ConfigMap),
        ("v1", "Secret") => Some(Kind::Secret),
        _ => None,
    }
}

/// Reads it; nothing where it has no name, and so can be meant by nobody.
pub(super) fn held(
    file: &Arc<Path>,
    root: &Node,
    kind: Kind,
) -> Result<Option<Held>, Vec<Mistake>> {
    let (metadata, data) = match kind {
        Kind::ConfigMap => {
            let read = read::<Written>(root, |_| true);
            let mistake = |misfit: &super::node::Misfit| {
                Mistake::at(
                    file,
                    misfit.at,
                    format!("{}: {}", misfit.field, misfit.text),
                )
            };
            refuse(read.misfits.iter().map(mistake).collect())?;
            let written = read.value.unwrap_or_default();
            let texts = written
                .data
                .into_iter()
                .map(|(key, text)| (key, text.into_bytes()));
            let bytes = written
                .binary_data
                .into_iter()
                .map(|(key, bytes)| (key, bytes.0));
            (written.metadata, texts.chain(bytes).collect::<Data>())
        }
        Kind::Secret => {
            let read = read::<WrittenSecret>(root, |_| true);
            let mistake = |misfit: &super::node::Misfit| {
                let text = "write data in base64, or text below stringData";
                Mistake::at(file, misfit.at, format!("{}: {text}", misfit.field))
            };
            refuse(read.misfits.iter().map(mistake).collect())?;
            let written = read.value.unwrap_or_default();
            let bytes = written.data.into_iter().map(|(key, bytes)| (key, bytes.0));
            let texts = written.string_data.into_iter();
            let texts = texts.map(|(key, text)| (key, text.into_bytes()));
            (written.metadata, bytes.chain(texts).collect::<Data>())
        }
    };
    let bad = data.0.keys().filter(|key| !is_key(key)).map(|key| {
        let text = format!("data: {key:?}: write at most 253 letters, digits, -, _ and .");
        Mistake::at(file, root.find("data"), text)
    });
    refuse(bad.collect())?;
    Ok(metadata.name.map(|name| Held {
        namespace: metadata.namespace.unwrap_or_else(|| "default".to_owned()),
        object: Object { kind, name },
        data: Arc::new(data),
    }))
}

fn refuse(mistakes: Vec<Mistake>) -> Result<(), Vec<Mistake>> {
    if mistakes.is_empty() {
        Ok(())
    } else {
        Err(mistakes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::yaml;

    fn read(text: &str) -> Result<Option<Held>, Vec<String>> {
        let documents = yaml::documents(text);
        let root = yaml::parse(&documents[0]).expect("YAML");
        let kind = kind(&root).expect("one of the two");
        let file: Arc<Path> = Arc::from(Path::new("a.yaml"));
        let said = |mistakes: Vec<Mistake>| mistakes.iter().map(ToString::to_string).collect();
        held(&file, &root, kind).map_err(said)
    }

    #[test]
    fn what_an_object_holds_is_read_in_all_its_writings() {
        let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {k: v}, binaryData: {b: AAH/}}";
        let map = read(map).expect("good").expect("named");
        assert_eq!(
            (&*map.namespace, map.object.to_string()),
            ("default", "ConfigMap a".to_owned())
        );
        assert_eq!(map.data.0["k"], b"v");
        assert_eq!(map.data.0["b"], [0, 1, 255]);
        let secret = "{apiVersion: v1, kind: Secret, metadata: {name: a, namespace: shop}, \
                      data: {k: dg==}, stringData: {t: x}, type: Opaque, immutable: true}";
        let secret = read(secret).expect("good").expect("named");
        assert_eq!(secret.namespace, "shop");
        assert_eq!(
            (&*secret.data.0["k"], &*secret.data.0["t"]),
            (&b"v"[..], &b"x"[..])
        );
    }

    #[test]
    fn a_mistake_never_repeats_a_value_of_a_secret() {
        let said =
            read("{apiVersion: v1, kind: Secret, metadata: {name: a}, data: {k: 's3cret!'}}");
        let said = said.expect_err("no base64").join("\n");
        assert!(said.contains("data.k: write data in base64"), "{said}");
        assert!(!said.contains("s3cret"), "{said}");
    }

    #[test]
    fn a_key_names_a_file_and_nothing_else() {
        let said =
            read("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {'../x': v}}");
        assert!(said.expect_err("a path")[0].contains("\"../x\": write at most"));
    }
}
