//! The store on a real disk.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::*;

/// What is under a digest.
fn read(store: &Store, digest: &Digest) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut file = store.blob(digest)?;
    io::Read::read_to_end(&mut file, &mut bytes).expect("it was read before");
    Some(bytes)
}

const LARGE: u64 = 1 << 20;

const NO_FILES: [PathBuf; 0] = [];

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder")
}

fn open(folder: &TempDir, capacity: u64) -> Store {
    Store::open(folder.path().join("store"), capacity).expect("a store")
}

fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

fn publish(store: &Store, bytes: &[u8]) -> io::Result<Digest> {
    let digest = digest(bytes);
    let mut blob = store.begin_blob()?;
    blob.write_all(bytes)?;
    blob.publish(&digest)?;
    Ok(digest)
}

fn key(module: &[u8], compatibility: &str) -> CompiledKey {
    CompiledKey::new(digest(module), compatibility)
}

fn compile(store: &Store, key: &CompiledKey, code: &[u8]) -> io::Result<CompiledFile> {
    let unpublished = store.begin_compiled()?;
    // As a child does: through another descriptor.
    let mut child = unpublished.file().try_clone()?;
    child.write_all(code)?;
    drop(child);
    let mut unpublished = unpublished;
    unpublished.publish_compiled(key)
}

fn content(compiled: &CompiledFile) -> Vec<u8> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut &compiled.file, &mut bytes).expect("it can be read");
    assert_eq!(bytes.len() as u64, compiled.size);
    bytes
}

/// Every file below the store's folder that holds contents, in order.
fn files(store: &Store) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for below in ["blobs/sha256", "compiled", "tmp"] {
        let folder = store.folder().join(below);
        for entry in fs::read_dir(folder).expect("a folder of the store") {
            found.push(entry.expect("an entry").path());
        }
    }
    found.sort();
    found
}

fn only_file(store: &Store) -> PathBuf {
    let mut files = files(store);
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

fn bytes_on_disk(store: &Store) -> u64 {
    let length = |path: &PathBuf| fs::metadata(path).expect("a file").len();
    files(store).iter().map(length).sum()
}

/// Writes to a file that is closed to writing, as a failing disk would.
fn overwrite(path: &Path, bytes: &[u8]) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("ours");
    fs::write(path, bytes).expect("a file");
}

#[test]
fn what_was_published_is_found_also_after_a_restart() {
    let folder = folder();
    let store = open(&folder, LARGE);
    let blob = publish(&store, b"module").expect("there is room");
    let key = key(b"module", "0a");
    let code = compile(&store, &key, b"code").expect("there is room");
    assert_eq!(content(&code), b"code");
    for _ in 0..2 {
        assert_eq!(read(&store, &blob).expect("published"), b"module");
        assert_eq!(content(&store.compiled(&key).expect("published")), b"code");
    }
    assert_eq!(
        store.usage(),
        Usage {
            blobs: 1,
            compiled: 1,
            bytes: 10,
            capacity: LARGE,
            hits: 4,
            ..Usage::default()
        }
    );
    drop(store);
    let store = open(&folder, LARGE);
    assert_eq!(read(&store, &blob).expect("published"), b"module");
    assert_eq!(content(&store.compiled(&key).expect("published")), b"code");
}

#[test]
fn what_is_not_there_is_a_miss() {
    let folder = folder();
    let store = open(&folder, LARGE);
    assert_eq!(read(&store, &digest(b"other")), None);
    assert!(store.compiled(&key(b"other", "0a")).is_none());
    assert_eq!((store.usage().hits, store.usage().misses), (0, 2));
}

#[test]
fn code_for_another_engine_is_never_found() {
    let folder = folder();
    let store = open(&folder, LARGE);
    compile(&store, &key(b"module", "0a"), b"code").expect("there is room");
    assert!(store.compiled(&key(b"module", "0b")).is_none());
    assert!(store.compiled(&key(b"other", "0a")).is_none());
    assert!(store.compiled(&key(b"module", "0a")).is_some());
}

