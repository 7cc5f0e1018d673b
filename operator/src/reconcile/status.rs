//! What is to be said of a route, from what its story came to and what the runtimes report. Pure.
//!
//! What a version is said to be is fixed once every ready runtime said how it went with it: then a
//! node that joins, leaves or dies changes nothing, and only this route's own failures do.

use crds::conditions::{Draft, Reason, Type, merged};
use crds::wagi_route::{FailingNode, ModuleStatus, WagiRouteStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::claims::Loss;
use crate::outcome::{Holding, Outcome, Problem, Publication, Reached, Served};
use crate::world::runtimes::Fold;

/// So many runtimes that fail are named.
const MOST_FAILING: usize = 5;
/// A longer message is cut: a list of routes stays affordable.
const LONGEST_MESSAGE: usize = 4096;

/// What is to be said of a route.
#[derive(Clone, Debug, PartialEq)]
pub struct Next {
    /// The whole of it.
    pub status: WagiRouteStatus,
    /// How far its published version is.
    pub progress: Progress,
    /// What a person should be told of, where that is new.
    pub event: Option<(Reason, String)>,
}

/// How far a route's published version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is to be waited for.
    Still,
    /// Runtimes are loading it.
    Spreading,
    /// Every ready runtime said how it went, for the first time.
    Complete,
}

/// What is said of the runtimes.
struct Programmed {
    draft: Draft,
    nodes: Option<String>,
    failing: Vec<FailingNode>,
    progress: Progress,
}

/// Says what is to be said; equal to `before` where there is nothing new.
///
/// `fold` is what the ready runtimes say of the published version, and `is_settled` whether they all
/// had said it before.
#[must_use]
pub fn next(
    before: &WagiRouteStatus,
    outcome: &Outcome,
    fold: &Fold,
    is_settled: bool,
    now: &Time,
) -> Next {
    let Programmed {
        draft: programmed,
        nodes,
        failing,
        progress,
    } = match &outcome.reached {
        Reached::Published(_, publication) if is_settled => settled(before, publication, fold),
        Reached::Published(_, publication) => spreading(publication, fold),
        _ => unpublished(outcome),
    };
    let drafts = drafts(outcome, programmed);
    let event = event(before, &drafts);
    let status = WagiRouteStatus {
        observed_generation: Some(outcome.generation),
        conditions: merged(&before.conditions, &drafts, outcome.generation, now),
        address: outcome.holding().map(|holding| holding.address.clone()),
        module: outcome.serves.as_ref().map(|served| ModuleStatus {
            digest: served.digest.clone(),
        }),
        nodes,
        failing,
    };
    Next {
        status,
        progress,
        event,
    }
}

fn unpublished(outcome: &Outcome) -> Programmed {
    let message = match (&outcome.reached, &outcome.serves) {
        (Reached::Unpublished(_, problem), _) => problem.message.clone(),
        (_, None) => "this version is not published".to_owned(),
        (_, Some(served)) => format!("this version is not published; {served} stays served"),
    };
    Programmed {
        draft: draft(Type::Programmed, false, Reason::Pending, message),
        nodes: None,
        failing: Vec::new(),
        progress: Progress::Still,
    }
}

fn spreading(publication: &Publication, fold: &Fold) -> Programmed {
    let heard = fold.serving + fold.failing.len();
    let is_complete = fold.ready > 0 && heard == fold.ready;
    let failing: Vec<_> = fold.failing.iter().take(MOST_FAILING).cloned().collect();
    let draft = if fold.ready == 0 {
        let message = "no runtime is ready; look at the pods of DaemonSet wagi-node in wagi-system";
        draft(
            Type::Programmed,
            false,
            Reason::NoRuntimes,
            message.to_owned(),
        )
    } else if !failing.is_empty() {
        failed(&failing, fold)
    } else if is_complete {
        programmed(publication)
    } else {
        let message = "runtimes are loading it".to_owned();
        draft(Type::Programmed, false, Reason::Pending, message)
    };
    Programmed {
        draft,
        nodes: Some(format!("{}/{}", fold.serving, fold.ready)),
        failing,
        progress: if is_complete {
            Progress::Complete
        } else {
            Progress::Spreading
        },
    }
}

