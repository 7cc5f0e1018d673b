//! The story of following: read what was kept → list → watch → list again when a watch cannot go on.
//!
//! A watch that ends is followed by another from where it ended. A list is asked for only at the
//! start and when the API server has forgotten what happened since; where a connection was lost
//! first, it waits, since it was lost for everybody. What is there at once becomes one snapshot:
//! nothing waits for more.

use std::time::Duration;

use futures::{FutureExt, Stream, StreamExt};
use k8s_openapi::NamespaceResourceScope;
use kube::Resource;
use kube::api::{ListParams, WatchEvent, WatchParams};
use kube::core::Request;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::known::Keep;
use super::patience::{Backoff, up_to};
use super::published::{self, Item, List};
use super::snapshot::{Keeper, Restored};
use super::{Settings, Stage};

/// An API server that has not answered for so long at the start is away, until it answers.
const AWAY_AFTER: Duration = Duration::from_secs(3);
/// How long a list may take: ten thousand documents take seconds where everything is slow.
const LIST_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a watch lasts, and a random part beside it: watches of many runtimes end apart.
const WATCH: (Duration, Duration) = (Duration::from_secs(45), Duration::from_secs(15));
/// A watch that has not ended by then is on a connection that is dead.
const WATCH_SLACK: Duration = Duration::from_secs(5);
/// After so many watches that could not begin, what the API server knows may be another history.
const MOST_FAILURES: u32 = 10;
/// Events that become one snapshot.
const MOST_AT_ONCE: usize = 10_000;

/// What is followed: lists and events go in, what is to be kept comes out.
pub(super) trait Follows: Sized + Send + 'static {
    /// For the log.
    const WHAT: &'static str;
    /// Which objects.
    type Object: Resource<DynamicType = (), Scope = NamespaceResourceScope>;

    /// The resourceVersion up to which everything is known.
    fn version(&self) -> u64;
    /// How much is known.
    fn count(&self) -> usize;
    /// Takes what was kept.
    fn restore(&mut self, version: u64, items: Vec<Item>);
    /// Takes all there is.
    fn list(&mut self, list: List, now: Instant, grace: Duration) -> Vec<Keep>;
    /// Takes one that is new or changed.
    fn put(&mut self, item: Item) -> Option<Keep>;
    /// Takes that one is gone.
    fn delete(&mut self, item: &Item) -> Option<Keep>;
    /// Takes that nothing else happened up to here.
    fn bookmark(&mut self, version: u64);
    /// When something that is kept goes.
    fn next_expiry(&self) -> Option<Instant>;
    /// Lets go of what was kept for long enough.
    fn expire(&mut self, now: Instant) -> Vec<Keep>;
    /// Looks again at what waited for what has come.
    fn release(&mut self) -> Vec<Keep> {
        Vec::new()
    }
    /// Hands on what is known, where that is new.
    fn publish(&mut self);
    /// Says whether all was listed.
    fn show(&mut self, stage: Stage);
    /// Waits for news from elsewhere, and takes them.
    ///
    /// # Cancellation
    /// Loses nothing.
    fn beside(&mut self) -> impl Future<Output = Vec<Keep>> + Send;
}

/// Follows what is published.
pub(super) struct Follower<F> {
    settings: Settings,
    /// Lent to another thread while that reads a list.
    follows: Option<F>,
    keeper: Option<Keeper>,
    backoff: Backoff,
    /// Whether the connection was lost since the API server answered last.
    is_lost: bool,
}

/// Why a watch does not go on.
#[derive(Debug, thiserror::Error)]
enum WatchError {
    /// What happened since is not known any more.
    #[error("the API server has forgotten what changed since {0}")]
    Expired(u64),
    /// It said nothing until it must have ended.
    #[error("the watch did not end when it should")]
    Stuck,
    /// It ended before its time: so does a connection that is closed.
    #[error("the connection was closed")]
    Early,
    /// It broke.
    #[error("{0}")]
    Broken(String),
}

// === impl Follower ===

impl<F: Follows> Follower<F> {
    pub(super) fn new(settings: Settings, follows: F, keeper: Option<Keeper>) -> Self {
        Self {
            settings,
            follows: Some(follows),
            keeper,
            backoff: Backoff::default(),
            is_lost: false,
        }
    }

    /// Follows for ever.
    pub(super) async fn run(mut self, restored: Option<Restored>) {
        let kept = match restored {
            Some(restored) if !restored.texts.is_empty() => Some(self.restore(restored).await),
            _ => None,
        };
        self.first_list(kept).await;
        loop {
            self.watch_on().await;
            if self.is_lost {
                let pause = up_to(self.settings.relist_spread);
                tracing::info!("{} are listed again in {pause:?}", F::WHAT);
                self.rest(pause).await;
            }
            self.list_again().await;
        }
    }

