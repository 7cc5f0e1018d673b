//! What references were resolved to.

use std::time::{Duration, SystemTime};

use super::*;

const TEXT: &str = "registry.example/team/hello:1";

fn pinned(number: u8) -> Pinned {
    Pinned {
        manifest: digest(&[number]),
        module: digest(&[number, number]),
        size: u64::from(number),
    }
}

fn only_reference(store: &Store) -> PathBuf {
    let folder = store.folder().join("references");
    let mut entries = fs::read_dir(folder).expect("a folder of the store");
    let path = entries.next().expect("a file").expect("an entry").path();
    assert!(entries.next().is_none(), "there is one");
    path
}

#[test]
fn answers_survive_a_restart_and_are_replaced_as_a_whole() {
    let folder = folder();
    let store = open(&folder, LARGE);
    assert_eq!(store.recall(TEXT), None);
    store.remember(TEXT, &pinned(1)).expect("a file");
    store.remember("other", &pinned(3)).expect("a file");
    store.remember(TEXT, &pinned(2)).expect("a file");
    drop(store);
    let store = open(&folder, LARGE);
    assert_eq!(store.recall(TEXT), Some(pinned(2)));
    assert_eq!(store.recall("other"), Some(pinned(3)));
    store.forget(TEXT).expect("it is there");
    store.forget(TEXT).expect("it is gone already");
    assert_eq!(store.recall(TEXT), None);
    assert_eq!(files(&store), NO_FILES);
}

#[test]
fn any_text_is_a_reference() {
    let folder = folder();
    let store = open(&folder, LARGE);
    for text in [
        "",
        "../../etc/passwd",
        "a/b\0c",
        "ü\n\"",
        &"long ".repeat(1000),
    ] {
        store.remember(text, &pinned(1)).expect("a file");
        assert_eq!(store.recall(text), Some(pinned(1)), "{text:?}");
    }
    let endless = "a".repeat(1 << 20);
    let refused = store
        .remember(&endless, &pinned(1))
        .expect_err("no reference is so long");
    assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
    assert_eq!(files(&store), NO_FILES);
}

#[test]
fn damaged_answers_are_removed() {
    let folder = folder();
    let store = open(&folder, LARGE);
    store.remember("other", &pinned(1)).expect("a file");
    let other = fs::read(only_reference(&store)).expect("a file");
    store.forget("other").expect("it is there");
    let cases: [&[u8]; 5] = [b"", b"{", b"{}", b"\xff", &other];
    for bytes in cases {
        store.remember(TEXT, &pinned(1)).expect("a file");
        fs::write(only_reference(&store), bytes).expect("a file");
        assert_eq!(store.recall(TEXT), None);
        let left = fs::read_dir(store.folder().join("references"));
        assert_eq!(left.expect("a folder").count(), 0);
    }
}

#[test]
fn an_answer_that_is_known_is_not_written_again() {
    let folder = folder();
    let store = open(&folder, LARGE);
    store.remember(TEXT, &pinned(1)).expect("a file");
    let first = fs::metadata(only_reference(&store)).expect("a file").ino();
    store.remember(TEXT, &pinned(1)).expect("it is there");
    assert_eq!(
        fs::metadata(only_reference(&store)).expect("a file").ino(),
        first
    );
}

#[test]
fn answers_that_are_asked_for_stay_young() {
    let folder = folder();
    let store = open(&folder, LARGE);
    store.remember(TEXT, &pinned(1)).expect("a file");
    let file = fs::File::open(only_reference(&store)).expect("a file");
    let old = SystemTime::now() - Duration::from_secs(100_000);
    file.set_modified(old).expect("it is ours");
    assert_eq!(store.recall(TEXT), Some(pinned(1)));
    assert!(file.metadata().expect("a file").modified().expect("a time") > old);
}
