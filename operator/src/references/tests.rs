//! What routes refer to comes, changes and goes; what is due, and what copies are to have.

use super::*;

fn uid(text: &str) -> Uid {
    text.into()
}

fn wanted(object: Object, keys: &[&str]) -> BTreeMap<Object, Wanted> {
    let keys = keys.iter().map(|key| ((*key).to_owned(), true));
    let wanted = Wanted {
        whole: false,
        keys: keys.collect(),
    };
    [(object, wanted)].into()
}

fn api() -> Object {
    Object::secret("api")
}

fn source() -> Source {
    Source {
        namespace: "shop".to_owned(),
        object: api(),
    }
}

fn place() -> Place {
    source().place()
}

fn read(version: u64, data: &[(&str, &str)]) -> Read {
    Read {
        uid: "u-1".to_owned(),
        version,
        data: Arc::new(data.iter().copied().collect()),
    }
}

/// A Secret `api` that route `a` needs key `k` of, read in version 5.
fn references() -> References {
    let mut references = References::default();
    references.refer(&uid("a"), "shop", &wanted(api(), &["k"]));
    references.observe(source(), "u-1".to_owned(), 5);
    references.listed(&place(), &["api".to_owned()].into());
    references.read(&source(), Some(read(5, &[("k", "one"), ("other", "x")])));
    references.take_due();
    references
}

/// As if what is to be written was written.
fn write(references: &mut References, version: u64) -> Arc<Copied> {
    let name = uid("s-u-1");
    let (source, content) = references.content(&name).expect("somebody needs it");
    let copied = Arc::new(Copied {
        object_uid: "o".to_owned(),
        version,
        namespace: source.namespace,
        name: source.object.name,
        revisions: content.revisions,
        data: content.data,
        is_labelled: true,
    });
    references.copied(&name, Arc::clone(&copied));
    copied
}

fn names(copied: &Copied, keys: &[&str]) -> Vec<(Uid, Named)> {
    let wanted = wanted(api(), keys)
        .remove(&api())
        .expect("it was put there");
    let revision = copied.revisions.of(&wanted);
    vec![(uid("s-u-1"), Named { wanted, revision })]
}

#[test]
fn a_route_waits_until_what_it_refers_to_was_read() {
    let mut references = References::default();
    let needs = wanted(api(), &["k"]);
    assert_eq!(references.refer(&uid("a"), "shop", &needs), Standing::Waits);
    assert!(references.take_due().places);
    assert_eq!(references.places(), [place()].into());
    references.observe(source(), "u-1".to_owned(), 5);
    let due = references.take_due();
    assert_eq!(due.reads, [source().key()].into());
    assert_eq!(Source::of_key(&source().key()), Some(source()));
    references.listed(&place(), &["api".to_owned()].into());
    assert_eq!(references.refer(&uid("a"), "shop", &needs), Standing::Waits);
    references.take_due();
    references.read(&source(), Some(read(5, &[("k", "one")])));
    assert_eq!(references.take_due().routes, [uid("a")].into());
    let Standing::Found(found) = references.refer(&uid("a"), "shop", &needs) else {
        panic!("it was read")
    };
    assert_eq!(found[&api()].data.0["k"], b"one");
}

#[test]
fn what_is_not_there_or_not_permitted_is_known_and_so_is_the_end_of_it() {
    let mut references = References::default();
    let needs = wanted(api(), &["k"]);
    references.refer(&uid("a"), "shop", &needs);
    references.forbidden(&place());
    assert_eq!(references.take_due().routes, [uid("a")].into());
    assert_eq!(
        references.refer(&uid("a"), "shop", &needs),
        Standing::Forbidden(place())
    );
    let said = place().grant("wagi-system");
    assert!(
        said.ends_with(
            "kubectl create rolebinding wagi-refs-reader --clusterrole=wagi-refs-reader \
         --serviceaccount=wagi-system:wagi-operator --namespace=shop"
        ),
        "{said}"
    );
    references.listed(&place(), &HashSet::new());
    assert_eq!(references.take_due().routes, [uid("a")].into());
    let standing = references.refer(&uid("a"), "shop", &needs);
    assert_eq!(standing, Standing::Found(BTreeMap::new()));
    references.observe(source(), "u-1".to_owned(), 5);
    assert_eq!(references.take_due().reads, [source().key()].into());
}

#[test]
fn an_object_that_moved_is_read_once_and_nobody_else_s_is() {
    let mut references = references();
    references.observe(source(), "u-1".to_owned(), 5);
    references.observe(place().source("other"), "u-2".to_owned(), 6);
    assert!(references.take_due().reads.is_empty());
    references.observe(source(), "u-1".to_owned(), 7);
    assert_eq!(references.take_due().reads, [source().key()].into());
    assert_eq!(
        references.refer(&uid("a"), "shop", &wanted(api(), &["k"])),
        Standing::Waits
    );
    references.gone(&source());
    assert_eq!(references.take_due().routes, [uid("a")].into());
}

