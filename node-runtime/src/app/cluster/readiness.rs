//! Whether a runtime that starts may be sent requests. Pure.
//!
//! It may when everything that was published serves, in whatever version, except what no runtime can
//! load: so a bad module holds no runtime back, and a rollout stops while modules cannot be had.

use std::collections::HashSet;

use super::findings::{digest, origin, word};
use crate::control::{RouteState, Statuses};
use crate::source::Refused;
use crate::source::kubernetes::{Stage, View};

/// More than a person reads are counted.
const MOST_REASONS: usize = 20;

/// What it waits for, one line each; nothing when it is ready.
pub(super) fn reasons(view: &View, statuses: &Statuses) -> Vec<String> {
    let cluster = statuses.snapshot.cluster.as_ref();
    let is_listed = cluster.is_some_and(|cluster| cluster.is_listed);
    match &view.stage {
        _ if is_listed => {}
        Stage::Looking => return vec!["loading: published routes are being listed".to_owned()],
        Stage::Listed => return vec!["loading: routes are being looked for".to_owned()],
        Stage::Away { reason, kept: None } => {
            return vec![format!(
                "the API server cannot be asked for routes, and none are kept on disk: {reason}"
            )];
        }
        Stage::Away { kept: Some(_), .. } if cluster.is_some() => {}
        Stage::Away { .. } => return vec!["loading: routes that were kept on disk".to_owned()],
    }
    let mut reasons = blocking(view, statuses);
    if reasons.len() > MOST_REASONS {
        let more = reasons.len() - MOST_REASONS;
        reasons.truncate(MOST_REASONS);
        reasons.push(format!("and {more} routes more"));
    }
    reasons
}

/// A line for each route that serves in no version and might.
fn blocking(view: &View, statuses: &Statuses) -> Vec<String> {
    let failing: HashSet<(&str, &str)> = view
        .fleet
        .failing
        .iter()
        .map(|route| (&*route.uid, &*route.digest))
        .collect();
    let mut reasons = Vec::new();
    for status in &statuses.routes {
        let name = status.wanted.name();
        let line = match (status.state, &status.error) {
            (RouteState::Serving | RouteState::Suspended, _) => continue,
            (RouteState::Updating | RouteState::Kept, _) => continue,
            (_, Some((cause, reason))) => format!("{name}: {}: {reason}", word(*cause)),
            (_, None) => format!("{name}: loading"),
        };
        let uid = origin(&status.wanted).map_or("", |(uid, _)| uid);
        if !failing.contains(&(uid, &*digest(&status.wanted))) {
            reasons.push(line);
        }
    }
    let is_known = |refused: &Refused| {
        let mut known = view.fleet.failing.iter();
        known.any(|route| route.uid == *refused.uid)
    };
    let cluster = statuses.snapshot.cluster.iter();
    for refused in cluster.flat_map(|cluster| &cluster.refused) {
        if !refused.has_older && !is_known(refused) {
            reasons.push(format!("{}: {}", refused.route, refused.reason));
        }
    }
    reasons
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crds::fleet::{FailingRoute, Fleet};

    use super::super::findings::tests::{DIGEST, refused, status, statuses};
    use super::*;
    use crate::control::Cause;

    fn view(stage: Stage, failing: &[&str]) -> View {
        let failing = failing.iter().map(|uid| FailingRoute {
            uid: (*uid).to_owned(),
            digest: DIGEST.to_owned(),
        });
        View {
            stage,
            fleet: Arc::new(Fleet {
                ready: 1,
                failing: failing.collect(),
            }),
        }
    }

    fn away(kept: Option<usize>) -> Stage {
        Stage::Away {
            reason: "refused".to_owned(),
            kept,
        }
    }

    #[test]
    fn it_is_ready_when_everything_listed_serves_in_some_version() {
        let routes = vec![
            status("a", RouteState::Serving, None),
            status("b", RouteState::Updating, None),
            status("c", RouteState::Kept, Some((Cause::Compile, "bad"))),
        ];
        let all = statuses(true, routes);
        assert_eq!(reasons(&view(Stage::Listed, &[]), &all), [""; 0]);
    }

    #[test]
    fn a_route_that_loads_or_cannot_be_loaded_holds_it_up_by_name() {
        let routes = vec![
            status("a", RouteState::Loading, None),
            status(
                "b",
                RouteState::NotLoaded,
                Some((Cause::Fetch, "no route to host")),
            ),
        ];
        let said = reasons(&view(Stage::Listed, &[]), &statuses(true, routes));
        assert_eq!(
            said,
            ["shop/a: loading", "shop/b: PullFailed: no route to host"]
        );
    }

    #[test]
    fn what_no_runtime_can_load_holds_nothing_up() {
        let routes = vec![status(
            "b",
            RouteState::NotLoaded,
            Some((Cause::Compile, "bad")),
        )];
        let mut all = statuses(true, routes);
        assert_eq!(reasons(&view(Stage::Listed, &["b"]), &all), [""; 0]);
        // Another digest of the same route may be good.
        let mut other = view(Stage::Listed, &["b"]);
        Arc::make_mut(&mut other.fleet).failing[0].digest = "sha256:other".to_owned();
        assert_eq!(reasons(&other, &all).len(), 1);
        refused(&mut all, "z", false);
        assert_eq!(reasons(&view(Stage::Listed, &["b"]), &all).len(), 1);
        assert_eq!(reasons(&view(Stage::Listed, &["b", "z"]), &all), [""; 0]);
    }

    #[test]
    fn without_the_api_server_the_disk_is_enough_and_nothing_is_not() {
        let kept = statuses(false, vec![status("a", RouteState::Serving, None)]);
        let looking = reasons(&view(Stage::Looking, &[]), &kept);
        assert_eq!(looking, ["loading: published routes are being listed"]);
        assert_eq!(reasons(&view(away(Some(1)), &[]), &kept), [""; 0]);
        let nothing = reasons(&view(away(None), &[]), &Statuses::default());
        assert!(
            nothing[0].ends_with("none are kept on disk: refused"),
            "{nothing:?}"
        );
        let early = reasons(&view(away(Some(1)), &[]), &Statuses::default());
        assert_eq!(early, ["loading: routes that were kept on disk"]);
    }

    #[test]
    fn many_reasons_are_counted() {
        let routes = (0..25).map(|_| status("a", RouteState::Loading, None));
        let said = reasons(&view(Stage::Listed, &[]), &statuses(true, routes.collect()));
        assert_eq!(said.len(), 21);
        assert_eq!(said[20], "and 5 routes more");
    }
}
