//! Lists and events go in, snapshots come out.

use crds::document::{Claim, Document as Published, Identity};
use crds::fleet::FailingRoute;
use crds::wagi_route::{Module, WagiRouteSpec};

use super::*;
use crate::source::kubernetes::published::{ListMeta, Meta};

const GRACE: Duration = Duration::from_secs(300);

/// The document of a route that has held its host since a day.
fn text(uid: &str, path: &str, since: u32) -> String {
    document(uid, path, since).encode()
}

fn document(uid: &str, path: &str, since: u32) -> Published {
    Published {
        version: 1,
        route: Identity {
            namespace: "shop".to_owned(),
            name: uid.to_owned(),
            uid: uid.to_owned(),
            generation: 3,
        },
        claims: vec![Claim {
            host: "*".to_owned(),
            since: format!("2026-01-{since:02}T00:00:00.000000Z"),
        }],
        spec: WagiRouteSpec {
            path: Some(path.to_owned()),
            module: Some(Module {
                pull_secrets: None,
                image: Some(format!("r.example/hello@sha256:{}", "0".repeat(64))),
            }),
            ..WagiRouteSpec::default()
        },
        ..Published::default()
    }
}

fn item(uid: &str, version: u64, text: impl Into<String>) -> Item {
    Item {
        metadata: Meta {
            name: names::document_name(uid),
            resource_version: version.to_string(),
            annotations: [(names::ROUTE_ANNOTATION.to_owned(), format!("shop/{uid}"))].into(),
        },
        data: [(names::DOCUMENT_KEY.to_owned(), text.into())].into(),
        ..Item::default()
    }
}

fn fleet(version: u64, fleet: &Fleet) -> Item {
    Item {
        metadata: Meta {
            name: names::FLEET.to_owned(),
            resource_version: version.to_string(),
            ..Meta::default()
        },
        data: [(names::FLEET_KEY.to_owned(), fleet.encode())].into(),
        ..Item::default()
    }
}

fn list(version: u64, items: Vec<Item>) -> List {
    List {
        metadata: ListMeta {
            resource_version: version.to_string(),
        },
        items,
    }
}

fn known() -> Known {
    Known::new("wagi-documents".to_owned())
}

fn take(known: &mut Known, list: List) -> Vec<Keep> {
    known.list(list, Instant::now(), GRACE)
}

/// The routes in their order.
fn names_of(known: &Known) -> Vec<String> {
    let documents = known.snapshot().documents;
    documents
        .iter()
        .map(|document| document.name().name.clone())
        .collect()
}

fn cluster(known: &Known) -> Cluster {
    known.snapshot().cluster.expect("of a cluster")
}

fn many(count: usize) -> Vec<Item> {
    (0..count)
        .map(|number| {
            let uid = format!("u{number:03}");
            item(&uid, 1, text(&uid, "/a", 1))
        })
        .collect()
}

#[test]
fn the_oldest_claim_comes_first_and_then_the_uid() {
    let mut known = known();
    let items = vec![
        item("c", 1, text("c", "/c", 2)),
        item("b", 2, text("b", "/b", 2)),
        item("a", 3, text("a", "/a", 9)),
    ];
    take(&mut known, list(5, items));
    assert_eq!(names_of(&known), ["b", "c", "a"]);
    known.put(item("a", 6, text("a", "/a", 1)));
    assert_eq!(names_of(&known), ["a", "b", "c"]);
}

#[test]
fn a_document_that_says_the_same_stays_the_very_same() {
    let mut known = known();
    take(&mut known, list(5, vec![item("a", 1, text("a", "/a", 1))]));
    assert!(known.take_changed());
    let before = known.snapshot();
    assert!(!known.take_changed());
    let listed = take(&mut known, list(9, vec![item("a", 1, text("a", "/a", 1))]));
    assert_eq!(listed, []);
    assert!(!known.take_changed(), "nothing is new");
    assert_eq!(known.version(), 9);
    // It was written again: whoever wrote it waits to hear that it was seen.
    assert_eq!(known.put(item("a", 10, text("a", "/a", 1))), None);
    assert!(known.take_changed());
    let after = known.snapshot();
    assert!(Arc::ptr_eq(&before.documents[0], &after.documents[0]));
    assert_eq!(cluster(&known).version, 10);
}

