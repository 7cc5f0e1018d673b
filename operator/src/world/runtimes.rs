//! The runtimes of the pool: which are ready, and what each says that it serves.

use std::collections::{BTreeSet, HashMap};

use crds::names::POOL_LABEL;
use crds::wagi_node::{Exception, ExceptionState, WagiNode};
use crds::wagi_route::FailingNode;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use crate::claims::Uid;

/// The runtimes of one pool, by the names of their pods.
#[derive(Debug)]
pub struct Runtimes {
    pool: String,
    ready: HashMap<String, String>,
    reports: HashMap<String, Report>,
}

/// What one runtime says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    applied: u64,
    exceptions: HashMap<Uid, Exception>,
    /// Not every exception found room: what is not named is not known.
    is_cropped: bool,
}

/// What the ready runtimes say of one version of one route.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fold {
    /// How many are ready.
    pub ready: usize,
    /// How many of them serve it.
    pub serving: usize,
    /// Those of them that cannot, by the names of their nodes.
    pub failing: Vec<FailingNode>,
    /// Whether all that cannot serve an older version meanwhile.
    pub serve_older: bool,
    /// The nodes of all ready runtimes that said something of it.
    pub heard: BTreeSet<String>,
}

/// What a runtime's new report changes.
#[derive(Debug, Default)]
pub struct Moved {
    /// Versions that were applied since, from the first (left out) to the last.
    pub applied: Option<(u64, u64)>,
    /// Routes of which it says something else.
    pub routes: BTreeSet<Uid>,
}

// === impl Runtimes ===

impl Runtimes {
    /// None yet.
    #[must_use]
    pub fn new(pool: String) -> Self {
        Self {
            pool,
            ready: HashMap::new(),
            reports: HashMap::new(),
        }
    }

    /// Takes note of a pod; whether it made a difference.
    pub fn observe_pod(&mut self, pod: &Pod) -> bool {
        let name = pod.name_any();
        if is_ready(pod) && self.is_of_pool(pod) {
            let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
            let node = node.unwrap_or_else(|| name.clone());
            self.ready.insert(name, node.clone()) != Some(node)
        } else {
            self.forget_pod(&name)
        }
    }

    /// A pod is gone; whether it made a difference.
    pub fn forget_pod(&mut self, name: &str) -> bool {
        self.ready.remove(name).is_some()
    }

    /// The pods that are ready.
    #[must_use]
    pub fn ready_pods(&self) -> Vec<String> {
        self.ready.keys().cloned().collect()
    }

    /// The runtimes that reported.
    #[must_use]
    pub fn reporters(&self) -> Vec<String> {
        self.reports.keys().cloned().collect()
    }

    /// How many are ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.ready.len()
    }

    /// Takes note of a report.
    pub fn observe_report(&mut self, report: WagiNode) -> Moved {
        if !self.is_of_pool(&report) {
            return Moved::default();
        }
        let name = report.name_any();
        let new = Report::reduce(report);
        let old = self.reports.insert(name, new.clone()).unwrap_or_default();
        let differs = |uid: &&Uid| old.exceptions.get(*uid) != new.exceptions.get(*uid);
        let named = old.exceptions.keys().chain(new.exceptions.keys());
        let moved = old.applied != new.applied || old.is_cropped != new.is_cropped;
        // A cropped report said nothing of what it did not name: all of it is news now.
        let from = if old.is_cropped || old.applied > new.applied {
            0
        } else {
            old.applied
        };
        Moved {
            applied: moved.then_some((from, new.applied)),
            routes: named.filter(differs).cloned().collect(),
        }
    }

    /// A report is gone; the routes that it named.
    pub fn forget_report(&mut self, name: &str) -> BTreeSet<Uid> {
        let report = self.reports.remove(name).unwrap_or_default();
        report.exceptions.into_keys().collect()
    }

    /// What the ready runtimes say of a route whose document is of this version.
    #[must_use]
    pub fn fold(&self, uid: &Uid, version: u64) -> Fold {
        let mut fold = Fold {
            ready: self.ready.len(),
            serve_older: true,
            ..Fold::default()
        };
        for (pod, node) in &self.ready {
            let Some(report) = self.reports.get(pod) else {
                continue;
            };
            match report.says(uid, version) {
                Says::Nothing => {}
                Says::Serves => {
                    fold.serving += 1;
                    fold.heard.insert(node.clone());
                }
                Says::Failed(exception) => {
                    fold.serve_older &= exception.serves_older;
                    fold.heard.insert(node.clone());
                    fold.failing.push(FailingNode {
                        node: node.clone(),
                        reason: exception.reason.clone(),
                        message: exception.message.clone(),
                    });
                }
            }
        }
        fold.failing.sort_by(|one, other| one.node.cmp(&other.node));
        fold
    }

    /// Routes that some runtime, ready or not, cannot load.
    #[must_use]
    pub fn failed_anywhere(&self) -> BTreeSet<Uid> {
        let failed = |report: &Report| {
            let failed = report.exceptions.iter();
            let failed = failed.filter(|(_, exception)| exception.state == ExceptionState::Failed);
            failed.map(|(uid, _)| uid.clone()).collect::<Vec<_>>()
        };
        self.reports.values().flat_map(failed).collect()
    }

    /// Whether any runtime, ready or not, serves this version.
    #[must_use]
    pub fn is_served_anywhere(&self, uid: &Uid, version: u64) -> bool {
        let mut reports = self.reports.values();
        reports.any(|report| matches!(report.says(uid, version), Says::Serves))
    }

    fn is_of_pool(&self, object: &impl ResourceExt) -> bool {
        object.labels().get(POOL_LABEL) == Some(&self.pool)
    }
}

enum Says<'a> {
    Nothing,
    Serves,
    Failed(&'a Exception),
}

// === impl Report ===

impl Report {
    fn reduce(report: WagiNode) -> Self {
        let spec = report.spec;
        let exceptions = spec.exceptions.into_iter();
        Self {
            applied: spec.applied.config_maps.parse().unwrap_or(0),
            exceptions: exceptions
                .map(|exception| (Uid::from(exception.uid.as_str()), exception))
                .collect(),
            is_cropped: spec.omitted > 0,
        }
    }

    fn says(&self, uid: &Uid, version: u64) -> Says<'_> {
        if self.applied < version {
            return Says::Nothing;
        }
        match self.exceptions.get(uid) {
            Some(exception) if exception.state == ExceptionState::Failed => Says::Failed(exception),
            Some(_) => Says::Nothing,
            None if self.is_cropped => Says::Nothing,
            None => Says::Serves,
        }
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_ref());
    let ready = |conditions: &Vec<_>| {
        conditions
            .iter()
            .any(|condition: &k8s_openapi::api::core::v1::PodCondition| {
                condition.type_ == "Ready" && condition.status == "True"
            })
    };
    pod.metadata.deletion_timestamp.is_none() && conditions.is_some_and(ready)
}

#[cfg(test)]
mod tests;
