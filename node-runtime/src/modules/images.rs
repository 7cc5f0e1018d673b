//! Images in registries: what a reference names, and its bytes.
//!
//! What a reference was resolved to is remembered in the store, and used when the registry cannot
//! be reached: what was served is served again after a restart. Bytes come from the store, or from
//! the registry into the store, or into memory where the store cannot take them.

use std::fs::File;
use std::io::{self, Write};
use std::time::Instant;

use crds::digest::Digest;
use registry::retry::{Class, Retry};
use registry::{Client, Credentials, Problem, Resolved, Sink};
use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::bytes;
use super::error::{Failure, LoadError};
use super::metrics::{Metrics, Pulled};
use crate::compile;
use crate::source::Image;
use crate::store::{self, Store, Unpublished};

/// Where images are looked for, and where they are kept.
#[derive(Clone, Debug)]
pub struct Images {
    client: Client,
    credentials: Credentials,
    store: Option<Store>,
}

/// What a reference names.
#[derive(Clone)]
pub(super) struct Pinned {
    /// The digest of the module's bytes.
    pub(super) module: Digest,
    /// As the registry said it; nothing when it could not be asked.
    pub(super) resolved: Option<Resolved>,
}

/// Where the bytes of a pull go.
enum Target {
    Store(Store, Unpublished),
    Memory(File),
}

/// Why bytes did not come.
enum PullError {
    Registry(Box<registry::Error>),
    /// The disk or the store did not take them.
    Storage(io::Error),
}

// === impl Images ===

impl Images {
    /// Asks registries with these credentials; keeps what they give in `store`.
    #[must_use]
    pub const fn new(client: Client, credentials: Credentials, store: Option<Store>) -> Self {
        Self {
            client,
            credentials,
            store,
        }
    }

    /// What an image is: as its registry says it, or as it was when the registry could be reached.
    /// One that is named by its digest cannot have become another.
    pub(super) async fn resolve(&self, image: &Image) -> Result<Pinned, Failure> {
        if image.reference.digest.is_some()
            && let Some(known) = self.recall(image).await
        {
            return Ok(known);
        }
        match self
            .client
            .resolve(&image.reference, self.login(image))
            .await
        {
            Ok(resolved) => {
                self.remember(image, &resolved).await;
                Ok(Pinned {
                    module: resolved.module,
                    resolved: Some(resolved),
                })
            }
            Err(error) if is_unreachable(&error) => match self.recall(image).await {
                Some(known) => {
                    tracing::warn!("{error}; {image} stays what it was: {}", known.module);
                    Ok(known)
                }
                None => Err(Failure::of_image(&error, error.retry())),
            },
            Err(error) => Err(Failure::of_image(&error, error.retry())),
        }
    }

    /// The bytes of an image, verified, at their beginning.
    pub(super) async fn fetch(
        &self,
        image: &Image,
        pinned: &Pinned,
        limit: u64,
        metrics: Option<&Metrics>,
    ) -> Result<File, Failure> {
        if let Some(kept) = self.kept(pinned.module).await {
            return Ok(kept);
        }
        let resolved = match &pinned.resolved {
            Some(resolved) => resolved.clone(),
            None => self.resolve_again(image, pinned).await?,
        };
        let (images, image, size) = (self.clone(), image.clone(), resolved.size);
        let begun = Instant::now();
        let io = Handle::current();
        // A disk that is slow or full stalls this thread, and none that serves.
        let pulled = spawn_blocking(move || images.pull(&io, &image, &resolved, limit)).await;
        let broken = |panic| LoadError::Image(format!("pulling broke down: {panic}"));
        let pulled = pulled.map_err(broken)?;
        if let Some(metrics) = metrics {
            let ended = if pulled.is_ok() {
                Pulled::Ok
            } else {
                Pulled::Failed
            };
            metrics.pulled(ended, begun.elapsed(), size);
        }
        pulled
    }

    async fn resolve_again(&self, image: &Image, pinned: &Pinned) -> Result<Resolved, Failure> {
        let resolved = self
            .client
            .resolve(&image.reference, self.login(image))
            .await;
        let resolved = resolved.map_err(|error| Failure::of_image(&error, error.retry()))?;
        if resolved.module == pinned.module {
            return Ok(resolved);
        }
        self.remember(image, &resolved).await;
        Err(Failure::moved(&image.reference, &pinned.module))
    }