#[test]
fn a_place_is_watched_as_long_as_a_route_refers_to_it() {
    let mut references = references();
    references.refer(&uid("b"), "shop", &wanted(api(), &["k"]));
    references.forget(&uid("a"));
    assert!(!references.take_due().places);
    references.forget(&uid("b"));
    let due = references.take_due();
    assert!(due.places && references.places().is_empty());
    // Needed anew it is watched anew: what was listed is forgotten.
    let mut again = self::references();
    let before = again.watches();
    again.forget(&uid("a"));
    again.refer(&uid("a"), "shop", &wanted(api(), &["k"]));
    assert!(again.watches().is_disjoint(&before));
    assert_eq!(due.copies, [uid("s-u-1")].into());
}

#[test]
fn a_copy_has_what_routes_name_and_no_more() {
    let mut references = references();
    let copied = write(&mut references, 1);
    assert!(copied.data.0.keys().eq(["k"]));
    assert_eq!(copied.revisions.latest, 1);
    references.refer(&uid("b"), "shop", &wanted(api(), &["other"]));
    let copied = write(&mut references, 2);
    assert_eq!((copied.data.0.len(), copied.revisions.latest), (2, 2));
    // Whoever needs what was there before is not told of another revision.
    assert_eq!(names(&copied, &["k"])[0].1.revision, 1);
    assert_eq!(names(&copied, &["other"])[0].1.revision, 2);
    // What is taken away brings nothing new.
    references.forget(&uid("b"));
    let copied = write(&mut references, 3);
    assert_eq!((copied.data.0.len(), copied.revisions.latest), (1, 2));
}

#[test]
fn a_value_that_changes_is_another_revision() {
    let mut references = references();
    write(&mut references, 1);
    references.read(&source(), Some(read(6, &[("k", "one"), ("other", "y")])));
    assert_eq!(write(&mut references, 2).revisions.latest, 1);
    references.read(&source(), Some(read(7, &[("k", "two")])));
    let copied = write(&mut references, 3);
    assert_eq!(
        (copied.revisions.latest, copied.revisions.keys["k"]),
        (2, 2)
    );
}

#[test]
fn a_key_that_goes_is_another_revision_for_who_can_be_without_it() {
    let mut references = references();
    let mut optional = wanted(api(), &["k"]);
    let keys = &mut optional.get_mut(&api()).expect("it was put there").keys;
    keys.insert("k".to_owned(), false);
    references.refer(&uid("a"), "shop", &optional);
    let revision = |copied: &Copied| copied.revisions.of(&optional[&api()]);
    assert_eq!(revision(&write(&mut references, 1)), 1);
    references.read(&source(), Some(read(6, &[])));
    let copied = write(&mut references, 2);
    assert_eq!((copied.data.0.len(), revision(&copied)), (0, 2));
    assert_eq!(revision(&write(&mut references, 3)), 2);
    references.read(&source(), Some(read(7, &[("k", "back")])));
    assert_eq!(revision(&write(&mut references, 4)), 3);
}

#[test]
fn what_a_published_document_cannot_be_without_stays_in_the_copy() {
    let mut references = references();
    let copied = write(&mut references, 1);
    references.document(&uid("a"), &names(&copied, &["k"]));
    references.read(&source(), Some(read(6, &[])));
    let copied = write(&mut references, 2);
    assert_eq!(
        (&*copied.data.0["k"], copied.revisions.latest),
        (&b"one"[..], 1)
    );
    // Also when the object is gone, as long as the document is there.
    references.gone(&source());
    assert_eq!(&*write(&mut references, 3).data.0["k"], b"one");
    references.document(&uid("a"), &[]);
    references.forget(&uid("a"));
    assert_eq!(references.content(&uid("s-u-1")), None);
}

#[test]
fn a_copy_that_was_lost_is_made_in_a_revision_that_documents_do_not_know() {
    let mut references = references();
    let copied = write(&mut references, 1);
    references.document(&uid("a"), &names(&copied, &["k"]));
    references.take_due();
    references.forget_copy(&uid("s-u-1"), 1);
    assert_eq!(references.take_due().routes, [uid("a")].into());
    assert_eq!(write(&mut references, 2).revisions.latest, 2);
}

#[test]
fn nothing_prints_what_an_object_holds() {
    let mut references = references();
    write(&mut references, 1);
    let printed = format!("{references:?}");
    assert!(
        printed.contains("api") && !printed.contains("one"),
        "{printed}"
    );
    assert!(!printed.contains("111, 110, 101"), "{printed}");
}
