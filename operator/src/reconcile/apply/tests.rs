use std::sync::atomic::{AtomicUsize, Ordering};

use futures::FutureExt as _;
use futures::future::join_all;
use serde_json::json;

use super::*;
use crate::reconcile::build::build;
use crate::reconcile::validate::validate;
use crate::testing::api_server::{ApiServer, refusal, taken};
use crate::testing::{Publish, Route, at, digest, route};

fn built(route: &Route) -> Built {
    let valid = validate(&route.seen()).expect("a valid route");
    let mut held = valid.asks();
    for ask in &mut held {
        ask.since = Some(at(7));
    }
    let resolved = route.document(7, &digest('1')).resolved;
    build(&route.seen(), &valid, &held, &resolved, Vec::new())
}

fn hello() -> Built {
    built(&route("shop/hello"))
}

#[tokio::test]
async fn a_document_is_applied_over_the_very_one_that_it_was_computed_from() {
    let server = ApiServer::new(taken);
    let over = hello().document.published(12);
    let newer = built(&route("shop/hello").generation(2));
    let written = server.cluster(1).publish(&newer, Some(&over)).await;
    let asked = server.asked_once();
    assert_eq!(
        asked.what,
        "PATCH /api/v1/namespaces/wagi-documents/configmaps/r-shop-hello"
    );
    for part in ["fieldManager=wagi-operator", "force=true"] {
        assert!(asked.query.contains(part), "{}", asked.query);
    }
    let metadata = &asked.body["metadata"];
    assert_eq!(metadata["uid"], "object-of-shop-hello");
    assert_eq!(metadata["resourceVersion"], "12");
    assert_eq!(asked.body["data"]["route.yaml"], newer.text);
    let written = written.expect("it is written");
    assert_eq!(
        (written.version, written.object_uid.as_str()),
        (20, "object")
    );
    assert!(newer.is(&written));
    assert_eq!(server.counted(), ["document apply ok 1"]);
}

#[tokio::test]
async fn a_document_that_is_new_is_applied_over_none() {
    let server = ApiServer::new(taken);
    server
        .cluster(1)
        .publish(&hello(), None)
        .await
        .expect("it is written");
    let metadata = server.asked_once().body["metadata"].clone();
    assert_eq!(
        (&metadata["uid"], &metadata["resourceVersion"]),
        (&json!(null), &json!(null))
    );
}

#[tokio::test]
async fn an_answer_without_an_object_is_no_success() {
    let server = ApiServer::new(|_| Some((200, json!({"metadata": {"name": "r-shop-hello"}}))));
    let error = server.cluster(1).publish(&hello(), None).await;
    let error = error.expect_err("it is not known to be written");
    assert!(matches!(error, WriteError::Unreachable(_)), "{error}");
}

#[tokio::test]
async fn a_process_that_does_not_lead_asks_nothing_of_the_api_server() {
    let server = ApiServer::new(taken);
    server.leader.loses();
    let cluster = server.cluster(1);
    let published = hello().document.published(12);
    let status = WagiRouteStatus::default();
    let errors = [
        cluster.publish(&hello(), None).await.map(drop),
        cluster.remove("shop-hello", &published).await,
        cluster
            .write_status(&route("shop/hello").seen(), &status)
            .await
            .map(drop),
        cluster.write_fleet("{}").await,
    ];
    for error in errors {
        assert!(matches!(error, Err(WriteError::NotLeading)), "{error:?}");
    }
    assert_eq!(server.asked(), []);
}

