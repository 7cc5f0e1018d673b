//! Files that are made of the code are as the code makes them.

use std::fs;
use std::path::Path;

use crds::definitions::definitions;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// Set by `make crds`.
const REWRITE: &str = "REWRITE_GENERATED";

fn yaml(definition: &CustomResourceDefinition) -> String {
    let text = serde_saphyr::to_string(definition).expect("a definition is YAML");
    format!("# Made of the types and rules in crds/src by `make crds`.\n{text}")
}

#[test]
fn the_custom_resource_definitions_are_those_of_the_code() {
    let folder = Path::new(&tests::wagi::repository("crds/generated")).to_owned();
    let mut names = Vec::new();
    for definition in definitions() {
        let name = definition.metadata.name.clone().expect("it has a name");
        let path = folder.join(format!("{name}.yaml"));
        let text = yaml(&definition);
        let read: CustomResourceDefinition = serde_saphyr::from_str(&text).expect("it can be read");
        assert_eq!(read, definition, "what is printed is what it was");
        if std::env::var_os(REWRITE).is_some() {
            fs::create_dir_all(&folder).expect("a folder of the repository");
            fs::write(&path, &text).expect("a file of the repository");
        }
        let kept = fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "{} is not what the code makes: run make crds, and commit what it changes",
            path.display()
        );
        names.push(format!("{name}.yaml"));
    }
    let files = fs::read_dir(&folder).expect("a folder of the repository");
    for file in files {
        let name = file.expect("a file").file_name();
        let name = name.to_string_lossy();
        assert!(names.contains(&name.to_string()), "{name} is of nothing");
    }
}
