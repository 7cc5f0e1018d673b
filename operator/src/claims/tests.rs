use proptest::prelude::*;

use super::*;

/// A route in a test: `route("shop/a")` asks for nothing, was created at second 0.
struct Route(Contender);

fn route(name: &str) -> Route {
    let (namespace, route) = name.split_once('/').expect("NAMESPACE/NAME");
    Route(Contender {
        uid: name.into(),
        name: RouteName {
            namespace: namespace.to_owned(),
            name: route.to_owned(),
        },
        created: at(0),
        asks: Vec::new(),
    })
}

impl Route {
    fn created(mut self, second: i64) -> Self {
        self.0.created = at(second);
        self
    }

    fn asks(self, host: &str, path_text: &str) -> Self {
        self.ask(host, path_text, None)
    }

    fn holds(self, host: &str, path_text: &str, since: i64) -> Self {
        self.ask(host, path_text, Some(at(since)))
    }

    fn ask(mut self, name: &str, path_text: &str, since: Option<Timestamp>) -> Self {
        self.0.asks.push(Ask {
            host: host(name),
            path: path(path_text),
            since,
        });
        self
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("a time")
}

fn host(name: &str) -> Host {
    match name {
        "*" => Host::Any,
        name => Host::Named(HostPattern::parse(name).expect("a host")),
    }
}

fn path(text: &str) -> PathPattern {
    PathPattern::parse(text).expect("a path")
}

fn claims(routes: impl IntoIterator<Item = Route>) -> Claims {
    let mut claims = Claims::default();
    for route in routes {
        claims.contend(route.0);
    }
    claims
}

/// Who wins: nobody else is `None`.
#[track_caller]
fn check(claims: &Claims, route: &str, host_name: &str, path_text: &str, winner: Option<&str>) {
    let loss = claims.loss(&route.into(), &host(host_name), &path(path_text));
    assert_eq!(loss.map(|loss| loss.winner.to_string()).as_deref(), winner);
}

#[test]
fn the_older_route_wins_what_nobody_held() {
    let claims = claims([
        route("shop/b").created(1).asks("a.example", "/x"),
        route("shop/a").created(2).asks("a.example", "/x"),
    ]);
    check(&claims, "shop/b", "a.example", "/x", None);
    check(&claims, "shop/a", "a.example", "/x", Some("shop/b"));
}

#[test]
fn routes_of_one_age_win_by_name() {
    let claims = claims([
        route("shop/b").asks("a.example", "/x"),
        route("shop/a").asks("a.example", "/x"),
    ]);
    check(&claims, "shop/b", "a.example", "/x", Some("shop/a"));
}

#[test]
fn an_older_route_edited_to_claim_a_served_host_does_not_get_it() {
    let mut claims = claims([
        route("shop/old").created(1).holds("old.example", "/x", 1),
        route("shop/new").created(9).holds("new.example", "/x", 9),
    ]);
    let edited = route("shop/old")
        .created(1)
        .holds("old.example", "/x", 1)
        .asks("new.example", "/x");
    claims.contend(edited.0);
    check(&claims, "shop/new", "new.example", "/x", None);
    check(&claims, "shop/old", "new.example", "/x", Some("shop/new"));
    check(&claims, "shop/old", "old.example", "/x", None);
}

#[test]
fn a_pair_that_is_held_keeps_its_age_over_an_edit_of_something_else() {
    let mut claims = claims([route("shop/a").created(5).holds("a.example", "/x", 7)]);
    claims.contend(
        route("shop/a")
            .created(5)
            .asks("a.example", "/x")
            .asks("b.example", "/x")
            .0,
    );
    assert_eq!(
        claims.since(&"shop/a".into(), &host("a.example"), &path("/x")),
        Some(at(7))
    );
    assert_eq!(
        claims.since(&"shop/a".into(), &host("b.example"), &path("/x")),
        None
    );
}

#[test]
fn a_stamp_is_an_age_from_then_on() {
    let mut claims = claims([route("shop/new").created(9).asks("a.example", "/x")]);
    claims.stamp(
        &"shop/new".into(),
        &[host("a.example")],
        &path("/x"),
        at(10),
    );
    claims.contend(route("shop/old").created(1).asks("a.example", "/x").0);
    check(&claims, "shop/old", "a.example", "/x", Some("shop/new"));
    check(&claims, "shop/new", "a.example", "/x", None);
}

#[test]
fn another_takes_over_when_the_winner_goes_and_is_told() {
    let mut claims = claims([
        route("shop/a").created(1).asks("a.example", "/x"),
        route("shop/b").created(2).asks("a.example", "/x"),
        route("shop/c").created(3).asks("a.example", "/y"),
    ]);
    let affected = claims.withdraw(&"shop/a".into());
    assert_eq!(affected, BTreeSet::from(["shop/b".into()]));
    check(&claims, "shop/b", "a.example", "/x", None);
}

#[test]
fn conflicts_are_per_host() {
    let claims = claims([
        route("shop/a").created(1).asks("a.example", "/x"),
        route("shop/b")
            .created(2)
            .asks("a.example", "/x")
            .asks("b.example", "/x"),
    ]);
    check(&claims, "shop/b", "a.example", "/x", Some("shop/a"));
    check(&claims, "shop/b", "b.example", "/x", None);
}

#[test]
fn the_first_namespace_to_hold_a_host_holds_all_its_paths() {
    let claims = claims([
        route("shop/a").created(1).asks("a.example", "/x"),
        route("shop/b").created(3).asks("a.example", "/y"),
        route("other/c").created(2).asks("a.example", "/z"),
    ]);
    check(&claims, "shop/b", "a.example", "/y", None);
    check(&claims, "other/c", "a.example", "/z", Some("shop/a"));
    let loss = claims
        .loss(&"other/c".into(), &host("a.example"), &path("/z"))
        .expect("lost");
    assert_eq!(
        loss.to_string(),
        "shop/a holds a.example, so that its paths are for namespace shop"
    );
}

#[test]
fn the_holder_of_a_wildcard_holds_the_names_under_it() {
    let claims = claims([
        route("shop/a").created(1).asks("*.a.example", "/x"),
        route("other/b").created(2).asks("b.a.example", "/y"),
        route("other/c").created(2).asks("*.c.a.example", "/y"),
        route("other/d").created(2).asks("a.example", "/y"),
        route("shop/e").created(2).asks("b.a.example", "/y"),
    ]);
    check(&claims, "other/b", "b.a.example", "/y", Some("shop/a"));
    check(&claims, "other/c", "*.c.a.example", "/y", Some("shop/a"));
    check(&claims, "other/d", "a.example", "/y", None);
    check(&claims, "shop/e", "b.a.example", "/y", None);
}

#[test]
fn a_name_that_was_held_before_stays_with_its_holder() {
    let claims = claims([
        route("other/b").created(9).holds("b.a.example", "/y", 1),
        route("shop/a").created(1).holds("*.a.example", "/x", 2),
        route("shop/c").created(1).asks("b.a.example", "/x"),
    ]);
    check(&claims, "other/b", "b.a.example", "/y", None);
    check(&claims, "shop/a", "*.a.example", "/x", None);
    check(&claims, "shop/c", "b.a.example", "/x", Some("other/b"));
}

#[test]
fn any_host_is_shared_by_path() {
    let claims = claims([
        route("shop/a").created(1).asks("*", "/x"),
        route("other/b").created(2).asks("*", "/y"),
        route("other/c").created(2).asks("*", "/x"),
        route("other/d").created(2).asks("d.example", "/x"),
    ]);
    check(&claims, "other/b", "*", "/y", None);
    check(&claims, "other/c", "*", "/x", Some("shop/a"));
    check(&claims, "other/d", "d.example", "/x", None);
}

#[test]
fn nobody_is_affected_by_a_route_beside_others_on_a_host() {
    let mut claims = Claims::default();
    for number in 0..1000 {
        let name = format!("shop/r{number:04}");
        let affected = claims.contend(
            route(&name)
                .created(number)
                .asks("a.example", &format!("/{number}"))
                .0,
        );
        assert_eq!(affected, BTreeSet::new());
    }
    assert_eq!(claims.withdraw(&"shop/r0000".into()), BTreeSet::new());
    assert_eq!(claims.withdraw(&"shop/r0500".into()), BTreeSet::new());
}

#[test]
fn nothing_is_left_of_routes_that_went() {
    let mut claims = claims([route("shop/a").asks("*.a.example", "/x").asks("*", "/x")]);
    claims.withdraw(&"shop/a".into());
    assert!(claims.places.is_empty() && claims.contenders.is_empty());
}

/// The rules, said at the cost of looking at everything.
fn naive(all: &BTreeMap<Uid, Contender>, uid: &Uid, ask: &Ask) -> Option<RouteName> {
    let own = &all[uid];
    let rank = |contender: &Contender, ask: &Ask| {
        let since = ask.since.unwrap_or(Timestamp::MAX);
        (since, contender.created, contender.name.clone())
    };
    let everybody = || {
        all.values()
            .flat_map(|one| one.asks.iter().map(move |ask| (one, ask)))
    };
    let covers = |other: &Host| match (other, &ask.host) {
        (Host::Named(other), Host::Named(host)) => {
            let bare = host
                .as_str()
                .strip_prefix("*.")
                .map(|name| format!("x.{name}"));
            other == host
                || (other.is_wildcard() && other.matches(bare.as_deref().unwrap_or(host.as_str())))
        }
        _ => false,
    };
    let lord = everybody()
        .filter(|(_, other)| covers(&other.host))
        .min_by_key(|(one, other)| rank(one, other));
    if let Some((lord, _)) = lord
        && lord.name.namespace != own.name.namespace
    {
        return Some(lord.name.clone());
    }
    let same = |one: &Contender, other: &Ask| {
        let shared = ask.host == Host::Any || one.name.namespace == own.name.namespace;
        shared && other.host == ask.host && other.path == ask.path
    };
    let first = everybody()
        .filter(|(one, other)| same(one, other))
        .min_by_key(|(one, other)| rank(one, other));
    first
        .map(|(first, _)| first.name.clone())
        .filter(|first| *first != own.name)
}

fn hosts() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "*",
        "example",
        "a.example",
        "*.example",
        "b.a.example",
        "*.a.example",
        "c.b.a.example",
    ])
}

