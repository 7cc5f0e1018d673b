//! What a crash leaves, and what is read after it.

use super::*;

fn put(name: &str, text: &str) -> Keep {
    Keep::Put {
        name: name.to_owned(),
        version: 7,
        text: text.to_owned(),
    }
}

fn changes(changes: Vec<Keep>) -> BTreeMap<String, Keep> {
    changes
        .into_iter()
        .map(|change| (change.name().to_owned(), change))
        .collect()
}

fn reopen(folder: &Path) -> Restored {
    Log::open(folder).expect("a file").1
}

fn texts(restored: &Restored) -> Vec<(&str, &str)> {
    restored
        .texts
        .iter()
        .map(|(name, _, text)| (&**name, &**text))
        .collect()
}

#[test]
fn what_was_kept_is_read_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = dir.path().join("documents");
    let (journal, restored) = Journal::open(&folder).expect("a file");
    assert_eq!(restored, Restored::default());
    journal
        .keeper()
        .keep(vec![put("a", "one"), put("b", "two\nlines")], 8);
    journal
        .keeper()
        .keep(vec![put("a", "three"), put("c", "")], 9);
    drop(journal);
    let (journal, restored) = Journal::open(&folder).expect("a file");
    assert_eq!(restored.version, 9);
    assert_eq!(
        texts(&restored),
        [("a", "three"), ("b", "two\nlines"), ("c", "")]
    );
    let name = "b".to_owned();
    journal.keeper().keep(vec![Keep::Remove { name }], 10);
    drop(journal);
    let restored = reopen(&folder);
    assert_eq!(restored.version, 10);
    assert_eq!(texts(&restored), [("a", "three"), ("c", "")]);
}

#[test]
fn a_file_torn_anywhere_is_read_up_to_there_and_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = Log::open(dir.path()).expect("a file");
    log.add(&changes(vec![put("a", "one")]), 1).expect("added");
    let first = log.size;
    log.add(&changes(vec![put("a", "two"), put("b", "three")]), 2)
        .expect("added");
    let whole = fs::read(dir.path().join("documents")).expect("the file");
    for length in 0..whole.len() {
        fs::write(dir.path().join("documents"), &whole[..length]).expect("a torn file");
        let (mut log, restored) = Log::open(dir.path()).expect("a file");
        if length as u64 >= first {
            assert!(!restored.texts.is_empty(), "{length}");
            assert!(restored.version >= 1, "{length}");
        }
        log.add(&changes(vec![put("c", "four")]), 3).expect("added");
        let restored = reopen(dir.path());
        assert_eq!(restored.version, 3, "{length}");
        assert!(texts(&restored).contains(&("c", "four")), "{length}");
    }
}

#[test]
fn a_flipped_bit_ends_the_file() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = Log::open(dir.path()).expect("a file");
    log.add(&changes(vec![put("a", "one")]), 1).expect("added");
    let first = usize::try_from(log.size).expect("small");
    log.add(&changes(vec![put("a", "two")]), 2).expect("added");
    let path = dir.path().join("documents");
    let whole = fs::read(&path).expect("the file");
    for at in first..whole.len() - 40 {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        fs::write(&path, bytes).expect("a damaged file");
        let restored = reopen(dir.path());
        assert_eq!(texts(&restored), [("a", "one")], "{at}");
    }
    fs::write(&path, "something else\n").expect("a foreign file");
    assert_eq!(reopen(dir.path()), Restored::default());
}

#[test]
fn a_file_of_old_texts_is_rewritten() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut log, _) = Log::open(dir.path()).expect("a file");
    let text = "x".repeat(100_000);
    for round in 0..100 {
        let kept = changes(vec![put("a", &text), put("b", &format!("{round}"))]);
        log.add(&kept, round).expect("added");
        assert!(log.size < 2 * SMALLEST, "{}", log.size);
    }
    let restored = reopen(dir.path());
    assert_eq!(restored.version, 99);
    assert_eq!(texts(&restored), [("a", &*text), ("b", "99")]);
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a folder");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).expect("a mode");
    let error = Log::open(dir.path()).err().expect("refused");
    assert!(error.to_string().contains("--store"), "{error}");
    // Below it a folder of our own is as good as any.
    let folder = dir.path().join("documents");
    assert!(Log::open(&folder).is_ok());
}
