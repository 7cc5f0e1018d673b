//! The bound, the order in which things go, and what may not go.

use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;

/// Ten bytes that differ by their number.
fn ten(number: u8) -> [u8; 10] {
    [number; 10]
}

fn names(store: &Store, numbers: std::ops::Range<u8>) -> Vec<u8> {
    let is_there = |number: &u8| store.has_blob(&digest(&ten(*number)));
    numbers.filter(is_there).collect()
}

#[test]
fn what_was_not_used_for_longest_goes_first() {
    let folder = folder();
    let store = open(&folder, 30);
    for number in 0..3 {
        publish(&store, &ten(number)).expect("there is room");
    }
    assert!(read(&store, &digest(&ten(0))).is_some());
    publish(&store, &ten(3)).expect("another can go");
    assert_eq!(names(&store, 0..9), [0, 2, 3]);
    publish(&store, &[7; 20]).expect("others can go");
    assert_eq!(names(&store, 0..9), [3]);
    assert_eq!((store.usage().evictions, store.usage().bytes), (3, 30));
    assert_eq!(bytes_on_disk(&store), 30);
}

#[test]
fn the_order_of_use_survives_a_restart() {
    let folder = folder();
    let store = open(&folder, LARGE);
    let hour = Duration::from_secs(3600);
    let now = SystemTime::now();
    for (number, hours) in [(0, 1), (1, 3), (2, 2)] {
        publish(&store, &ten(number)).expect("there is room");
        let path = store
            .0
            .folder
            .path_of(&Key::Blob(digest(&ten(number))), digest(&ten(number)));
        let file = fs::File::open(path).expect("a file");
        file.set_modified(now - hour * hours).expect("it is ours");
    }
    drop(store);
    let store = open(&folder, 30);
    publish(&store, &ten(3)).expect("another can go");
    assert_eq!(names(&store, 0..9), [0, 2, 3]);
}

#[test]
fn a_use_reaches_the_disk_at_most_once_a_minute() {
    let folder = folder();
    let store = open(&folder, LARGE);
    let blob = publish(&store, b"module").expect("there is room");
    let path = only_file(&store);
    let used = || {
        fs::metadata(&path)
            .expect("a file")
            .modified()
            .expect("a time")
    };
    let published = used();
    assert!(read(&store, &blob).is_some());
    assert_eq!(
        used(),
        published,
        "a use right after another is not written"
    );
    drop(store);
    let old = SystemTime::now() - Duration::from_secs(61);
    fs::File::open(&path)
        .expect("a file")
        .set_modified(old)
        .expect("it is ours");
    let store = open(&folder, LARGE);
    assert!(read(&store, &blob).is_some());
    assert!(used() > old);
}

#[test]
fn what_is_held_never_goes_nor_does_its_code() {
    let folder = folder();
    let store = open(&folder, 30);
    let hold = store.hold(&digest(&ten(0)));
    publish(&store, &ten(0)).expect("there is room");
    compile(&store, &key(&ten(0), "0a"), b"0123456789").expect("there is room");
    for number in 1..5 {
        publish(&store, &ten(number)).expect("the other one can go");
    }
    assert_eq!(names(&store, 0..9), [0, 4]);
    assert!(store.compiled(&key(&ten(0), "0a")).is_some());
    let other = hold.clone();
    drop(hold);
    let refused = publish(&store, &[9; 20]).expect_err("one of two holders is left");
    assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    assert_eq!(
        refused.to_string(),
        "no room for 20 bytes: 20 of the store's 30 are in use by what is served; raise --store-size"
    );
    assert_eq!(names(&store, 0..9), [0, 4], "nothing goes in vain");
    assert_eq!(bytes_on_disk(&store), 30);
    drop(other);
    publish(&store, &[9; 20]).expect("nobody holds it any more");
    assert_eq!(store.usage().bytes, 30);
}

#[test]
fn what_is_larger_than_the_store_is_refused_before_it_is_written() {
    let folder = folder();
    let store = open(&folder, 30);
    publish(&store, &ten(0)).expect("there is room");
    let mut blob = store.begin_blob().expect("a file");
    blob.write_all(&[1; 30]).expect("it might fit");
    let refused = blob.write_all(&[1]).expect_err("it cannot fit");
    assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    // A child's file is only measured when it is published.
    let refused = compile(&store, &key(b"a", "0a"), &[1; 31]).expect_err("it cannot fit");
    assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(
        refused.to_string(),
        "31 bytes are more than the whole store may have (30); raise --store-size"
    );
    drop(blob);
    assert_eq!(names(&store, 0..9), [0]);
    assert_eq!(files(&store).len(), 1);
}

#[test]
fn what_was_refused_can_still_be_read() {
    let folder = folder();
    let store = open(&folder, 30);
    let mut code = store.begin_compiled().expect("a file");
    code.file().write_all(&[1; 31]).expect("the disk takes it");
    code.publish_compiled(&key(b"a", "0a"))
        .expect_err("too large");
    assert_eq!(files(&store), NO_FILES, "its name is gone");
    let mut bytes = [0; 31];
    let file = code.file();
    std::os::unix::fs::FileExt::read_exact_at(file, &mut bytes, 0).expect("its bytes are not");
    assert_eq!(bytes, [1; 31]);
}

