mod documents;
mod lists;
mod namespaces;
mod runtimes;
mod spread;

use std::time::Duration;

use crds::conditions::Reason;
use serde_json::json;

use super::*;
use crate::outcome::{Holding, Problem, Publication, Reached, Served};
use crate::reconcile::validate;
use crate::testing::{Except, Publish, Route, at, digest, pod, report, route};

/// A world that knows nothing, and what is wanted of it.
fn nothing() -> World {
    World::new("default".to_owned(), validate::asks)
}

/// A world in which everything was listed: these routes, each with its document of version 10 whose
/// host is held since second 5, and nothing is due.
fn served(routes: &[Route]) -> World {
    let published = routes
        .iter()
        .map(|route| (route.uid(), route.published(10, 5)));
    listed(routes, published.collect())
}

fn listed(routes: &[Route], documents: Vec<(Uid, Arc<Published>)>) -> World {
    let mut world = nothing();
    list_routes(&mut world, routes);
    let uids = documents.iter().map(|(uid, _)| uid.clone()).collect();
    for (uid, document) in documents {
        world.observe_document(uid, document);
    }
    world.documents_listed(&uids, &HashSet::new());
    world.secrets_listed(&HashSet::new());
    world.pods_listed(&HashSet::new());
    world.reports_listed(&HashSet::new());
    world.take_due();
    world
}

fn list_routes(world: &mut World, routes: &[Route]) {
    for route in routes {
        world.observe_route(route.seen());
    }
    world.routes_listed(&routes.iter().map(Route::uid).collect());
}

/// `shop/0` to `shop/N`, each with a path of its own.
fn many(count: usize) -> Vec<Route> {
    (0..count).map(|n| route(&format!("shop/{n}"))).collect()
}

/// `routes: a b; statuses: c; fleet`: what became due since it was last asked.
fn due(world: &mut World) -> String {
    let Due {
        routes,
        statuses,
        fleet,
        // What concerns these has tests of its own.
        reads: _,
        copies: _,
        places: _,
        namespaces: _,
    } = world.take_due();
    let list = |name: &str, uids: &BTreeSet<Uid>| {
        let uids: Vec<&str> = uids.iter().map(|uid| &**uid).collect();
        (!uids.is_empty()).then(|| format!("{name}: {}", uids.join(" ")))
    };
    let parts = [
        list("routes", &routes),
        list("statuses", &statuses),
        fleet.then(|| "fleet".to_owned()),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    parts.join("; ")
}

/// Who holds what a route asks for in its stead, by name.
fn loss(world: &World, route: &Route) -> Option<String> {
    let ask = validate::asks(&route.seen()).remove(0);
    let loss = world.claims().loss(&route.uid(), &ask.host, &ask.path);
    loss.map(|loss| loss.winner.to_string())
}

/// A story that published this version.
fn published(version: u64) -> Outcome {
    let holding = Holding {
        address: "*/hello".to_owned(),
        losses: Vec::new(),
    };
    let publication = Publication {
        image: "r.example/a:1".to_owned(),
        version,
        is_suspended: false,
        doubt: None,
    };
    Outcome {
        generation: 1,
        reached: Reached::Published(holding, publication),
        serves: Some(Served {
            image: "r.example/a:1".to_owned(),
            digest: digest('1'),
        }),
    }
}

/// A status that says of the digest of [`published`] how far it is.
fn programmed(generation: i64, status: &str, reason: Reason) -> serde_json::Value {
    json!({
        "observedGeneration": generation,
        "module": {"digest": digest('1')},
        "conditions": [{"type": "Programmed", "status": status, "reason": reason.to_string(),
            "message": "", "lastTransitionTime": "1970-01-01T00:00:00Z"}],
    })
}

#[test]
fn a_new_route_has_its_story_told() {
    let mut world = served(&[]);
    world.observe_route(route("shop/hello").seen());
    assert_eq!(due(&mut world), "routes: shop-hello");
}

#[test]
fn news_that_changes_nothing_makes_nothing_due() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    world.observe_route(hello.seen());
    world.observe_route(hello.clone().version(2).seen());
    world.observe_document(hello.uid(), hello.published(10, 5));
    world.observe_document(hello.uid(), hello.published(11, 5));
    assert_eq!(due(&mut world), "");
    assert_eq!(world.document(&hello.uid()).map(|d| d.version), Some(11));
}