/// What is done to a file, in words and in deed.
type Inflicted = (&'static str, fn(&Path));

/// Each way in which a file can be something else than it was.
fn damages() -> [Inflicted; 7] {
    [
        ("truncated", |path| overwrite(path, b"modu")),
        ("emptied", |path| overwrite(path, b"")),
        ("torn: its end never reached the disk", |path| {
            overwrite(path, b"mod\0\0\0");
        }),
        ("altered by a bit", |path| overwrite(path, b"modulf")),
        ("longer", |path| overwrite(path, b"module of more bytes")),
        ("gone", |path| fs::remove_file(path).expect("ours")),
        ("a link to the same bytes", |path| {
            let target = path.with_file_name("elsewhere");
            fs::rename(path, &target).expect("ours");
            symlink(&target, path).expect("a link");
        }),
    ]
}

#[test]
fn a_damaged_blob_is_removed_and_made_again_once() {
    for (damage, inflict) in damages() {
        let folder = folder();
        let store = open(&folder, LARGE);
        let blob = publish(&store, b"module").expect("there is room");
        let path = only_file(&store);
        inflict(&path);
        assert_eq!(read(&store, &blob), None, "{damage}");
        assert!(fs::symlink_metadata(&path).is_err(), "{damage}");
        let usage = store.usage();
        let counted = (usage.damaged, usage.misses, usage.bytes, usage.blobs);
        assert_eq!(counted, (1, 1, 0, 0), "{damage}");
        publish(&store, b"module").expect("there is room");
        assert_eq!(
            read(&store, &blob).as_deref(),
            Some(&b"module"[..]),
            "{damage}"
        );
        assert_eq!(store.usage().damaged, 1, "{damage}");
    }
}

#[test]
fn damaged_code_is_removed_and_made_again_once() {
    for (damage, inflict) in damages() {
        let folder = folder();
        let store = open(&folder, LARGE);
        let key = key(b"a module", "0a");
        compile(&store, &key, b"module").expect("there is room");
        let path = only_file(&store);
        inflict(&path);
        assert!(store.compiled(&key).is_none(), "{damage}");
        assert!(fs::symlink_metadata(&path).is_err(), "{damage}");
        assert_eq!(
            (store.usage().damaged, store.usage().bytes),
            (1, 0),
            "{damage}"
        );
        compile(&store, &key, b"module").expect("there is room");
        assert!(store.compiled(&key).is_some(), "{damage}");
    }
}

#[test]
fn damage_from_before_the_start_is_found_too() {
    for (damage, inflict) in damages() {
        let folder = folder();
        let store = open(&folder, LARGE);
        let blob = publish(&store, b"module").expect("there is room");
        let path = only_file(&store);
        drop(store);
        inflict(&path);
        let store = open(&folder, LARGE);
        assert_eq!(read(&store, &blob), None, "{damage}");
        publish(&store, b"module").expect("there is room");
        assert!(read(&store, &blob).is_some(), "{damage}");
    }
}

#[test]
fn what_was_being_written_when_the_process_died_is_thrown_away() {
    let folder = folder();
    let store = open(&folder, LARGE);
    let mut blob = store.begin_blob().expect("a file");
    blob.write_all(b"modu").expect("there is room");
    let mut code = store.begin_compiled().expect("a file");
    code.write_all(b"co").expect("there is room");
    // Killed: nothing is dropped, and the lock is gone.
    assert_eq!(files(&store).len(), 2);
    let root = store.folder().to_owned();
    let tmp = root.join("tmp");
    let left: Vec<_> = files(&store);
    let kept: Vec<_> = left
        .iter()
        .map(|path| fs::read(path).expect("a file"))
        .collect();
    drop((blob, code, store));
    for (path, bytes) in left.iter().zip(kept) {
        fs::write(path, bytes).expect("a file");
    }
    let store = open(&folder, LARGE);
    assert_eq!(fs::read_dir(tmp).expect("a folder").count(), 0);
    assert_eq!(store.usage().bytes, 0);
    publish(&store, b"module").expect("there is room");
}

#[test]
fn what_is_not_published_leaves_nothing() {
    let folder = folder();
    let store = open(&folder, LARGE);
    let mut blob = store.begin_blob().expect("a file");
    blob.write_all(b"modu").expect("there is room");
    assert_eq!(blob.written(), 4);
    drop(blob);
    assert_eq!(files(&store), NO_FILES);
}

#[test]
fn the_second_of_two_equal_publishes_changes_nothing() {
    let folder = folder();
    let store = open(&folder, LARGE);
    publish(&store, b"module").expect("there is room");
    let first = fs::metadata(only_file(&store)).expect("a file").ino();
    publish(&store, b"module").expect("it is there");
    assert_eq!(
        fs::metadata(only_file(&store)).expect("a file").ino(),
        first
    );
    let key = key(b"module", "0a");
    compile(&store, &key, b"code").expect("there is room");
    // A compiler need not print the same twice; what is there stays.
    let second = compile(&store, &key, b"other code").expect("it is there");
    assert_eq!(content(&second), b"other code");
    assert_eq!(content(&store.compiled(&key).expect("published")), b"code");
    assert_eq!(store.usage().bytes, 10);
}

#[test]
fn many_threads_publish_and_read_at_once() {
    let folder = folder();
    let store = open(&folder, 40);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for number in 0..50_u8 {
                    let bytes = [number % 7; 10];
                    let blob = publish(&store, &bytes).expect("others can go");
                    if let Some(read) = read(&store, &blob) {
                        assert_eq!(read, bytes);
                    }
                }
            });
        }
    });
    let usage = store.usage();
    assert!(usage.bytes <= 40, "{usage:?}");
    assert_eq!(usage.bytes, bytes_on_disk(&store));
    assert_eq!(usage.damaged, 0, "going for room is not damage");
}

mod bounds;
mod full_disk;
mod pruning;
mod references;
mod trust;
