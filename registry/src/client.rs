//! What is kept between calls: connections, tokens, settings.

use std::sync::Arc;

use bytes::Bytes;
use crds::module_reference::RegistryReference;

use crate::auth::Tokens;
use crate::credentials::Credentials;
use crate::error::Error;
use crate::mirror;
use crate::pull::{self, Resolved, Sink};
use crate::push::{self, Annotations, Pushed};
use crate::settings::{Mirror, Settings, SettingsError};
use crate::transport::Transport;

/// Speaks to registries. Cheap to clone; holds no credentials: each call brings its own.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) transport: Transport,
    pub(crate) tokens: Tokens,
    pub(crate) mirrors: Vec<Mirror>,
}

// === impl Client ===

impl Client {
    /// Checks the settings, and sends nothing.
    ///
    /// # Errors
    ///
    /// When a setting is unusable; the sentence names it.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let transport = Transport::new(&settings)?;
        mirror::check(&settings.mirrors, &transport.plain)?;
        Ok(Self(Arc::new(Inner {
            transport,
            tokens: Tokens::default(),
            mirrors: settings.mirrors,
        })))
    }

    /// What a reference is at this moment: its digest wins over its tag, and no tag is `latest`.
    ///
    /// # Errors
    ///
    /// When nobody has it, or what they have is no module.
    pub async fn resolve(
        &self,
        reference: &RegistryReference,
        credentials: &Credentials,
    ) -> Result<Resolved, Error> {
        pull::resolve(&self.0, reference, credentials)
            .await
            .map_err(|problem| Error::new(reference, problem))
    }

    /// Writes a module of at most `limit` bytes into a sink. Its bytes are the right ones once this is `Ok`,
    /// and not before.
    ///
    /// # Errors
    ///
    /// When nobody has it whole. What the sink got is to be thrown away.
    ///
    /// # Cancellation
    ///
    /// Ends the transfer; what the sink got is to be thrown away.
    pub async fn pull(
        &self,
        reference: &RegistryReference,
        resolved: &Resolved,
        credentials: &Credentials,
        limit: u64,
        sink: &mut (dyn Sink + Send),
    ) -> Result<(), Error> {
        pull::pull(&self.0, reference, resolved, credentials, limit, sink)
            .await
            .map_err(|problem| Error::new(reference, problem))
    }

    /// Stores a module under a reference's tag, or under its digest when it has none.
    ///
    /// # Errors
    ///
    /// When the registry does not take it.
    pub async fn push(
        &self,
        reference: &RegistryReference,
        credentials: &Credentials,
        module: impl Into<Bytes>,
        annotations: Annotations,
    ) -> Result<Pushed, Error> {
        push::push(&self.0, reference, credentials, module.into(), annotations)
            .await
            .map_err(|problem| Error::new(reference, problem))
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("mirrors", &self.0.mirrors)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
