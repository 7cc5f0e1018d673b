//! Modules are read and compiled once, and a failure is the asking routes' alone.

mod pulls;

use std::fs;
use std::io::Read;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::*;

/// Compiles text: `bad…` is refused for good, `busy…` until it is tried a third time, `panic`
/// breaks the compiler down, the rest is its own program.
#[derive(Debug, Default)]
pub(crate) struct TextCompiler {
    pub(crate) compiled: Arc<AtomicUsize>,
}

#[derive(Debug, thiserror::Error)]
#[error("the module says {0}")]
pub(crate) struct BadText(String);

impl Compile for TextCompiler {
    type Program = String;
    type Error = BadText;

    async fn recall(&self, _: Digest) -> Option<String> {
        None
    }

    async fn compile(&self, _: Digest, module: File) -> Result<String, BadText> {
        let before = self.compiled.fetch_add(1, Ordering::Relaxed);
        let text = text(module);
        assert_ne!(text, "panic");
        if text.starts_with("bad") || (text.starts_with("busy") && before < 2) {
            Err(BadText(text))
        } else {
            Ok(text)
        }
    }

    fn ended(_: &BadText) -> Compiled {
        Compiled::Refused
    }

    fn retry(error: &BadText) -> Retry {
        if error.0.starts_with("busy") {
            Retry::After {
                at_least: None,
                class: Class::Long,
            }
        } else {
            Retry::Never
        }
    }
}

pub(crate) fn text(mut module: File) -> String {
    let mut text = String::new();
    module.read_to_string(&mut text).expect("a text");
    text
}

/// Modules in files alone.
pub(crate) fn files<C: Compile>(compiler: C) -> Modules<C> {
    Modules::new(compiler, Bounds::default(), None, None, None)
}

fn module(dir: &tempfile::TempDir, name: &str, text: &str) -> ModuleSource {
    let path = dir.path().join(name);
    fs::write(&path, text).expect("a module");
    look(&path)
}

fn look(path: &Path) -> ModuleSource {
    ModuleSource::File(ModuleFile {
        path: Arc::from(path),
        stamp: Stamp::of(path).expect("a look"),
    })
}

#[tokio::test]
async fn the_same_bytes_are_compiled_once_however_many_ask() {
    let dir = tempfile::tempdir().expect("a folder");
    let compiler = TextCompiler::default();
    let compiled = Arc::clone(&compiler.compiled);
    let modules = files(compiler);
    for n in 0..5 {
        module(&dir, &format!("{n}.wasm"), "same");
    }
    let sources: Vec<ModuleSource> = (0..20)
        .map(|n| look(&dir.path().join(format!("{}.wasm", n % 5))))
        .collect();
    let loads = futures::future::join_all(sources.iter().map(|file| modules.load(file))).await;
    assert!(loads.iter().all(Result::is_ok));
    assert_eq!(compiled.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_not_retained_is_compiled_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let modules = files(TextCompiler::default());
    let file = module(&dir, "a.wasm", "a");
    let (digest, first) = modules.load(&file).await.expect("a program");
    modules.retain(&HashSet::from([digest]), &HashSet::new());
    let (_, second) = modules.load(&file).await.expect("a program");
    assert!(Arc::ptr_eq(&first, &second));
    modules.retain(&HashSet::new(), &HashSet::new());
    let (_, third) = modules.load(&file).await.expect("a program");
    assert!(!Arc::ptr_eq(&first, &third));
}

#[tokio::test]
async fn every_failure_says_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let modules = files(TextCompiler::default());
    let absent = look(&dir.path().join("absent.wasm"));
    let error = modules.load(&absent).await.expect_err("no file");
    assert!(error.to_string().ends_with("absent.wasm"), "{error}");
    let error = modules
        .load(&module(&dir, "bad.wasm", "bad"))
        .await
        .expect_err("refused");
    assert_eq!(error.to_string(), "the module says bad");
    assert_eq!(error.retry_at, None);
    let broken = modules.load(&module(&dir, "panic.wasm", "panic")).await;
    let error = broken.expect_err("the compiler panics").error;
    assert!(matches!(error, LoadError::Broken(_)));
    let image = ModuleSource::Registry(image("registry.example/hello:1"));
    let error = modules.load(&image).await.expect_err("no registries");
    assert_eq!(error.error, LoadError::NoRegistries);
}

