//! A container that restarts while the API server is away.

use serde_json::json;
use tests::process::wait_until;

use super::{SECRET, apply, config_map, is_nowhere, of_secret, secret, start};
use crate::installation::request;

#[test]
fn a_container_that_restarts_without_the_api_server_serves_what_it_was_given() {
    let mut all = start(1);
    apply(&all, &config_map("settings", &json!({ "A": "of-the-map" })));
    apply(&all, &secret("api", &json!({ "token": SECRET })));
    let more = json!({
        "envFrom": [{ "configMapRef": { "name": "settings" } }],
        "env": [of_secret("TOKEN", "api", "token")],
    });
    all.serve(&all.route("again", "shop/env:1", &more));
    let more = json!({
        "volumes": [{ "mountPath": "/keys", "secret": { "name": "api" } }],
        "argv": ["open", "token"],
    });
    all.serve(&all.route("files", "shop/open:1", &more));

    // The disk and the memory hear of it within a second or so: ending waits for it.
    let child = all.nodes[0].child().expect("it runs");
    child.signal("TERM");
    assert!(child.wait().success());
    all.cluster.stop();
    all.registry.fail(tests::registry::Fault::Unavailable503);
    all.nodes[0].start_again();
    let address = all.nodes[0].address();
    let says = |path: &str, text: &str| {
        wait_until(&format!("{path} prints {text}"), || {
            request(address, path).is_some_and(|answer| answer.text().contains(text))
        });
    };
    says("/again", "A=of-the-map\n");
    says("/again", &format!("TOKEN={SECRET}\n"));
    says("/files", &format!("token: {SECRET}"));
    all.cluster.start_again();
    is_nowhere(&all, SECRET);
}