#[test]
fn what_is_new_or_gone_is_to_be_kept_on_disk() {
    let mut known = known();
    let (one, other) = (text("a", "/a", 1), text("a", "/b", 1));
    let put = |version, text: &str| Keep::Put {
        name: "r-a".to_owned(),
        version,
        text: text.to_owned(),
    };
    let kept = take(&mut known, list(5, vec![item("a", 1, &*one)]));
    assert_eq!(kept, [put(1, &one)]);
    assert_eq!(known.put(item("a", 6, &*other)), Some(put(6, &other)));
    let removed = Some(Keep::Remove {
        name: "r-a".to_owned(),
    });
    assert_eq!(known.delete(&item("a", 7, "")), removed);
    assert_eq!(known.delete(&item("a", 8, "")), None);
    assert_eq!(names_of(&known), [""; 0]);
    assert_eq!(known.version(), 8);
}

#[test]
fn what_cannot_be_read_changes_nothing_and_is_named() {
    let mut known = known();
    take(&mut known, list(5, vec![item("a", 1, text("a", "/a", 1))]));
    let before = known.snapshot();
    assert_eq!(known.put(item("a", 6, "version: 1")), None);
    assert_eq!(known.put(item("b", 7, text("x", "/b", 1))), None);
    let after = known.snapshot();
    assert_eq!(after.documents.len(), 1);
    assert!(Arc::ptr_eq(&before.documents[0], &after.documents[0]));
    let refused = cluster(&known).refused;
    let said: Vec<_> = refused
        .iter()
        .map(|refused| {
            (
                refused.route.to_string(),
                refused.version,
                refused.has_older,
            )
        })
        .collect();
    let expected = [
        ("shop/a".to_owned(), 6, true),
        ("shop/x".to_owned(), 7, false),
    ];
    assert_eq!(said, expected);
    assert!(refused[1].reason.contains("uid \"x\""), "{:?}", refused[1]);
    let mistake = after.mistakes[0].to_string();
    assert!(
        mistake.starts_with("wagi-documents/r-a: shop/a: not a document"),
        "{mistake}"
    );
    assert_eq!(after.mistakes[0].kept, 1);
    known.put(item("a", 8, text("a", "/c", 1)));
    assert_eq!(cluster(&known).refused.len(), 1);
    known.delete(&item("b", 9, ""));
    assert_eq!(cluster(&known).refused, []);
}

#[test]
fn a_list_that_lacks_most_is_not_believed_for_a_while() {
    let mut known = known();
    take(&mut known, list(1, many(20)));
    let begun = Instant::now();
    known.list(list(2, many(9)), begun, GRACE);
    assert_eq!(known.documents(), 20);
    assert_eq!(cluster(&known).kept, 11);
    // A second one does not begin the time anew.
    known.list(list(3, many(9)), begun + GRACE / 2, GRACE);
    assert_eq!(known.next_expiry(), Some(begun + GRACE));
    // What is back is not kept any more, and what is deleted is gone.
    known.put(item("u019", 4, text("u019", "/a", 1)));
    assert_eq!(cluster(&known).kept, 10);
    known.delete(&item("u018", 5, ""));
    assert_eq!((known.documents(), cluster(&known).kept), (19, 9));
    assert_eq!(known.expire(begun), []);
    assert_eq!(known.expire(begun + GRACE).len(), 9);
    assert_eq!((known.documents(), cluster(&known).kept), (10, 0));
    assert_eq!(known.next_expiry(), None);
}

