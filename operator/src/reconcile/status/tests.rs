use super::*;
use crds::validate::RouteName;
use k8s_openapi::jiff::Timestamp;

use crate::claims::{Held, Host};

fn now() -> Time {
    Time(Timestamp::UNIX_EPOCH)
}

fn holding() -> Holding {
    Holding {
        address: "a.example/x".to_owned(),
        losses: Vec::new(),
    }
}

fn published() -> Outcome {
    let publication = Publication {
        image: "r.example/a:1".to_owned(),
        version: 7,
        is_suspended: false,
        doubt: None,
    };
    outcome(Reached::Published(holding(), publication))
}

fn outcome(reached: Reached) -> Outcome {
    Outcome {
        generation: 3,
        reached,
        serves: Some(Served {
            image: "r.example/a:1".to_owned(),
            digest: "sha256:1".to_owned(),
        }),
    }
}

fn problem(reason: Reason, heals: bool) -> Problem {
    Problem {
        reason,
        message: "so it is".to_owned(),
        heals,
    }
}

/// So many are ready, so many serve it, and these nodes cannot.
fn fold(ready: usize, serving: usize, failing: &[&str]) -> Fold {
    let failing = failing.iter().map(|node| FailingNode {
        node: (*node).to_owned(),
        reason: "compile".to_owned(),
        message: "no".to_owned(),
    });
    let failing: Vec<_> = failing.collect();
    Fold {
        ready,
        serving,
        heard: failing.iter().map(|failing| failing.node.clone()).collect(),
        failing,
        serve_older: false,
    }
}

fn after(before: &WagiRouteStatus, outcome: &Outcome, fold: &Fold, is_settled: bool) -> Next {
    next(before, outcome, fold, is_settled, &now())
}

fn fresh(outcome: &Outcome, fold: &Fold) -> Next {
    after(&WagiRouteStatus::default(), outcome, fold, false)
}

/// `Type=Status(Reason)` of all conditions.
fn said(next: &Next) -> String {
    let conditions = next.status.conditions.iter();
    let said: Vec<_> = conditions
        .map(|c| format!("{}={}({})", c.type_, c.status, c.reason))
        .collect();
    said.join(" ")
}

#[test]
fn a_route_that_every_ready_runtime_serves_is_ready() {
    let next = fresh(&published(), &fold(3, 3, &[]));
    let expected = "Accepted=True(Accepted) ResolvedRefs=True(ResolvedRefs) Programmed=True(Programmed) Ready=True(Ready)";
    assert_eq!(said(&next), expected);
    assert_eq!(next.status.nodes.as_deref(), Some("3/3"));
    assert_eq!(next.status.observed_generation, Some(3));
    assert_eq!((next.progress, next.event), (Progress::Complete, None));
}

#[test]
fn a_version_that_spreads_is_reconciling() {
    let next = fresh(&published(), &fold(3, 1, &[]));
    assert!(
        said(&next)
            .ends_with("Programmed=False(Pending) Ready=False(Pending) Reconciling=True(Pending)")
    );
    assert_eq!(next.status.nodes.as_deref(), Some("1/3"));
    assert_eq!(next.progress, Progress::Spreading);
}

#[test]
fn without_a_ready_runtime_nothing_is_programmed() {
    let next = fresh(&published(), &fold(0, 0, &[]));
    assert!(said(&next).contains("Programmed=False(NoRuntimes)"));
    assert_eq!(next.progress, Progress::Spreading);
}

#[test]
fn a_runtime_that_fails_is_named_and_a_person_is_told_once() {
    let first = fresh(&published(), &fold(3, 2, &["n1"]));
    assert!(
        said(&first).ends_with("Programmed=False(Failed) Ready=False(Failed) Stalled=True(Failed)")
    );
    assert_eq!(first.status.failing[0].node, "n1");
    assert_eq!(
        first.event.as_ref().map(|(reason, _)| *reason),
        Some(Reason::Failed)
    );
    let second = after(&first.status, &published(), &fold(3, 2, &["n1"]), true);
    assert_eq!((second.event, second.status), (None, first.status));
}

