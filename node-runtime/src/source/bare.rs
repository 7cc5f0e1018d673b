//! One module without a manifest: a route named like its file or image that answers every path.

use std::ffi::OsStr;
use std::path::Path;

use crds::limits::Limits;
use crds::module_reference::{ModuleReference, RegistryReference};
use crds::path::PathPattern;
use crds::validate::{OnDisconnect, RouteName, ValidRoute};

/// Whether a path is served as a module and not read as a manifest.
pub(super) fn is_module(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "wasm" || extension == "wat")
}

/// The image that an argument names, if it names a registry and a tag or digest, too: a path that
/// is not there must not become a question to the network.
pub(super) fn image(argument: &Path) -> Option<RegistryReference> {
    let text = argument.to_str()?;
    let (host, _) = text.split_once('/')?;
    let is_host = host.contains(['.', ':']) || host == "localhost";
    match ModuleReference::parse(text) {
        Ok(ModuleReference::Registry(image))
            if is_host && (image.tag.is_some() || image.digest.is_some()) =>
        {
            Some(image)
        }
        _ => None,
    }
}

/// The route of a bare module.
pub(super) fn route(module: ModuleReference) -> ValidRoute {
    let name = match &module {
        ModuleReference::File(path) => name(path.file_stem().unwrap_or_default()),
        ModuleReference::Registry(image) => {
            name(image.repository.rsplit('/').next().unwrap_or("").as_ref())
        }
    };
    ValidRoute {
        name: RouteName {
            namespace: "default".to_owned(),
            name,
        },
        hosts: Vec::new(),
        path: PathPattern::parse("/...").expect("the widest pattern is one"),
        module,
        entrypoint: "_start".to_owned(),
        argv: vec!["${SCRIPT_NAME}".to_owned()],
        pull_secrets: Vec::new(),
        env: Vec::new(),
        env_from: Vec::new(),
        volumes: Vec::new(),
        limits: Limits::default(),
        on_disconnect: OnDisconnect::default(),
        suspend: false,
    }
}

/// A name as a DNS label.
fn name(text: &OsStr) -> String {
    let stem = text.to_string_lossy().to_ascii_lowercase();
    let label: String = stem
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(63)
        .collect();
    match label.trim_matches('-') {
        "" => "module".to_owned(),
        label => label.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_answers_every_path_and_is_named_like_its_file() {
        let route = route(ModuleReference::File("demo/Hello_World.wasm".into()));
        assert_eq!(route.name.to_string(), "default/hello-world");
        assert_eq!(route.path.to_string(), "/...");
        assert_eq!(name("_".as_ref()), "module");
        assert_eq!(name("a".repeat(80).as_ref()).len(), 63);
    }

    #[test]
    fn an_argument_with_a_host_is_an_image() {
        let named = image(Path::new("registry.example:5000/shop/hello:1.2")).expect("an image");
        assert_eq!(named.to_string(), "registry.example:5000/shop/hello:1.2");
        let route = route(ModuleReference::Registry(named));
        assert_eq!(route.name.to_string(), "default/hello");
        for path in [
            "hello",
            "shop/hello:1",
            "./a.b/c",
            "routes.d/a.yaml",
            "a.b/c.wasm",
            "a.b",
        ] {
            assert_eq!(image(Path::new(path)), None, "{path}");
        }
    }
}
