//! `wagi inspect`: what a module is, and whether it can be served.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

use ::registry::{Client, Resolved, Sink};
use clap::Args;
use crds::digest::Digest;
use crds::module_reference::ModuleReference;
use sha2::Digest as _;

use super::args::compile::CompileArgs;
use super::args::registry::RegistryArgs;
use super::{Error, progress, push};
use crate::config;
use crate::config::registry::Registry;
use crate::guest::{Compiler, Inspection};

/// A person who asks has the memory for it.
const LARGEST: u64 = 1 << 30;

/// What `wagi inspect` is told.
#[derive(Debug, Args)]
pub struct InspectArgs {
    /// A file, or an image as in registry.example/shop/hello:1.2.
    #[arg(value_name = "FILE|REF")]
    pub module: String,

    /// How registries are spoken to.
    #[command(flatten)]
    pub registry: RegistryArgs,

    /// How modules are compiled.
    #[command(flatten)]
    pub compile: CompileArgs,
}

/// Bytes as they come, and how many there are.
struct Counted<'a> {
    bytes: Vec<u8>,
    count: &'a AtomicU64,
}

impl Sink for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.bytes.extend_from_slice(bytes);
        self.count.store(self.bytes.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    fn restart(&mut self) -> std::io::Result<()> {
        self.bytes.clear();
        Ok(())
    }
}

pub(super) fn run(args: &InspectArgs) -> Result<ExitCode, Error> {
    let compile = config::Compile::try_from(&args.compile)?;
    let registry = Registry::try_from(&args.registry)?;
    let (bytes, resolved) = match file(&args.module) {
        Some(path) => {
            let read = std::fs::read(&path);
            let name = path.display();
            let bytes = read.map_err(|error| Error::failed(format!("{name}: {error}")))?;
            (bytes, None)
        }
        None => {
            let (bytes, resolved) = pull(&args.module, registry)?;
            (bytes, Some(resolved))
        }
    };
    let compiler = Compiler::new(compile.wasm_exceptions).map_err(Error::failed)?;
    let inspection = compiler.inspect(&bytes);
    let text = describe(&bytes, resolved.as_ref(), &inspection);
    std::io::stdout()
        .write_all(text.as_bytes())
        .map_err(Error::failed)?;
    Ok(ExitCode::SUCCESS)
}

/// A path, if the argument is one or there is a file of that name.
fn file(text: &str) -> Option<PathBuf> {
    let path = Path::new(text);
    match ModuleReference::parse(text) {
        Ok(ModuleReference::File(path)) => Some(path),
        Ok(ModuleReference::Registry(_)) => path.is_file().then(|| path.to_owned()),
        Err(_) => Some(path.to_owned()),
    }
}

fn pull(text: &str, registry: Registry) -> Result<(Vec<u8>, Resolved), Error> {
    let reference = push::image(text)?;
    let client = Client::new(registry.settings).map_err(Error::failed)?;
    let credentials = registry.credentials;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Error::failed)?;
    let count = AtomicU64::new(0);
    let work = async {
        let resolved = client.resolve(&reference, &credentials).await?;
        let mut sink = Counted {
            bytes: Vec::new(),
            count: &count,
        };
        client
            .pull(&reference, &resolved, &credentials, LARGEST, &mut sink)
            .await?;
        Ok::<_, ::registry::Error>((sink.bytes, resolved))
    };
    let now = || {
        let bytes = count.load(Ordering::Relaxed);
        format!("pulling {reference}: {bytes} bytes")
    };
    let pulled = runtime.block_on(progress::show(now, work));
    runtime.shutdown_background();
    pulled.map_err(Error::failed)
}

/// One line a fact.
fn describe(bytes: &[u8], resolved: Option<&Resolved>, inspection: &Inspection) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
        let value: String = value.chars().map(printable).collect();
        let _ = writeln!(text, "{name:<12}{value}");
    };
    let digest = Digest::from_bytes(sha2::Sha256::digest(bytes).into());
    line("kind", &inspection.kind.to_string());
    line("size", &format!("{} bytes", bytes.len()));
    line("digest", &digest.to_string());
    if let Some(resolved) = resolved {
        line("manifest", &resolved.manifest.to_string());
        line("media type", &resolved.media_type);
        for (key, value) in &resolved.annotations {
            line("annotation", &format!("{key}={value}"));
        }
    }
    let list = |all: &[String], none: &str| match all {
        [] => none.to_owned(),
        all => all.join(", "),
    };
    if let Some(parts) = &inspection.parts {
        line(
            "entry",
            &list(
                &parts.entries,
                "none: it exports no function without parameters and results",
            ),
        );
        line("_routes", if parts.has_routes { "yes" } else { "no" });
        line(
            "imports",
            &match parts.missing.as_slice() {
                [] => "all are provided".to_owned(),
                missing => format!("not provided: {}", missing.join(", ")),
            },
        );
        line(
            "proposals",
            &list(&parts.proposals, "none beyond WebAssembly 1.0"),
        );
    }
    match &inspection.refusal {
        None => line("served", "yes"),
        Some(reason) => line("served", &format!("no: {reason}")),
    }
    text
}
