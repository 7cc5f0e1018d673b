//! `wagi store`, by the real binary, on a folder that a process may hold meanwhile.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use crds::digest::Digest;
use node_runtime::store::{CompiledKey, Pinned, Store};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use tests::wagi::{command, run};

fn digest(bytes: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(bytes).into())
}

/// A store with a module, its code and its reference, and a module that nothing leads to.
fn filled(folder: &TempDir) -> Store {
    let store = Store::open(folder.path().join("store"), 1 << 20).expect("a store");
    for module in [&b"module"[..], b"an older one"] {
        let mut blob = store.begin_blob().expect("a file");
        blob.write_all(module).expect("there is room");
        blob.publish(&digest(module)).expect("there is room");
    }
    let mut code = store.begin_compiled().expect("a file");
    code.write_all(&[7; 2048]).expect("there is room");
    let key = CompiledKey::new(digest(b"module"), "0a");
    code.publish_compiled(&key).expect("there is room");
    let pinned = Pinned {
        manifest: digest(b"manifest"),
        module: digest(b"module"),
        size: 6,
    };
    let reference = "registry.example/team/hello:1";
    store.remember(reference, &pinned).expect("there is room");
    store
}

fn wagi_store(doing: &str, folder: &Path) -> Output {
    let folder = folder.display().to_string();
    run(&["store", doing, "--store", &folder])
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn assert_code(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
}

fn blob(store: &Path, module: &[u8]) -> PathBuf {
    let digest = digest(module).to_string();
    let hex = digest.trim_start_matches("sha256:");
    store.join("blobs/sha256").join(hex)
}

#[test]
fn list_says_what_is_there_while_a_server_holds_it() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = filled(&folder);
    let listed = wagi_store("list", store.folder());
    assert_code(&listed, 0);
    let mut expected = vec![
        format!(
            "blob      {}      6 B       now  registry.example/team/hello:1",
            digest(b"module")
        ),
        format!(
            "compiled  {}  2.0 KiB       now  registry.example/team/hello:1",
            digest(b"module")
        ),
        format!("blob      {}     12 B       now", digest(b"an older one")),
    ];
    expected.sort_by_key(|line| line[10..81].to_owned());
    let head = format!(
        "KIND      MODULE{}     SIZE  LAST USE  REFERENCES",
        " ".repeat(65)
    );
    expected.insert(0, head);
    assert_eq!(stdout(&listed).lines().collect::<Vec<_>>(), expected);
    let summary = format!("{}: 3 files, 2.0 KiB\n", store.folder().display());
    assert_eq!(stderr(&listed), summary);
}

#[test]
fn verify_names_what_is_damaged_and_ends_with_1() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = filled(&folder);
    let verified = wagi_store("verify", store.folder());
    assert_code(&verified, 0);
    assert_eq!(stdout(&verified), "ok: 3 files, 2.0 KiB\n");
    let damaged = blob(store.folder(), b"module");
    fs::set_permissions(&damaged, fs::Permissions::from_mode(0o600)).expect("ours");
    fs::write(&damaged, "modulo").expect("a file");
    let verified = wagi_store("verify", store.folder());
    assert_code(&verified, 1);
    let expected = format!(
        "{}: its content is not what its name says\n",
        damaged.display()
    );
    assert_eq!(stdout(&verified), expected);
    assert!(damaged.exists(), "looking changes nothing");
}

#[test]
fn prune_says_what_it_freed_and_refuses_while_a_server_holds_the_store() {
    let folder = TempDir::new().expect("a temporary folder");
    let store = filled(&folder);
    let path = store.folder().to_owned();
    let refused = wagi_store("prune", &path);
    assert_code(&refused, 1);
    let who = format!("process {}", std::process::id());
    let text = stderr(&refused);
    let names_it = text.contains("is in use by") && text.contains(&who);
    assert!(names_it, "{text}");
    assert!(blob(&path, b"an older one").exists());
    drop(store);
    let pruned = wagi_store("prune", &path);
    assert_code(&pruned, 0);
    assert_eq!(
        stdout(&pruned),
        "removed 1 blob, 0 compiled modules, 0 references: 12 B freed, 2.0 KiB stay\n"
    );
    assert!(!blob(&path, b"an older one").exists());
    assert!(blob(&path, b"module").exists());
    let folder = path.display().to_string();
    let pruned = run(&["store", "prune", "--store", &folder, "--unused-for", "1h"]);
    assert_eq!(
        stdout(&pruned),
        "removed 0 blobs, 0 compiled modules, 0 references: 0 B freed, 2.0 KiB stay\n"
    );
    let pruned = run(&["store", "prune", "--store", &folder, "--unused-for", "0s"]);
    assert_eq!(
        stdout(&pruned),
        "removed 1 blob, 1 compiled module, 1 reference: 2.0 KiB freed, 0 B stay\n"
    );
}

#[test]
fn where_there_is_no_store_it_is_said_and_none_is_made() {
    let folder = TempDir::new().expect("a temporary folder");
    let absent = folder.path().join("absent");
    for doing in ["list", "verify", "prune"] {
        let output = wagi_store(doing, &absent);
        assert_code(&output, 1);
        let expected = format!("wagi: there is no store in {}\n", absent.display());
        assert_eq!(stderr(&output), expected);
    }
    assert!(!absent.exists());
}

#[test]
fn the_folder_comes_from_the_flag_the_environment_or_the_users_cache() {
    let folder = TempDir::new().expect("a temporary folder");
    let said = |variables: &[(&str, &Path)]| {
        let mut list = command(&["store", "list"]);
        for name in ["XDG_CACHE_HOME", "HOME"] {
            list.env_remove(name);
        }
        let output = list.envs(variables.iter().copied()).output();
        stderr(&output.expect("wagi runs"))
    };
    let path = folder.path();
    let expected = |at: &str| format!("wagi: there is no store in {}\n", path.join(at).display());
    let named = path.join("named");
    assert_eq!(
        said(&[("WAGI_STORE", &named), ("HOME", path)]),
        expected("named")
    );
    assert_eq!(said(&[("XDG_CACHE_HOME", path)]), expected("wagi"));
    assert_eq!(said(&[("HOME", path)]), expected(".cache/wagi"));
    assert_eq!(
        said(&[]),
        "wagi: --store \"\": there is no default without HOME; write a folder\n"
    );
}
