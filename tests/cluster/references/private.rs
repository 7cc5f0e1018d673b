//! Modules that a registry gives to some and not to others.

use serde_json::{Value, json};
use tests::guests;
use tests::process::wait_until;
use tests::registry::{Auth, Fault, PASSWORD, Registry, USER};

use super::{apply, is_nowhere, permit, prints, start_with};
use crate::installation::{Installation, artifact};

fn login(all: &Installation, namespace: &str, password: &str) -> Value {
    let auths = json!({ all.registry.host(): { "username": USER, "password": password } });
    let config = json!({ "auths": auths }).to_string();
    json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/dockerconfigjson",
        "metadata": { "name": "registry", "namespace": namespace },
        "stringData": { ".dockerconfigjson": config },
    })
}

fn private(all: &Installation, name: &str, namespace: &str, image: &str, secrets: &Value) -> Value {
    let module = json!({ "image": all.registry.reference(image), "pullSecrets": secrets });
    let mut route = all.route(name, image, &json!({ "module": module }));
    route["metadata"]["namespace"] = json!(namespace);
    route
}

#[test]
fn a_private_module_is_served_to_who_may_have_it_and_to_nobody_else() {
    let all = start_with(Registry::builder().auth(Auth::Basic).start(), 1);
    let with = json!([{ "name": "registry" }]);
    apply(&all, &login(&all, "default", PASSWORD));
    let route = private(&all, "mine", "default", "shop/env:1", &with);
    all.serve(&route);
    prints(&all, "/mine", "SCRIPT_NAME=/mine\n");

    // Another tenant, by tag and by digest, without a login and with a wrong one.
    all.cluster.kubectl_ok(&["create", "namespace", "rival"]);
    permit(&all, "rival");
    apply(&all, &login(&all, "rival", "guessed"));
    let digest = artifact(guests::env_dump).digest().to_string();
    let pinned = format!("shop/env@{digest}");
    for (number, (image, secrets)) in [
        ("shop/env:1", json!([])),
        (&*pinned, json!([])),
        ("shop/env:1", with.clone()),
        (&*pinned, with.clone()),
    ]
    .into_iter()
    .enumerate()
    {
        let stolen = private(&all, &format!("stolen-{number}"), "rival", image, &secrets);
        apply(&all, &stolen);
        all.wait_for_reason(&stolen, "ResolvedRefs", "ModuleNotPermitted");
        all.wait_for_answers(&format!("/stolen-{number}"), 404);
    }
    assert_eq!(all.documents().len(), 1);
    let encoded = tests::registry::base64(format!("{USER}:{PASSWORD}").as_bytes());
    is_nowhere(&all, &encoded);
}

#[test]
fn who_was_given_a_module_keeps_it_while_the_registry_is_away_and_nobody_gains_it() {
    let all = start_with(Registry::builder().auth(Auth::Basic).start(), 1);
    let with = json!([{ "name": "registry" }]);
    apply(&all, &login(&all, "default", PASSWORD));
    let mut route = private(&all, "kept", "default", "shop/env:1", &with);
    all.serve(&route);
    all.registry.fail(Fault::Unavailable503);
    // An edit of who has it asks nobody.
    route["spec"]["env"] = json!([{ "name": "EDITED", "value": "yes" }]);
    all.serve(&route);
    prints(&all, "/kept", "EDITED=yes\n");
    // Another login is another right, and nobody can say whether it is one.
    let mut other = login(&all, "default", PASSWORD);
    let config = &mut other["stringData"][".dockerconfigjson"];
    *config = json!(config.as_str().expect("a text").to_owned() + "\n");
    apply(&all, &other);
    let said = all.wait_for_reason(&route, "ResolvedRefs", "RegistryUnreachable");
    assert!(said.contains("stays served"), "{said}");
    prints(&all, "/kept", "EDITED=yes\n");
    all.registry.heal();
    all.wait_for(&route, "Ready");
    // One that is none leaves what is served, and nothing newer.
    apply(&all, &login(&all, "default", "changed"));
    all.wait_for_reason(&route, "ResolvedRefs", "ModuleNotPermitted");
    prints(&all, "/kept", "EDITED=yes\n");

    apply(&all, &login(&all, "default", PASSWORD));
    all.wait_for(&route, "Ready");
    wait_until("it says so", || {
        let status = all.get("default", "kept").status.unwrap_or_default();
        status
            .module
            .is_some_and(|module| module.digest == artifact(guests::env_dump).digest().to_string())
    });
}

#[test]
fn a_pull_secret_that_is_missing_or_is_none_is_named() {
    let all = start_with(Registry::builder().auth(Auth::Basic).start(), 1);
    let route = private(
        &all,
        "named",
        "default",
        "shop/env:1",
        &json!([{ "name": "registry" }]),
    );
    apply(&all, &route);
    let said = all.wait_for_reason(&route, "ResolvedRefs", "RefNotFound");
    assert!(
        said.contains("there is no Secret registry; kubectl create secret docker-registry"),
        "{said}"
    );
    apply(&all, &login(&all, "default", PASSWORD));
    all.wait_for(&route, "Ready");
}
