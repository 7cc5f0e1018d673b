//! Text of a manifest → its routes and its mistakes, pure.
//!
//! Every document is read for itself: a mistake in one is noted and the others are read all the
//! same. Objects of other kinds are only counted. The files that a route names are not looked at.

use std::path::Path;
use std::sync::Arc;

use crds::manifest::Manifest;
use crds::module_reference::ModuleReference;
use crds::validate::{Place, ValidRoute, VolumeContent, validate};
use crds::wagi_route::{GROUP, KIND};

use super::mistake::Mistake;
use super::node::{Node, read};
use super::object::{self, Held};
use super::yaml;

/// What stands in one file.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The routes that can be served, and the line where each begins.
    pub(super) routes: Vec<(u64, ValidRoute)>,
    /// ConfigMaps and Secrets, which routes may take something of.
    pub(super) objects: Vec<Held>,
    /// Everything that is wrong.
    pub(super) mistakes: Vec<Mistake>,
    /// How many objects of other kinds there are.
    pub(super) other_kinds: usize,
}

/// What Kubernetes itself writes into the objects it hands out, and what means nothing here.
const IGNORED: [&str; 12] = [
    "status",
    "metadata.generateName",
    "metadata.uid",
    "metadata.resourceVersion",
    "metadata.generation",
    "metadata.creationTimestamp",
    "metadata.deletionTimestamp",
    "metadata.deletionGracePeriodSeconds",
    "metadata.ownerReferences",
    "metadata.finalizers",
    "metadata.managedFields",
    "metadata.selfLink",
];

/// Reads a manifest's text for where it is to be served; paths in it become relative to `file`'s
/// folder.
pub(super) fn contents(file: &Arc<Path>, text: &str, place: Place) -> Contents {
    let mut contents = Contents::default();
    for document in yaml::documents(text) {
        match yaml::parse(&document) {
            Err((position, text)) => contents.mistakes.push(Mistake::at(file, position, text)),
            Ok(root) if is_ours(&root) => route(&mut contents, file, &root, place),
            Ok(root) => other(&mut contents, file, &root),
        }
    }
    contents
}

/// What routes may take something of, or nothing that matters here.
fn other(contents: &mut Contents, file: &Arc<Path>, root: &Node) {
    let Some(kind) = object::kind(root) else {
        contents.other_kinds += 1;
        return;
    };
    match object::held(file, root, kind) {
        Ok(Some(held)) => contents.objects.push(held),
        Ok(None) => contents.other_kinds += 1,
        Err(mistakes) => contents.mistakes.extend(mistakes),
    }
}

/// A typing mistake in one of the two names must not make a route vanish.
fn is_ours(root: &Node) -> bool {
    let group = root
        .text("apiVersion")
        .and_then(|version| version.split('/').next());
    group == Some(GROUP) || root.text("kind") == Some(KIND)
}

fn route(contents: &mut Contents, file: &Arc<Path>, root: &Node, place: Place) {
    let read = read::<Manifest>(root, |field| IGNORED.contains(&field));
    let mut mistakes: Vec<Mistake> = Vec::new();
    for misfit in &read.misfits {
        let text = match misfit.field.as_str() {
            "" => misfit.text.clone(),
            field => format!("{field}: {}", misfit.text),
        };
        mistakes.push(Mistake::at(file, misfit.at, text));
    }
    // What was taken out because it did not fit is not missing as well.
    let is_known = |field: &str| {
        read.misfits
            .iter()
            .any(|misfit| field.starts_with(&misfit.field))
    };
    let valid = read
        .value
        .as_ref()
        .map(|manifest| validate(manifest, place));
    match valid {
        Some(Ok(mut route)) => {
            resolve(&mut route, file);
            if mistakes.is_empty() {
                contents.routes.push((root.position().line, route));
            }
        }
        Some(Err(violations)) => {
            for violation in violations
                .iter()
                .filter(|violation| !is_known(&violation.field))
            {
                let position = root.find(&violation.field);
                mistakes.push(Mistake::at(file, position, violation.to_string()));
            }
        }
        None => {}
    }
    mistakes.sort_by_key(|mistake| mistake.position);
    contents.mistakes.extend(mistakes);
}

