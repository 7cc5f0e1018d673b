//! Snapshots go in; tables and lines about what changed come out.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use crds::validate::Place;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;
use crate::modules::Retry;
use crate::modules::metrics::Compiled;
use crate::modules::tests::{BadText, TextCompiler, files, text};
use crate::routing::RequestPath;
use crate::routing::live::{self, Routes};
use crate::source::{Manifests, Mistake};

struct TextBuilder;

impl Build for TextBuilder {
    type Program = String;
    type Target = String;
    type Error = BadText;

    fn build(
        &self,
        route: &ValidRoute,
        _: &Given,
        program: Arc<String>,
        _: Digest,
    ) -> Result<String, BadText> {
        assert!(route.path.base() != "/panic", "it cannot be made");
        Ok(program.to_string())
    }

    fn not_loaded(&self, _: &ValidRoute) -> String {
        "503".to_owned()
    }

    fn suspended(&self, _: &ValidRoute) -> String {
        "suspended".to_owned()
    }
}

struct Snapshots(UnboundedReceiver<Arc<Snapshot>>);

impl Source for Snapshots {
    async fn next(&mut self) -> Option<Arc<Snapshot>> {
        self.0.recv().await
    }
}

/// A folder of manifests under control.
struct Bench {
    dir: tempfile::TempDir,
    routes: Routes<String>,
    snapshots: UnboundedSender<Arc<Snapshot>>,
    applied: UnboundedReceiver<Applied>,
    compiled: Arc<std::sync::atomic::AtomicUsize>,
    statuses: watch::Receiver<Arc<Statuses>>,
    _control: JoinSet<()>,
}

impl Bench {
    fn new() -> Self {
        let (writer, routes) = live::channel();
        let (snapshots, source) = unbounded_channel();
        let (report, applied) = unbounded_channel();
        let compiler = TextCompiler::default();
        let compiled = Arc::clone(&compiler.compiled);
        let control = Control::new(files(compiler), TextBuilder, writer);
        let statuses = control.statuses();
        let mut tasks = JoinSet::new();
        tasks.spawn(control.run(Snapshots(source), move |applied| {
            let _ = report.send(applied);
        }));
        let dir = crate::source::in_memory();
        Self {
            dir,
            routes,
            snapshots,
            applied,
            compiled,
            statuses,
            _control: tasks,
        }
    }

    fn write(&self, name: &str, text: &str) {
        let draft = self.dir.path().join(".draft");
        fs::write(&draft, text).expect("a file");
        fs::rename(draft, self.dir.path().join(name)).expect("a rename");
    }

    fn route(&self, name: &str, path: &str) {
        self.route_with(name, path, &format!("module: {{image: file:{name}.wasm}}"));
    }

    fn route_with(&self, name: &str, path: &str, rest: &str) {
        let text = format!(
            "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {name}}}\n\
             spec: {{path: {path}, {rest}}}\n"
        );
        self.write(&format!("{name}.yaml"), &text);
    }

    fn suspended_route(&self, name: &str, path: &str) {
        let rest = format!("module: {{image: file:{name}.wasm}}, suspend: true");
        self.route_with(name, path, &rest);
    }

    /// Applies what is in the folder; the lines it makes.
    async fn apply(&mut self) -> Vec<String> {
        let paths = vec![self.dir.path().to_owned()];
        let snapshot = crate::source::read_once(paths, Place::Local).expect("a snapshot");
        self.apply_snapshot(snapshot).await
    }

    async fn apply_snapshot(&mut self, snapshot: Snapshot) -> Vec<String> {
        self.snapshots
            .send(Arc::new(snapshot))
            .expect("control runs");
        let applied = self.applied.recv().await.expect("control runs");
        applied
            .changes
            .iter()
            .map(|change| self.short(change))
            .collect()
    }

    /// Every route with its state and what went wrong.
    fn states(&self) -> Vec<String> {
        let statuses = self.statuses.borrow();
        let state = |status: &RouteStatus| {
            let error = status.error.as_ref().map_or("", |(_, reason)| reason);
            let (name, state) = (status.document.name(), status.state);
            format!("{name} {state:?} {error}")
        };
        statuses.routes.iter().map(state).collect()
    }

    /// The line without the folder's name and with short digests.
    fn short(&self, change: &Change) -> String {
        let dir = format!("{}/", self.dir.path().display());
        let text = change.to_string().replace(&dir, "");
        match text.split_once(" now sha256:") {
            Some((text, _)) => format!("{text} now sha256:…"),
            None => text,
        }
    }

    #[track_caller]
    fn answers(&self, path: &str, target: Option<&str>) {
        let path = RequestPath::parse(path).expect("a path");
        let table = self.routes.current();
        let found = table
            .find("any.example", &path)
            .map(|found| found.target.as_str());
        assert_eq!(found, target);
    }
}

