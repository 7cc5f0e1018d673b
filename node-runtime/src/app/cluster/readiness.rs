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
            (RouteState::Serving | RouteState::Updating | RouteState::Kept, _) => continue,
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
