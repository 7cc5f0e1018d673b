use proptest::prelude::*;

use super::*;

fn entry(hosts: &[&str], path: &str, target: &'static str) -> Entry<&'static str> {
    Entry {
        hosts: hosts
            .iter()
            .map(|host| host.parse().expect("a host pattern"))
            .collect(),
        path: path.parse().expect("a path pattern"),
        target,
    }
}

/// Builds a table in which every route is named after its host and path.
fn table(routes: &[(&[&str], &'static str, &'static str)]) -> RouteTable<&'static str> {
    let entries = routes
        .iter()
        .map(|(hosts, path, target)| entry(hosts, path, target));
    let (table, conflicts) = RouteTable::build(entries);
    assert_eq!(conflicts, []);
    table
}

#[track_caller]
fn check(table: &RouteTable<&'static str>, host: &str, path: &str, expected: Option<&str>) {
    let parsed = RequestPath::parse(path).expect("a path");
    let found = table.find(host, &parsed).map(|found| *found.target);
    assert_eq!(found, expected, "{host} {path}");
}

#[test]
fn an_exact_path_wins_over_the_longest_prefix() {
    let table = table(&[
        (&[], "/...", "root"),
        (&[], "/a/...", "below a"),
        (&[], "/a/b/...", "below a/b"),
        (&[], "/a/b", "a/b"),
        (&[], "/c/", "c/"),
    ]);
    #[rustfmt::skip]
    let expected = [
        ("/",       "root"),    ("/x",      "root"),      ("/ab",    "root"), ("//a", "root"),
        ("/a",      "below a"), ("/a/",     "below a"),   ("/a/bb",  "below a"),
        ("/a/b",    "a/b"),     ("/a/b/",   "below a/b"), ("/a/b/c/d", "below a/b"),
        ("/c/",     "c/"),      ("/c",      "root"),      ("/c/x",   "root"),
        ("/%61/%62", "a/b"),    ("/a%2Fb",  "root"),      ("/A/b",   "root"),
    ];
    for (path, target) in expected {
        check(&table, "shop.example", path, Some(target));
    }
}

#[test]
fn nothing_matches_where_no_route_does() {
    let table = table(&[(&[], "/a", "a"), (&[], "/b/...", "b")]);
    for path in ["/", "/a/", "/ab", "/bb", "/c"] {
        check(&table, "shop.example", path, None);
    }
    check(&RouteTable::default(), "shop.example", "/", None);
}

#[test]
fn an_exact_host_wins_over_the_longest_wildcard_and_that_over_any() {
    let table = table(&[
        (&[], "/...", "any"),
        (&["*.example"], "/...", "*.example"),
        (&["*.shop.example"], "/...", "*.shop.example"),
        (&["a.shop.example"], "/...", "a.shop.example"),
        (&["[2001:db8::7]", "192.0.2.7"], "/...", "address"),
    ]);
    #[rustfmt::skip]
    let expected = [
        ("a.shop.example",   "a.shop.example"), ("b.shop.example",     "*.shop.example"),
        ("b.a.shop.example", "*.shop.example"), ("shop.example",       "*.example"),
        ("a.other.example",  "*.example"),      ("example",            "any"),
        (".example",         "any"),            ("",                   "any"),
        ("a.shop.example.",  "a.shop.example"), ("b.shop.example.",    "*.shop.example"),
        ("[2001:db8::7]",    "address"),        ("2001:db8:0::7",      "address"),
        ("192.0.2.7",        "address"),        ("[::1]",              "any"),
    ];
    for (host, target) in expected {
        check(&table, host, "/x", Some(target));
    }
    let long = format!("{}.shop.example", "a".repeat(300));
    check(&table, &long, "/x", Some("any"));
}

#[test]
fn the_host_decides_once() {
    let table = table(&[
        (&[], "/...", "any"),
        (&["*.example"], "/a", "wildcard"),
        (&["shop.example"], "/b", "exact"),
    ]);
    check(&table, "shop.example", "/b", Some("exact"));
    check(&table, "shop.example", "/a", None);
    check(&table, "shop.example", "/c", None);
    check(&table, "x.example", "/a", Some("wildcard"));
    check(&table, "x.example", "/c", None);
    check(&table, "elsewhere", "/c", Some("any"));
}

