//! Which grants are made and taken away.

use super::*;
use crate::testing::api_server::{ApiServer, refusal, taken};

fn namespaces(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn listed(grants: &[DynamicObject]) -> Known {
    let mut known = Known::default();
    known.take(Event::Init);
    for grant in grants {
        known.take(Event::InitApply(grant.clone()));
    }
    known.take(Event::InitDone);
    known
}

fn absent() -> watcher::Error {
    let status = kube::core::Status::failure("404 page not found", "Failed to parse error data")
        .with_code(404);
    watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
}

#[test]
fn a_namespace_that_lacks_its_grant_gets_it_and_one_that_is_not_needed_goes() {
    let known = listed(&[grant("shop"), grant("gone")]);
    let differs = known.differs(&namespaces(&["shop", "new"]));
    let expected = (vec!["new".to_owned()], vec!["wagi-gone".to_owned()]);
    assert_eq!(differs, Some(expected));
}

#[test]
fn a_grant_that_somebody_changed_is_written_again() {
    let mut known = listed(&[grant("shop")]);
    let mut changed = grant("shop");
    changed.data["spec"]["to"][0]["name"] = json!("another");
    known.take(Event::Apply(changed));
    let differs = known.differs(&namespaces(&["shop"]));
    assert_eq!(differs, Some((vec!["shop".to_owned()], Vec::new())));
}

#[test]
fn nothing_is_written_before_what_there_is_was_listed_or_while_there_is_no_such_kind() {
    let mut known = Known::default();
    assert_eq!(known.differs(&namespaces(&["shop"])), None);
    known = listed(&[]);
    known.lose(&absent());
    assert_eq!(known.differs(&namespaces(&["shop"])), None);
    known.take(Event::Init);
    known.take(Event::InitDone);
    let differs = known.differs(&namespaces(&["shop"]));
    assert_eq!(differs, Some((vec!["shop".to_owned()], Vec::new())));
}

#[test]
fn a_grant_lets_http_routes_of_one_namespace_name_one_service() {
    let grant = serde_json::to_value(grant("shop")).expect("JSON");
    assert_eq!(grant["kind"], "ReferenceGrant");
    assert_eq!(grant["metadata"]["name"], "wagi-shop");
    assert_eq!(grant["metadata"]["labels"]["wagi.dev/kind"], "grant");
    assert_eq!(grant["spec"], spec_of("shop"));
}

#[tokio::test]
async fn a_grant_that_is_refused_keeps_back_no_other() {
    let server = ApiServer::new(|asked| match asked.what.ends_with("/wagi-a") {
        true => refusal(403, "Forbidden"),
        false => taken(asked),
    });
    let written = api(server.client(), "wagi-system");
    let mut known = listed(&[grant("gone")]);
    let wanted = namespaces(&["a", "b"]);
    let settled = settle(&server.cluster(1), &written, &mut known, &wanted).await;
    assert!(
        matches!(settled, Err(WriteError::Refused(_))),
        "{settled:?}"
    );
    let asked: Vec<_> = server.asked().into_iter().map(|asked| asked.what).collect();
    let path = "/apis/gateway.networking.k8s.io/v1beta1/namespaces/wagi-system/referencegrants";
    assert_eq!(
        asked,
        [
            format!("PATCH {path}/wagi-a"),
            format!("PATCH {path}/wagi-b"),
            format!("DELETE {path}/wagi-gone"),
        ]
    );
    let left = known.differs(&wanted);
    assert_eq!(left, Some((vec!["a".to_owned()], Vec::new())));
}

#[test]
fn what_is_refused_is_tried_ever_more_seldom_and_never_given_up() {
    let seconds = [1, 2, 3, 4, 5, 6, 100].map(|failures| pause(failures).as_secs());
    assert_eq!(seconds, [2, 4, 8, 16, 32, 60, 60]);
}