#[test]
fn at_most_five_are_named() {
    let next = fresh(
        &published(),
        &fold(7, 0, &["1", "2", "3", "4", "5", "6", "7"]),
    );
    assert_eq!(next.status.failing.len(), MOST_FAILING);
    assert_eq!(next.status.nodes.as_deref(), Some("0/7"));
}

#[test]
fn a_node_that_joins_leaves_or_dies_changes_nothing() {
    let before = fresh(&published(), &fold(50, 50, &[])).status;
    for seen in [
        fold(49, 49, &[]),
        fold(50, 49, &[]),
        fold(51, 50, &[]),
        fold(0, 0, &[]),
    ] {
        assert_eq!(after(&before, &published(), &seen, true).status, before);
    }
    let failed = fresh(&published(), &fold(3, 1, &["n1", "n2"])).status;
    for seen in [
        fold(2, 1, &["n1"]),
        fold(4, 1, &["n1", "n2"]),
        fold(1, 0, &[]),
    ] {
        assert_eq!(after(&failed, &published(), &seen, true).status, failed);
    }
}

#[test]
fn a_failure_after_it_was_served_is_news_and_so_is_its_end() {
    let before = fresh(&published(), &fold(3, 3, &[])).status;
    let failed = after(&before, &published(), &fold(3, 2, &["n1"]), true).status;
    assert_eq!(failed.nodes.as_deref(), Some("2/3"));
    let healed = after(&failed, &published(), &fold(3, 3, &[]), true);
    assert!(said(&healed).contains("Ready=True(Ready)"));
    assert_eq!(healed.status.failing, []);
}

#[test]
fn what_heals_is_reconciling_and_what_waits_for_a_person_is_stalled() {
    let unresolved =
        |reason, heals| outcome(Reached::Unresolved(holding(), problem(reason, heals)));
    let next = fresh(
        &unresolved(Reason::RegistryUnreachable, true),
        &fold(3, 3, &[]),
    );
    assert!(
        said(&next)
            .ends_with("Ready=False(RegistryUnreachable) Reconciling=True(RegistryUnreachable)")
    );
    assert_eq!(next.event, None);
    let next = fresh(&unresolved(Reason::ModuleNotFound, false), &fold(3, 3, &[]));
    assert!(said(&next).ends_with("Ready=False(ModuleNotFound) Stalled=True(ModuleNotFound)"));
    assert!(next.event.is_some());
}

#[test]
fn what_stays_served_is_named_while_the_registry_is_down() {
    let down = outcome(Reached::Unresolved(
        holding(),
        problem(Reason::RegistryUnreachable, true),
    ));
    let next = fresh(&down, &fold(3, 3, &[]));
    let resolved = next
        .status
        .conditions
        .iter()
        .find(|c| c.type_ == "ResolvedRefs")
        .expect("said");
    assert_eq!(
        resolved.message,
        "so it is; r.example/a:1 (sha256:1) stays served"
    );
}

#[test]
fn a_route_that_lost_everything_is_not_accepted_and_one_that_lost_a_host_is() {
    let loss = Loss {
        host: Host::Any,
        winner: RouteName {
            namespace: "shop".to_owned(),
            name: "b".to_owned(),
        },
        held: Held::Path,
    };
    let next = fresh(
        &outcome(Reached::Displaced(vec![loss.clone()])),
        &fold(3, 3, &[]),
    );
    assert!(said(&next).starts_with("Accepted=False(Conflict) ResolvedRefs=Unknown(Pending)"));
    assert!(said(&next).ends_with("Conflicted=True(Conflict) Stalled=True(Conflict)"));
    let mut partly = published();
    if let Reached::Published(holding, _) = &mut partly.reached {
        holding.losses.push(loss);
    }
    let next = fresh(&partly, &fold(3, 3, &[]));
    assert!(said(&next).ends_with("Ready=True(Ready) Conflicted=True(Conflict)"));
    let message = &next.status.conditions.last().expect("said").message;
    assert_eq!(message, "shop/b holds * with this path");
}

#[test]
fn a_suspended_route_is_ready_and_says_why_it_answers_503() {
    let mut suspended = published();
    if let Reached::Published(_, publication) = &mut suspended.reached {
        publication.is_suspended = true;
    }
    let next = fresh(&suspended, &fold(1, 1, &[]));
    assert!(said(&next).ends_with("Ready=True(Suspended)"));
}