/// Makes the paths in a route such that this process can open them.
fn resolve(route: &mut ValidRoute, file: &Path) {
    let folder = file.parent().unwrap_or(Path::new(""));
    for volume in &mut route.volumes {
        if let VolumeContent::Folder(path) = &mut volume.content {
            *path = folder.join(&path);
        }
    }
    match &mut route.module {
        ModuleReference::File(path) => *path = folder.join(&path),
        ModuleReference::Registry(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Contents {
        contents(
            &Arc::from(Path::new("routes/shop.yaml")),
            text,
            Place::Local,
        )
    }

    fn said(contents: &Contents) -> Vec<String> {
        contents.mistakes.iter().map(Mistake::to_string).collect()
    }

    const HELLO: &str = "\
apiVersion: wagi.dev/v1alpha1
kind: WagiRoute
metadata: {name: hello}
spec:
  path: /hello/...
  module: {image: file:hello.wasm}
  volumes: [{mountPath: /site, hostPath: site}]
";

    #[test]
    fn paths_are_relative_to_the_manifest() {
        let contents = read(HELLO);
        assert_eq!(said(&contents), [""; 0]);
        let (line, route) = &contents.routes[0];
        assert_eq!(*line, 1);
        assert_eq!(route.name.to_string(), "default/hello");
        assert_eq!(
            route.module,
            ModuleReference::File("routes/hello.wasm".into())
        );
        let site = VolumeContent::Folder("routes/site".into());
        assert_eq!(route.volumes[0].content, site);
    }

    #[test]
    fn other_kinds_are_counted_and_never_judged() {
        let contents = read(&format!(
            "kind: Service\napiVersion: v1\nspec: {{ports: [{{x: 1}}]}}\n---\n{HELLO}---\n- just\n- a list\n---\n# nothing\n"
        ));
        assert_eq!(said(&contents), [""; 0]);
        assert_eq!((contents.routes.len(), contents.other_kinds), (1, 2));
    }

    #[test]
    fn every_mistake_has_file_line_column_and_field() {
        let contents = read(&format!(
            "{HELLO}---\napiVersion: wagi.dev/v1\nkind: WagiRoute\nmetadata:\n  name: b\n  namspace: shop\nspec:\n  \
             path: b\n  module:\n    image: hello.wasm\n  limits:\n    memory: 64m\n    concurrency: x\n"
        ));
        assert_eq!(contents.routes.len(), 1);
        assert_eq!(
            said(&contents),
            [
                "routes/shop.yaml:9:13: apiVersion: \"wagi.dev/v1\": write wagi.dev/v1alpha1",
                "routes/shop.yaml:13:3: metadata.namspace: unknown field; write one of name, namespace, \
                 labels, annotations",
                &format!(
                    "routes/shop.yaml:15:9: spec.path: \"b\": {}",
                    path_advice("b")
                ),
                "routes/shop.yaml:17:12: spec.module.image: \"hello.wasm\": looks like a file; write file:hello.wasm",
                "routes/shop.yaml:19:13: spec.limits.memory: \"64m\": m counts in parts of a byte; write 64Mi for \
                 mebibytes",
                "routes/shop.yaml:20:18: spec.limits.concurrency: \"x\" is text; write a whole number",
            ]
        );
    }

    fn path_advice(text: &str) -> String {
        crds::path::PathPattern::parse(text)
            .expect_err("no pattern")
            .to_string()
    }

    #[test]
    fn what_does_not_fit_is_not_also_missing() {
        let contents = read(&HELLO.replace("/hello/...", "{a: b}"));
        assert_eq!(
            said(&contents),
            ["routes/shop.yaml:5:9: spec.path: fields below a name; write text"]
        );
    }

    #[test]
    fn a_syntax_error_in_one_document_leaves_the_others() {
        let contents = read(&format!("a: [1\n---\n{HELLO}"));
        assert_eq!(contents.routes.len(), 1);
        assert_eq!(contents.routes[0].0, 3);
        assert_eq!(contents.mistakes.len(), 1);
    }

    #[test]
    fn an_image_in_a_registry_is_taken_as_it_is_written() {
        let contents = read(&HELLO.replace("file:hello.wasm", "r.example/hello:1"));
        assert_eq!(said(&contents), [""; 0]);
        let module = contents.routes[0].1.module.to_string();
        assert_eq!(module, "r.example/hello:1");
    }

    #[test]
    fn a_cluster_is_asked_for_what_it_has() {
        let file = Arc::from(Path::new("shop.yaml"));
        let contents = contents(&file, HELLO, Place::Cluster);
        assert_eq!(
            said(&contents),
            [
                "shop.yaml:6:19: spec.module.image: \"file:hello.wasm\": a cluster has no such file; push it: \
                 wagi push hello.wasm REF",
                "shop.yaml:7:42: spec.volumes[0].hostPath: \"site\": a cluster has no folders of this machine; write \
                 configMap or secret, or leave it out",
            ]
        );
    }

    #[test]
    fn what_kubernetes_writes_is_ignored() {
        let text = HELLO.replace(
            "{name: hello}",
            "{name: hello, uid: x, managedFields: [{a: 1}], creationTimestamp: null}",
        );
        assert_eq!(
            said(&read(&format!("{text}status: {{nodes: 3/3}}\n"))),
            [""; 0]
        );
    }
}
