//! Files change under a scanner, and under the thread that runs one.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::source::ModuleSource;

fn manifest(name: &str, path: &str) -> String {
    format!(
        "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {name}}}\n\
         spec: {{path: {path}, module: {{image: file:{name}.wasm}}}}\n"
    )
}

fn names(snapshot: &Snapshot) -> Vec<String> {
    snapshot
        .documents
        .iter()
        .map(|document| document.name().to_string())
        .collect()
}

/// Disks take half a minute for so many files; what is tested here is not the disk.
pub(crate) fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .expect("a folder")
}

struct Folder {
    dir: tempfile::TempDir,
    scanner: Scanner,
}

impl Folder {
    fn new(files: &[(&str, String)]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("a file");
        }
        let scanner = Scanner::open(vec![dir.path().to_owned()], Place::Local).expect("a scanner");
        Self { dir, scanner }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    #[track_caller]
    fn read(&mut self) -> Snapshot {
        assert!(self.scanner.look(), "nothing differs");
        self.scanner.read()
    }
}

#[test]
fn files_that_come_change_and_go_are_seen() {
    let mut folder = Folder::new(&[("b.yaml", manifest("b", "/b"))]);
    assert_eq!(names(&folder.read()), ["default/b"]);
    assert!(!folder.scanner.look());
    fs::write(folder.path("a.yaml"), manifest("a", "/a")).expect("a file");
    assert_eq!(names(&folder.read()), ["default/a", "default/b"]);
    fs::write(folder.path("b.yaml"), manifest("b", "/other")).expect("a file");
    assert_eq!(folder.read().documents[1].route.path.to_string(), "/other");
    fs::rename(folder.path("a.yaml"), folder.path("c.yaml")).expect("a rename");
    assert_eq!(
        names(&folder.read()),
        ["default/b", "default/c"].map(|name| name.replace("c", "a"))
    );
    fs::remove_file(folder.path("b.yaml")).expect("a file less");
    assert_eq!(names(&folder.read()), ["default/a"]);
}

fn stamp(snapshot: &Snapshot) -> Option<crate::source::Stamp> {
    match &snapshot.documents[0].module {
        ModuleSource::File(file) => file.stamp,
        ModuleSource::Registry(image) => panic!("{image} is no file"),
    }
}

#[test]
fn a_module_that_comes_or_changes_is_seen() {
    let mut folder = Folder::new(&[("a.yaml", manifest("a", "/a"))]);
    assert_eq!(stamp(&folder.read()), None);
    fs::write(folder.path("a.wasm"), "1").expect("a module");
    let first = stamp(&folder.read());
    assert!(first.is_some());
    fs::write(folder.path("new"), "2").expect("a module");
    fs::rename(folder.path("new"), folder.path("a.wasm")).expect("a rename");
    assert_ne!(stamp(&folder.read()), first);
}

#[test]
fn a_flipped_link_is_seen() {
    let mut folder = Folder::new(&[]);
    for (version, path) in [("..1", "/1"), ("..2", "/2")] {
        fs::create_dir(folder.path(version)).expect("a folder");
        fs::write(folder.path(version).join("a.yaml"), manifest("a", path)).expect("a file");
    }
    symlink("..1", folder.path("..data")).expect("a link");
    symlink("..data/a.yaml", folder.path("a.yaml")).expect("a link");
    assert_eq!(folder.read().documents[0].route.path.to_string(), "/1");
    symlink("..2", folder.path("..tmp")).expect("a link");
    fs::rename(folder.path("..tmp"), folder.path("..data")).expect("a flip");
    assert_eq!(folder.read().documents[0].route.path.to_string(), "/2");
}

#[test]
fn a_name_in_two_places_is_refused_with_both() {
    let mut folder = Folder::new(&[
        ("a.yaml", manifest("x", "/a")),
        ("b.yaml", manifest("x", "/b")),
    ]);
    let snapshot = folder.read();
    assert_eq!(names(&snapshot), ["default/x"]);
    assert_eq!(snapshot.documents[0].route.path.to_string(), "/a");
    let said = snapshot.mistakes[0].to_string();
    assert!(
        said.contains("b.yaml:1:1: metadata.name: default/x is named at"),
        "{said}"
    );
    assert!(said.contains("a.yaml:1 already"), "{said}");
}

#[test]
fn a_missing_volume_is_named_until_it_is_there() {
    let text = manifest("a", "/a").replace(
        "wasm}}",
        "wasm}, volumes: [{mountPath: /site, hostPath: site}]}",
    );
    let mut folder = Folder::new(&[("a.yaml", text)]);
    let snapshot = folder.read();
    assert_eq!(snapshot.mistakes, []);
    assert_eq!(
        snapshot.documents[0].missing_volume,
        Some(folder.path("site"))
    );
    fs::create_dir(folder.path("site")).expect("a folder");
    assert_eq!(folder.read().documents[0].missing_volume, None);
}

