use super::*;

fn uids(range: std::ops::Range<usize>) -> BTreeSet<Uid> {
    range.map(|n| Uid::from(n.to_string())).collect()
}

/// The same as a list lacks them; their documents say no name.
fn missing(range: std::ops::Range<usize>) -> BTreeMap<Uid, Option<RouteName>> {
    uids(range).into_iter().map(|uid| (uid, None)).collect()
}

fn new() -> Guard {
    Guard::new("wagi-documents".to_owned())
}

/// A guard that keeps so many of a hundred.
fn keeping(count: usize) -> Guard {
    let mut guard = new();
    assert!(guard.judge(100, missing(0..count)), "{count} are kept");
    guard
}

#[test]
fn what_a_list_that_lacks_most_of_twenty_routes_or_more_lacks_is_kept() {
    let mut guard = new();
    assert!(guard.judge(20, missing(0..11)));
    assert_eq!(guard.kept(), 11);
    assert!(guard.keeps(&"10".into()));
    assert!(!guard.keeps(&"11".into()));
}

#[test]
fn half_of_them_may_go() {
    let mut guard = new();
    assert!(!guard.judge(20, missing(0..10)));
    assert_eq!(guard.kept(), 0);
}

#[test]
fn of_fewer_than_twenty_all_may_go() {
    let mut guard = new();
    assert!(!guard.judge(19, missing(0..19)));
    assert_eq!(guard.kept(), 0);
}

#[test]
fn what_is_kept_goes_once_so_many_are_allowed_and_not_before() {
    let mut guard = keeping(60);
    assert_eq!(guard.allow(Some(59)), uids(0..0));
    assert_eq!(guard.kept(), 60);
    assert_eq!(guard.allow(Some(60)), uids(0..60));
    assert_eq!(guard.kept(), 0);
}

#[test]
fn what_was_allowed_before_the_list_goes_with_it() {
    let mut guard = new();
    assert_eq!(guard.allow(Some(60)), uids(0..0));
    assert!(!guard.judge(100, missing(0..60)));
    assert!(guard.judge(100, missing(0..61)), "more than is allowed");
}

#[test]
fn an_allowance_that_was_taken_back_allows_nothing() {
    let mut guard = new();
    guard.allow(Some(60));
    guard.allow(None);
    assert!(guard.judge(100, missing(0..60)));
}

#[test]
fn a_route_that_is_there_again_is_kept_no_longer_and_counts_no_longer() {
    let mut guard = keeping(60);
    guard.found(&"0".into());
    assert!(!guard.keeps(&"0".into()));
    assert_eq!(guard.allow(Some(59)), uids(1..60));
}

#[test]
fn a_list_that_lacks_little_ends_the_doubt_about_one_before() {
    let mut guard = keeping(60);
    assert!(!guard.judge(100, missing(0..1)));
    assert_eq!(guard.kept(), 0);
}
