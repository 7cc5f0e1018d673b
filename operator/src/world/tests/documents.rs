use super::*;

#[test]
fn a_document_that_somebody_edits_is_looked_at() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    let mut edited = hello.document(5, &digest('1'));
    edited.spec.suspend = Some(true);
    world.observe_document(hello.uid(), edited.published(11));
    assert_eq!(due(&mut world), "routes: shop-hello");
    let mut unlabelled = Published::clone(&edited.published(12));
    unlabelled.is_labelled = false;
    world.observe_document(hello.uid(), Arc::new(unlabelled.clone()));
    assert_eq!(due(&mut world), "routes: shop-hello");
    unlabelled.version = 13;
    unlabelled.route = None;
    world.observe_document(hello.uid(), Arc::new(unlabelled));
    assert_eq!(due(&mut world), "routes: shop-hello");
}

#[test]
fn a_document_that_somebody_deletes_is_looked_at_and_one_that_is_newer_was_not_deleted() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    world.forget_document(&hello.uid(), 9);
    assert_eq!(due(&mut world), "");
    world.forget_document(&hello.uid(), 11);
    assert_eq!(due(&mut world), "routes: shop-hello");
    assert!(world.document(&hello.uid()).is_none());
}

#[test]
fn a_document_that_was_made_anew_replaces_one_of_a_higher_version() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    let mut anew = Published::clone(&hello.published(3, 5));
    anew.object_uid = "another".to_owned();
    world.observe_document(hello.uid(), Arc::new(anew));
    assert_eq!(world.document(&hello.uid()).map(|d| d.version), Some(3));
}

#[test]
fn what_a_story_wrote_is_no_news_when_the_watch_says_it_too() {
    let hello = route("shop/hello");
    let mut world = listed(std::slice::from_ref(&hello), vec![]);
    world.published(&hello.uid(), hello.published(10, 5));
    world.observe_document(hello.uid(), hello.published(10, 5));
    assert_eq!(due(&mut world), "");
    assert_eq!(world.document(&hello.uid()).map(|d| d.version), Some(10));
}

#[test]
fn what_a_story_wrote_is_not_taken_for_newer_than_what_was_seen_since() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    world.published(&hello.uid(), hello.published(9, 5));
    assert_eq!(world.document(&hello.uid()).map(|d| d.version), Some(10));
}

#[test]
fn a_story_that_deleted_a_document_deleted_that_very_one() {
    let hello = route("shop/hello");
    let mut world = served(std::slice::from_ref(&hello));
    world.unpublished(&hello.uid(), "another");
    assert!(world.document(&hello.uid()).is_some());
    world.unpublished(&hello.uid(), "object-of-shop-hello");
    assert!(world.document(&hello.uid()).is_none());
    assert_eq!(due(&mut world), "");
}

#[test]
fn what_is_served_for_a_route_is_its_own_until_what_it_asks_for_is_served() {
    let hello = route("shop/hello").on(&["a.example"], "/x");
    let waits = route("shop/waits").on(&["a.example"], "/x").created(1);
    let mut world = listed(
        &[hello.clone(), waits.clone()],
        vec![(hello.uid(), hello.published(10, 5))],
    );
    let moved = hello.version(2).generation(2).on(&["a.example"], "/y");
    world.observe_route(moved.seen());
    assert_eq!(loss(&world, &waits).as_deref(), Some("shop/hello"));
    world.take_due();
    world.published(&moved.uid(), moved.published(11, 6));
    assert_eq!(loss(&world, &waits), None);
    assert_eq!(due(&mut world), "routes: shop-waits");
}

#[test]
fn an_old_route_that_is_edited_does_not_take_what_is_served_for_a_younger_one() {
    let young = route("shop/young").on(&["a.example"], "/x").created(9);
    let old = route("shop/old").on(&["b.example"], "/x").created(1);
    let mut world = served(&[young.clone(), old.clone()]);
    let edited = old.version(2).generation(2).on(&["a.example"], "/x");
    world.observe_route(edited.seen());
    assert_eq!(loss(&world, &edited).as_deref(), Some("shop/young"));
    assert_eq!(loss(&world, &young), None);
}

#[test]
fn an_age_that_a_route_is_given_is_kept_and_told_to_who_loses_by_it() {
    let younger = route("shop/younger").on(&["a.example"], "/x").created(9);
    let older = route("shop/older").on(&["a.example"], "/x").created(1);
    let mut world = listed(&[younger.clone(), older.clone()], vec![]);
    assert_eq!(loss(&world, &younger).as_deref(), Some("shop/older"));
    let asks = validate::asks(&younger.seen());
    world.stamp(&younger.uid(), &asks, at(7));
    assert_eq!(due(&mut world), "routes: shop-older");
    world.stamp(&younger.uid(), &asks, at(8));
    world.stamp(&younger.uid(), &[], at(8));
    assert_eq!(due(&mut world), "");
    let since = world
        .claims()
        .since(&younger.uid(), &asks[0].host, &asks[0].path);
    assert_eq!(since, Some(at(7)));
    assert_eq!(loss(&world, &older).as_deref(), Some("shop/younger"));
}
