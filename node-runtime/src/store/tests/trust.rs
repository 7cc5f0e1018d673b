//! Whose folder it is, and who may write to it.

use super::*;

fn refused(folder: &TempDir) -> OpenError {
    Store::open(folder.path().join("store"), LARGE).expect_err("it cannot be trusted")
}

#[test]
fn the_folder_is_made_and_closed_to_others() {
    let folder = folder();
    let path = folder.path().join("a/b/store");
    let store = Store::open(&path, LARGE).expect("a store");
    publish(&store, b"module").expect("there is room");
    let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    assert_eq!(mode(&path.join("compiled")), 0o700);
    assert_eq!(
        mode(&only_file(&store)),
        0o400,
        "nobody writes to what has a name"
    );
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("ours");
    let _store = Store::open(&path, LARGE).expect("others could only read");
    assert_eq!(mode(&path), 0o700);
}

#[test]
fn a_folder_that_others_may_write_to_is_refused() {
    for mode in [0o777, 0o770, 0o702, 0o1777] {
        let folder = folder();
        drop(open(&folder, LARGE));
        let path = folder.path().join("store");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        let error = refused(&folder);
        assert_eq!(
            error.to_string(),
            format!(
                "others may write to the store {} (mode {mode:o}), and code in it is run; name a new folder \
                 with --store, or empty this one and chmod 700 it",
                path.display()
            )
        );
    }
}

#[test]
fn a_folder_of_another_user_is_refused() {
    // Root's own, where we are not root; where we are, we can give it away.
    let user = rustix::process::geteuid();
    let folder = folder();
    let path = if user.is_root() {
        let path = folder.path().join("store");
        fs::create_dir(&path).expect("a folder");
        std::os::unix::fs::chown(&path, Some(12_345), None).expect("root may");
        path
    } else {
        PathBuf::from("/usr")
    };
    let error = Store::open(&path, LARGE).expect_err("it is not ours");
    let owner = if user.is_root() { 12_345 } else { 0 };
    assert_eq!(
        error.to_string(),
        format!(
            "the store {} belongs to user {owner} and we are user {}; name a folder of your own with --store",
            path.display(),
            user.as_raw()
        )
    );
}

#[test]
fn one_process_has_the_lock_and_is_named() {
    let folder = folder();
    let store = open(&folder, LARGE);
    let path = store.folder().display().to_string();
    let name = fs::read_to_string("/proc/self/comm").expect("we have a name");
    let holder = format!("{}, process {}", name.trim(), std::process::id());
    assert_eq!(
        refused(&folder).to_string(),
        format!(
            "the store {path} is in use by {holder}; stop that process or name another folder with --store"
        )
    );
    publish(&store, b"module").expect("the holder is not disturbed");
    let clone = store.clone();
    drop(store);
    assert!(matches!(refused(&folder), OpenError::Held { .. }));
    drop(clone);
    open(&folder, LARGE);
}

#[test]
fn what_is_no_store_is_not_made_one() {
    let folder = folder();
    let path = folder.path().join("store");
    fs::create_dir(&path).expect("a folder");
    fs::write(path.join("thesis.tex"), "years of work").expect("a file");
    assert_eq!(
        refused(&folder).to_string(),
        format!(
            "{} is no store: it has \"thesis.tex\" in it; name a new or an empty folder with --store",
            path.display()
        )
    );
    assert_eq!(fs::read_dir(&path).expect("a folder").count(), 1);
}

#[test]
fn a_fresh_file_system_can_be_a_store() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("store/lost+found")).expect("a folder");
    open(&folder, LARGE);
}

#[test]
fn a_start_that_was_interrupted_is_no_obstacle() {
    for left in ["", "wagi st"] {
        let folder = folder();
        let path = folder.path().join("store");
        fs::create_dir(&path).expect("a folder");
        fs::write(path.join("format"), left).expect("a file");
        let store = open(&folder, LARGE);
        publish(&store, b"module").expect("there is room");
        drop(store);
        assert_eq!(open(&folder, LARGE).usage().blobs, 1);
    }
}

#[test]
fn another_format_is_left_alone() {
    let folder = folder();
    drop(open(&folder, LARGE));
    let path = folder.path().join("store");
    fs::write(path.join("format"), "wagi store 2\n").expect("a file");
    assert_eq!(
        refused(&folder).to_string(),
        format!(
            "the store {} has another format (\"wagi store 2\", not \"wagi store 1\"); remove it or name \
             another folder with --store",
            path.display()
        )
    );
}

#[test]
fn files_that_are_not_ours_are_left_alone() {
    let folder = folder();
    let store = open(&folder, LARGE);
    let blobs = store.folder().join("blobs/sha256");
    fs::write(blobs.join("README"), "hello").expect("a file");
    symlink("/etc/passwd", blobs.join("0".repeat(64))).expect("a link");
    drop(store);
    let store = open(&folder, LARGE);
    assert_eq!(store.usage().blobs, 0);
    assert_eq!(read(&store, &Digest::from_bytes([0; 32])), None);
    assert!(blobs.join("README").exists());
}
