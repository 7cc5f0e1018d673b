use super::*;

fn namespaces(world: &World) -> Vec<String> {
    world.namespaces().into_iter().collect()
}

fn changed(world: &mut World) -> bool {
    world.take_due().namespaces
}

#[test]
fn a_namespace_counts_while_one_of_its_routes_is_published() {
    let mut world = served(&[route("shop/a"), route("shop/b"), route("other/c")]);
    assert_eq!(namespaces(&world), ["other", "shop"]);

    world.forget_document(&"shop-a".into(), u64::MAX);
    assert!(!changed(&mut world), "there is another");
    world.forget_document(&"shop-b".into(), u64::MAX);
    assert!(changed(&mut world));
    assert_eq!(namespaces(&world), ["other"]);
}
