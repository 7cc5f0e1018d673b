//! What a look from outside sees, and what pruning removes.

use std::time::{Duration, SystemTime};

use super::*;

fn pin(store: &Store, reference: &str, module: &[u8]) {
    let pinned = Pinned {
        manifest: digest(b"manifest"),
        module: digest(module),
        size: module.len() as u64,
    };
    store.remember(reference, &pinned).expect("a file");
}

#[test]
fn a_look_sees_modules_code_and_references_while_the_store_is_held() {
    let folder = folder();
    let store = open(&folder, LARGE);
    publish(&store, b"module").expect("there is room");
    compile(&store, &key(b"module", "0a"), b"code").expect("there is room");
    pin(&store, "one:1", b"module");
    pin(&store, "two:1", b"module");
    pin(&store, "three:1", b"absent");
    let inventory = Inventory::read(store.folder()).expect("a store");
    let kinds: Vec<_> = inventory
        .items
        .iter()
        .map(|item| (&item.kind, item.size))
        .collect();
    assert_eq!(
        kinds,
        [(&Kind::Blob, 6), (&Kind::Compiled("0a".to_owned()), 4)]
    );
    let references: Vec<_> = inventory.references_to(digest(b"module")).collect();
    assert_eq!(references, ["one:1", "two:1"]);
    assert_eq!(inventory.references.len(), 3);
    assert_eq!(inventory.bytes(), 10);
    assert_eq!(inventory.verify(), []);
}

#[test]
fn verifying_names_every_damage_and_changes_nothing() {
    let folder = folder();
    let store = open(&folder, LARGE);
    publish(&store, b"good").expect("there is room");
    publish(&store, b"bad").expect("there is room");
    pin(&store, "one:1", b"good");
    let bad = store
        .0
        .folder
        .path_of(&Key::Blob(digest(b"bad")), digest(b"bad"));
    overwrite(&bad, b"bud");
    let reference = fs::read_dir(store.folder().join("references")).expect("a folder");
    let reference = reference
        .map(|entry| entry.expect("an entry").path())
        .next()
        .expect("one");
    fs::write(&reference, b"{").expect("a file");
    let inventory = Inventory::read(store.folder()).expect("a store");
    for _ in 0..2 {
        let reasons: Vec<_> = inventory
            .verify()
            .into_iter()
            .map(|d| (d.path, d.reason))
            .collect();
        assert_eq!(
            reasons,
            [
                (
                    bad.clone(),
                    "its content is not what its name says".to_owned()
                ),
                (reference.clone(), "it is damaged".to_owned()),
            ]
        );
    }
    fs::remove_file(&bad).expect("ours");
    assert_eq!(
        inventory.verify().len(),
        1,
        "what went meanwhile is not damaged"
    );
}

#[test]
fn a_folder_that_is_no_store_is_said_and_left_alone() {
    let folder = folder();
    let absent = folder.path().join("absent");
    let error = Inventory::read(&absent).expect_err("there is none");
    assert_eq!(
        error.to_string(),
        format!("there is no store in {}", absent.display())
    );
    assert!(!absent.exists());
    let error = Inventory::read(folder.path()).expect_err("it is empty");
    assert!(matches!(error, OpenError::Absent(_)), "{error}");
}

#[test]
fn pruning_removes_what_no_reference_leads_to_and_superseded_code() {
    let folder = folder();
    let store = open(&folder, LARGE);
    for module in [&b"kept"[..], b"unreferenced", b"held"] {
        publish(&store, module).expect("there is room");
        compile(&store, &key(module, "0a"), b"old code").expect("there is room");
    }
    let old = store.0.folder.entries().expect("a folder");
    for (key, stored) in &old {
        let path = store.0.folder.path_of(key, stored.content);
        let file = fs::File::open(path).expect("a file");
        let hour_ago = SystemTime::now() - Duration::from_secs(3600);
        file.set_modified(hour_ago).expect("it is ours");
    }
    compile(&store, &key(b"kept", "0b"), b"new").expect("there is room");
    pin(&store, "kept:1", b"kept");
    let _hold = store.hold(&digest(b"held"));
    let pruned = store.prune(None).expect("all can be removed");
    assert_eq!(
        pruned,
        Pruned {
            blobs: 1,
            compiled: 2,
            references: 0,
            bytes: 12 + 8 + 8,
        }
    );
    assert!(store.has_blob(&digest(b"kept")));
    assert!(store.has_blob(&digest(b"held")));
    assert!(store.compiled(&key(b"kept", "0b")).is_some());
    assert!(store.compiled(&key(b"held", "0a")).is_some());
    assert!(store.recall("kept:1").is_some());
    assert_eq!(store.usage().bytes, bytes_on_disk(&store));
    assert_eq!(
        store.prune(None).expect("nothing is left to do"),
        Pruned::default()
    );
}

#[test]
fn pruning_by_age_removes_old_references_and_what_they_led_to() {
    let folder = folder();
    let store = open(&folder, LARGE);
    publish(&store, b"module").expect("there is room");
    pin(&store, "one:1", b"module");
    let hour = Duration::from_secs(3600);
    let kept = store
        .prune(Some(SystemTime::now() - hour))
        .expect("nothing is old");
    assert_eq!(kept, Pruned::default());
    let pruned = store
        .prune(Some(SystemTime::now() + hour))
        .expect("all is old");
    assert_eq!((pruned.blobs, pruned.references, pruned.bytes), (1, 1, 6));
    assert_eq!(store.recall("one:1"), None);
    assert_eq!(bytes_on_disk(&store), 0);
}