#[tokio::test]
async fn routes_come_change_and_go_with_one_line_each() {
    let mut bench = Bench::new();
    bench.write("a.wasm", "a1");
    bench.route("a", "/a");
    assert_eq!(bench.apply().await, ["added: default/a now sha256:…"]);
    bench.answers("/a", Some("a1"));
    bench.write("a.wasm", "a2");
    assert_eq!(bench.apply().await, ["changed: default/a now sha256:…"]);
    bench.answers("/a", Some("a2"));
    bench.route("a", "/b");
    assert_eq!(bench.apply().await, ["changed: default/a now sha256:…"]);
    bench.answers("/a", None);
    bench.answers("/b", Some("a2"));
    fs::remove_file(bench.dir.path().join("a.yaml")).expect("a file less");
    assert_eq!(bench.apply().await, ["removed: default/a"]);
    bench.answers("/b", None);
}

#[tokio::test]
async fn a_module_that_fails_keeps_the_old_route_and_says_why() {
    let mut bench = Bench::new();
    bench.write("a.wasm", "good");
    bench.route("a", "/a");
    bench.apply().await;
    bench.write("a.wasm", "bad");
    assert_eq!(
        bench.apply().await,
        ["kept: default/a: the module says bad"]
    );
    bench.answers("/a", Some("good"));
    fs::remove_file(bench.dir.path().join("a.wasm")).expect("a file less");
    assert_eq!(
        bench.apply().await,
        ["kept: default/a: there is no file a.wasm"]
    );
    bench.answers("/a", Some("good"));
    bench.write("a.wasm", "better");
    assert_eq!(bench.apply().await, ["changed: default/a now sha256:…"]);
    bench.answers("/a", Some("better"));
}

#[tokio::test]
async fn routes_of_one_module_fail_each_for_itself() {
    let mut bench = Bench::new();
    bench.write("m.wasm", "good");
    for (name, path) in [("a", "/a"), ("b", "/panic"), ("c", "/c"), ("d", "/d")] {
        let volume = match name {
            "c" => ", volumes: [{mountPath: /site, hostPath: nowhere}]",
            _ => "",
        };
        bench.route_with(
            name,
            path,
            &format!("module: {{image: file:m.wasm}}{volume}"),
        );
    }
    assert_eq!(
        bench.apply().await,
        [
            "added: default/a now sha256:…",
            "not loaded: default/b: making the route broke down: it cannot be made",
            "not loaded: default/c: there is no folder nowhere",
            "added: default/d now sha256:…",
        ]
    );
    assert_eq!(bench.compiled.load(Ordering::Relaxed), 1);
    bench.answers("/panic", Some("503"));
    bench.answers("/d", Some("good"));
}

