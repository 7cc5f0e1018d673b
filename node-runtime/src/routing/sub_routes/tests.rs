use super::*;

fn pattern(text: &str) -> PathPattern {
    text.parse().expect("a path pattern")
}

#[track_caller]
fn parse(parent: &str, output: &str) -> SubRoutes {
    let (routes, not_served) =
        SubRoutes::parse(output.as_bytes(), &pattern(parent)).expect("what _routes prints");
    assert_eq!(not_served, []);
    routes
}

#[track_caller]
fn check(routes: &SubRoutes, path: &str, expected: Option<(&str, &str)>) {
    let path = RequestPath::parse(path).expect("a path");
    let found = routes
        .find(&path)
        .map(|route| (route.pattern.as_str(), &*route.entrypoint));
    assert_eq!(found, expected, "{}", path.raw());
}

#[test]
fn declared_paths_are_joined_to_the_routes_own() {
    let routes = parse(
        "/app/...",
        "/one one\n\n  two\t two \r\n/three/... three\n/ home\n",
    );
    check(&routes, "/app/one", Some(("/app/one", "one")));
    check(&routes, "/app/two", Some(("/app/two", "two")));
    check(&routes, "/app/three", Some(("/app/three/...", "three")));
    check(&routes, "/app/three/x", Some(("/app/three/...", "three")));
    check(&routes, "/app/", Some(("/app/", "home")));
    check(&routes, "/app", None);
    check(&routes, "/app/four", None);
    assert_eq!(routes.iter().count(), 4);
}

#[test]
fn of_those_that_match_the_last_declared_wins_not_the_most_specific() {
    let routes = parse("/...", "/a/b exact\n/a/... below\n/a/c late\n/a/c later\n");
    check(&routes, "/a/b", Some(("/a/...", "below")));
    check(&routes, "/a/c", Some(("/a/c", "later")));
    check(&routes, "/b", None);
}

#[test]
fn what_the_route_does_not_own_is_not_served_and_named() {
    let parent = pattern("/app");
    let (routes, not_served) =
        SubRoutes::parse(b"/one one\n/... all\n", &parent).expect("what _routes prints");
    check(&routes, "/app/one", None);
    let named: Vec<_> = not_served
        .iter()
        .map(|line| (line.line, &*line.path, line.reason.to_string()))
        .collect();
    let sentence =
        |joined| format!("{joined} is not part of /app, which is all that the route owns");
    assert_eq!(
        named,
        [
            (1, "/one", sentence("/app/one")),
            (2, "/...", sentence("/app/...")),
        ]
    );
}

#[test]
fn a_path_that_climbs_out_is_not_served_and_the_rest_is() {
    let (routes, not_served) = SubRoutes::parse(
        b"/../admin admin\n/%2e%2e/x x\n/ok ok\n",
        &pattern("/app/..."),
    )
    .expect("what _routes prints");
    assert_eq!(not_served.len(), 2);
    assert_eq!(not_served[1].line, 2);
    check(&routes, "/app/ok", Some(("/app/ok", "ok")));
}

#[test]
fn output_that_is_not_what_routes_prints_is_an_error() {
    #[rustfmt::skip]
    let table: [(&[u8], &str); 6] = [
        (b"",              "_routes printed nothing"),
        (b" \n\r\n\t",     "_routes printed nothing"),
        (b"/a a\n/b\n",    "line 2 of _routes is not \"PATH ENTRYPOINT\""),
        (b"/a a a\n",      "line 1 of _routes is not \"PATH ENTRYPOINT\""),
        (b"/a \xff\n",     "_routes did not print UTF-8"),
        (&[b'\n'; 1002],   "_routes printed nothing"),
    ];
    for (output, sentence) in table {
        match SubRoutes::parse(output, &pattern("/...")) {
            Ok(_) => panic!("taken: {output:?}"),
            Err(error) => assert_eq!(error.to_string(), sentence),
        }
    }
}

#[test]
fn a_thousand_lines_are_taken_and_no_more() {
    let lines = |count: usize| -> String { (0..count).map(|n| format!("/{n} f{n}\n")).collect() };
    let routes = parse("/...", &lines(1000));
    check(&routes, "/999", Some(("/999", "f999")));
    let refused = SubRoutes::parse(lines(1001).as_bytes(), &pattern("/..."));
    assert_eq!(refused.err(), Some(Error::TooManyLines));
}