    /// Serves what was kept, whatever the API server will say.
    async fn restore(&mut self, restored: Restored) -> usize {
        let version = restored.version;
        self.on_blocking_thread(move |follows| {
            let texts = restored.texts.into_iter();
            let items = texts.filter_map(|(name, version, text)| Item::kept(name, version, text));
            follows.restore(version, items.collect());
        })
        .await;
        self.publish(Vec::new());
        let count = self.follows().count();
        tracing::info!("{count} {} as they were seen last", F::WHAT);
        count
    }

    /// Asks until there is an answer, and says when there is none.
    async fn first_list(&mut self, kept: Option<usize>) {
        loop {
            let asked = Instant::now();
            let (client, namespace) = (self.settings.client.clone(), &self.settings.namespace);
            let mut listing = std::pin::pin!(list::<F::Object>(client, namespace.clone()));
            let listed = match timeout_at(asked + AWAY_AFTER, &mut listing).await {
                Ok(listed) => listed,
                Err(_elapsed) => {
                    let reason = format!("it has not answered for {AWAY_AFTER:?}");
                    self.follows_mut().show(Stage::Away { reason, kept });
                    listing.await
                }
            };
            match listed {
                Ok(list) => return self.take_list(list).await,
                Err(reason) => {
                    if self.backoff.failures() == 0 {
                        tracing::warn!("the API server cannot be asked for {}: {reason}", F::WHAT);
                    }
                    self.follows_mut().show(Stage::Away { reason, kept });
                    let pause = self.backoff.pause();
                    self.rest(pause).await;
                }
            }
        }
    }

    async fn list_again(&mut self) {
        loop {
            let namespace = self.settings.namespace.clone();
            match list::<F::Object>(self.settings.client.clone(), namespace).await {
                Ok(list) => return self.take_list(list).await,
                Err(reason) => {
                    if self.backoff.failures() == 0 {
                        tracing::warn!(
                            "{} cannot be listed: {reason}; all serve as they do",
                            F::WHAT
                        );
                    }
                    let pause = self.backoff.pause();
                    self.rest(pause).await;
                }
            }
        }
    }

    async fn take_list(&mut self, text: String) {
        let grace = self.settings.shrink_grace;
        let taken = self
            .on_blocking_thread(move |follows| {
                let list: List = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                let listed = list.items.len();
                Ok::<_, String>((follows.list(list, Instant::now(), grace), listed))
            })
            .await;
        match taken {
            Ok((keep, listed)) => {
                tracing::debug!(
                    listed,
                    version = self.follows().version(),
                    "{} are listed",
                    F::WHAT
                );
                self.backoff.reset();
                self.is_lost = false;
                self.publish(keep);
                self.follows_mut().show(Stage::Listed);
            }
            // An API server whose lists are none will not give a watch either: the next try says so.
            Err(error) => tracing::warn!("a list of {} cannot be read: {error}", F::WHAT),
        }
    }

    /// Watches, one watch after another, until only a list helps.
    async fn watch_on(&mut self) {
        loop {
            match self.watch().await {
                Ok(()) => {
                    self.backoff.reset();
                    self.is_lost = false;
                }
                Err(error @ WatchError::Expired(_)) => {
                    tracing::info!("{error}");
                    return;
                }
                Err(error) => {
                    if self.backoff.failures() == 0 {
                        tracing::warn!(
                            "changes of {} cannot be watched: {error}; all serve as they do",
                            F::WHAT
                        );
                    }
                    self.is_lost = true;
                    if self.backoff.failures() >= MOST_FAILURES {
                        return;
                    }
                    let pause = self.backoff.pause();
                    self.rest(pause).await;
                }
            }
        }
    }

    /// One watch, until it ends as it should.
    async fn watch(&mut self) -> Result<(), WatchError> {
        let time = WATCH.0 + up_to(WATCH.1);
        let end = Instant::now() + time;
        let until = end + WATCH_SLACK;
        let stuck = |_| WatchError::Stuck;
        let begin = begin_watch::<F::Object>(&self.settings, self.follows().version(), time);
        let events = timeout_at(until, begin).await.map_err(stuck)??;
        let mut events = std::pin::pin!(events);
        loop {
            let expiry = self.follows().next_expiry();
            tokio::select! {
                event = timeout_at(until, events.next()) => match event.map_err(stuck)? {
                    None if Instant::now() + WATCH_SLACK < end => return Err(WatchError::Early),
                    None => return Ok(()),
                    Some(event) => self.take_events(event?, events.as_mut())?,
                },
                () = at(expiry) => self.expire(),
                keep = beside(&mut self.follows) => self.publish(keep),
            }
        }
    }