#[test]
fn a_list_that_lacks_half_or_is_one_of_few_is_believed() {
    let mut known = known();
    take(&mut known, list(1, many(20)));
    assert_eq!(take(&mut known, list(2, many(10))).len(), 10);
    assert_eq!(known.documents(), 10);
    take(&mut known, list(3, many(0)));
    assert_eq!(known.documents(), 0);
}

#[test]
fn what_was_kept_on_disk_is_doubted_like_all_else() {
    let mut known = known();
    known.restore(7, many(30));
    assert!(!cluster(&known).is_listed);
    assert_eq!(cluster(&known).version, 7);
    take(&mut known, list(9, Vec::new()));
    assert!(cluster(&known).is_listed);
    assert_eq!((known.documents(), cluster(&known).kept), (30, 30));
}

#[test]
fn the_first_list_is_news_even_when_it_says_what_the_disk_said() {
    let mut known = known();
    known.restore(7, many(1));
    assert!(known.take_changed());
    take(&mut known, list(9, many(1)));
    assert!(known.take_changed());
}

#[test]
fn what_the_disk_has_and_this_program_cannot_read_is_left_out() {
    let mut known = known();
    known.restore(7, vec![item("a", 1, "{\"version\": 9}")]);
    assert_eq!(known.documents(), 0);
    assert_eq!(cluster(&known).refused, []);
}

#[test]
fn the_fleet_is_known_and_no_news_of_routes() {
    let mut known = known();
    take(&mut known, list(1, Vec::new()));
    known.take_changed();
    let told = Fleet {
        ready: 70,
        failing: vec![FailingRoute::default()],
    };
    assert!(known.put(fleet(2, &told)).is_some());
    assert_eq!(known.put(fleet(3, &told)), None);
    assert_eq!(**known.fleet(), told);
    assert!(!known.take_changed());
}

#[test]
fn objects_of_others_are_none_of_ours() {
    let mut known = known();
    let mut root = item("x", 2, "");
    root.metadata.name = "kube-root-ca.crt".to_owned();
    take(&mut known, list(3, vec![root]));
    assert_eq!((known.documents(), cluster(&known).refused.len()), (0, 0));
}

#[test]
fn a_route_that_was_made_anew_is_served_once() {
    let mut known = known();
    let named = |uid: &str, path: &str| {
        text(uid, path, 1)
            .replace("\"name\": \"a\"", "\"name\": \"x\"")
            .replace("\"name\": \"b\"", "\"name\": \"x\"")
    };
    let items = vec![
        item("a", 9, named("a", "/new")),
        item("b", 1, named("b", "/old")),
    ];
    take(&mut known, list(10, items));
    let documents = known.snapshot().documents;
    assert_eq!(documents.len(), 1);
    assert_eq!(documents[0].route.path.to_string(), "/new");
}

/// A document whose variable A is key `a` of a ConfigMap, and B key `b` of a Secret.
fn with_copies(version: u64, revision: u64) -> Item {
    let mut document = document("u", "/u", 1);
    document.spec.env = serde_json::from_value(serde_json::json!([
        {"name": "A", "valueFrom": {"configMapKeyRef": {"name": "settings", "key": "a"}}},
        {"name": "B", "valueFrom": {"secretKeyRef": {"name": "api", "key": "b"}}},
    ]))
    .expect("variables");
    let copy = |kind, name: &str, copy: &str, revision| crds::copies::CopyReference {
        kind,
        name: name.to_owned(),
        copy: copy.to_owned(),
        revision,
    };
    use crds::references::Kind::{ConfigMap, Secret};
    document.copies = vec![
        copy(ConfigMap, "settings", "c-1", 1),
        copy(Secret, "api", "s-2", revision),
    ];
    document.requires = vec![crds::document::REFERENCES.to_owned()];
    item("u", version, document.encode())
}

fn copy(name: &str, version: u64, revision: u64, key: &str, value: &str) -> Item {
    let revisions = format!("{{\"latest\": {revision}}}");
    Item {
        metadata: Meta {
            name: name.to_owned(),
            resource_version: version.to_string(),
            annotations: [(names::REVISIONS_ANNOTATION.to_owned(), revisions)].into(),
        },
        data: [(key.to_owned(), value.to_owned())].into(),
        ..Item::default()
    }
}

