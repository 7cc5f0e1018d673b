//! What was found → a report within its bounds, pure.

use crds::document;
use crds::wagi_node::{
    Applied, Counts, Exception, ExceptionState, LONGEST_MESSAGE, MOST_EXCEPTIONS, WagiNodeSpec,
};

/// What was found of all that is published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// The resourceVersion up to which everything was tried.
    pub version: u64,
    /// Routes that serve as they are published.
    pub applied: usize,
    /// Routes that do not, in any order and number.
    pub exceptions: Vec<Exception>,
    /// Routes that are kept although a list lacked them.
    pub kept: usize,
}

/// The report of a runtime on a node: the worst that fits, and how much does not.
#[must_use]
pub fn compose(node: &str, findings: Findings) -> WagiNodeSpec {
    let mut exceptions = findings.exceptions;
    exceptions.sort_by(|one, other| worst_first(one).cmp(&worst_first(other)));
    let found = exceptions.len();
    let failed = exceptions
        .iter()
        .filter(|exception| exception.state == ExceptionState::Failed)
        .count();
    exceptions.truncate(MOST_EXCEPTIONS);
    for exception in &mut exceptions {
        crop(&mut exception.message);
    }
    WagiNodeSpec {
        node: node.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        documents: document::VERSIONS
            .iter()
            .map(|version| i32::try_from(*version).unwrap_or(i32::MAX))
            .collect(),
        features: document::FEATURES.iter().map(ToString::to_string).collect(),
        applied: Applied {
            config_maps: findings.version.to_string(),
        },
        counts: Counts {
            applied: count(findings.applied),
            pending: count(found - failed),
            failed: count(failed),
        },
        omitted: count(found - exceptions.len()),
        exceptions,
        kept: count(findings.kept),
    }
}

/// Failed before pending, and what answers in no version before what does.
fn worst_first(exception: &Exception) -> (ExceptionState, bool, &str, &str, &str) {
    (
        exception.state,
        exception.serves_older,
        &exception.namespace,
        &exception.name,
        &exception.uid,
    )
}

fn crop(message: &mut String) {
    const MARK: &str = "…";
    if message.len() > LONGEST_MESSAGE {
        message.truncate(message.floor_char_boundary(LONGEST_MESSAGE - MARK.len()));
        message.push_str(MARK);
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(name: &str, state: ExceptionState, serves_older: bool) -> Exception {
        Exception {
            namespace: "shop".to_owned(),
            name: name.to_owned(),
            uid: name.to_owned(),
            state,
            serves_older,
            ..Exception::default()
        }
    }

    #[test]
    fn the_worst_comes_first() {
        let findings = Findings {
            version: 7,
            applied: 3,
            exceptions: vec![
                exception("d", ExceptionState::Pending, false),
                exception("c", ExceptionState::Failed, true),
                exception("b", ExceptionState::Failed, false),
                exception("a", ExceptionState::Pending, true),
            ],
            kept: 1,
        };
        let report = compose("node-1", findings);
        let names: Vec<_> = report.exceptions.iter().map(|found| &*found.name).collect();
        assert_eq!(names, ["b", "c", "d", "a"]);
        assert_eq!(report.node, "node-1");
        assert_eq!(report.documents, [1]);
        assert_eq!(report.applied.config_maps, "7");
        let counts = Counts {
            applied: 3,
            pending: 2,
            failed: 2,
        };
        assert_eq!(report.counts, counts);
        assert_eq!((report.omitted, report.kept), (0, 1));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let exceptions = (0..250).map(|number| {
            let state = if number < 120 {
                ExceptionState::Pending
            } else {
                ExceptionState::Failed
            };
            exception(&format!("{number:03}"), state, false)
        });
        let findings = Findings {
            exceptions: exceptions.collect(),
            ..Findings::default()
        };
        let report = compose("n", findings);
        assert_eq!(report.exceptions.len(), 100);
        let is_failed = |found: &Exception| found.state == ExceptionState::Failed;
        assert!(report.exceptions.iter().all(is_failed));
        assert_eq!(report.omitted, 150);
        assert_eq!((report.counts.failed, report.counts.pending), (130, 120));
    }

    #[test]
    fn a_long_message_is_cropped_between_characters() {
        let mut found = exception("a", ExceptionState::Failed, false);
        found.message = "ä".repeat(1000);
        let findings = Findings {
            exceptions: vec![found],
            ..Findings::default()
        };
        let message = &compose("n", findings).exceptions[0].message;
        assert!(message.len() <= LONGEST_MESSAGE);
        assert!(message.ends_with("ä…"), "{message}");
    }
}
