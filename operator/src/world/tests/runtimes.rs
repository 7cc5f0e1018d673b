use super::*;

/// Three routes: version 11 of the first and 12 of the second spread, and the third has settled.
fn spreading() -> World {
    let mut world = served(&[route("shop/a"), route("shop/b"), route("shop/c")]);
    for (uid, version) in [("shop-a", 11), ("shop-b", 12), ("shop-c", 13)] {
        world.tell(&uid.into(), published(version), true);
    }
    world.settle(&"shop-c".into(), 13);
    world.take_due();
    world
}

#[test]
fn a_runtime_that_comes_or_goes_is_news_for_what_spreads_and_for_nothing_else() {
    let mut world = spreading();
    world.observe_pod(&pod("p", true));
    assert_eq!(due(&mut world), "statuses: shop-a shop-b; fleet");
    world.observe_pod(&pod("p", true));
    assert_eq!(due(&mut world), "");
    world.forget_pod("p");
    assert_eq!(due(&mut world), "statuses: shop-a shop-b; fleet");
    world.forget_pod("p");
    assert_eq!(due(&mut world), "");
}

#[test]
fn a_report_is_news_for_the_spreading_versions_that_it_passed() {
    let mut world = spreading();
    world.observe_report(report("p", 11));
    assert_eq!(due(&mut world), "statuses: shop-a");
    world.observe_report(report("p", 13));
    assert_eq!(due(&mut world), "statuses: shop-b");
    world.observe_report(report("p", 20));
    assert_eq!(due(&mut world), "");
}

#[test]
fn a_report_that_names_a_route_is_news_for_it_and_for_the_fleet() {
    let mut world = spreading();
    world.observe_report(report("p", 9).failed("shop-c"));
    assert_eq!(due(&mut world), "statuses: shop-c; fleet");
    world.forget_report("p");
    assert_eq!(due(&mut world), "statuses: shop-c; fleet");
    world.observe_report(report("p", 9));
    world.forget_report("p");
    assert_eq!(due(&mut world), "");
}

#[test]
fn pods_and_reports_that_a_list_lacks_are_gone() {
    let mut world = spreading();
    for name in ["p", "q"] {
        world.observe_pod(&pod(name, true));
        world.observe_report(report(name, 9).failed("shop-c"));
    }
    world.take_due();
    world.pods_listed(&["p".to_owned()].into());
    assert_eq!(world.runtimes.ready_pods(), ["p"]);
    assert_eq!(due(&mut world), "statuses: shop-a shop-b; fleet");
    world.reports_listed(&["p".to_owned()].into());
    assert_eq!(world.runtimes.reporters(), ["p"]);
    assert_eq!(due(&mut world), "statuses: shop-c; fleet");
}

#[test]
fn a_fleet_that_is_not_as_it_was_written_is_written_again() {
    let mut world = nothing();
    world.observe_fleet(Some("one".to_owned()));
    assert_eq!(due(&mut world), "fleet");
    world.observe_fleet(Some("one".to_owned()));
    assert_eq!(due(&mut world), "");
    world.observe_fleet(None);
    assert_eq!((due(&mut world).as_str(), world.fleet()), ("fleet", None));
}