fn secrets(revision: u64, value: &str) -> Arc<Copies> {
    let mut copies = Copies::new();
    assert!(copies::put(
        &mut copies,
        &copy("s-2", 1, revision, "b", value)
    ));
    Arc::new(copies)
}

fn env(known: &Known) -> Vec<String> {
    let documents = known.snapshot().documents;
    let env = documents
        .iter()
        .filter_map(|document| document.given.as_ref().ok());
    let pairs = env.flat_map(|given| &given.env);
    pairs
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

#[test]
fn a_document_waits_for_the_copies_that_it_names_and_is_no_mistake_meanwhile() {
    let mut known = known();
    assert_eq!(
        take(
            &mut known,
            list(5, vec![with_copies(4, 1), copy("c-1", 3, 1, "a", "x")])
        )
        .len(),
        1
    );
    let found = cluster(&known);
    assert!(
        found.refused[0].waits && !found.refused[0].has_older,
        "{found:?}"
    );
    assert!(
        found.refused[0]
            .reason
            .contains("revision 1 of s-2, the copy of Secret api"),
        "{found:?}"
    );
    assert_eq!(known.snapshot().mistakes, []);

    known.secrets(secrets(1, "Zmlyc3Q="));
    let keep = known.release();
    assert!(
        matches!(&keep[..], [Keep::Put { name, .. }] if name == "r-u"),
        "{keep:?}"
    );
    assert_eq!(cluster(&known).refused, []);
    assert_eq!(env(&known), ["A=x", "B=first"]);
}

#[test]
fn what_is_served_stays_until_the_new_copies_are_there() {
    let mut known = known();
    known.secrets(secrets(1, "Zmlyc3Q="));
    take(
        &mut known,
        list(5, vec![copy("c-1", 3, 1, "a", "x"), with_copies(4, 1)]),
    );
    assert_eq!(env(&known), ["A=x", "B=first"]);
    // The disk keeps what is served.
    assert_eq!(known.put(with_copies(6, 2)), None);
    assert!(cluster(&known).refused[0].has_older);
    assert_eq!(env(&known), ["A=x", "B=first"]);
    // A newer copy alone changes nothing of what is served: a document follows it.
    known.put(copy("c-1", 7, 2, "a", "y"));
    assert!(known.release().is_empty());
    assert_eq!(env(&known), ["A=x", "B=first"]);
    known.secrets(secrets(2, "c2Vjb25k"));
    assert_eq!(known.release().len(), 1);
    assert_eq!(env(&known), ["A=y", "B=second"]);
}

#[test]
fn what_was_kept_is_served_with_what_was_kept_of_its_copies() {
    let mut first = known();
    first.secrets(secrets(1, "Zmlyc3Q="));
    let keep = take(
        &mut first,
        list(5, vec![copy("c-1", 3, 1, "a", "x"), with_copies(4, 1)]),
    );
    let kept = keep.into_iter().filter_map(|keep| match keep {
        Keep::Put {
            name,
            version,
            text,
        } => Item::kept(name, version, text),
        Keep::Remove { .. } => None,
    });
    let mut again = known();
    again.secrets(secrets(1, "Zmlyc3Q="));
    again.restore(5, kept.collect());
    again.release();
    assert_eq!(env(&again), ["A=x", "B=first"]);
}

#[test]
fn nothing_prints_what_a_copy_holds() {
    let item = copy("s-2", 1, 1, "b", "Zmlyc3Q=");
    let printed = format!(
        "{item:?} {:?} {:?}",
        secrets(1, "Zmlyc3Q="),
        copies::keep(item.clone())
    );
    assert!(
        !printed.contains("Zmlyc3Q") && !printed.contains("first"),
        "{printed}"
    );
}
