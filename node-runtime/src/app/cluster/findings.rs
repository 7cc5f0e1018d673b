//! What became of every route → what there is to report. Pure.

use std::collections::HashSet;

use crds::validate::RouteName;
use crds::wagi_node::{Exception, ExceptionState};

use crate::control::{Cause, RouteState, RouteStatus, Statuses};
use crate::report::Findings;
use crate::source::{Document, ModuleSource, Origin, Refused};

/// Why a document is none to this program.
const NOT_UNDERSTOOD: &str = "DocumentNotUnderstood";
/// What it needs is on its way.
const LOADING: &str = "Loading";

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
        // What it is asked to do is done.
        RouteState::Serving | RouteState::Suspended => return None,
        RouteState::Updating => (ExceptionState::Pending, true),
        RouteState::Loading => (ExceptionState::Pending, false),
        RouteState::Kept => (ExceptionState::Failed, true),
        RouteState::NotLoaded => (ExceptionState::Failed, false),
    };
    let (reason, message) = match &status.error {
        Some((cause, message)) => (word(*cause), message.clone()),
        None => (LOADING, String::new()),
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
        state: if refused.waits {
            ExceptionState::Pending
        } else {
            ExceptionState::Failed
        },
        reason: if refused.waits {
            LOADING
        } else {
            NOT_UNDERSTOOD
        }
        .to_owned(),
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
            .reference
            .digest
            .map(|digest| digest.to_string())
            .unwrap_or_default(),
        ModuleSource::File(_) => String::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use crds::manifest::Manifest;
    use crds::validate::{Place, validate};

    use super::*;
    use crate::source::{Cluster, Image, Snapshot};

    pub(in super::super) const DIGEST: &str =
        "sha256:0000000000000000000000000000000000000000000000000000000000000000";

    fn document(name: &str) -> Arc<Document> {
        let manifest: Manifest = serde_json::from_value(serde_json::json!({
            "apiVersion": "wagi.dev/v1alpha1", "kind": "WagiRoute",
            "metadata": {"name": name, "namespace": "shop"},
            "spec": {"path": "/a", "module": {"image": format!("r.example/a@{DIGEST}")}},
        }))
        .expect("a manifest");
        let route = validate(&manifest, Place::Cluster).expect("a route");
        let crds::module_reference::ModuleReference::Registry(image) = route.module.clone() else {
            unreachable!("it is in a registry")
        };
        Arc::new(Document {
            route,
            origin: Origin::Cluster {
                uid: Arc::from(name),
                generation: 3,
                version: 1,
            },
            module: ModuleSource::Registry(Image {
                reference: image,
                login: None,
            }),
            missing_volume: None,
            given: Ok(crds::references::Given::default()),
        })
    }

    pub(in super::super) fn status(
        name: &str,
        state: RouteState,
        error: Option<(Cause, &str)>,
    ) -> RouteStatus {
        RouteStatus {
            document: document(name),
            wanted: document(name),
            digest: None,
            state,
            error: error.map(|(cause, reason)| (cause, reason.to_owned())),
        }
    }

    pub(in super::super) fn statuses(is_listed: bool, routes: Vec<RouteStatus>) -> Statuses {
        let cluster = Cluster {
            version: 9,
            is_listed,
            kept: 2,
            refused: Vec::new(),
        };
        Statuses {
            snapshot: Arc::new(Snapshot {
                cluster: Some(cluster),
                ..Snapshot::default()
            }),
            routes,
        }
    }

    pub(in super::super) fn refused(statuses: &mut Statuses, uid: &str, has_older: bool) {
        let mut cluster = statuses.snapshot.cluster.clone().expect("of a cluster");
        cluster.refused.push(Arc::new(Refused {
            route: document(uid).name().clone(),
            uid: Arc::from(uid),
            generation: 4,
            version: 8,
            reason: "version 9".to_owned(),
            has_older,
            waits: false,
        }));
        statuses.snapshot = Arc::new(Snapshot {
            cluster: Some(cluster),
            ..Snapshot::default()
        });
    }

    #[test]
    fn every_route_is_applied_or_an_exception() {
        let mut all = statuses(
            true,
            vec![
                status("a", RouteState::Serving, None),
                status("b", RouteState::Updating, None),
                status("c", RouteState::Kept, Some((Cause::Compile, "bad"))),
                status("d", RouteState::NotLoaded, Some((Cause::Fetch, "away"))),
                status("e", RouteState::Serving, None),
            ],
        );
        refused(&mut all, "e", true);
        let found = findings(&all).expect("all was listed");
        assert_eq!((found.version, found.kept, found.applied), (9, 2, 1));
        let said: Vec<_> = found
            .exceptions
            .iter()
            .map(|found| (&*found.uid, found.state, &*found.reason, found.serves_older))
            .collect();
        use ExceptionState::{Failed, Pending};
        assert_eq!(
            said,
            [
                ("e", Failed, "DocumentNotUnderstood", true),
                ("b", Pending, "Loading", true),
                ("c", Failed, "CompileFailed", true),
                ("d", Failed, "PullFailed", false),
            ]
        );
        let failed = &found.exceptions[3];
        assert_eq!((failed.generation, &*failed.message), (3, "away"));
        assert_eq!(failed.digest, DIGEST);
    }

    #[test]
    fn nothing_is_reported_of_what_was_kept_on_disk() {
        assert_eq!(findings(&statuses(false, Vec::new())), None);
        assert_eq!(findings(&Statuses::default()), None);
    }

    #[test]
    fn a_file_has_no_uid() {
        let origin_of_file = Origin::File {
            file: Arc::from(Path::new("a.yaml")),
            line: 1,
        };
        let document = Document {
            origin: origin_of_file,
            ..(*document("a")).clone()
        };
        assert_eq!(origin(&document), None);
    }
}
