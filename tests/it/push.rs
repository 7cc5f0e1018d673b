//! `wagi push` and `wagi inspect`, by the real binary, with a registry in this process.

use tempfile::TempDir;
use tests::guests::{self, Guest};
use tests::registry::Registry;
use tests::wagi::run;

fn file(folder: &TempDir, guest: Guest) -> String {
    let path = folder.path().join(format!("{}.wat", guest.name));
    std::fs::write(&path, guest.wat).expect("a file in a temporary folder");
    path.display().to_string()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn what_is_pushed_is_named_by_its_digest_and_can_be_inspected() {
    let folder = TempDir::new().expect("a temporary folder");
    let registry = Registry::start();
    let reference = registry.reference("shop/hello:1");
    let pushed = run(&["push", &file(&folder, guests::hello), &reference]);
    assert_eq!(pushed.status.code(), Some(0), "{pushed:?}");
    let digest = text(&pushed.stdout);
    assert!(registry.manifest("shop/hello", digest.trim()).is_some());

    let inspected = run(&["inspect", &reference]);
    assert_eq!(inspected.status.code(), Some(0), "{inspected:?}");
    let said = text(&inspected.stdout);
    for part in [
        "core module\n",
        digest.trim(),
        "application/wasm",
        "org.opencontainers.image.title=hello.wat",
        "_start",
        "all are provided",
        "served      yes",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_file_that_is_no_module_is_not_pushed() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "notes").expect("a file in a temporary folder");
    let registry = Registry::start();
    let path = path.display().to_string();
    let pushed = run(&["push", &path, &registry.reference("shop/hello:1")]);
    assert_eq!(pushed.status.code(), Some(1), "{pushed:?}");
    assert!(
        text(&pushed.stderr).contains("not a WebAssembly module"),
        "{pushed:?}"
    );
    assert!(registry.seen().is_empty());
}

#[test]
fn inspect_says_why_a_module_would_not_be_served() {
    let folder = TempDir::new().expect("a temporary folder");
    for (guest, kind, reason) in [
        (guests::component, "component", "a WebAssembly component"),
        (
            guests::wasi_unstable,
            "wasi_unstable",
            "the predecessor of WASI preview 1",
        ),
        (guests::missing_import, "core module", "not provided: "),
        (guests::memory64, "core module", "memory64"),
    ] {
        let inspected = run(&["inspect", &file(&folder, guest)]);
        let said = text(&inspected.stdout);
        assert!(said.contains("served      no: "), "{said}");
        assert!(said.contains(kind) && said.contains(reason), "{said}");
    }
}
