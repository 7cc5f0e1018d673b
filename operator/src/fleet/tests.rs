use prometheus::IntGauge;
use std::sync::Mutex;

use futures::FutureExt as _;
use serde_json::json;

use super::*;
use crate::queue::Queue;
use crate::reconcile::metrics::QueueMetrics;
use crate::reconcile::validate;
use crate::testing::api_server::{ApiServer, refusal, taken};
use crate::testing::{Except, Publish, Route, digest, pod, report, route};
use crate::world::document::Published;

/// A world with this route, whose document is of version 10 and digest 1.
fn world(route: &Route) -> World {
    let mut world = World::new("default".to_owned(), validate::asks);
    world.observe_route(route.seen());
    world.observe_document(route.uid(), route.published(10, 5));
    world
}

fn hello() -> Route {
    route("shop/hello")
}

/// A status that says of a digest on how many nodes it was served.
fn served(nodes: &str, digest: &str) -> serde_json::Value {
    json!({"nodes": nodes, "module": {"digest": digest}})
}

fn failing(world: &World) -> Vec<String> {
    let failing = fleet(world).failing.into_iter();
    failing.map(|route| route.uid).collect()
}

#[test]
fn the_runtimes_are_told_how_many_of_them_are_ready() {
    let mut world = world(&hello());
    for (name, is_ready) in [("a", true), ("b", false), ("c", true)] {
        world.observe_pod(&pod(name, is_ready));
    }
    assert_eq!(
        fleet(&world),
        Fleet {
            ready: 2,
            failing: vec![]
        }
    );
}

#[test]
fn a_route_that_no_runtime_can_load_is_named_with_its_digest() {
    let mut world = world(&hello());
    world.observe_report(report("a", 10).failed("shop-hello"));
    let expected = FailingRoute {
        uid: "shop-hello".to_owned(),
        digest: digest('1'),
    };
    assert_eq!(fleet(&world).failing, [expected]);
}

#[test]
fn one_that_is_still_being_loaded_is_waited_for() {
    let mut world = world(&hello());
    world.observe_report(report("a", 10).pending("shop-hello"));
    assert_eq!(failing(&world), [""; 0]);
}

#[test]
fn one_that_any_runtime_serves_can_be_loaded() {
    let mut world = world(&hello());
    world.observe_report(report("a", 10).failed("shop-hello"));
    world.observe_report(report("b", 10));
    assert_eq!(failing(&world), [""; 0]);
    world.observe_report(report("b", 9));
    assert_eq!(failing(&world), ["shop-hello"], "b serves an older version");
}

#[test]
fn one_that_was_ever_served_with_this_digest_can_be_loaded() {
    for (status, expected) in [
        (served("1/3", &digest('1')), 0),
        (served("0/3", &digest('1')), 1),
        (served("3/3", &digest('2')), 1),
        (json!({}), 1),
    ] {
        let mut world = world(&hello().status(status.clone()));
        world.observe_report(report("a", 10).failed("shop-hello"));
        assert_eq!(failing(&world).len(), expected, "{status}");
    }
}

#[test]
fn what_is_not_there_any_more_is_not_named() {
    let mut without_document = world(&hello());
    without_document.forget_document(&hello().uid(), 10);
    let mut without_route = world(&hello());
    without_route.forget_route(&hello().seen().name);
    let mut unreadable = world(&hello());
    let broken = Published {
        facts: None,
        version: 11,
        ..Published::clone(&hello().document(5, &digest('1')).published(10))
    };
    unreadable.observe_document(hello().uid(), Arc::new(broken));
    for mut world in [without_document, without_route, unreadable] {
        world.observe_report(report("a", 11).failed("shop-hello"));
        assert_eq!(failing(&world), [""; 0]);
    }
}

// === keep ===

/// Keeps the runtimes of a world informed by this server until it was asked as often as it takes.
async fn keep_until(server: &ApiServer, shared: &Shared, asked: usize) {
    let cluster = server.cluster(1);
    let leader = Arc::clone(&server.leader) as Arc<dyn LeaderGate>;
    let until = async {
        while server.asked().len() < asked {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // Time for one that is too much.
        tokio::time::sleep(DEBOUNCE + RETRY).await;
    };
    let kept = async {
        tokio::select! {
            () = keep(shared, &cluster, &leader) => {}
            () = until => {}
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(60), kept).await;
    assert!(ended.is_ok(), "it was asked {} times", server.asked().len());
}

fn shared(world: World) -> Shared {
    let queues = [(); 4].map(|()| Queue::new(QueueMetrics::for_tests()));
    let kept = IntGauge::new("kept", "how many").expect("a name");
    Shared::new(world, queues, kept)
}

#[tokio::test(start_paused = true)]
async fn news_that_come_together_are_one_write_and_what_is_so_already_is_none() {
    let server = ApiServer::new(taken);
    let shared = shared(world(&hello()));
    for name in ["a", "b", "c"] {
        shared.change(|world| world.observe_pod(&pod(name, true)));
    }
    keep_until(&server, &shared, 1).await;
    let text = server.asked_once().body["data"]["fleet.yaml"].clone();
    let written = Fleet::decode(text.as_str().expect("a text")).expect("a fleet");
    assert_eq!(written.ready, 3);
    shared.change(|world| world.observe_fleet(text.as_str().map(str::to_owned)));
    shared.fleet.notify_one();
    keep_until(&server, &shared, 0).await;
    server.asked_once();
    shared.change(|world| world.observe_fleet(Some("somebody's".to_owned())));
    keep_until(&server, &shared, 2).await;
    assert_eq!(server.asked().len(), 2, "it is put back");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_failed_is_made_again_with_what_is_so_by_then() {
    let answers = Mutex::new(vec![refusal(500, "InternalError")]);
    let server = ApiServer::with(move |asked| {
        let refused = answers.lock().expect("the answers").pop();
        std::future::ready(refused.unwrap_or_else(|| taken(&asked))).boxed()
    });
    let shared = shared(world(&hello()));
    shared.change(|world| world.observe_pod(&pod("a", true)));
    keep_until(&server, &shared, 2).await;
    let asked = server.asked();
    assert_eq!(asked.len(), 2);
    assert_eq!(asked[0], asked[1]);
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_tells_them_nothing() {
    let server = ApiServer::new(taken);
    server.leader.loses();
    let shared = shared(world(&hello()));
    shared.change(|world| world.observe_pod(&pod("a", true)));
    keep_until(&server, &shared, 0).await;
    assert_eq!(server.counted(), [""; 0]);
}
