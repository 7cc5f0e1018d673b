//! `wagi push`: stores a module in a registry.

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use ::registry::{Annotations, Client};
use clap::Args;
use crds::module_reference::{ModuleReference, RegistryReference};

use super::args::registry::RegistryArgs;
use super::{Error, progress};
use crate::config::ConfigError;
use crate::config::registry::Registry;

/// Name of a file (OCI image specification, "Pre-Defined Annotation Keys").
const TITLE: &str = "org.opencontainers.image.title";

/// What `wagi push` is told.
#[derive(Debug, Args)]
pub struct PushArgs {
    /// A core module, binary or text (.wat).
    #[arg(value_name = "FILE")]
    pub file: std::path::PathBuf,

    /// Where to store it, as in registry.example/shop/hello:1.2.
    #[arg(value_name = "REF")]
    pub reference: String,

    /// What to write on it; may be given more than once. The title is the file's name unless given.
    /// Example: org.opencontainers.image.revision=4f1c0de.
    #[arg(long, value_name = "KEY=VALUE")]
    pub annotation: Vec<String>,

    /// How registries are spoken to.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub(super) fn run(args: &PushArgs) -> Result<ExitCode, Error> {
    let mut mistakes = Vec::new();
    let mut keep = |error: ConfigError| mistakes.extend(error.0);
    let registry = Registry::try_from(&args.registry).map_err(&mut keep).ok();
    let reference = image(&args.reference).map_err(&mut keep).ok();
    let annotations = annotations(args).map_err(&mut keep).ok();
    let (Some(registry), Some(reference), Some(annotations)) = (registry, reference, annotations)
    else {
        return Err(ConfigError(mistakes).into());
    };
    let module = read(&args.file)?;
    let client = Client::new(registry.settings).map_err(Error::failed)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(Error::failed)?;
    let size = module.len();
    let pushed = runtime.block_on(progress::show(
        || format!("pushing {size} bytes to {}", reference.registry),
        client.push(&reference, &registry.credentials, module, annotations),
    ));
    runtime.shutdown_background();
    let pushed = pushed.map_err(Error::failed)?;
    let name = RegistryReference {
        digest: Some(pushed.manifest),
        ..reference
    };
    let _ = writeln!(std::io::stderr(), "pushed {name} as {}", pushed.media_type);
    writeln!(std::io::stdout(), "{}", pushed.manifest).map_err(Error::failed)?;
    Ok(ExitCode::SUCCESS)
}

/// The reference to an image that an argument is.
pub(super) fn image(text: &str) -> Result<RegistryReference, ConfigError> {
    match ModuleReference::parse(text) {
        Ok(ModuleReference::Registry(reference)) => Ok(reference),
        Ok(ModuleReference::File(_)) => Err(ConfigError(vec![format!(
            "REF {text:?}: is a file; write an image as in registry.example/shop/hello:1.2"
        )])),
        Err(error) => Err(ConfigError(vec![format!("REF {text:?}: {error}")])),
    }
}

fn annotations(args: &PushArgs) -> Result<Annotations, ConfigError> {
    let mut mistakes = Vec::new();
    let mut annotations = Annotations::new();
    if let Some(name) = args.file.file_name() {
        annotations.insert(TITLE.to_owned(), name.to_string_lossy().into_owned());
    }
    for text in &args.annotation {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                annotations.insert(key.to_owned(), value.to_owned());
            }
            _ => mistakes.push(format!("--annotation {text:?}: write KEY=VALUE")),
        }
    }
    match mistakes.as_slice() {
        [] => Ok(annotations),
        _ => Err(ConfigError(mistakes)),
    }
}

/// The module of a file, in the binary format: registries hold no text.
fn read(file: &Path) -> Result<Vec<u8>, Error> {
    let name = file.display();
    let bytes = std::fs::read(file).map_err(|error| Error::failed(format!("{name}: {error}")))?;
    let bytes = crate::guest::to_binary(&bytes)
        .map_err(|error| Error::failed(format!("{name}: {error}")))?;
    Ok(bytes.into_owned())
}
