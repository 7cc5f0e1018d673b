//! What a list lacks, and what is made of it: most of what is known does not go by accident.

use serde_json::{Value, json};
use tests::kubernetes::Workload;
use tests::process::wait_until;

use crate::installation::{Installation, names, request};

/// So many that a list which lacks most of them is doubted.
const MANY: usize = 24;
/// More than half of them.
const MOST: usize = 20;

fn many(all: &Installation) -> Vec<Value> {
    let route = |number| all.route(&format!("route-{number}"), "shop/hello:1", &json!({}));
    (0..MANY).map(route).collect()
}

/// Applies them, and waits until they are served.
fn serve_many(all: &Installation, routes: &[Value]) {
    all.apply_all(routes);
    routes.iter().for_each(|route| all.wait_for(route, "Ready"));
}

/// `kubectl delete`, which waits until they are gone.
fn delete(all: &Installation, routes: &[Value]) {
    let names = routes.iter().map(|route| names(route).1);
    let arguments: Vec<&str> = ["delete", "wagiroute"].into_iter().chain(names).collect();
    all.cluster.kubectl_ok(&arguments);
}

/// The command that the operator's log says to give.
fn command_in_log(all: &Installation) -> Option<Vec<String>> {
    let log = std::fs::read_to_string(all.operator.log()).expect("a log");
    let (_, command) = log.split_once("kubectl annotate namespace")?;
    let until = command.find(['"', '\n'])?;
    let words = command[..until].split_whitespace().map(str::to_owned);
    Some(
        ["annotate", "namespace"]
            .map(str::to_owned)
            .into_iter()
            .chain(words)
            .collect(),
    )
}

#[test]
fn a_list_that_lost_most_routes_takes_nothing_until_that_is_allowed() {
    let mut all = Installation::start(1);
    let routes = many(&all);
    serve_many(&all, &routes);
    assert_eq!(all.operator_metric("wagi_operator_documents_kept"), 0.0);
    let traffic = all.traffic(0, "/route-3");
    all.operator.kill();
    delete(&all, &routes[..MOST]);
    all.operator.start_again();
    wait_until("the operator says what to do", || {
        command_in_log(&all).is_some()
    });
    assert_eq!(
        all.operator_metric("wagi_operator_documents_kept"),
        MOST as f64
    );

    // What is deleted while it watches goes at once; what was missed holds its place.
    delete(&all, &routes[MANY - 1..]);
    all.wait_for_answers("/route-23", 404);
    all.cluster.kubectl_ok(&["create", "namespace", "rival"]);
    let mut rival = all.route("route-3", "shop/hello:1", &json!({}));
    rival["metadata"]["namespace"] = json!("rival");
    all.cluster.apply(&rival.to_string());
    let said = all.wait_for_reason(&rival, "Accepted", "Conflict");
    assert!(said.contains("default/route-3 holds"), "{said}");
    assert_eq!(all.documents().len(), MANY - 1);

    // One of them is made anew, as by whoever restores it: it is served, and needs no allowance.
    all.serve(&routes[5]);
    wait_until("it has one document", || all.documents().len() == MANY - 1);
    let kept = || all.operator_metric("wagi_operator_documents_kept");
    wait_until("one fewer is kept", || kept() == (MOST - 1) as f64);

    let annotate = |count: &str| {
        let mut command = command_in_log(&all).expect("it was said");
        let annotation = command.last_mut().expect("an annotation");
        assert_eq!(*annotation, format!("wagi.dev/allow-prune={MOST}"));
        *annotation = format!("wagi.dev/allow-prune={count}");
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        all.cluster.kubectl_ok(&command);
    };
    annotate("5");
    all.wait_for_log(&all.operator, "wagi.dev/allow-prune=5 is too few");
    assert_eq!(all.documents().len(), MANY - 1);
    traffic.end();
    annotate(&MOST.to_string());
    wait_until("they are gone", || all.documents().len() == MANY - MOST + 1);
    assert_eq!(kept(), 0.0);
    all.wait_for_answers("/route-4", 404);
    // Whoever waited for the place has it.
    all.wait_for(&rival, "Ready");
    for path in ["/route-3", "/route-5", "/route-20"] {
        let status = request(all.nodes[0].address(), path)
            .expect("an answer")
            .head
            .status;
        assert_eq!(status, 200, "{path}");
    }
}