/// Nothing but failures changes what was said.
fn settled(before: &WagiRouteStatus, publication: &Publication, fold: &Fold) -> Programmed {
    let known = before
        .conditions
        .iter()
        .find(|known| known.type_ == Type::Programmed.to_string());
    let failed_before = known.is_some_and(|known| known.status == "False");
    let as_before = |known: &Condition| Programmed {
        draft: Draft {
            type_: Type::Programmed,
            status: Some(known.status == "True"),
            reason: if failed_before {
                Reason::Failed
            } else {
                Reason::Programmed
            },
            message: known.message.clone(),
        },
        nodes: before.nodes.clone(),
        failing: before.failing.clone(),
        progress: Progress::Still,
    };
    let now = |failing: Vec<FailingNode>| Programmed {
        draft: if failing.is_empty() {
            programmed(publication)
        } else {
            failed(&failing, fold)
        },
        nodes: Some(format!("{}/{}", fold.serving, fold.ready)),
        failing,
        progress: Progress::Still,
    };
    let Some(known) = known else {
        return spreading(publication, fold);
    };
    if fold.failing.is_empty() {
        // Who failed may merely be gone: it heals when all that are ready serve it.
        let healed = fold.ready > 0 && fold.serving == fold.ready;
        return if failed_before && healed {
            now(Vec::new())
        } else {
            as_before(known)
        };
    }
    // Those that were named stay named until they say that it went well.
    let stays = |named: &&FailingNode| {
        let fails = fold
            .failing
            .iter()
            .any(|failing| failing.node == named.node);
        fails || !fold.heard.contains(&named.node)
    };
    let newest = |named: &FailingNode| {
        let newest = fold
            .failing
            .iter()
            .find(|failing| failing.node == named.node);
        newest.unwrap_or(named).clone()
    };
    let mut failing: Vec<FailingNode> = before.failing.iter().filter(stays).map(newest).collect();
    for other in &fold.failing {
        if failing.len() < MOST_FAILING && failing.iter().all(|named| named.node != other.node) {
            failing.push(other.clone());
        }
    }
    failing.sort_by(|one, other| one.node.cmp(&other.node));
    if failed_before && failing == before.failing {
        as_before(known)
    } else {
        now(failing)
    }
}

fn programmed(publication: &Publication) -> Draft {
    let message = if publication.is_suspended {
        "every ready runtime knows that it is suspended"
    } else {
        "every ready runtime serves it"
    };
    draft(
        Type::Programmed,
        true,
        Reason::Programmed,
        message.to_owned(),
    )
}

fn failed(failing: &[FailingNode], fold: &Fold) -> Draft {
    let FailingNode {
        node,
        reason,
        message,
    } = &failing[0];
    let older = if fold.serve_older {
        "; the version before stays served there"
    } else {
        ""
    };
    let message = format!("node {node} cannot load it: {reason}: {message}{older}");
    draft(Type::Programmed, false, Reason::Failed, message)
}

fn drafts(outcome: &Outcome, programmed: Draft) -> Vec<Draft> {
    let (accepted, heals) = accepted(outcome);
    let (resolved, resolve_heals) = resolved(outcome);
    let program_heals = programmed.reason != Reason::Failed;
    let told = [
        (accepted, heals),
        (resolved, resolve_heals),
        (programmed, program_heals),
    ];
    let first = told
        .iter()
        .find(|(draft, _)| draft.status != Some(true))
        .cloned();
    let mut drafts: Vec<Draft> = told.into_iter().map(|(draft, _)| draft).collect();
    match first {
        None => drafts.push(ready(outcome)),
        Some((
            Draft {
                reason, message, ..
            },
            heals,
        )) => {
            drafts.push(draft(Type::Ready, false, reason, message.clone()));
            let type_ = if heals {
                Type::Reconciling
            } else {
                Type::Stalled
            };
            drafts.push(draft(type_, true, reason, message));
        }
    }
    let losses = outcome.losses();
    if !losses.is_empty() {
        drafts.push(draft(
            Type::Conflicted,
            true,
            Reason::Conflict,
            sentences(losses),
        ));
    }
    drafts
}

