//! What became of every route → what there is to report. Pure.

use std::collections::HashSet;

use crds::validate::RouteName;
use crds::wagi_node::{Exception, ExceptionState};

use crate::control::{Cause, RouteState, RouteStatus, Statuses};
use crate::report::Findings;
use crate::source::{Document, ModuleSource, Origin, Refused};

/// Why a document is none to this program.
const NOT_UNDERSTOOD: &str = "DocumentNotUnderstood";

/// What there is to report; nothing before all was listed: what was kept on disk may be old.
pub(super) fn findings(statuses: &Statuses) -> Option<Findings> {
    let cluster = statuses.snapshot.cluster.as_ref()?;
    if !cluster.is_listed {
        return None;
    }
    let refused: HashSet<&str> = cluster
        .refused
        .iter()
        .map(|refused| &*refused.uid)
        .collect();
    let mut findings = Findings {
        version: cluster.version,
        kept: cluster.kept,
        exceptions: cluster
            .refused
            .iter()
            .map(|found| not_read(found))
            .collect(),
        ..Findings::default()
    };
    for status in &statuses.routes {
        let Some((uid, _)) = origin(&status.wanted) else {
            continue;
        };
        // What is published of it is not what it does.
        if refused.contains(uid) {
            continue;
        }
        match exception(status) {
            None => findings.applied += 1,
            Some(exception) => findings.exceptions.push(exception),
        }
    }
    Some(findings)
}

fn exception(status: &RouteStatus) -> Option<Exception> {
    let (state, serves_older) = match status.state {
        RouteState::Serving => return None,
        RouteState::Updating => (ExceptionState::Pending, true),
        RouteState::Loading => (ExceptionState::Pending, false),
        RouteState::Kept => (ExceptionState::Failed, true),
        RouteState::NotLoaded => (ExceptionState::Failed, false),
    };
    let (reason, message) = match &status.error {
        Some((cause, message)) => (word(*cause), message.clone()),
        None => ("Loading", String::new()),
    };
    let (uid, generation) = origin(&status.wanted)?;
    let RouteName { namespace, name } = status.wanted.name().clone();
    Some(Exception {
        namespace,
        name,
        uid: uid.to_owned(),
        generation,
        digest: digest(&status.wanted),
        state,
        reason: reason.to_owned(),
        message,
        serves_older,
    })
}

fn not_read(refused: &Refused) -> Exception {
    let RouteName { namespace, name } = refused.route.clone();
    Exception {
        namespace,
        name,
        uid: refused.uid.to_string(),
        generation: refused.generation,
        digest: String::new(),
        state: ExceptionState::Failed,
        reason: NOT_UNDERSTOOD.to_owned(),
        message: refused.reason.clone(),
        serves_older: refused.has_older,
    }
}

/// At which step it failed, for machines.
pub(super) const fn word(cause: Cause) -> &'static str {
    match cause {
        Cause::Fetch => "PullFailed",
        Cause::Compile => "CompileFailed",
        Cause::Build => "StartFailed",
    }
}

/// The uid and generation of a document's route.
pub(super) fn origin(document: &Document) -> Option<(&str, i64)> {
    match &document.origin {
        Origin::Cluster {
            uid, generation, ..
        } => Some((uid, *generation)),
        Origin::File { .. } => None,
    }
}

/// The digest that a document names.
pub(super) fn digest(document: &Document) -> String {
    match &document.module {
        ModuleSource::Registry(image) => image
            .digest
            .map(|digest| digest.to_string())
            .unwrap_or_default(),
        ModuleSource::File(_) => String::new(),
    }
}
