use super::*;

#[test]
fn all_is_known_when_every_kind_was_listed() {
    let mut world = nothing();
    list_routes(&mut world, &[]);
    world.documents_listed(&HashSet::new(), &HashSet::new());
    world.secrets_listed(&HashSet::new());
    world.pods_listed(&HashSet::new());
    assert!(!world.is_complete());
    world.reports_listed(&HashSet::new());
    assert!(world.is_complete());
}

#[test]
fn nothing_goes_before_routes_and_documents_were_listed() {
    let hello = route("shop/hello");
    let mut world = nothing();
    world.observe_document(hello.uid(), hello.published(10, 5));
    world.documents_listed(&[hello.uid()].into(), &HashSet::new());
    assert!(!world.may_prune(&hello.uid()));
    world.take_due();
    list_routes(&mut world, &[]);
    assert!(world.may_prune(&hello.uid()));
    assert_eq!(due(&mut world), "routes: shop-hello; fleet");
}

#[test]
fn when_both_are_listed_every_story_is_due_whichever_was_last() {
    let hello = route("shop/hello");
    for documents_first in [true, false] {
        let mut world = nothing();
        if documents_first {
            world.documents_listed(&HashSet::new(), &HashSet::new());
        }
        list_routes(&mut world, std::slice::from_ref(&hello));
        world.take_due();
        if documents_first {
            world.routes_listed(&[hello.uid()].into());
        } else {
            world.documents_listed(&HashSet::new(), &HashSet::new());
        }
        assert_eq!(due(&mut world), "routes: shop-hello");
    }
}

#[test]
fn a_list_that_lacks_a_route_is_its_end() {
    let mut world = served(&many(3));
    world.routes_listed(&["shop-0".into(), "shop-1".into()].into());
    assert!(world.route(&"shop-2".into()).is_none());
    assert!(world.may_prune(&"shop-2".into()));
    assert_eq!(due(&mut world), "routes: shop-0 shop-1 shop-2; fleet");
}

#[test]
fn a_list_that_lacks_a_document_has_it_written_again() {
    let mut world = served(&many(2));
    world.documents_listed(&["shop-0".into()].into(), &HashSet::new());
    assert_eq!(due(&mut world), "routes: shop-1");
    assert!(world.document(&"shop-1".into()).is_none());
}

#[test]
fn what_a_list_that_lacks_most_routes_lacks_stays_published_and_holds_its_place() {
    let routes = many(20);
    let mut world = served(&routes);
    world.routes_listed(&routes[..9].iter().map(Route::uid).collect());
    assert!(!world.may_prune(&routes[19].uid()));
    let thief = route("shop/thief").on(&[], "/19");
    world.observe_route(thief.seen());
    assert_eq!(loss(&world, &thief).as_deref(), Some("shop/19"));
    let ask = &validate::asks(&routes[19].seen())[0];
    let since = world
        .claims()
        .since(&routes[19].uid(), &ask.host, &ask.path);
    assert_eq!(since, Some(at(5)));
}

#[test]
fn so_it_is_when_the_operator_begins_with_such_a_list() {
    let routes = many(20);
    let documents = routes.iter();
    let documents = documents.map(|route| (route.uid(), route.published(10, 5)));
    let mut world = listed(&routes[..9], documents.collect());
    assert!(!world.may_prune(&routes[19].uid()));
    let thief = route("shop/thief").on(&[], "/19");
    world.observe_route(thief.seen());
    assert_eq!(loss(&world, &thief).as_deref(), Some("shop/19"));
}

#[test]
fn what_is_kept_goes_when_somebody_allows_it() {
    let routes = many(20);
    let mut world = served(&routes);
    world.routes_listed(&HashSet::new());
    let heir = route("shop/heir").on(&[], "/19");
    world.observe_route(heir.seen());
    assert_eq!(loss(&world, &heir).as_deref(), Some("shop/19"));
    world.take_due();
    world.allow_prune(Some(19));
    assert_eq!(due(&mut world), "");
    world.allow_prune(Some(20));
    assert!(world.may_prune(&routes[19].uid()));
    assert!(
        routes
            .iter()
            .all(|route| world.due.routes.contains(&route.uid()))
    );
    assert_eq!(loss(&world, &heir), None);
}

#[test]
fn a_kept_route_that_is_there_again_is_served_as_before() {
    let routes = many(20);
    let mut world = served(&routes);
    world.routes_listed(&HashSet::new());
    world.take_due();
    world.observe_route(routes[19].clone().version(2).seen());
    assert_eq!(due(&mut world), "routes: shop-19");
    assert_eq!(loss(&world, &routes[19]), None);
    world.forget_route(&routes[19].seen().name);
    assert!(world.may_prune(&routes[19].uid()), "that was a wish");
}

#[test]
fn deletions_are_carried_out_however_many_they_are() {
    let routes = many(30);
    let mut world = served(&routes);
    for route in &routes {
        world.forget_route(&route.seen().name);
        assert!(world.may_prune(&route.uid()));
    }
}
