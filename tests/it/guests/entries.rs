//! Entry points and `_routes`.

use tests::guests;
use tests::node::Node;

use super::nodes::{get, is_refused, node, refused_on};

#[test]
pub(super) fn reactor() {
    get(guests::reactor).answers(200, "initialized 1 times\n");
}

#[test]
pub(super) fn custom_entry() {
    get(guests::custom_entry).answers(200, "other\n");
    assert_eq!(node().get("/command").text(), "_start\n");
    let others = "it has _start, other";
    refused_on(node(), "no_parameters", &["\"with_parameter\"", others]);
    refused_on(node(), "no_results", &["\"with_result\"", others]);
    refused_on(node(), "a_function", &["\"constant\"", others]);
}

#[test]
pub(super) fn routes() {
    #[rustfmt::skip]
    let table = [
        // request              entry      SCRIPT_NAME       PATH_INFO      X_MATCHED_ROUTE
        ("/routes/one",         "one",     "/routes/one",     "",            "/routes/one"),
        ("/routes/one/",        "_start",  "/routes",         "/one/",       "/routes/..."),
        ("/routes/two",         "two",     "/routes/two",     "",            "/routes/two/..."),
        ("/routes/two/x%20y",   "two",     "/routes/two",     "/x y",        "/routes/two/..."),
        ("/routes/two/one",     "one",     "/routes/two/one", "",            "/routes/two/one"),
        ("/routes/twofold",     "_start",  "/routes",         "/twofold",    "/routes/..."),
        ("/routes",             "_start",  "/routes",         "",            "/routes/..."),
    ];
    for (path, entry, script_name, path_info, matched) in table {
        let text = node().get(path).text();
        let value = |name: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
        };
        assert_eq!(text.lines().next(), Some(entry), "{path}");
        assert_eq!(value("SCRIPT_NAME"), Some(script_name), "{path}");
        assert_eq!(value("PATH_INFO"), Some(path_info), "{path}");
        assert_eq!(value("X_MATCHED_ROUTE"), Some(matched), "{path}");
    }
}

#[test]
pub(super) fn routes_curious() {
    let texts = ["/variables/0", "/arguments/0", "/stdin/0", "/variables/1"]
        .map(|path| node().get(&format!("/routes_curious{path}")).text());
    assert_eq!(texts, ["answer\n", "answer\n", "answer\n", "_start\n"]);
}

/// On a machine that has no CPU time to spare it is the clock that ends it.
#[test]
pub(super) fn routes_spin() {
    let node = Node::with(&[guests::routes_spin]);
    let line = node.wait_for_change("not loaded: default/routes-spin: _routes failed: ");
    assert!(
        line.ends_with("cpu_time") || line.ends_with("head_timeout"),
        "{line}"
    );
    assert_eq!(node.get("/routes_spin").head.status, 503);
}

#[test]
pub(super) fn routes_sleep() {
    let node = Node::with(&[guests::routes_sleep]);
    refused_on(&node, "routes_sleep", &["_routes failed: ", "_timeout"]);
}

#[test]
pub(super) fn routes_empty() {
    is_refused(guests::routes_empty, &["_routes", "nothing"]);
}

#[test]
pub(super) fn routes_malformed() {
    is_refused(guests::routes_malformed, &["line 1 of _routes"]);
}

#[test]
pub(super) fn routes_missing_entry() {
    is_refused(
        guests::routes_missing_entry,
        &["\"absent\"", "it has _start"],
    );
}

#[test]
pub(super) fn routes_trap() {
    is_refused(guests::routes_trap, &["_routes failed: ", "unreachable"]);
}

#[test]
pub(super) fn routes_many() {
    is_refused(guests::routes_many, &["_routes", "1000"]);
}

#[test]
pub(super) fn routes_flood() {
    is_refused(
        guests::routes_flood,
        &["_routes printed more than 65536 bytes"],
    );
}