fn contender() -> impl Strategy<Value = Contender> {
    let ask = (
        hosts(),
        prop::sample::select(vec!["/x", "/y", "/..."]),
        prop::option::of(0..4i64),
    );
    let asks = prop::collection::vec(ask, 0..3);
    (0..2usize, 0..4usize, 0..3i64, asks).prop_map(|(namespace, name, created, asks)| {
        let mut made = route(&format!("n{namespace}/r{name}")).created(created);
        for (host_name, path_text, since) in asks {
            let known = |ask: &Ask| ask.host == host(host_name) && ask.path == path(path_text);
            if !made.0.asks.iter().any(known) {
                made = made.ask(host_name, path_text, since.map(at));
            }
        }
        made.0
    })
}

proptest! {
    #[test]
    fn the_index_says_what_the_rules_say_and_names_everybody_affected(
        steps in prop::collection::vec((contender(), prop::bool::weighted(0.3)), 1..24)
    ) {
        let mut claims = Claims::default();
        for (step, goes) in steps {
            let standings = |claims: &Claims| {
                let asks = claims.contenders.values().flat_map(|one| one.asks.iter().map(|ask| (one.uid.clone(), ask.clone())));
                asks.map(|(uid, ask)| {
                    let loss = claims.loss(&uid, &ask.host, &ask.path);
                    ((uid, ask.host, ask.path), loss)
                }).collect::<HashMap<_, _>>()
            };
            let before = standings(&claims);
            let uid = step.uid.clone();
            let affected = if goes { claims.withdraw(&uid) } else { claims.contend(step) };
            let all: BTreeMap<Uid, Contender> = claims.contenders.clone().into_iter().collect();
            let after = standings(&claims);
            for (key, loss) in &after {
                let ask = all[&key.0].asks.iter().find(|ask| ask.host == key.1 && ask.path == key.2).expect("asked");
                let winner = loss.as_ref().map(|loss| loss.winner.clone());
                prop_assert_eq!(&winner, &naive(&all, &key.0, ask), "{:?}", key);
                if key.0 != uid && before.get(key) != Some(loss) {
                    prop_assert!(affected.contains(&key.0), "{:?} was not named", key);
                }
            }
        }
    }
}
