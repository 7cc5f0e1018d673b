//! Modules are read and compiled once, and a failure is the asking routes' alone.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// Compiles text: `bad…` is refused, `panic` breaks the compiler down, the rest is its own program.
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

    fn compile(&self, bytes: &[u8]) -> Result<String, BadText> {
        self.compiled.fetch_add(1, Ordering::Relaxed);
        let text = String::from_utf8_lossy(bytes).into_owned();
        assert_ne!(text, "panic");
        if text.starts_with("bad") {
            Err(BadText(text))
        } else {
            Ok(text)
        }
    }
}

fn module(dir: &tempfile::TempDir, name: &str, text: &str) -> ModuleFile {
    let path = dir.path().join(name);
    fs::write(&path, text).expect("a module");
    look(&path)
}

fn look(path: &Path) -> ModuleFile {
    ModuleFile {
        path: Arc::from(path),
        stamp: Stamp::of(path).expect("a look"),
    }
}

#[tokio::test]
async fn the_same_bytes_are_compiled_once_however_many_ask() {
    let dir = tempfile::tempdir().expect("a folder");
    let compiler = TextCompiler::default();
    let compiled = Arc::clone(&compiler.compiled);
    let modules = Modules::new(compiler, 2);
    let files: Vec<ModuleFile> = (0..20)
        .map(|n| module(&dir, &format!("{}.wasm", n % 5), "same"))
        .collect();
    let files: Vec<ModuleFile> = files.iter().map(|file| look(&file.path)).collect();
    let loads = futures::future::join_all(files.iter().map(|file| modules.load(file))).await;
    assert!(loads.iter().all(Result::is_ok));
    assert_eq!(compiled.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn what_is_not_retained_is_compiled_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let modules = Modules::new(TextCompiler::default(), 1);
    let file = module(&dir, "a.wasm", "a");
    let (digest, first) = modules.load(&file).await.expect("a program");
    modules.retain(&HashSet::from([digest]));
    let (_, second) = modules.load(&file).await.expect("a program");
    assert!(Arc::ptr_eq(&first, &second));
    modules.retain(&HashSet::new());
    let (_, third) = modules.load(&file).await.expect("a program");
    assert!(!Arc::ptr_eq(&first, &third));
}

#[tokio::test]
async fn every_failure_says_what_is_wrong() {
    let dir = tempfile::tempdir().expect("a folder");
    let modules = Modules::new(TextCompiler::default(), 1);
    let absent = look(&dir.path().join("absent.wasm"));
    let error = modules.load(&absent).await.expect_err("no file");
    assert!(error.to_string().ends_with("absent.wasm"), "{error}");
    let error = modules
        .load(&module(&dir, "bad.wasm", "bad"))
        .await
        .expect_err("refused");
    assert_eq!(error.to_string(), "the module says bad");
    let error = modules
        .load(&module(&dir, "panic.wasm", "panic"))
        .await
        .expect_err("broken");
    assert!(matches!(error, LoadError::Broken(_)));
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_looked_at_is_not_taken() {
    let dir = tempfile::tempdir().expect("a folder");
    let modules = Modules::new(TextCompiler::default(), 1);
    let before = module(&dir, "a.wasm", "a");
    module(&dir, "a.wasm", "another");
    let error = modules.load(&before).await.expect_err("changed");
    assert!(matches!(error, LoadError::Changing(_)));
}
