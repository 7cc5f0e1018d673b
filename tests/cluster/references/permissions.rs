//! The operator reads only where somebody lets it, and says how.

use serde_json::json;
use tests::process::wait_until;

use super::{SECRET, apply, is_nowhere, of_secret, prints, secret, start};

#[test]
fn without_permission_the_status_has_the_command_that_grants_it() {
    let all = start(1);
    all.cluster.kubectl_ok(&["create", "namespace", "closed"]);
    let mut api = secret("api", &json!({ "token": SECRET }));
    api["metadata"]["namespace"] = json!("closed");
    apply(&all, &api);
    let mut route = all.route(
        "closed",
        "shop/env:1",
        &json!({ "env": [of_secret("TOKEN", "api", "token")] }),
    );
    route["metadata"]["namespace"] = json!("closed");
    apply(&all, &route);
    let said = all.wait_for_reason(&route, "ResolvedRefs", "RefNotPermitted");
    // A route that refers to nothing needs no permission.
    let mut plain = all.route("plain", "shop/env:1", &json!({}));
    plain["metadata"]["namespace"] = json!("closed");
    all.serve(&plain);

    let command = said.split("kubectl ").nth(1).expect("a command");
    let command = command.split(';').next().expect("its end");
    let arguments: Vec<&str> = command.split_whitespace().collect();
    all.cluster.kubectl_ok(&arguments);
    all.wait_for(&route, "Ready");
    prints(&all, "/closed", &format!("TOKEN={SECRET}\n"));

    // Taken away, what is served stays.
    let delete = ["delete", "rolebinding", "wagi-refs-reader", "-n", "closed"];
    all.cluster.kubectl_ok(&delete);
    route["spec"]["env"][0]["name"] = json!("OTHER");
    wait_until("it is not permitted any more", || {
        apply(&all, &route);
        let status = all.get("closed", "closed").status.unwrap_or_default();
        status
            .conditions
            .iter()
            .any(|known| known.reason == "RefNotPermitted")
    });
    prints(&all, "/closed", SECRET);
    is_nowhere(&all, SECRET);
}