#[tokio::test(start_paused = true)]
async fn whoever_lost_the_lead_while_it_waited_writes_nothing() {
    let server = ApiServer::new(|_| None);
    let cluster = server.cluster(1);
    let second = async {
        tokio::task::yield_now().await;
        server.leader.loses();
        cluster.write_fleet("{}").await
    };
    let (first, second) = tokio::join!(cluster.write_fleet("{}"), second);
    assert!(
        matches!(first, Err(WriteError::Timeout { .. })),
        "{first:?}"
    );
    assert!(matches!(second, Err(WriteError::NotLeading)), "{second:?}");
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_nobody_answers_ends() {
    let server = ApiServer::new(|_| None);
    let began = Instant::now();
    let error = server
        .cluster(1)
        .write_fleet("{}")
        .await
        .expect_err("no answer");
    assert_eq!(began.elapsed().as_secs(), 15);
    assert_eq!(
        error.to_string(),
        "the API server did not answer within 15 s"
    );
    assert_eq!(server.counted(), ["fleet apply timeout 1"]);
}

#[tokio::test]
async fn a_refusal_is_a_conflict_a_refusal_or_an_api_server_that_is_not_well() {
    for (code, reason, word) in [
        (409, "Conflict", "conflict"),
        (409, "AlreadyExists", "conflict"),
        (404, "NotFound", "conflict"),
        (403, "Forbidden", "refused"),
        (413, "RequestEntityTooLarge", "refused"),
        (422, "Invalid", "refused"),
        (408, "Timeout", "unreachable"),
        (429, "TooManyRequests", "unreachable"),
        (500, "InternalError", "unreachable"),
        (503, "ServiceUnavailable", "unreachable"),
    ] {
        let server = ApiServer::new(move |_| refusal(code, reason));
        let error = server.cluster(1).write_fleet("{}").await;
        let error = error.expect_err("it is refused");
        assert_eq!(error.word(), word, "{code} {reason}");
        let said = format!("so it is: {reason}");
        assert!(error.to_string().ends_with(&said), "{error}");
        assert_eq!(server.counted(), [format!("fleet apply {word} 1")]);
    }
}

#[tokio::test]
async fn that_very_document_is_deleted_and_one_that_is_gone_is_deleted() {
    let published = hello().document.published(12);
    for (code, reason) in [(200, "Success"), (404, "NotFound")] {
        let server = ApiServer::new(move |_| refusal(code, reason));
        let removed = server.cluster(1).remove("shop-hello", &published).await;
        removed.expect("it is gone");
        let asked = server.asked_once();
        assert_eq!(
            asked.what,
            "DELETE /api/v1/namespaces/wagi-documents/configmaps/r-shop-hello"
        );
        assert_eq!(
            asked.body["preconditions"],
            json!({"uid": "object-of-shop-hello"})
        );
        assert_eq!(server.counted(), ["document delete ok 1"]);
    }
}

#[tokio::test]
async fn a_document_that_was_made_anew_is_not_deleted_in_its_stead() {
    let server = ApiServer::new(|_| refusal(409, "Conflict"));
    let published = hello().document.published(12);
    let error = server.cluster(1).remove("shop-hello", &published).await;
    assert!(matches!(error, Err(WriteError::Conflict(_))), "{error:?}");
}

#[tokio::test]
async fn a_status_is_written_of_the_very_version_that_it_is_about() {
    let route = route("shop/hello").version(7);
    let written = route.clone().version(8).status(json!({"nodes": "1/1"}));
    let answer = written.object();
    let server = ApiServer::new(move |_| Some((200, answer.clone())));
    let status = WagiRouteStatus {
        nodes: Some("1/1".to_owned()),
        ..WagiRouteStatus::default()
    };
    let seen = server.cluster(1).write_status(&route.seen(), &status).await;
    assert_eq!(seen.expect("it is written"), Some(written.seen()));
    let asked = server.asked_once();
    assert_eq!(
        asked.what,
        "PATCH /apis/wagi.dev/v1alpha1/namespaces/shop/wagiroutes/hello/status"
    );
    let metadata = &asked.body["metadata"];
    assert_eq!(
        (&metadata["uid"], &metadata["resourceVersion"]),
        (&json!("shop-hello"), &json!("7"))
    );
    assert_eq!(asked.body["status"], json!({"nodes": "1/1"}));
    assert_eq!(asked.body["spec"], json!(null), "it is not ours to write");
    assert_eq!(server.counted(), ["status apply ok 1"]);
}

#[tokio::test]
async fn what_runtimes_know_of_each_other_is_in_an_object_of_its_own() {
    let server = ApiServer::new(taken);
    server
        .cluster(1)
        .write_fleet("text")
        .await
        .expect("it is written");
    let asked = server.asked_once();
    assert_eq!(
        asked.what,
        "PATCH /api/v1/namespaces/wagi-documents/configmaps/fleet"
    );
    assert_eq!(asked.body["data"], json!({"fleet.yaml": "text"}));
    assert_eq!(
        asked.body["metadata"]["labels"],
        json!({"wagi.dev/kind": "fleet"})
    );
}

#[tokio::test(start_paused = true)]
async fn so_many_writes_are_under_way_at_a_time_as_are_allowed_and_no_more() {
    let most = Arc::new(AtomicUsize::new(0));
    let (under_way, seen) = (Arc::new(AtomicUsize::new(0)), Arc::clone(&most));
    let server = ApiServer::with(move |asked| {
        let (under_way, most) = (Arc::clone(&under_way), Arc::clone(&seen));
        async move {
            let now = under_way.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            // The clock goes on when nothing else can: all that may come are there by then.
            tokio::time::sleep(Duration::from_secs(1)).await;
            under_way.fetch_sub(1, Ordering::SeqCst);
            taken(&asked)
        }
        .boxed()
    });
    let cluster = server.cluster(2);
    let written = join_all((0..6).map(|_| cluster.write_fleet("{}"))).await;
    assert!(written.iter().all(Result::is_ok), "{written:?}");
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

/// How many seconds so many documents take that are published one after the other.
async fn seconds(count: u32, over: Option<&Published>) -> f64 {
    let server = ApiServer::new(taken);
    let cluster = server.cluster(1);
    tokio::time::advance(Duration::from_secs(10)).await;
    let began = Instant::now();
    for _ in 0..count {
        let written = cluster.publish(&hello(), over).await;
        written.expect("it is written");
    }
    began.elapsed().as_secs_f64()
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_a_burst_of_documents_goes_at_once_and_then_five_hundred_a_second() {
    assert!(seconds(BURST, None).await < 0.01);
    let took = seconds(BURST + 501, None).await;
    assert!((0.99..1.01).contains(&took), "{took} s");
}

#[tokio::test(start_paused = true)]
async fn what_only_changes_its_writing_goes_at_fifty_a_second() {
    let mut document = hello().document;
    document.spec.limits = None;
    let older = document.published(12);
    let took = seconds(BURST + 51, Some(&older)).await;
    assert!((0.99..1.01).contains(&took), "{took} s");
    let other = built(&route("shop/hello").generation(2))
        .document
        .published(12);
    assert!(seconds(BURST, Some(&other)).await < 0.01);
}
