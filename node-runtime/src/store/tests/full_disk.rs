//! A disk that is full, or takes no more of a file.
//!
//! The real thing is a file system of 1 MiB. Only who may mount one has it, so the test starts
//! itself again, in a mount name space of its own: what is mounted there is seen by nobody else and
//! goes with the process. Where that is not allowed, a process whose files may not grow beyond 64 KiB
//! stands in for it; that one is tested everywhere.

use std::process::{Command, Output};

use super::*;

/// Set for the process that runs in a small place; says which folder that is.
const PLACE: &str = "WAGI_TEST_SMALL_PLACE";

/// Starts one test of this binary again, below a command.
fn again(test: &str, place: &Path, script: &str, program: &[&str]) -> Output {
    let (program, arguments) = program.split_first().expect("a program");
    let name = format!("store::tests::full_disk::{test}");
    Command::new(program)
        .args(arguments)
        .args(["sh", "-c", script])
        .arg(std::env::current_exe().expect("a test knows where it is"))
        .args(["--exact", &name, "--nocapture"])
        .env(PLACE, place)
        .output()
        .expect("it runs")
}

fn assert_passed(output: &Output) {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let is_ok = output.status.success() && stdout.contains("1 passed");
    assert!(is_ok, "{output:?}");
}

fn small_place() -> Option<PathBuf> {
    std::env::var_os(PLACE).map(PathBuf::from)
}

#[test]
fn a_full_disk_is_said_and_costs_only_what_did_not_fit() {
    if let Some(place) = small_place() {
        return fill(&place);
    }
    let folder = folder();
    let may_mount = |program: &[&str]| {
        let (program, arguments) = program.split_first().expect("a program");
        let tried = Command::new(program)
            .args(arguments)
            .args(["sh", "-c", "mount -t tmpfs -o size=1m none \"$1\"", "sh"])
            .arg(folder.path())
            .output();
        tried.is_ok_and(|output| output.status.success())
    };
    let ways: [&[&str]; 2] = [&["unshare", "-m"], &["unshare", "-U", "-r", "-m"]];
    let Some(way) = ways.into_iter().find(|way| may_mount(way)) else {
        return a_file_that_may_not_grow_is_said_and_costs_only_itself();
    };
    let script =
        format!("mount -t tmpfs -o size=1m,mode=700 none \"${PLACE}\" && exec \"$0\" \"$@\"");
    let test = "a_full_disk_is_said_and_costs_only_what_did_not_fit";
    assert_passed(&again(test, folder.path(), &script, way));
}

/// In a file system of 1 MiB, with a store that believes in more.
fn fill(place: &Path) {
    let store = Store::open(place.join("store"), 1 << 30).expect("a store");
    let small = publish(&store, &[1; 100_000]).expect("there is room");
    store.remember("one:1", &pinned()).expect("there is room");
    let mut blob = store.begin_blob().expect("a file");
    let error = blob
        .write_all(&[2; 2_000_000])
        .expect_err("there is no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    // Others find it just as full.
    let error = publish(&store, &[3; 200_000]).expect_err("there is no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    let error = store
        .remember("two:1", &pinned())
        .expect_err("there is no room");
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    // What is there is served; what was written can be read, and leaves all its room.
    assert!(read(&store, &small).is_some());
    assert!(store.recall("one:1").is_some());
    assert!(blob.written() > 500_000);
    let length = blob.file().metadata().expect("a file").len();
    assert_eq!(length, blob.written());
    drop(blob);
    assert_eq!(bytes_on_disk(&store), 100_000);
    publish(&store, &[3; 700_000]).expect("there is room again");
    // A start on a full disk works too.
    let filler = place.join("filler");
    let filled = fs::File::create(&filler).and_then(|mut file| file.write_all(&[4; 1 << 20]));
    filled.expect_err("it is full now");
    drop(store);
    let store = Store::open(place.join("store"), 1 << 30).expect("it was there");
    assert!(read(&store, &small).is_some());
    assert_eq!(store.usage().blobs, 2);
}

#[test]
fn a_file_that_may_not_grow_is_said_and_costs_only_itself() {
    if let Some(place) = small_place() {
        return outgrow(&place);
    }
    let folder = folder();
    // Blocks of 512 or 1,024 bytes, by shell; the signal would end the process.
    let script = "trap '' XFSZ; ulimit -f 64 && exec \"$0\" \"$@\"";
    let test = "a_file_that_may_not_grow_is_said_and_costs_only_itself";
    assert_passed(&again(test, folder.path(), script, &["env"]));
}

fn outgrow(place: &Path) {
    let store = Store::open(place.join("store"), 1 << 30).expect("a store");
    let error = publish(&store, &[1; 200_000]).expect_err("the file may not grow");
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    let error = compile(&store, &key(b"module", "0a"), &[1; 200_000]).expect_err("nor this one");
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    assert_eq!(files(&store), NO_FILES);
    publish(&store, &[1; 10_000]).expect("a small one may");
    assert_eq!(store.usage().bytes, 10_000);
}

fn pinned() -> Pinned {
    Pinned {
        manifest: digest(b"manifest"),
        module: digest(b"module"),
        size: 6,
    }
}
