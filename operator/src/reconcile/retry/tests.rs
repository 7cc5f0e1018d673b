use http::StatusCode;
use registry::{Problem as Refusal, Refused, TransportError, What};

use super::*;
use crate::testing::reference;

fn refused(status: u16) -> Refusal {
    asked_to_wait(status, None)
}

fn asked_to_wait(status: u16, retry_after: Option<Duration>) -> Refusal {
    Refusal::Refused(Refused {
        host: "r.example".to_owned(),
        what: What::Manifest,
        status: StatusCode::from_u16(status).expect("a status"),
        retry_after,
        said: None,
    })
}

fn no_connection() -> Refusal {
    Refusal::Transport(TransportError::Connect {
        host: "r.example".to_owned(),
        reason: "nobody listens".to_owned(),
    })
}

fn lookup(problem: Refusal, attempts: usize) -> (Problem, Again) {
    let error = registry::Error::new(&reference("r.example/a:1"), problem);
    of_lookup(&error, attempts)
}

#[track_caller]
fn seconds(again: Again) -> f64 {
    match again {
        Again::After(delay) => delay.as_secs_f64(),
        Again::OnChange => panic!("it waits for a change"),
    }
}

#[test]
fn a_lookup_that_failed_has_a_reason_and_heals_by_itself_where_the_registry_is_away() {
    let artifact = Refusal::Artifact(registry::artifact::ArtifactError::Ambiguous);
    let size = Refusal::Size {
        host: "r.example".to_owned(),
        expected: 2,
        actual: 1,
    };
    let too_large = Refusal::TooLarge { size: 2, limit: 1 };
    let credentials = Refusal::Credentials(registry::CredentialsError::HelperTimeout {
        host: "r.example".to_owned(),
        after: Duration::from_secs(1),
    });
    for (problem, reason, heals) in [
        (refused(404), Reason::ModuleNotFound, false),
        (refused(401), Reason::ModuleNotPermitted, false),
        (refused(403), Reason::ModuleNotPermitted, false),
        (credentials, Reason::ModuleNotPermitted, false),
        (artifact, Reason::ModuleInvalid, false),
        (size, Reason::ModuleInvalid, false),
        (too_large, Reason::ModuleInvalid, false),
        (refused(429), Reason::RegistryUnreachable, true),
        (refused(500), Reason::RegistryUnreachable, true),
        (no_connection(), Reason::RegistryUnreachable, true),
    ] {
        let said = problem.to_string();
        let (problem, _) = lookup(problem, 0);
        assert_eq!((problem.reason, problem.heals), (reason, heals), "{said}");
        assert_eq!(problem.message, format!("r.example/a:1: {said}"));
    }
}

#[test]
fn each_reason_has_its_word_in_the_metrics() {
    for (problem, word) in [
        (refused(404), "not_found"),
        (refused(403), "not_permitted"),
        (Refusal::TooLarge { size: 2, limit: 1 }, "invalid"),
        (no_connection(), "unreachable"),
    ] {
        let error = registry::Error::new(&reference("r.example/a:1"), problem);
        assert_eq!(outcome_of_lookup(&error), word, "{error}");
    }
}

#[test]
fn what_would_be_refused_again_waits_for_a_change() {
    let (_, again) = lookup(Refusal::TooLarge { size: 2, limit: 1 }, 3);
    assert_eq!(again, Again::OnChange);
}

#[test]
fn a_registry_that_is_away_is_asked_sooner_than_one_where_a_person_must_act_and_ever_later() {
    let away = seconds(lookup(no_connection(), 0).1);
    let missing = seconds(lookup(refused(404), 0).1);
    assert!(away < 30.0 && missing >= 30.0, "{away} s, {missing} s");
    let later = seconds(lookup(no_connection(), 9).1);
    assert!(later >= 60.0, "{later} s");
}

#[test]
fn a_registry_is_not_asked_before_it_wants_to_be() {
    let wait = Duration::from_secs(900);
    let (_, again) = lookup(asked_to_wait(429, Some(wait)), 0);
    assert_eq!(again, Again::After(wait));
    let (_, again) = lookup(asked_to_wait(404, Some(Duration::from_secs(1))), 0);
    assert!(seconds(again) >= 30.0, "its wish is no reason to hurry");
}

#[test]
fn a_conflict_is_looked_at_again_soon_and_not_ever_faster_than_it_can_be_settled() {
    let conflict = WriteError::Conflict("it changed".to_owned());
    let delays = [0, 1, 6, 60].map(|attempts| of_write(&conflict, attempts));
    let expected = [50, 100, 3200, 3200].map(Duration::from_millis);
    assert_eq!(delays, expected.map(Again::After));
}

#[test]
fn a_write_is_tried_again_by_what_went_wrong_with_it() {
    let after = Duration::from_secs(15);
    let second = Again::After(Duration::from_secs(1));
    assert_eq!(of_write(&WriteError::NotLeading, 9), second);
    for error in [
        WriteError::Timeout { after },
        WriteError::Unreachable("away".to_owned()),
    ] {
        let delay = seconds(of_write(&error, 0));
        assert!((1.0..30.0).contains(&delay), "{error}: {delay} s");
    }
    let delay = seconds(of_write(&WriteError::Refused("no".to_owned()), 0));
    assert!(delay >= 30.0, "{delay} s");
}

#[test]
fn only_a_refused_document_is_said_of_its_route() {
    let refused = of_refused_write(&WriteError::Refused("quota".to_owned()));
    let refused = refused.expect("it is said");
    assert_eq!((refused.reason, refused.heals), (Reason::Pending, true));
    assert_eq!(
        refused.message,
        "the document cannot be published: the API server refuses it: quota"
    );
    for late in [
        WriteError::NotLeading,
        WriteError::Conflict("it changed".to_owned()),
        WriteError::Unreachable("away".to_owned()),
        WriteError::Timeout {
            after: Duration::from_secs(15),
        },
    ] {
        assert_eq!(of_refused_write(&late), None, "{late}");
    }
}
