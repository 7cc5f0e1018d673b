//! kstatus' rules for resources that it has none of its own for.
//!
//! After `Compute` in `pkg/kstatus/status` of sigs.k8s.io/cli-utils (`status.go`, `generic.go`), step
//! by step and in its order; who asks for an object that is not there says `NotFound`, as its callers
//! do.

use serde_json::Value;

/// What it says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is as it was asked for.
    Current,
    /// It will be, without anybody's doing.
    InProgress,
    /// Somebody has to act.
    Failed,
    /// It is being deleted.
    Terminating,
    /// There is none.
    NotFound,
}

/// The status of an object.
pub fn compute(object: Option<&Value>) -> Status {
    let Some(object) = object else {
        return Status::NotFound;
    };
    // checkGenericProperties
    let deletion = object["metadata"]["deletionTimestamp"].as_str();
    if deletion.is_some_and(|time| !time.is_empty()) {
        return Status::Terminating;
    }
    // checkGeneration: where both are there they have to be the same.
    let generation = object["metadata"]["generation"].as_i64();
    let observed = object["status"]["observedGeneration"].as_i64();
    if let (Some(generation), Some(observed)) = (generation, observed)
        && generation != observed
    {
        return Status::InProgress;
    }
    let conditions = object["status"]["conditions"].as_array();
    let conditions = || conditions.into_iter().flatten();
    // Of the two that are kstatus' own the first that is there counts.
    for condition in conditions() {
        match (condition["type"].as_str(), condition["status"].as_str()) {
            (Some("Reconciling"), Some("True")) => return Status::InProgress,
            (Some("Stalled"), Some("True")) => return Status::Failed,
            _ => {}
        }
    }
    // checkReadyCondition
    for condition in conditions().filter(|condition| condition["type"] == "Ready") {
        match condition["status"].as_str() {
            Some("True") => return Status::Current,
            Some("False" | "Unknown") => return Status::InProgress,
            _ => {}
        }
    }
    // What says nothing of itself is taken to be as it should.
    Status::Current
}