#[test]
fn of_two_routes_with_one_host_and_path_the_earlier_is_served_and_both_are_named() {
    let (table, conflicts) = RouteTable::build([
        entry(&["a.example", "b.example"], "/x", "first"),
        entry(&["b.example", "c.example", "c.example"], "/x", "second"),
        entry(&["b.example"], "/x/...", "third"),
        entry(&[], "/x", "fourth"),
        entry(&[], "/%78", "fifth"),
    ]);
    let named: Vec<_> = conflicts
        .iter()
        .map(|conflict| {
            let host = conflict.host.as_ref().map(HostPattern::as_str);
            (
                conflict.winner,
                conflict.loser,
                host,
                conflict.path.as_str(),
            )
        })
        .collect();
    assert_eq!(named, [(0, 1, Some("b.example"), "/x"), (3, 4, None, "/x")]);
    check(&table, "b.example", "/x", Some("first"));
    check(&table, "c.example", "/x", Some("second"));
    check(&table, "b.example", "/x/y", Some("third"));
    check(&table, "elsewhere", "/x", Some("fourth"));
    assert_eq!(table.len(), 5);
}

#[test]
fn what_follows_the_routes_path_is_given_as_it_came() {
    #[rustfmt::skip]
    let vectors = [
        // route           request                  what follows
        ("/static/...",    "/static/images/a.png",  "/images/a.png"),
        ("/static/...",    "/static",               ""),
        ("/static/...",    "/static/",              "/"),
        ("/static/...",    "/st%61tic/%7ea%2fb//c", "/%7ea%2fb//c"),
        ("/caf\u{e9}/...", "/caf%C3%A9/x",          "/x"),
        ("/...",           "/",                     "/"),
        ("/...",           "/a/b",                  "/a/b"),
        ("/a//...",        "/a//b",                 "/b"),
        ("/a",             "/a",                    ""),
        ("/",              "/",                     ""),
    ];
    for (route, request, expected) in vectors {
        let (table, _) = RouteTable::build([entry(&[], route, "")]);
        let path = RequestPath::parse(request).expect("a path");
        let found = table.find("", &path).expect("a match");
        assert_eq!(found.raw_path_info, expected, "{route} {request}");
    }
}

/// Counts what a look-up compares with by going through all routes one by one.
fn find_slowly<'a>(
    entries: &'a [Entry<&'static str>],
    host: &str,
    path: &str,
) -> Option<&'a PathPattern> {
    let host_of = |entry: &'a Entry<_>| {
        let matching = entry.hosts.iter().filter(|pattern| pattern.matches(host));
        matching.max()
    };
    let decides = entries.iter().filter_map(host_of).max();
    let candidates = entries.iter().filter(|entry| match decides {
        Some(pattern) => entry.hosts.contains(pattern),
        None => entry.hosts.is_empty(),
    });
    candidates
        .map(|entry| &entry.path)
        .filter(|pattern| pattern.matches(path))
        .max()
}

proptest! {
    #[test]
    fn looking_up_finds_what_going_through_all_routes_finds(
        routes in prop::collection::vec(
            (
                prop::collection::vec("(\\*\\.)?[ab](\\.[ab]){0,2}", 0..3),
                "(/[ab]?){0,3}(/\\.\\.\\.|/[ab]?)",
            ),
            0..12,
        ),
        host in "[ab](\\.[ab]){0,3}",
        path in "/[ab/]{0,6}",
    ) {
        let entries: Vec<_> = routes
            .iter()
            .map(|(hosts, path)| {
                let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
                entry(&hosts, path, "")
            })
            .collect();
        let (table, _) = RouteTable::build(entries.iter().cloned());
        let parsed = RequestPath::parse(&path).expect("a path");
        let found = table.find(&host, &parsed).map(|found| found.pattern);
        prop_assert_eq!(found, find_slowly(&entries, &host, &path));
    }

    #[test]
    fn what_follows_is_the_same_raw_and_normalised(
        prefix in "(/[a%]{0,3}){0,3}", below in "(/([a~%]|%7e|%2f|é){0,4}){0,3}",
    ) {
        let prefix = prefix.replace('%', "%61");
        let below = below.replace("%%", "").replace("%a", "a");
        let raw = format!("{prefix}{below}");
        let Ok(path) = RequestPath::parse(&raw) else { return Ok(()) };
        let pattern: PathPattern = format!("{prefix}/...").parse().expect("a pattern");
        let normal_rest = path.normal().strip_prefix(pattern.base()).expect("a prefix");
        prop_assert_eq!(path.after(&pattern), &below[..]);
        if below.is_empty() {
            prop_assert_eq!(normal_rest, "");
        } else {
            let normal_below = crds::path::normalize(&below).expect("a path");
            prop_assert_eq!(normal_rest, &*normal_below);
        }
    }
}