    /// Takes an event and those that are there with it.
    fn take_events(
        &mut self,
        first: Event,
        mut events: std::pin::Pin<&mut impl Stream<Item = Result<Event, WatchError>>>,
    ) -> Result<(), WatchError> {
        // A real API server says that it has forgotten within a watch that began well: whoever lost the
        // connection before has to wait with the list still.
        if !matches!(first, WatchEvent::Error(_)) {
            self.backoff.reset();
            self.is_lost = false;
        }
        let mut keep = Vec::new();
        let mut ended = Ok(());
        let mut next = Some(first);
        let mut taken = 0;
        while let Some(event) = next.take() {
            ended = self.take(event, &mut keep);
            taken += 1;
            if ended.is_err() || taken == MOST_AT_ONCE {
                break;
            }
            match events.next().now_or_never() {
                Some(Some(Ok(event))) => next = Some(event),
                Some(Some(Err(error))) => ended = Err(error),
                // The end is found again.
                Some(None) | None => {}
            }
        }
        keep.extend(self.follows_mut().release());
        self.publish(keep);
        ended
    }

    fn take(&mut self, event: Event, keep: &mut Vec<Keep>) -> Result<(), WatchError> {
        match event {
            WatchEvent::Added(item) | WatchEvent::Modified(item) => {
                keep.extend(self.follows_mut().put(item));
            }
            WatchEvent::Deleted(item) => keep.extend(self.follows_mut().delete(&item)),
            WatchEvent::Bookmark(bookmark) => {
                let version = published::version(&bookmark.metadata.resource_version);
                self.follows_mut().bookmark(version);
            }
            WatchEvent::Error(status) if status.code == 410 => {
                return Err(WatchError::Expired(self.follows().version()));
            }
            WatchEvent::Error(status) => return Err(WatchError::Broken(status.message)),
        }
        Ok(())
    }

    /// Waits, and lets go meanwhile of what was kept for long enough.
    async fn rest(&mut self, time: Duration) {
        let until = Instant::now() + time;
        loop {
            let expiry = self.follows().next_expiry();
            tokio::select! {
                () = sleep_until(until) => return,
                () = at(expiry) => self.expire(),
                keep = beside(&mut self.follows) => self.publish(keep),
            }
        }
    }

    fn expire(&mut self) {
        let keep = self.follows_mut().expire(Instant::now());
        self.publish(keep);
    }

    /// Hands on what is known, where that is new, and keeps it.
    fn publish(&mut self, keep: Vec<Keep>) {
        if let (Some(keeper), false) = (&self.keeper, keep.is_empty()) {
            keeper.keep(keep, self.follows().version());
        }
        self.follows_mut().publish();
    }

    /// Reads many objects without holding up what serves.
    async fn on_blocking_thread<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut F) -> T + Send + 'static,
    ) -> T {
        let mut follows = self.follows.take().expect(THERE);
        let worked = tokio::task::spawn_blocking(move || {
            let outcome = work(&mut follows);
            (follows, outcome)
        });
        let (follows, outcome) = worked.await.expect("reading objects does not panic");
        self.follows = Some(follows);
        outcome
    }

    fn follows(&self) -> &F {
        self.follows.as_ref().expect(THERE)
    }

    fn follows_mut(&mut self) -> &mut F {
        self.follows.as_mut().expect(THERE)
    }
}

const THERE: &str = "it is back before anything else is asked of it";

async fn beside<F: Follows>(follows: &mut Option<F>) -> Vec<Keep> {
    follows.as_mut().expect(THERE).beside().await
}

type Event = WatchEvent<Item>;

/// Everything, in one answer: pages would come from several moments of etcd, and cost it more.
async fn list<K: Resource<DynamicType = ()>>(
    client: kube::Client,
    namespace: String,
) -> Result<String, String> {
    let request = Request::new(K::url_path(&(), Some(&namespace)))
        .list(&ListParams::default())
        .map_err(|error| error.to_string())?;
    match timeout(LIST_TIMEOUT, client.request_text(request)).await {
        Ok(listed) => listed.map_err(|error| said(&error)),
        Err(_elapsed) => Err(format!("no answer within {LIST_TIMEOUT:?}")),
    }
}

async fn begin_watch<K: Resource<DynamicType = ()>>(
    settings: &Settings,
    version: u64,
    time: Duration,
) -> Result<impl Stream<Item = Result<Event, WatchError>> + use<K>, WatchError> {
    let parameters = WatchParams {
        timeout: u32::try_from(time.as_secs()).ok(),
        ..WatchParams::default()
    };
    let url = K::url_path(&(), Some(&settings.namespace));
    let request = Request::new(url).watch(&parameters, &version.to_string());
    let request = request.map_err(|error| WatchError::Broken(error.to_string()))?;
    let broken = move |error: kube::Error| match &error {
        kube::Error::Api(status) if status.code == 410 => WatchError::Expired(version),
        error => WatchError::Broken(said(error)),
    };
    let events = settings.client.request_events::<Item>(request).await;
    Ok(events
        .map_err(broken)?
        .map(move |event| event.map_err(broken)))
}

/// An error and its causes, each once.
#[must_use]
pub fn said(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return format!("{} ({})", status.message, status.code);
    }
    let mut text = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            let separator = if text.is_empty() { "" } else { ": " };
            text = format!("{text}{separator}{said}");
        }
        cause = error.source();
    }
    text
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