fn image(text: &str) -> Image {
    match crds::module_reference::ModuleReference::parse(text) {
        Ok(crds::module_reference::ModuleReference::Registry(reference)) => Image {
            reference,
            login: None,
        },
        other => panic!("{text} is {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_remembered_until_it_is_time_to_try_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let compiler = TextCompiler::default();
    let compiled = Arc::clone(&compiler.compiled);
    let modules = files(compiler);
    let file = module(&dir, "busy.wasm", "busy");
    let first = modules.load(&file).await.expect_err("busy");
    let at = first.retry_at.expect("it is tried again");
    // Tables are swapped meanwhile, and other routes ask for the same.
    modules.retain(&HashSet::new(), &HashSet::new());
    let second = modules.load(&file).await.expect_err("not yet");
    assert_eq!(second.retry_at, Some(at));
    assert_eq!(compiled.load(Ordering::Relaxed), 1);
    tokio::time::sleep_until(at).await;
    let third = modules.load(&file).await.expect_err("still busy");
    let longer = third.retry_at.expect("it is tried again");
    tokio::time::sleep_until(longer).await;
    modules.load(&file).await.expect("a program");
    assert_eq!(compiled.load(Ordering::Relaxed), 3);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_by_its_size() {
    let dir = tempfile::tempdir().expect("a folder");
    let bounds = Bounds {
        module_bytes: 3,
        ..Bounds::default()
    };
    let modules = Modules::new(TextCompiler::default(), bounds, None, None, None);
    modules
        .load(&module(&dir, "fits.wasm", "abc"))
        .await
        .expect("it fits");
    let error = modules
        .load(&module(&dir, "large.wasm", "abcd"))
        .await
        .expect_err("too large");
    let text = error.to_string();
    assert!(
        text.ends_with("large.wasm is larger than 3 bytes (--max-module-size)"),
        "{text}"
    );
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_looked_at_is_not_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let modules = files(TextCompiler::default());
    let before = module(&dir, "a.wasm", "a");
    module(&dir, "a.wasm", "another");
    let error = modules.load(&before).await.expect_err("changed");
    assert!(matches!(error.error, LoadError::Changing(_)));
}

/// Says when a compile begins, and ends it when it is told to.
struct Watched {
    begun: UnboundedSender<String>,
    end: tokio::sync::Semaphore,
}

impl Compile for Watched {
    type Program = String;
    type Error = BadText;

    async fn recall(&self, _: Digest) -> Option<String> {
        None
    }

    async fn compile(&self, _: Digest, module: File) -> Result<String, BadText> {
        let text = text(module);
        self.begun.send(text.clone()).expect("the test listens");
        self.end.acquire().await.expect("it is open").forget();
        Ok(text)
    }

    fn retry(_: &BadText) -> Retry {
        Retry::Never
    }

    fn ended(_: &BadText) -> Compiled {
        Compiled::Refused
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_modules_are_compiled_at_a_time_than_may_be() {
    let dir = tempfile::tempdir().expect("a folder");
    let (begun, mut begins) = unbounded_channel();
    let end = tokio::sync::Semaphore::new(0);
    let bounds = Bounds {
        compiles: 2,
        ..Bounds::default()
    };
    let modules = Modules::new(Watched { begun, end }, bounds, None, None, None);
    let compiler = Arc::clone(&modules.compiler);
    let sources: Vec<ModuleSource> = (0..5)
        .map(|n| module(&dir, &format!("{n}.wasm"), &format!("module {n}")))
        .collect();
    let loading = futures::future::join_all(sources.iter().map(|file| modules.load(file)));
    let watching = async {
        for round in 0..5 {
            begins.recv().await.expect("a compile begins");
            if round == 0 {
                begins.recv().await.expect("a second one beside it");
            }
            // Time stands still while anything can go on; past this moment nothing can.
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            assert!(begins.try_recv().is_err(), "a third one began");
            compiler.end.add_permits(1);
            if round == 3 {
                break;
            }
        }
        compiler.end.add_permits(1);
    };
    let (loads, ()) = tokio::join!(loading, watching);
    assert!(loads.iter().all(Result::is_ok));
}
