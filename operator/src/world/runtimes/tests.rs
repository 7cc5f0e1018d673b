use super::*;
use crate::testing::{Except, pod, report};

fn runtimes() -> Runtimes {
    Runtimes::new("default".to_owned())
}

/// Runtimes that are ready, and what they and others reported.
fn fleet(ready: &[&str], reports: impl IntoIterator<Item = WagiNode>) -> Runtimes {
    let mut runtimes = runtimes();
    for name in ready {
        runtimes.observe_pod(&pod(name, true));
    }
    for report in reports {
        runtimes.observe_report(report);
    }
    runtimes
}

fn uids(names: &[&str]) -> BTreeSet<Uid> {
    names.iter().map(|name| Uid::from(*name)).collect()
}

#[test]
fn a_pod_counts_while_it_is_ready_and_only_a_difference_is_news() {
    let mut runtimes = runtimes();
    assert!(!runtimes.observe_pod(&pod("a", false)));
    assert!(runtimes.observe_pod(&pod("a", true)));
    assert!(!runtimes.observe_pod(&pod("a", true)));
    assert_eq!(runtimes.ready_pods(), ["a"]);
    assert!(runtimes.observe_pod(&pod("a", false)));
    assert_eq!(runtimes.ready(), 0);
    assert!(!runtimes.forget_pod("a"));
}

#[test]
fn a_pod_that_ends_counts_no_longer_although_it_is_ready() {
    let mut runtimes = fleet(&["a"], []);
    let mut ending = pod("a", true);
    ending.metadata.deletion_timestamp = Some(
        k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(crate::testing::at(0)),
    );
    assert!(runtimes.observe_pod(&ending));
    assert_eq!(runtimes.ready(), 0);
}

#[test]
fn pods_and_reports_of_other_pools_are_nothing_to_us() {
    let mut runtimes = runtimes();
    let mut other = pod("a", true);
    other.metadata.labels = Some([(POOL_LABEL.to_owned(), "other".to_owned())].into());
    assert!(!runtimes.observe_pod(&other));
    let mut report = report("a", 7).failed("shop-hello");
    report.metadata.labels = None;
    let moved = runtimes.observe_report(report);
    assert_eq!((moved.applied, moved.routes), (None, uids(&[])));
    assert_eq!(runtimes.reporters(), [""; 0]);
}

#[test]
fn a_report_is_news_for_the_versions_since_and_for_the_routes_of_which_it_says_something_else() {
    let mut runtimes = runtimes();
    let moved = runtimes.observe_report(report("a", 7).failed("x").pending("y"));
    assert_eq!(
        (moved.applied, moved.routes),
        (Some((0, 7)), uids(&["x", "y"]))
    );
    let moved = runtimes.observe_report(report("a", 9).failed("x").failed("z"));
    assert_eq!(
        (moved.applied, moved.routes),
        (Some((7, 9)), uids(&["y", "z"]))
    );
    let moved = runtimes.observe_report(report("a", 9).failed("x").failed("z"));
    assert_eq!((moved.applied, moved.routes), (None, uids(&[])));
}

#[test]
fn a_report_that_leaves_nothing_out_any_more_is_news_for_all_versions() {
    let mut runtimes = runtimes();
    runtimes.observe_report(report("a", 7).failed("x").omitting(1));
    let moved = runtimes.observe_report(report("a", 7).failed("x"));
    assert_eq!(moved.applied, Some((0, 7)));
}

#[test]
fn a_runtime_that_begins_anew_is_news_for_all_versions() {
    let mut runtimes = runtimes();
    runtimes.observe_report(report("a", 7));
    assert_eq!(
        runtimes.observe_report(report("a", 5)).applied,
        Some((0, 5))
    );
}

#[test]
fn a_ready_runtime_serves_what_it_applied_and_does_not_name() {
    let fold = fleet(&["a", "b"], [report("a", 7), report("b", 6)]).fold(&"x".into(), 7);
    assert_eq!((fold.ready, fold.serving), (2, 1));
    assert_eq!(fold.heard, ["node-of-a".to_owned()].into());
    assert_eq!(fold.failing, []);
}

#[test]
fn one_that_still_loads_or_left_something_out_says_nothing() {
    let reports = [report("a", 7).pending("x"), report("b", 7).omitting(1)];
    let fold = fleet(&["a", "b", "c"], reports).fold(&"x".into(), 7);
    assert_eq!((fold.ready, fold.serving), (3, 0));
    assert_eq!(fold.heard, BTreeSet::new());
}

#[test]
fn one_that_failed_is_named_by_its_node_also_where_it_left_others_out() {
    let reports = [
        report("b", 7).failed("x").omitting(1),
        report("a", 7).failed("x"),
    ];
    let fold = fleet(&["b", "a"], reports).fold(&"x".into(), 7);
    let failing: Vec<_> = fold
        .failing
        .iter()
        .map(|failing| (failing.node.as_str(), failing.reason.as_str()))
        .collect();
    assert_eq!(
        failing,
        [("node-of-a", "compile"), ("node-of-b", "compile")]
    );
    assert_eq!(fold.heard.len(), 2);
    assert!(!fold.serve_older);
}

#[test]
fn a_failure_of_an_older_version_says_nothing_of_this_one() {
    let fold = fleet(&["a"], [report("a", 6).failed("x")]).fold(&"x".into(), 7);
    assert_eq!((fold.failing, fold.heard), (vec![], BTreeSet::new()));
}

#[test]
fn older_versions_are_served_only_where_all_that_failed_serve_one() {
    let mut older = report("a", 7).failed("x");
    older.spec.exceptions[0].serves_older = true;
    let one = fleet(&["a"], [older.clone()]).fold(&"x".into(), 7);
    assert!(one.serve_older);
    let both = fleet(&["a", "b"], [older, report("b", 7).failed("x")]).fold(&"x".into(), 7);
    assert!(!both.serve_older);
}

#[test]
fn what_a_runtime_says_that_is_not_ready_is_not_counted_but_known() {
    let runtimes = fleet(&["b"], [report("a", 7).failed("x"), report("b", 6)]);
    assert_eq!(runtimes.fold(&"x".into(), 7).failing, []);
    assert_eq!(runtimes.failed_anywhere(), uids(&["x"]));
    assert!(runtimes.is_served_anywhere(&"y".into(), 7));
    assert!(!runtimes.is_served_anywhere(&"x".into(), 7));
    assert!(!runtimes.is_served_anywhere(&"y".into(), 8));
}

#[test]
fn what_is_still_being_loaded_has_not_failed() {
    let runtimes = fleet(&["a"], [report("a", 7).pending("x")]);
    assert_eq!(runtimes.failed_anywhere(), uids(&[]));
}

#[test]
fn a_report_that_goes_is_news_for_the_routes_that_it_named() {
    let mut runtimes = fleet(&["a"], [report("a", 7).failed("x").pending("y")]);
    assert_eq!(runtimes.forget_report("a"), uids(&["x", "y"]));
    assert_eq!(runtimes.forget_report("a"), uids(&[]));
    assert_eq!(runtimes.fold(&"x".into(), 7).heard, BTreeSet::new());
}

#[test]
fn a_pod_that_is_on_no_node_yet_goes_by_its_own_name() {
    let mut runtimes = fleet(&[], [report("a", 7)]);
    let mut homeless = pod("a", true);
    homeless.spec = None;
    runtimes.observe_pod(&homeless);
    assert_eq!(runtimes.fold(&"x".into(), 7).heard, ["a".to_owned()].into());
}
