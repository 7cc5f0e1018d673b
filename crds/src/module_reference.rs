//! Where a module comes from: a file beside the manifest, or a registry.
//!
//! A [`ModuleReference`] is parsed once. It does not say whether the file or the image exists.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// The longest reference, as `spec.module.image` has it.
pub const LONGEST: usize = 512;

/// Where the bytes of a module are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ModuleReference {
    /// `file:PATH`; a relative path begins at the manifest's folder.
    File(PathBuf),
    /// `[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]`.
    Registry(RegistryReference),
}

/// An artifact in an OCI registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RegistryReference {
    /// The registry's host, with a port when one was written.
    pub registry: String,
    /// The repository's name within the registry.
    pub repository: String,
    /// The tag, when one was written.
    pub tag: Option<String>,
    /// The digest, when one was written; it wins over the tag.
    pub digest: Option<Digest>,
}

/// Why a text is no reference to a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Nothing was written.
    #[error("write file:PATH, or an image as in registry.example/shop/hello:1.2")]
    Empty,
    /// Longer than the field may be.
    #[error("{0} bytes are too many; write at most {LONGEST}")]
    TooLong(usize),
    /// `file:` and nothing after it.
    #[error("names no file; write file:PATH, as in file:hello.wasm")]
    NoFile,
    /// `file://host/path`.
    #[error("names a host; write file:PATH, or file:///PATH for an absolute one")]
    FileOnHost,
    /// A path without `file:` before it.
    #[error("looks like a file; write file:{0}")]
    LooksLikeFile(String),
    /// `oci://` and the like.
    #[error("write it without {0}")]
    Scheme(String),
    /// A part breaks the rules of OCI references.
    #[error(
        "the {part} {text:?} is not valid; write an image as in registry.example/shop/hello:1.2"
    )]
    Part {
        /// Which part.
        part: &'static str,
        /// What was written there.
        text: String,
    },
}

// === impl ModuleReference ===

impl ModuleReference {
    /// Reads the text of a reference.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(ReferenceError::Empty);
        }
        if text.len() > LONGEST {
            return Err(ReferenceError::TooLong(text.len()));
        }
        if let Some(path) = text.strip_prefix("file:") {
            return parse_file(path).map(Self::File);
        }
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(ReferenceError::Scheme(format!("{scheme}://")));
        }
        let extension = Path::new(text)
            .extension()
            .and_then(|extension| extension.to_str());
        let is_pathlike = text.starts_with(['.', '/', '~']);
        if is_pathlike || (matches!(extension, Some("wasm" | "wat")) && !text.contains('@')) {
            return Err(ReferenceError::LooksLikeFile(text.to_owned()));
        }
        RegistryReference::parse(text).map(Self::Registry)
    }
}

impl fmt::Display for ModuleReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "file:{}", path.display()),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

fn parse_file(path: &str) -> Result<PathBuf, ReferenceError> {
    let path = match path.strip_prefix("//") {
        // RFC 8089: what follows is a host, and only the empty one is this machine.
        Some(after) if !after.starts_with('/') => return Err(ReferenceError::FileOnHost),
        Some(after) => after,
        None => path,
    };
    if path.is_empty() || path.ends_with('/') || path.contains('\0') {
        return Err(ReferenceError::NoFile);
    }
    Ok(PathBuf::from(path))
}

// === impl RegistryReference ===