#[tokio::test(start_paused = true)]
async fn what_may_fare_better_is_tried_again_and_its_failure_said_once() {
    let mut bench = Bench::new();
    bench.write("a.wasm", "busy");
    bench.route("a", "/a");
    assert_eq!(
        bench.apply().await,
        ["not loaded: default/a: the module says busy"]
    );
    bench.answers("/a", Some("503"));
    assert_eq!(bench.states(), ["default/a NotLoaded the module says busy"]);
    // The second try fails like the first; what is said next is that the third did not.
    let applied = bench.applied.recv().await.expect("control runs");
    assert!(matches!(applied.changes[..], [Change::Added { .. }]));
    assert_eq!(bench.compiled.load(Ordering::Relaxed), 3);
    bench.answers("/a", Some("busy"));
    assert_eq!(bench.states(), ["default/a Serving "]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_wanted_any_more_is_not_tried_again() {
    let mut bench = Bench::new();
    bench.write("a.wasm", "busy");
    bench.route("a", "/a");
    bench.apply().await;
    bench.write("a.wasm", "good");
    assert_eq!(bench.apply().await, ["added: default/a now sha256:…"]);
    let compiled = bench.compiled.load(Ordering::Relaxed);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(bench.compiled.load(Ordering::Relaxed), compiled);
    bench.answers("/a", Some("good"));
}

#[tokio::test]
async fn states_tell_new_versions_from_those_that_serve() {
    let mut bench = Bench::new();
    bench.write("a.wasm", "good");
    bench.route("a", "/a");
    bench.apply().await;
    assert_eq!(bench.states(), ["default/a Serving "]);
    bench.write("a.wasm", "bad");
    bench.apply().await;
    assert_eq!(bench.states(), ["default/a Kept the module says bad"]);
}

#[tokio::test]
async fn a_route_that_never_loaded_holds_its_place() {
    let mut bench = Bench::new();
    bench.write("wide.wasm", "wide");
    bench.route("wide", "/...");
    bench.route("a", "/a");
    assert_eq!(
        bench.apply().await,
        [
            "not loaded: default/a: there is no file a.wasm",
            "added: default/wide now sha256:…"
        ]
    );
    bench.answers("/a", Some("503"));
    bench.answers("/b", Some("wide"));
    bench.write("a.wasm", "a");
    assert_eq!(bench.apply().await, ["added: default/a now sha256:…"]);
    bench.answers("/a", Some("a"));
}

#[tokio::test]
async fn a_suspended_route_holds_its_place_and_nothing_is_loaded_for_it() {
    let mut bench = Bench::new();
    bench.write("wide.wasm", "wide");
    bench.route("wide", "/...");
    bench.suspended_route("a", "/a");
    assert_eq!(
        bench.apply().await,
        ["suspended: default/a", "added: default/wide now sha256:…"]
    );
    bench.answers("/a", Some("suspended"));
    bench.answers("/b", Some("wide"));
    assert_eq!(
        bench.states(),
        ["default/a Suspended ", "default/wide Serving "]
    );
    // Its module is not looked at: neither that it is not there, nor that it came.
    bench.write("a.wasm", "a");
    assert_eq!(bench.compiled.load(Ordering::Relaxed), 1);
    bench.route("a", "/a");
    assert_eq!(bench.apply().await, ["added: default/a now sha256:…"]);
    bench.answers("/a", Some("a"));
}

#[tokio::test(start_paused = true)]
async fn a_route_that_serves_is_suspended_without_loading_and_not_tried_again() {
    let mut bench = Bench::new();
    bench.write("a.wasm", "good");
    bench.write("b.wasm", "busy");
    bench.route("a", "/a");
    bench.route("b", "/b");
    bench.apply().await;
    bench.answers("/a", Some("good"));
    let compiled = bench.compiled.load(Ordering::Relaxed);
    fs::remove_file(bench.dir.path().join("a.wasm")).expect("a file less");
    bench.suspended_route("a", "/elsewhere");
    bench.suspended_route("b", "/b");
    assert_eq!(
        bench.apply().await,
        ["suspended: default/a", "suspended: default/b"]
    );
    bench.answers("/a", None);
    bench.answers("/elsewhere", Some("suspended"));
    bench.answers("/b", Some("suspended"));
    tokio::time::sleep(Duration::from_secs(3600)).await;
    assert_eq!(bench.compiled.load(Ordering::Relaxed), compiled);
}

#[tokio::test]
async fn an_older_route_in_the_order_wins_a_conflict_and_the_other_follows_it() {
    let mut bench = Bench::new();
    for name in ["a", "b"] {
        bench.write(&format!("{name}.wasm"), name);
        bench.route(name, "/same");
    }
    assert_eq!(
        bench.apply().await,
        [
            "added: default/a now sha256:…",
            "added: default/b now sha256:…",
            "conflict: */same is answered by default/a, not by default/b",
        ]
    );
    bench.answers("/same", Some("a"));
    fs::remove_file(bench.dir.path().join("a.yaml")).expect("a file less");
    assert_eq!(bench.apply().await, ["removed: default/a"]);
    bench.answers("/same", Some("b"));
}

#[tokio::test]
async fn a_mistake_is_said_once() {
    let mut bench = Bench::new();
    let mistake = |text: &str, kept| Mistake {
        file: Arc::from(Path::new("a.yaml")),
        position: None,
        text: text.to_owned(),
        kept,
    };
    let snapshot = |mistakes| Snapshot {
        mistakes,
        ..Snapshot::default()
    };
    let lines = bench
        .apply_snapshot(snapshot(vec![mistake("one", 0)]))
        .await;
    assert_eq!(lines, ["mistake: a.yaml: one"]);
    let both = vec![mistake("one", 0), mistake("two", 3)];
    let lines = bench.apply_snapshot(snapshot(both)).await;
    assert_eq!(lines, ["kept: 3 routes as they were: a.yaml: two"]);
}

#[tokio::test]
async fn ten_thousand_changed_routes_are_one_swap() {
    let mut bench = Bench::new();
    bench.write("all.wasm", "all");
    let write = |path: &str| {
        for n in 0..10_000 {
            let text = format!(
                "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: r{n}}}\n\
                 spec: {{path: /{path}/{n}, module: {{image: file:all.wasm}}}}\n"
            );
            fs::write(bench.dir.path().join(format!("r{n}.yaml")), text).expect("a file");
        }
    };
    write("first");
    let paths = vec![bench.dir.path().to_owned()];
    let read = || crate::source::read_once(paths.clone(), Place::Local).expect("a snapshot");
    let first = read();
    write("second");
    let second = read();
    assert_eq!(bench.apply_snapshot(first).await.len(), 10_000);
    bench.answers("/first/9999", Some("all"));
    let before = Arc::clone(&*bench.routes.current());
    assert_eq!(bench.apply_snapshot(second).await.len(), 10_000);
    assert!(!Arc::ptr_eq(&before, &*bench.routes.current()));
    bench.answers("/first/0", None);
    bench.answers("/second/9999", Some("all"));
    assert_eq!(bench.compiled.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_folder_is_followed_from_file_to_table() {
    let (writer, routes) = live::channel();
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let draft = dir.path().join(".draft");
        fs::write(&draft, text).expect("a file");
        fs::rename(draft, dir.path().join(name)).expect("a rename");
    };
    write("a.wasm", "one");
    write(
        "a.yaml",
        "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {name: a}\n\
         spec: {path: /a, module: {image: file:a.wasm}}\n",
    );
    let manifests = Manifests::open(vec![dir.path().to_owned()]).expect("manifests");
    let (report, mut applied) = unbounded_channel();
    let control = Control::new(files(TextCompiler::default()), TextBuilder, writer);
    let mut tasks = JoinSet::new();
    tasks.spawn(control.run(manifests, move |applied| {
        let _ = report.send(applied);
    }));
    let answer = || {
        let path = RequestPath::parse("/a").expect("a path");
        routes
            .current()
            .find("", &path)
            .map(|found| found.target.clone())
    };
    let first = applied.recv().await.expect("control runs");
    assert!(first.is_first && answer().as_deref() == Some("one"));
    write("a.wasm", "two");
    let second = applied.recv().await.expect("control runs");
    assert!(matches!(second.changes[..], [Change::Changed { .. }]));
    assert_eq!(answer().as_deref(), Some("two"));
}

/// Compiles `slow` only when it is told to.
struct Gated(tokio::sync::Mutex<UnboundedReceiver<()>>);

impl Compile for Gated {
    type Program = String;
    type Error = BadText;

    async fn recall(&self, _: Digest) -> Option<String> {
        None
    }

    async fn compile(&self, _: Digest, module: fs::File) -> Result<String, BadText> {
        let text = text(module);
        if text == "slow" {
            let opened = self.0.lock().await.recv().await;
            opened.expect("the test opens the gate");
        }
        Ok(text)
    }

    fn ended(_: &BadText) -> Compiled {
        Compiled::Refused
    }

    fn retry(_: &BadText) -> Retry {
        Retry::Never
    }
}

#[tokio::test]
async fn a_module_that_compiles_slowly_holds_back_nothing_but_its_route() {
    let (open, gate) = unbounded_channel();
    let (writer, routes) = live::channel();
    let (snapshots, source) = unbounded_channel();
    let (report, mut applied) = unbounded_channel();
    let modules = files(Gated(tokio::sync::Mutex::new(gate)));
    let mut tasks = JoinSet::new();
    tasks.spawn(Control::new(modules, TextBuilder, writer).run(
        Snapshots(source),
        move |applied| {
            let _ = report.send(applied);
        },
    ));
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, module: &str| {
        let draft = dir.path().join(".draft");
        fs::write(&draft, module).expect("a module");
        fs::rename(draft, dir.path().join(format!("{name}.wasm"))).expect("a rename");
        let text = format!(
            "apiVersion: wagi.dev/v1alpha1\nkind: WagiRoute\nmetadata: {{name: {name}}}\n\
             spec: {{path: /{name}, module: {{image: file:{name}.wasm}}}}\n"
        );
        fs::write(dir.path().join(format!("{name}.yaml")), text).expect("a manifest");
    };
    let look = || {
        let paths = vec![dir.path().to_owned()];
        let snapshot = crate::source::read_once(paths, Place::Local).expect("a snapshot");
        snapshots.send(Arc::new(snapshot)).expect("control runs");
    };
    let answer = |path: &str| {
        let path = RequestPath::parse(path).expect("a path");
        let table = routes.current();
        table.find("", &path).map(|found| found.target.clone())
    };
    write("a", "one");
    look();
    applied.recv().await.expect("control runs");
    write("b", "slow");
    look();
    write("a", "two");
    look();
    let quick = applied.recv().await.expect("control runs");
    assert!(
        matches!(quick.changes[..], [Change::Changed { .. }]),
        "{:?}",
        quick.changes
    );
    assert_eq!(answer("/a").as_deref(), Some("two"));
    assert_eq!(answer("/b").as_deref(), Some("503"));
    open.send(()).expect("the compiler waits");
    let slow = applied.recv().await.expect("control runs");
    assert!(
        matches!(slow.changes[..], [Change::Added { .. }]),
        "{:?}",
        slow.changes
    );
    assert_eq!(answer("/b").as_deref(), Some("slow"));
}
