use super::*;
use crate::testing::{Publish, digest, route};

fn object() -> ConfigMap {
    let route = route("shop/hello").on(&["a.example", "*.b.example"], "/x/...");
    route.generation(3).document(7, &digest('1')).object(12)
}

/// What is taken from an object after a change.
fn changed(change: impl FnOnce(&mut ConfigMap)) -> Option<(Uid, Arc<Published>)> {
    let mut object = object();
    change(&mut object);
    Published::reduce(object)
}

fn published(change: impl FnOnce(&mut ConfigMap)) -> Arc<Published> {
    changed(change).expect("a document").1
}

#[test]
fn a_document_says_whose_it_is_and_what_it_is_made_of() {
    let (uid, published) = changed(|_| {}).expect("a document");
    assert_eq!(&*uid, "shop-hello");
    assert_eq!(published.object_uid, "object-of-shop-hello");
    assert_eq!(published.version, 12);
    assert!(published.is_labelled);
    let name = published.route_name().expect("a name");
    assert_eq!(name.to_string(), "shop/hello");
    let facts = published.facts.as_ref().expect("facts");
    assert_eq!(facts.generation, 3);
    let resolved = published.resolved().expect("a digest");
    assert_eq!(
        (resolved.image.as_str(), &resolved.digest),
        ("r.example/a:1", &digest('1'))
    );
}

#[test]
fn it_holds_its_hosts_with_its_path_since_it_was_published() {
    let asks = published(|_| {}).asks();
    let said = asks.iter().map(|ask| {
        let since = ask.since.expect("an age");
        format!("{} {} {}", ask.host, ask.path, since.as_second())
    });
    assert_eq!(
        said.collect::<Vec<_>>(),
        ["a.example /x/... 7", "*.b.example /x/... 7"]
    );
    let any = route("shop/hello").published(1, 0).asks();
    assert_eq!(any[0].host, Host::Any);
}

#[test]
fn an_object_of_another_name_is_no_document() {
    assert_eq!(changed(|o| o.metadata.name = Some("fleet".into())), None);
    assert_eq!(changed(|o| o.metadata.name = None), None);
}

#[test]
fn what_somebody_took_from_an_object_is_missed_and_the_rest_is_read() {
    let published = published(|object| {
        object.data = None;
        object.metadata.labels = None;
        object.metadata.annotations = None;
    });
    assert_eq!((published.text.as_str(), &published.facts), ("", &None));
    assert!(!published.is_labelled);
    assert_eq!(published.route_name(), None);
    assert_eq!(published.asks(), []);
    assert_eq!(published.version, 12);
}

#[test]
fn an_object_with_another_label_is_not_labelled_as_a_document() {
    let other = published(|object| {
        object.metadata.labels = Some([(KIND_LABEL.to_owned(), "fleet".to_owned())].into());
    });
    assert!(!other.is_labelled);
}

#[test]
fn a_text_that_cannot_be_read_holds_nothing() {
    let text = |text: &str| {
        let data = [(DOCUMENT_KEY.to_owned(), text.to_owned())].into();
        published(|object| object.data = Some(data))
    };
    let newer = object().data.expect("data")[DOCUMENT_KEY].replacen("1", "9", 1);
    for unreadable in ["no document", "{}", &newer] {
        let published = text(unreadable);
        assert_eq!(published.facts, None, "{unreadable}");
        assert_eq!(published.text, unreadable);
        assert_eq!(published.asks(), []);
    }
}

#[test]
fn a_host_or_an_age_that_cannot_be_read_takes_nothing_from_the_others() {
    let mut document = route("shop/hello")
        .on(&["a.example", "b.example"], "/x")
        .document(7, &digest('1'));
    document.claims[0].host = "no host".to_owned();
    document.claims[1].since = "yesterday".to_owned();
    let asks = document.published(1).asks();
    assert_eq!(asks.len(), 1);
    assert_eq!(
        (asks[0].host.to_string(), asks[0].since),
        ("b.example".to_owned(), None)
    );
}

#[test]
fn a_version_that_is_no_number_is_older_than_any() {
    let odd = published(|o| o.metadata.resource_version = Some("x".into()));
    assert_eq!(odd.version, 0);
}
