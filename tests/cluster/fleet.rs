//! Many runtimes: what one of them does is no news to any route.

use std::collections::BTreeMap;

use crds::wagi_route::WagiRoute;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use tests::process::wait_until;

use crate::installation::Installation;

/// Each route with its resourceVersion and how many runtimes serve it.
fn routes(all: &Installation) -> BTreeMap<String, (String, String)> {
    let api: Api<WagiRoute> = Api::namespaced(all.cluster.admin(), "default");
    let listed = all.cluster.block_on(api.list(&Default::default()));
    let of = |route: WagiRoute| {
        let (name, version) = (route.name_any(), route.resource_version());
        let nodes = route.status.unwrap_or_default().nodes;
        (
            name,
            (version.unwrap_or_default(), nodes.unwrap_or_default()),
        )
    };
    listed.expect("routes").items.into_iter().map(of).collect()
}

#[test]
fn one_of_fifty_runtimes_goes_and_comes_back_and_no_route_is_written() {
    let all = Installation::start(1);
    let mut hollow = all.cluster.start_hollow("hollow", 49);
    hollow.wait_until_ready();
    all.wait_for_fleet(50);
    let forty: Vec<Value> = (0..40)
        .map(|number| all.route(&format!("route-{number}"), "shop/hello:1", &json!({})))
        .collect();
    all.apply_all(&forty);
    let everywhere = |name: &str| {
        routes(&all)
            .get(name)
            .is_some_and(|(_, nodes)| nodes == "50/50")
    };
    wait_until("forty routes are served by all", || {
        let seen = routes(&all);
        seen.len() == 40 && seen.values().all(|(_, nodes)| nodes == "50/50")
    });
    let traffic = all.traffic(0, "/route-7");
    let (before, writes) = (routes(&all), all.cluster.writes("wagiroutes"));
    assert!(writes >= 80, "each was made, and has a status: {writes}");

    // It ends as a pod does, and another comes in its place.
    hollow.terminate();
    all.wait_for_fleet(49);
    let gone = hollow.leave();
    assert_ne!(hollow.join(), gone);
    hollow.wait_until_ready();
    all.wait_for_fleet(50);
    assert_eq!(all.cluster.writes("wagiroutes"), writes);

    // A route that comes now counts the new one: so what came before was seen.
    let later = all.route("later", "shop/hello:1", &json!({}));
    all.cluster.apply(&later.to_string());
    wait_until("the later route is served by all", || everywhere("later"));
    let mut after = routes(&all);
    after.remove("later");
    assert_eq!(after, before);
    traffic.end();
}