#[test]
fn code_for_another_engine_goes_first_even_of_a_module_that_is_held() {
    let folder = folder();
    let store = open(&folder, 40);
    compile(&store, &key(&ten(0), "0a"), b"0123456789").expect("there is room");
    drop(store);
    // The next version of the program.
    let store = open(&folder, 40);
    let _hold = store.hold(&digest(&ten(0)));
    for number in 1..3 {
        publish(&store, &ten(number)).expect("there is room");
    }
    assert!(read(&store, &digest(&ten(1))).is_some());
    compile(&store, &key(&ten(0), "0b"), b"0123456789").expect("there is room");
    publish(&store, &ten(3)).expect("old code can go");
    assert_eq!(names(&store, 0..9), [1, 2, 3]);
    assert!(store.compiled(&key(&ten(0), "0a")).is_none());
    assert!(store.compiled(&key(&ten(0), "0b")).is_some());
}

#[test]
fn a_smaller_capacity_is_kept_from_the_start() {
    let folder = folder();
    let store = open(&folder, LARGE);
    for number in 0..5 {
        publish(&store, &ten(number)).expect("there is room");
    }
    drop(store);
    let store = open(&folder, 25);
    assert_eq!(store.usage().bytes, 20);
    assert_eq!(bytes_on_disk(&store), 20);
}

#[derive(Clone, Debug)]
enum Step {
    Blob(u8),
    Code(u8, u8, u8),
    Use(u8),
    Hold(u8),
    LetGo(u8),
    Damage(u8),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let module = 0..6_u8;
    prop_oneof![
        4 => module.clone().prop_map(Step::Blob),
        4 => (module.clone(), 0..2_u8, 0..60_u8).prop_map(|(m, engine, size)| Step::Code(m, engine, size)),
        3 => module.clone().prop_map(Step::Use),
        3 => module.clone().prop_map(Step::Hold),
        3 => module.clone().prop_map(Step::LetGo),
        1 => module.prop_map(Step::Damage),
        1 => Just(Step::Reopen),
    ]
}

/// Bytes whose digest only depends on the module: their number is what the first byte says.
fn module(number: u8, size: u8) -> Vec<u8> {
    vec![number; usize::from(size) + 1]
}

const CAPACITY: u64 = 100;

/// Where nothing waits for a disk, if there is such a place.
fn in_memory() -> TempDir {
    TempDir::new_in("/dev/shm").unwrap_or_else(|_| folder())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn no_sequence_passes_the_bound_or_loses_what_is_held(
        steps in proptest::collection::vec(step(), 1..60)
    ) {
        let folder = in_memory();
        let mut store = open(&folder, CAPACITY);
        let mut holds: Vec<Hold> = Vec::new();
        // What was published while it was held, and is held since: it must be there.
        let mut kept: Vec<(Digest, Vec<u8>)> = Vec::new();
        let held = |holds: &[Hold], of: Digest| holds.iter().any(|hold| hold.module() == of);
        let of = |number: u8| digest(&module(number, number));
        for step in steps {
            match step {
                // Modules of one size each, so that their digests are known.
                Step::Blob(number) => {
                    let bytes = module(number, number);
                    match publish(&store, &bytes) {
                        Ok(digest) if held(&holds, digest) => kept.push((digest, bytes)),
                        Ok(_) => {}
                        Err(error) => prop_assert_eq!(error.kind(), io::ErrorKind::StorageFull),
                    }
                }
                Step::Code(number, engine, size) => {
                    let key = CompiledKey::new(of(number), &engine.to_string());
                    match compile(&store, &key, &module(number, size)) {
                        Ok(code) => prop_assert_eq!(content(&code), module(number, size)),
                        Err(error) => prop_assert_eq!(error.kind(), io::ErrorKind::StorageFull),
                    }
                }
                Step::Use(number) => {
                    if let Some(bytes) = read(&store, &of(number)) {
                        prop_assert_eq!(bytes, module(number, number));
                    }
                }
                Step::Hold(number) => holds.push(store.hold(&of(number))),
                Step::LetGo(number) => {
                    if let Some(at) = holds.iter().position(|hold| hold.module() == of(number)) {
                        holds.swap_remove(at);
                    }
                    kept.retain(|(digest, _)| held(&holds, *digest));
                }
                Step::Damage(number) => {
                    let path = store.0.folder.path_of(&Key::Blob(of(number)), of(number));
                    if path.exists() {
                        overwrite(&path, b"x");
                        prop_assert_eq!(read(&store, &of(number)), None);
                        kept.retain(|(digest, _)| *digest != of(number));
                    }
                }
                Step::Reopen => {
                    holds.clear();
                    kept.clear();
                    let before = files(&store);
                    drop(store);
                    store = open(&folder, CAPACITY);
                    prop_assert_eq!(files(&store), before);
                }
            }
            let usage = store.usage();
            prop_assert!(usage.bytes <= CAPACITY, "{:?}", usage);
            prop_assert_eq!(usage.bytes, bytes_on_disk(&store));
            prop_assert_eq!(usage.blobs + usage.compiled, files(&store).len() as u64);
            for (digest, bytes) in &kept {
                let read = read(&store, digest);
                prop_assert_eq!(read.as_ref(), Some(bytes));
            }
        }
    }
}