impl RegistryReference {
    /// Reads `[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]` with the defaults that container tools have.
    fn parse(text: &str) -> Result<Self, ReferenceError> {
        let invalid = |part: &'static str, text: &str| ReferenceError::Part {
            part,
            text: text.to_owned(),
        };
        let (name, digest) = match text.split_once('@') {
            None => (text, None),
            Some((name, digest)) => (
                name,
                Some(Digest::parse(digest).map_err(|_| invalid("digest", digest))?),
            ),
        };
        // A colon after the last slash begins the tag; one before it, the port.
        let last = name.rfind('/').map_or(0, |slash| slash + 1);
        let (name, tag) = match name[last..].split_once(':') {
            None => (name, None),
            Some((image, tag)) => (&name[..last + image.len()], Some(tag)),
        };
        if let Some(tag) = tag.filter(|tag| !is_tag(tag)) {
            return Err(invalid("tag", tag));
        }
        let (registry, repository) = match name.split_once('/') {
            Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => {
                if !is_authority(host) {
                    return Err(invalid("registry", host));
                }
                (host.to_owned(), rest.to_owned())
            }
            Some(_) => ("docker.io".to_owned(), name.to_owned()),
            None => ("docker.io".to_owned(), format!("library/{name}")),
        };
        if repository.is_empty() || !repository.split('/').all(is_path_component) {
            return Err(invalid("repository", &repository));
        }
        Ok(Self {
            registry,
            repository,
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for RegistryReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// OCI distribution specification, "Pulling manifests": `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
fn is_tag(text: &str) -> bool {
    let is_first = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = text.as_bytes();
    bytes.len() <= 128
        && bytes.first().copied().is_some_and(is_first)
        && bytes.iter().all(|&b| is_first(b) || b == b'.' || b == b'-')
}

/// OCI distribution specification: `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
fn is_path_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let ends_in_words =
        bytes.first().copied().is_some_and(is_word) && bytes.last().copied().is_some_and(is_word);
    ends_in_words
        && bytes.split(|&b| is_word(b)).all(|between| {
            matches!(between, b"" | b"." | b"_" | b"__") || between.iter().all(|&b| b == b'-')
        })
}

fn is_authority(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "0"));
    let is_label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_port = port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok();
    host.split('.').all(is_label) && is_port
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, printed: &str) {
        match ModuleReference::parse(text) {
            Ok(reference) => assert_eq!(reference.to_string(), printed, "{text}"),
            Err(error) => assert_eq!(error.to_string(), printed, "{text}"),
        }
    }

    #[test]
    fn a_file_is_taken_as_written() {
        check("file:hello.wasm", "file:hello.wasm");
        check("file:../hello.wat", "file:../hello.wat");
        check("file:/opt/hello.wasm", "file:/opt/hello.wasm");
        check("file:///opt/hello.wasm", "file:/opt/hello.wasm");
    }

    #[test]
    fn an_image_gets_the_usual_defaults() {
        check(
            "registry.example/shop/hello:1.2",
            "registry.example/shop/hello:1.2",
        );
        check("localhost:5000/hello", "localhost:5000/hello");
        check("localhost/hello", "localhost/hello");
        check("shop/hello", "docker.io/shop/hello");
        check("hello:1", "docker.io/library/hello:1");
        let digest = format!("sha256:{}", "a".repeat(64));
        check(
            &format!("r.example/a-b/c__d:v1@{digest}"),
            &format!("r.example/a-b/c__d:v1@{digest}"),
        );
    }

    #[test]
    fn a_path_without_file_says_what_to_write() {
        check("hello.wasm", "looks like a file; write file:hello.wasm");
        check("./hello", "looks like a file; write file:./hello");
        check(
            "/opt/hello.wat",
            "looks like a file; write file:/opt/hello.wat",
        );
    }

    #[test]
    fn mistakes_name_the_part_that_is_wrong() {
        check(
            "file:",
            "names no file; write file:PATH, as in file:hello.wasm",
        );
        check(
            "file://host/x",
            "names a host; write file:PATH, or file:///PATH for an absolute one",
        );
        check("oci://r.example/hello:1", "write it without oci://");
        let example = "is not valid; write an image as in registry.example/shop/hello:1.2";
        check(
            "r.example/Hello",
            &format!("the repository \"Hello\" {example}"),
        );
        check("r.example/", &format!("the repository \"\" {example}"));
        check(
            "r.example/a..b",
            &format!("the repository \"a..b\" {example}"),
        );
        check("r.example/hello:", &format!("the tag \"\" {example}"));
        check("r.example/hello:a b", &format!("the tag \"a b\" {example}"));
        check(
            "r.example/hello@sha256:1",
            &format!("the digest \"sha256:1\" {example}"),
        );
        check(
            "r.example:70000/hello",
            &format!("the registry \"r.example:70000\" {example}"),
        );
        check(
            &"a".repeat(513),
            "513 bytes are too many; write at most 512",
        );
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-zA-Z0-9./:@_~é-]{0,64}") {
            let _ = ModuleReference::parse(&text);
        }
    }
}
