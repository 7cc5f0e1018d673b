use serde_json::json;

use crate::testing::{at, route};

#[test]
fn of_an_object_all_that_counts_is_kept() {
    let seen = route("shop/hello")
        .generation(3)
        .version(12)
        .created(7)
        .resolve("again")
        .image("r.example/b:2")
        .status(json!({"nodes": "1/3"}))
        .seen();
    assert_eq!(
        (&*seen.uid, seen.name.to_string()),
        ("shop-hello", "shop/hello".to_owned())
    );
    assert_eq!(
        (seen.generation, seen.version, seen.created),
        (3, 12, at(7))
    );
    assert_eq!(seen.resolve.as_deref(), Some("again"));
    assert_eq!(seen.image(), Some("r.example/b:2"));
    assert_eq!(seen.status.nodes.as_deref(), Some("1/3"));
}

#[test]
fn a_route_that_is_being_deleted_is_gone() {
    assert_eq!(route("shop/hello").being_deleted().reduced(), None);
}

#[test]
fn an_object_that_cannot_be_read_is_kept_by_its_name_with_what_is_wrong() {
    let seen = route("shop/hello").spec("suspend", json!("maybe")).seen();
    assert_eq!(seen.name.to_string(), "shop/hello");
    let wrong = seen.spec.as_ref().expect_err("unreadable");
    assert!(wrong.contains("maybe"), "{wrong}");
    assert_eq!(seen.image(), None);
}
