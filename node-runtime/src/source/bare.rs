//! One module without a manifest: a route named like its file that answers every path.

use std::path::Path;

use crds::limits::Limits;
use crds::module_reference::ModuleReference;
use crds::path::PathPattern;
use crds::validate::{OnDisconnect, RouteName, ValidRoute};

/// Whether a path is served as a module and not read as a manifest.
pub(super) fn is_module(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "wasm" || extension == "wat")
}

/// The route of a bare module.
pub(super) fn route(path: &Path) -> ValidRoute {
    ValidRoute {
        name: RouteName {
            namespace: "default".to_owned(),
            name: name(path),
        },
        hosts: Vec::new(),
        path: PathPattern::parse("/...").expect("the widest pattern is one"),
        module: ModuleReference::File(path.to_owned()),
        entrypoint: "_start".to_owned(),
        argv: vec!["${SCRIPT_NAME}".to_owned()],
        env: Vec::new(),
        volumes: Vec::new(),
        limits: Limits::default(),
        on_disconnect: OnDisconnect::default(),
    }
}

/// The file's name as a DNS label.
fn name(path: &Path) -> String {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase();
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
        let route = route(Path::new("demo/Hello_World.wasm"));
        assert_eq!(route.name.to_string(), "default/hello-world");
        assert_eq!(route.path.to_string(), "/...");
        assert_eq!(name(Path::new("_.wat")), "module");
        assert_eq!(
            name(Path::new(&format!("{}.wat", "a".repeat(80)))).len(),
            63
        );
    }
}