    fn pull(
        &self,
        io: &Handle,
        image: &Image,
        resolved: &Resolved,
        limit: u64,
    ) -> Result<File, Failure> {
        if let Some(store) = &self.store {
            let into_store = store
                .begin_blob()
                .map_err(PullError::Storage)
                .and_then(|file| {
                    let target = Target::Store(store.clone(), file);
                    self.pull_into(io, image, resolved, limit, target)
                });
            match into_store {
                Ok(file) => return Ok(file),
                Err(PullError::Registry(error)) => {
                    return Err(Failure::of_image(&*error, error.retry()));
                }
                Err(PullError::Storage(error)) => {
                    tracing::warn!(
                        "the store does not take {image}: {error}; it is served from memory"
                    );
                }
            }
        }
        let file = compile::memory_file().map_err(|error| LoadError::memory(&error))?;
        self.pull_into(io, image, resolved, limit, Target::Memory(file))
            .map_err(|error| match error {
                PullError::Registry(error) => Failure::of_image(&*error, error.retry()),
                PullError::Storage(error) => LoadError::memory(&error).into(),
            })
    }

    fn pull_into(
        &self,
        io: &Handle,
        image: &Image,
        resolved: &Resolved,
        limit: u64,
        mut target: Target,
    ) -> Result<File, PullError> {
        let pulled = io.block_on(self.client.pull(
            &image.reference,
            resolved,
            self.login(image),
            limit,
            &mut target,
        ));
        match pulled {
            Ok(()) => target.finish(image, &resolved.module),
            Err(error) => Err(match error.problem() {
                Problem::Sink(storage) => {
                    PullError::Storage(io::Error::new(storage.kind(), storage.to_string()))
                }
                _ => PullError::Registry(Box::new(error)),
            }),
        }
    }

    /// Who we are for an image: its own login, and no other beside it, where it has one.
    fn login<'a>(&'a self, image: &'a Image) -> &'a Credentials {
        image.login.as_ref().unwrap_or(&self.credentials)
    }

    async fn kept(&self, module: Digest) -> Option<File> {
        let store = self.store.clone()?;
        spawn_blocking(move || store.blob(&module)).await.ok()?
    }

    async fn recall(&self, image: &Image) -> Option<Pinned> {
        let (store, text) = (self.store.clone()?, image.to_string());
        let known = spawn_blocking(move || store.recall(&text)).await.ok()??;
        Some(Pinned {
            module: known.module,
            resolved: None,
        })
    }

    async fn remember(&self, image: &Image, resolved: &Resolved) {
        let Some(store) = self.store.clone() else {
            return;
        };
        let known = store::Pinned {
            manifest: resolved.manifest,
            module: resolved.module,
            size: resolved.size,
        };
        let text = image.to_string();
        let remembered = spawn_blocking(move || store.remember(&text, &known)).await;
        if let Ok(Err(error)) = remembered {
            tracing::warn!("the store does not remember {image}: {error}");
        }
    }
}

/// Whether the registry said nothing about the image, neither good nor bad.
fn is_unreachable(error: &registry::Error) -> bool {
    match error.problem() {
        Problem::Transport(_) => true,
        Problem::Refused(refused) => {
            let status = refused.status;
            status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429)
        }
        // Whoever gives out tokens may be away as well.
        Problem::Auth(_) => matches!(
            error.retry(),
            Retry::After {
                class: Class::Short,
                ..
            }
        ),
        _ => false,
    }
}

// === impl Target ===

impl Target {
    /// The bytes as a file that can only be read; in the store under their digest, if it takes them.
    fn finish(self, image: &Image, module: &Digest) -> Result<File, PullError> {
        let file = match self {
            Self::Memory(file) => file,
            Self::Store(_, mut unpublished) => {
                let file = unpublished.file().try_clone().map_err(PullError::Storage)?;
                if let Err(error) = unpublished.publish(module) {
                    // It has no name any more, and is read to its end all the same.
                    tracing::warn!("the store does not keep {image}: {error}");
                }
                file
            }
        };
        bytes::read_only(&file).map_err(PullError::Storage)
    }
}

impl Sink for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Store(_, unpublished) => unpublished.write_all(bytes),
            Self::Memory(file) => file.write_all(bytes),
        }
    }

    fn restart(&mut self) -> io::Result<()> {
        match self {
            Self::Store(store, unpublished) => *unpublished = store.begin_blob()?,
            Self::Memory(file) => *file = compile::memory_file()?,
        }
        Ok(())
    }
}
