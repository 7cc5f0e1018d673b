use super::*;

#[test]
fn what_a_story_came_to_is_a_status() {
    let mut world = served(&[route("shop/hello")]);
    world.tell(&"shop-hello".into(), published(11), true);
    assert_eq!(due(&mut world), "statuses: shop-hello");
    world.tell(&"shop-gone".into(), published(12), true);
    assert_eq!(due(&mut world), "");
}

#[test]
fn a_version_that_was_written_spreads_until_every_ready_runtime_said_how_it_went() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    let uid = hello.uid();
    world.tell(&uid, published(11), true);
    let entry = world.route(&uid).expect("a route");
    assert!(matches!(
        entry.spread,
        Spread::Spreading { wrote: None, .. }
    ));
    assert!(world.settle(&uid, 10).is_none(), "of another version");
    assert!(world.settle(&uid, 11).is_some());
    let entry = world.route(&uid).expect("a route");
    assert_eq!((entry.spread, entry.version()), (Spread::Settled, Some(11)));
    assert!(world.settle(&uid, 11).is_none(), "it did not spread again");
}

#[tokio::test(start_paused = true)]
async fn how_long_a_version_spread_is_known_when_it_settles() {
    let mut world = served(&[route("shop/hello")]);
    world.tell(&"shop-hello".into(), published(11), true);
    tokio::time::advance(Duration::from_secs(3)).await;
    let spread = world.settle(&"shop-hello".into(), 11);
    assert_eq!(spread, Some(Duration::from_secs(3)));
}

#[test]
fn when_its_status_was_written_is_noted_while_a_version_spreads() {
    let mut world = served(&[route("shop/hello")]);
    let (uid, now) = (Uid::from("shop-hello"), Instant::now());
    world.status_written(&uid, now);
    world.tell(&uid, published(11), true);
    world.status_written(&uid, now);
    let spread = world.route(&uid).expect("a route").spread;
    assert!(matches!(spread, Spread::Spreading { wrote: Some(wrote), .. } if wrote == now));
}

/// How far a version is thought to be that nobody wrote since the operator began.
fn spread_after_a_restart(status: serde_json::Value) -> Spread {
    let hello = route("shop/hello").status(status);
    let mut world = served(std::slice::from_ref(&hello));
    world.tell(&hello.uid(), published(10), false);
    world.route(&hello.uid()).expect("a route").spread
}

#[test]
fn after_a_restart_the_status_says_what_had_settled() {
    for (status, reason) in [("True", Reason::Programmed), ("False", Reason::Failed)] {
        assert_eq!(
            spread_after_a_restart(programmed(1, status, reason)),
            Spread::Settled
        );
    }
    let mut other_module = programmed(1, "True", Reason::Programmed);
    other_module["module"]["digest"] = json!(digest('2'));
    for status in [
        programmed(1, "False", Reason::Pending),
        programmed(0, "True", Reason::Programmed),
        other_module,
        json!({}),
    ] {
        let spread = spread_after_a_restart(status.clone());
        assert!(matches!(spread, Spread::Spreading { .. }), "{status}");
    }
}

#[test]
fn a_story_that_wrote_nothing_leaves_how_far_its_version_is() {
    let mut world = served(&[route("shop/hello")]);
    let uid = Uid::from("shop-hello");
    world.tell(&uid, published(11), true);
    world.settle(&uid, 11);
    world.tell(&uid, published(11), false);
    assert_eq!(world.route(&uid).expect("a route").spread, Spread::Settled);
}

#[test]
fn a_route_without_a_published_version_has_none_that_spreads() {
    let mut world = served(&[route("shop/hello")]);
    let uid = Uid::from("shop-hello");
    world.tell(&uid, published(11), true);
    let problem = Problem {
        reason: Reason::Invalid,
        message: "no".to_owned(),
        heals: false,
    };
    let refused = Outcome {
        reached: Reached::Refused(problem),
        ..published(11)
    };
    world.tell(&uid, refused, false);
    world.take_due();
    world.observe_report(report("a", 11));
    assert_eq!(due(&mut world), "");
}

#[test]
fn what_an_image_was_found_to_be_is_known_of_its_route() {
    let mut world = served(&[route("shop/hello")]);
    let found = route("shop/hello").document(0, &digest('2')).resolved;
    world.resolved(&"shop-hello".into(), found.clone());
    world.resolved(&"shop-gone".into(), found.clone());
    let entry = world.route(&"shop-hello".into()).expect("a route");
    assert_eq!(entry.resolved, Some(found));
}
