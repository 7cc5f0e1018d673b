//! From a module's reference to its digest: the one step that asks a registry.
//!
//! A lookup is an authorisation too, so a digest is looked up as a tag is, once for every reference
//! and credentials. An answer is shared by all who wanted it before it was asked for, and by nobody
//! who came later: a tag may have moved in between.
//! What is remembered over a restart is in the documents; this room keeps only what is under way and
//! the latest answers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crds::module_reference::RegistryReference;
use futures::FutureExt as _;
use futures::future::{BoxFuture, Shared};
use registry::{Client, Credentials};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use super::metrics::Metrics;
use super::retry;

/// Lookups under way in one registry: one that hangs must not keep others from theirs.
const MOST_PER_REGISTRY: usize = 8;
/// Answers that are kept: more than a cluster of a hundred modules needs when it starts.
const MOST_ANSWERS: usize = 1024;

/// A digest, or why there is none.
pub type Answer = Result<String, Arc<registry::Error>>;

/// Looks modules up.
pub struct Lookups {
    client: Client,
    credentials: Credentials,
    metrics: Metrics,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    answers: HashMap<(RegistryReference, Credentials), Lookup>,
    registries: HashMap<String, Arc<Semaphore>>,
}

struct Lookup {
    asked: Instant,
    answer: Shared<BoxFuture<'static, Answer>>,
}

// === impl Lookups ===

impl Lookups {
    /// Asks with these credentials for routes that have none of their own.
    #[must_use]
    pub fn new(client: Client, credentials: Credentials, metrics: Metrics) -> Self {
        Self {
            client,
            credentials,
            metrics,
            inner: Mutex::default(),
        }
    }

    /// The digest of a module's manifest, as it is at some time after `since`.
    ///
    /// # Errors
    ///
    /// When the registry does not say.
    ///
    /// # Cancellation
    ///
    /// Others who wait for the same answer go on to wait.
    pub async fn digest(
        &self,
        reference: &RegistryReference,
        credentials: Option<Credentials>,
        since: Instant,
    ) -> Answer {
        let credentials = credentials.unwrap_or_else(|| self.credentials.clone());
        self.join((reference.clone(), credentials), since).await
    }

    fn join(
        &self,
        asked: (RegistryReference, Credentials),
        since: Instant,
    ) -> Shared<BoxFuture<'static, Answer>> {
        let mut inner = self
            .inner
            .lock()
            .expect("nothing panics while it holds the lookups");
        if let Some(known) = inner.answers.get(&asked)
            && known.asked >= since
        {
            return known.answer.clone();
        }
        if inner.answers.len() >= MOST_ANSWERS {
            inner.drop_oldest();
        }
        let (reference, credentials) = asked.clone();
        let places = inner.registries.entry(reference.registry.clone());
        let places = places.or_insert_with(|| Arc::new(Semaphore::new(MOST_PER_REGISTRY)));
        let answer = ask(
            self.client.clone(),
            credentials,
            self.metrics.clone(),
            Arc::clone(places),
            reference,
        );
        let answer = answer.boxed().shared();
        let lookup = Lookup {
            asked: Instant::now(),
            answer: answer.clone(),
        };
        inner.answers.insert(asked, lookup);
        answer
    }
}

async fn ask(
    client: Client,
    credentials: Credentials,
    metrics: Metrics,
    places: Arc<Semaphore>,
    reference: RegistryReference,
) -> Answer {
    let _place = places
        .acquire()
        .await
        .expect("the places of a registry are never closed");
    let answer = client.resolve(&reference, &credentials).await;
    metrics.looked_up(match &answer {
        Ok(_) => "ok",
        Err(error) => retry::outcome_of_lookup(error),
    });
    match answer {
        Ok(resolved) => Ok(resolved.manifest.to_string()),
        Err(error) => Err(Arc::new(error)),
    }
}

// === impl Inner ===

impl Inner {
    fn drop_oldest(&mut self) {
        let over = self
            .answers
            .iter()
            .filter(|(_, lookup)| lookup.answer.peek().is_some());
        let oldest = over.min_by_key(|(_, lookup)| lookup.asked);
        if let Some(asked) = oldest.map(|(asked, _)| asked.clone()) {
            self.answers.remove(&asked);
        }
    }
}

#[cfg(test)]
mod tests;