#[test]
fn routes_that_were_made_anew_while_nobody_watched_are_served_without_a_gap() {
    let mut all = Installation::start(1);
    let routes = &many(&all)[..3];
    serve_many(&all, routes);
    let traffic = all.traffic(0, "/route-1");
    let before = all.documents();
    all.operator.kill();
    delete(&all, routes);
    all.apply_all(routes);
    all.operator.start_again();
    routes.iter().for_each(|route| all.wait_for(route, "Ready"));
    wait_until("each has one document, and a new one", || {
        let after = all.documents();
        after.len() == before.len() && after.iter().all(|document| !before.contains(document))
    });
    traffic.end();
}

/// Asks for a path until the runtime answers so.
fn answers(node: &Workload, path: &str, status: u16) {
    wait_until(&format!("{path} answers {status}"), || {
        request(node.address(), path).is_some_and(|answer| answer.head.status == status)
    });
}

#[test]
fn a_runtime_that_finds_most_documents_gone_serves_them_until_its_grace_is_over() {
    let quick = ["--relist-spread=0s", "--pre-stop-wait=0s"];
    let (all, [of_operator, of_node]) = Installation::start_behind_gates(&quick);
    let short = [&quick[..], &["--shrink-grace=3s"]].concat();
    let mut other = all.cluster.start_node("wagi-node-1", &short);
    other.wait_until_ready();
    let routes = many(&all);
    serve_many(&all, &routes);
    let traffic = all.traffic(0, "/route-3");

    // One is cut off, the other restarts; nobody puts back what goes meanwhile.
    of_operator.close();
    of_node.close();
    let child = other.child().expect("it runs");
    child.signal("TERM");
    assert!(child.wait().success());
    let uid = |route: &Value| {
        all.get("default", names(route).1)
            .metadata
            .uid
            .expect("a uid")
    };
    let document = |route: &Value| format!("r-{}", uid(route));
    let withdraw = |routes: &[Value]| {
        let mut arguments: Vec<String> = ["delete", "configmap", "-n", "wagi-documents"]
            .map(str::to_owned)
            .into();
        arguments.extend(routes.iter().map(document));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        all.cluster.kubectl_ok(&arguments);
    };
    withdraw(&routes[..MOST]);
    all.cluster.forget();
    of_node.open();
    other.start_again();
    let kept = |node: &Workload| all.report(node).kept;
    wait_until("what a list lacks is kept", || {
        kept(&all.nodes[0]) == MOST as i64
    });

    // A short grace is over soon, and only what was lacking goes.
    answers(&other, "/route-3", 404);
    answers(&other, "/route-22", 200);
    all.wait_for_log(&other, "--shrink-grace is over");
    assert_eq!(kept(&all.nodes[0]), MOST as i64);
    // What is withdrawn while it watches goes at once.
    withdraw(&routes[MANY - 1..]);
    answers(&all.nodes[0], "/route-23", 404);
    assert_eq!(kept(&all.nodes[0]), MOST as i64);

    // The operator comes back and publishes what is still asked for.
    of_operator.open();
    wait_until("nothing is kept any more", || kept(&all.nodes[0]) == 0);
    for node in [&all.nodes[0], &other] {
        answers(node, "/route-3", 200);
        answers(node, "/route-23", 200);
    }
    traffic.end();
}

#[test]
fn a_store_restored_from_before_takes_nothing_that_is_served() {
    let mut all = Installation::start(1);
    let quick = ["--relist-spread=0s", "--pre-stop-wait=0s"];
    let mut other = all.cluster.start_node("wagi-node-1", &quick);
    other.wait_until_ready();
    all.serve(&all.route("early", "shop/hello:1", &json!({})));
    let backup = all.cluster.back_up();
    serve_many(&all, &many(&all));
    let traffic = all.traffic(0, "/route-3");
    let child = other.child().expect("it runs");
    child.signal("TERM");
    assert!(child.wait().success());
    all.cluster.restore(&backup);
    assert_eq!(all.documents().len(), 1);

    // Who watches waits for a future that is over: whoever restores restarts the programs.
    other.start_again();
    wait_until("what the list lacks is kept", || {
        all.report(&other).kept == MANY as i64
    });
    answers(&other, "/route-3", 200);
    all.operator.kill();
    all.operator.start_again();
    let late = all.route("late", "shop/hello:1", &json!({}));
    all.cluster.apply(&late.to_string());
    answers(&other, "/late", 200);
    answers(&other, "/route-3", 200);
    assert_eq!(all.documents().len(), 2);
    traffic.end();
}