#[test]
fn a_missing_object_is_named_until_it_is_there_and_objects_nobody_uses_are_counted() {
    let text = manifest("a", "/a").replace(
        "wasm}}",
        "wasm}, envFrom: [{configMapRef: {name: settings}}]}",
    );
    let map = |name: &str| {
        format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: {{A: b}}}}\n")
    };
    let mut folder = Folder::new(&[("a.yaml", text), ("b.yaml", map("other"))]);
    let snapshot = folder.read();
    assert_eq!((snapshot.mistakes.len(), snapshot.other_kinds), (0, 1));
    let missing = snapshot.documents[0]
        .given
        .as_ref()
        .expect_err("it is missing");
    assert!(
        missing.contains("spec.envFrom[0]: there is no ConfigMap settings"),
        "{missing}"
    );
    fs::write(folder.path("c.yaml"), map("settings")).expect("a file");
    let snapshot = folder.read();
    assert_eq!(snapshot.other_kinds, 1);
    let given = snapshot.documents[0].given.as_ref().expect("it is there");
    assert_eq!(given.env, [("A".to_owned(), "b".to_owned())]);
}

#[test]
fn a_bare_module_is_served_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let module = dir.path().join("hello.wat");
    fs::write(&module, "(module)").expect("a module");
    let snapshot = read_once(vec![module.clone()], Place::Local).expect("a snapshot");
    assert_eq!(names(&snapshot), ["default/hello"]);
    let others = read_once(vec![module, dir.path().to_owned()], Place::Local);
    assert!(matches!(others, Err(OpenError::ModuleAmongOthers(_))));
    let missing = read_once(vec![dir.path().join("missing")], Place::Local);
    assert!(matches!(missing, Err(OpenError::Path { .. })));
    assert!(matches!(
        read_once(Vec::new(), Place::Local),
        Err(OpenError::NoPath)
    ));
}

#[test]
fn ten_thousand_files_are_one_snapshot() {
    let dir = in_memory();
    let write = |path: &str| {
        for n in 0..10_000 {
            let name = format!("r{n}");
            let file = dir.path().join(format!("{name}.yaml"));
            fs::write(file, manifest(&name, &format!("/{path}/{n}"))).expect("a file");
        }
    };
    write("first");
    let mut scanner = Scanner::open(vec![dir.path().to_owned()], Place::Local).expect("a scanner");
    assert!(scanner.look());
    assert_eq!(scanner.read().documents.len(), 10_000);
    write("second");
    assert!(scanner.look());
    let snapshot = scanner.read();
    let is_second = |document: &Arc<crate::source::Document>| {
        document.route.path.to_string().starts_with("/second/")
    };
    assert!(snapshot.documents.iter().all(is_second));
}

async fn next(manifests: &mut Manifests, is_wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    loop {
        let snapshot = manifests.next().await.expect("the thread runs");
        if is_wanted(&snapshot) {
            return snapshot;
        }
    }
}

#[tokio::test]
async fn the_thread_says_what_changed() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, path: &str| {
        fs::write(
            dir.path().join(format!("{name}.yaml")),
            manifest(name, path),
        )
        .expect("a file");
    };
    write("a", "/a");
    let mut manifests = Manifests::open(vec![dir.path().to_owned()]).expect("manifests");
    next(&mut manifests, |snapshot| names(snapshot) == ["default/a"]).await;
    write("b", "/b");
    next(&mut manifests, |snapshot| {
        names(snapshot) == ["default/a", "default/b"]
    })
    .await;
    fs::remove_file(dir.path().join("a.yaml")).expect("a file less");
    next(&mut manifests, |snapshot| names(snapshot) == ["default/b"]).await;
}

#[tokio::test]
async fn a_link_whose_target_changes_elsewhere_is_seen_without_an_event() {
    let dir = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let target = elsewhere.path().join("a.yaml");
    fs::write(&target, manifest("a", "/a")).expect("a file");
    symlink(&target, dir.path().join("a.yaml")).expect("a link");
    let mut manifests = Manifests::open(vec![dir.path().to_owned()]).expect("manifests");
    next(&mut manifests, |snapshot| !snapshot.documents.is_empty()).await;
    fs::write(&target, manifest("a", "/other")).expect("a file");
    let is_other = |snapshot: &Snapshot| snapshot.documents[0].route.path.to_string() == "/other";
    next(&mut manifests, is_other).await;
    assert!(Path::new(&target).exists());
}