#[test]
fn an_older_version_never_replaces_a_newer_one() {
    let hello = route("shop/hello").version(5);
    let mut world = served(std::slice::from_ref(&hello));
    let older = hello.clone().version(4).generation(9).on(&[], "/old");
    world.observe_route(older.seen());
    world.observe_document(hello.uid(), older.published(9, 5));
    assert_eq!(due(&mut world), "");
    assert_eq!(world.route(&hello.uid()).map(|e| e.seen.version), Some(5));
    assert_eq!(world.document(&hello.uid()).map(|d| d.version), Some(10));
}

#[test]
fn a_changed_spec_or_wish_to_look_again_is_a_story_and_a_changed_status_a_status() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    let suspended = hello.generation(2).version(2).spec("suspend", json!(true));
    world.observe_route(suspended.seen());
    assert_eq!(due(&mut world), "routes: shop-hello");
    let again = suspended.version(3).resolve("again");
    world.observe_route(again.seen());
    assert_eq!(due(&mut world), "routes: shop-hello");
    let overwritten = again.version(4).status(json!({"nodes": "9/9"}));
    world.observe_route(overwritten.seen());
    assert_eq!(due(&mut world), "statuses: shop-hello");
}

#[tokio::test(start_paused = true)]
async fn a_route_arrives_with_its_generation_and_its_image_is_wanted_since_it_was_written() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    let times = |world: &World| {
        let entry = world.route(&"shop-hello".into()).expect("a route");
        (entry.arrived, entry.wanted)
    };
    let first = times(&world);
    tokio::time::advance(Duration::from_secs(1)).await;
    world.observe_route(hello.clone().version(2).status(json!({})).seen());
    assert_eq!(times(&world), first);
    let edited = hello.version(3).generation(2).on(&[], "/other");
    world.observe_route(edited.seen());
    let second = times(&world);
    assert_eq!(second, (first.0 + Duration::from_secs(1), first.1));
    tokio::time::advance(Duration::from_secs(1)).await;
    let other = edited.version(4).generation(3).image("r.example/b:1");
    world.observe_route(other.seen());
    let third = times(&world);
    assert_eq!(third, (second.0 + Duration::from_secs(1), third.0));
    tokio::time::advance(Duration::from_secs(1)).await;
    world.observe_route(other.version(5).resolve("again").seen());
    assert_eq!(times(&world), (third.0, third.1 + Duration::from_secs(1)));
}

#[test]
fn a_route_that_takes_the_name_of_one_before_is_another_one() {
    let mut world = served(&[route("shop/hello")]);
    world.observe_route(route("shop/hello").named_uid("next").seen());
    assert_eq!(due(&mut world), "routes: next shop-hello; fleet");
    assert!(world.route(&"shop-hello".into()).is_none());
    world.forget_route(&world.route(&"next".into()).expect("it").seen.name.clone());
    assert!(world.route(&"next".into()).is_none());
}

#[test]
fn what_a_deleted_route_held_is_told_to_who_waits_for_it_at_once() {
    let hello = route("shop/hello").on(&["a.example"], "/x");
    let waits = route("shop/waits").on(&["a.example"], "/x").created(1);
    let mut world = listed(
        &[hello.clone(), waits.clone()],
        vec![(hello.uid(), hello.published(10, 5))],
    );
    assert_eq!(loss(&world, &waits).as_deref(), Some("shop/hello"));
    world.forget_route(&hello.seen().name);
    assert_eq!(due(&mut world), "routes: shop-hello shop-waits; fleet");
    assert_eq!(loss(&world, &waits), None);
    assert!(world.may_prune(&hello.uid()));
}

#[test]
fn who_asks_no_longer_for_what_it_held_lets_others_know() {
    let hello = route("shop/hello").on(&["a.example"], "/x");
    let waits = route("shop/waits").on(&["a.example"], "/x").created(1);
    let mut world = listed(&[hello.clone(), waits], vec![]);
    let elsewhere = hello.version(2).generation(2).on(&["b.example"], "/x");
    world.observe_route(elsewhere.seen());
    assert_eq!(due(&mut world), "routes: shop-hello shop-waits");
}