fn accepted(outcome: &Outcome) -> (Draft, bool) {
    let said = |is_accepted, reason, message| draft(Type::Accepted, is_accepted, reason, message);
    match &outcome.reached {
        Reached::Refused(problem) => (
            said(false, problem.reason, problem.message.clone()),
            problem.heals,
        ),
        Reached::Displaced(losses) => (said(false, Reason::Conflict, sentences(losses)), false),
        Reached::Unresolved(holding, _)
        | Reached::Unpublished(holding, _)
        | Reached::Published(holding, _) => {
            let message = if holding.losses.is_empty() {
                "it holds what it asks for"
            } else {
                "it holds some of what it asks for"
            };
            (said(true, Reason::Accepted, message.to_owned()), true)
        }
    }
}

fn resolved(outcome: &Outcome) -> (Draft, bool) {
    let said =
        |is_resolved, reason, message| draft(Type::ResolvedRefs, is_resolved, reason, message);
    let stays = outcome
        .serves
        .as_ref()
        .map(|served| format!("; {served} stays served"));
    let problem = |problem: &Problem| {
        let message = format!(
            "{}{}",
            problem.message,
            stays.as_deref().unwrap_or_default()
        );
        (said(false, problem.reason, message), problem.heals)
    };
    match &outcome.reached {
        Reached::Refused(_) | Reached::Displaced(_) => {
            let message = "its module is not looked up while it is not accepted".to_owned();
            let mut draft = said(false, Reason::Pending, message);
            draft.status = None;
            (draft, true)
        }
        Reached::Unresolved(_, why) => problem(why),
        Reached::Published(
            _,
            Publication {
                doubt: Some(doubt), ..
            },
        ) => problem(doubt),
        Reached::Unpublished(..) | Reached::Published(..) => {
            let message = "its module's digest is known".to_owned();
            (said(true, Reason::ResolvedRefs, message), true)
        }
    }
}

fn ready(outcome: &Outcome) -> Draft {
    match &outcome.reached {
        Reached::Published(_, publication) if publication.is_suspended => {
            let message = "it answers 503 because spec.suspend is true".to_owned();
            draft(Type::Ready, true, Reason::Suspended, message)
        }
        _ => draft(Type::Ready, true, Reason::Ready, "it is served".to_owned()),
    }
}

/// A person is told once of what waits for one, and again when it waits for another reason.
fn event(before: &WagiRouteStatus, drafts: &[Draft]) -> Option<(Reason, String)> {
    let waits = |draft: &&Draft| matches!(draft.type_, Type::Stalled | Type::Conflicted);
    let news = drafts.iter().filter(waits).find(|draft| {
        let (type_, reason) = (draft.type_.to_string(), draft.reason.to_string());
        let known = |known: &Condition| known.type_ == type_ && known.reason == reason;
        !before.conditions.iter().any(known)
    })?;
    Some((news.reason, news.message.clone()))
}

fn sentences(losses: &[Loss]) -> String {
    let losses: Vec<_> = losses.iter().map(ToString::to_string).collect();
    losses.join("; ")
}

fn draft(type_: Type, status: bool, reason: Reason, mut message: String) -> Draft {
    if message.len() > LONGEST_MESSAGE {
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE));
        message.push('…');
    }
    Draft {
        type_,
        status: Some(status),
        reason,
        message,
    }
}

// === impl Outcome ===

impl Outcome {
    fn holding(&self) -> Option<&Holding> {
        match &self.reached {
            Reached::Refused(_) | Reached::Displaced(_) => None,
            Reached::Unresolved(holding, _)
            | Reached::Unpublished(holding, _)
            | Reached::Published(holding, _) => Some(holding),
        }
    }

    fn losses(&self) -> &[Loss] {
        match &self.reached {
            Reached::Displaced(losses) => losses,
            _ => self.holding().map_or(&[], |holding| &holding.losses),
        }
    }
}

// === impl Served ===

impl std::fmt::Display for Served {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.image, self.digest)
    }
}

#[cfg(test)]
mod tests;
