//! The task around [`Machine`]: does what it says, and says who holds the Lease.

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt, stream};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::runtime::WatchStreamExt;
use kube::runtime::watcher::{self, ExponentialBackoff, watcher};
use kube::{Api, Error};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::CALL;
use super::claim::Holder;
use super::machine::{Action, Machine, Standing};
use super::record::{Record, Term, Write};

/// A watch that is broken without anybody having said so is noticed after that, and 5 s.
const WATCH_SECONDS: u32 = 30;
/// Between two tries to watch, at least and at most: a lease that is given up should be seen soon.
const WATCH_RETRY: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(5)];
/// How often the end of a term is tried: once more than somebody else can have got in between.
const RELEASES: usize = 2;

/// Keeps the Lease, or waits for it.
pub(super) struct Keeper {
    machine: Machine,
    api: Api<Lease>,
    term: Term,
    holder: Holder,
    /// Told once, when it was read.
    read: Option<Box<dyn FnOnce() + Send>>,
    said: Option<Said>,
    /// What fails was said once; said again when it works again, or when it is another failure.
    trouble: Option<String>,
}

/// What the log says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Held,
    Lost,
    Standing(Standing),
}

// === impl Keeper ===

impl Keeper {
    pub(super) fn new(
        term: Term,
        api: Api<Lease>,
        holder: Holder,
        read: Box<dyn FnOnce() + Send>,
    ) -> Self {
        Self {
            machine: Machine::new(term.clone(), Instant::now()),
            api,
            term,
            holder,
            read: Some(read),
            said: None,
            trouble: None,
        }
    }

    /// Until it is told to stop; the Lease is given up then.
    pub(super) async fn run(mut self, watched: Api<Lease>, stop: CancellationToken) {
        let mut events = pin!(events(watched, self.term.name));
        while !stop.is_cancelled() {
            match self.machine.next(Instant::now()) {
                Action::Read => self.get().await,
                Action::Write(write) => self.write(write).await,
                Action::Wait(until) => {
                    // When the claim runs out the log says so.
                    let until = self
                        .held_until()
                        .map_or(until, |held_until| held_until.min(until));
                    tokio::select! {
                        () = stop.cancelled() => break,
                        event = events.next() => self.watched(event),
                        () = tokio::time::sleep_until(until) => {}
                    }
                }
            }
            self.publish();
        }
        self.release().await;
    }

    fn held_until(&self) -> Option<Instant> {
        let until = self.machine.held_until()?;
        (Instant::now() < until).then_some(until)
    }

    async fn get(&mut self) {
        let outcome = within(self.api.get_opt(self.term.name)).await;
        let now = Instant::now();
        match outcome {
            Ok(lease) => {
                self.machine.read(lease.map(Record::new), now);
                if let Some(read) = self.read.take() {
                    read();
                }
                self.say_trouble(None);
            }
            Err(error) => self.fail("read", &error),
        }
    }

    async fn write(&mut self, write: Write) {
        let lease = self.machine.begin(write, Timestamp::now());
        let parameters = PostParams::default();
        let began = Instant::now();
        let outcome = if write == Write::Create {
            within(self.api.create(&parameters, &lease)).await
        } else {
            within(self.api.replace(self.term.name, &parameters, &lease)).await
        };
        match outcome {
            Ok(lease) => {
                self.machine
                    .wrote(Record::new(lease), began, Instant::now());
                self.say_trouble(None);
            }
            Err(Failure::Api(error)) if is_race(write, &error) => self.machine.lost_race(),
            Err(error) => self.fail("written", &error),
        }
    }

    fn watched(&mut self, event: Option<watcher::Result<watcher::Event<Lease>>>) {
        use watcher::Event;

        match event {
            Some(Ok(Event::Apply(lease) | Event::InitApply(lease))) => {
                self.machine.watched(Record::new(lease), Instant::now());
            }
            Some(Ok(Event::Delete(_))) => self.machine.doubted(),
            Some(Ok(Event::Init | Event::InitDone)) => {}
            Some(Err(error)) => tracing::debug!("the lease cannot be watched: {error}"),
            None => {}
        }
    }

    /// Writers hear of it before anything else is done.
    fn publish(&mut self) {
        self.holder.hold(self.machine.held_until());
        self.say();
    }

    async fn release(mut self) {
        self.holder.hold(None);
        for _ in 0..RELEASES {
            if self.machine.standing() != Standing::Ours {
                return;
            }
            self.write(Write::Release).await;
            match self.machine.standing() {
                Standing::Free => {
                    return tracing::info!(lease = %self.name(), "gave the lease up");
                }
                _ if matches!(self.machine.next(Instant::now()), Action::Read) => self.get().await,
                _ => return,
            }
        }
    }

    fn fail(&mut self, what: &str, failure: &Failure) {
        self.machine.failed(Instant::now());
        self.say_trouble(Some(format!("cannot be {what}: {failure}")));
    }

    fn say_trouble(&mut self, trouble: Option<String>) {
        if trouble == self.trouble {
            return;
        }
        let lease = self.name();
        match &trouble {
            Some(trouble) => {
                tracing::warn!(%lease, "the lease {trouble}; it is tried again every second");
            }
            None => tracing::info!(%lease, "the lease can be read and written again"),
        }
        self.trouble = trouble;
    }

    fn say(&mut self) {
        let standing = self.machine.standing();
        let was_held = self.said == Some(Said::Held);
        let said = match standing {
            Standing::Ours if self.held_until().is_some() => Said::Held,
            Standing::Ours if was_held || self.said == Some(Said::Lost) => Said::Lost,
            standing => Said::Standing(standing),
        };
        if self.said.as_ref() == Some(&said) {
            return;
        }
        let (lease, holder) = (self.name(), &self.term.holder);
        match &said {
            Said::Held => tracing::info!(%lease, %holder, "holds the lease: writes from now on"),
            Said::Lost => tracing::warn!(
                %lease, %holder,
                "the lease could not be renewed in time: nothing is written until it is"
            ),
            Said::Standing(Standing::Other(other)) if other == holder => tracing::error!(
                %lease, %holder,
                "another process has the lease under our name; start each with its own --pod-name"
            ),
            Said::Standing(Standing::Other(other)) if was_held => tracing::warn!(
                %lease, holder = %other,
                "somebody else took the lease: standing by, nothing is written"
            ),
            Said::Standing(Standing::Other(other)) => {
                tracing::info!(%lease, holder = %other, "standing by: somebody else holds the lease");
            }
            Said::Standing(Standing::Free) => tracing::info!(%lease, "nobody holds the lease"),
            Said::Standing(Standing::Predecessor) => {
                tracing::info!(%lease, %holder, "the lease is still in our name, from before");
            }
            Said::Standing(Standing::Unknown | Standing::Ours) => {}
        }
        self.said = Some(said);
    }

    fn name(&self) -> String {
        format!("{}/{}", self.term.namespace, self.term.name)
    }
}

fn events(
    api: Api<Lease>,
    name: &str,
) -> impl Stream<Item = watcher::Result<watcher::Event<Lease>>> + Send + use<> {
    let config = watcher::Config::default()
        .fields(&format!("metadata.name={name}"))
        .timeout(WATCH_SECONDS);
    let [least, most] = WATCH_RETRY;
    let backoff = backon::ExponentialBuilder::default()
        .with_min_delay(least)
        .with_max_delay(most)
        .without_max_times()
        .with_jitter();
    let events = watcher(api, config).backoff(ExponentialBackoff::from(backoff));
    // A watcher goes on for ever. If this one did not, the Lease would still be read when its time
    // is over.
    events.chain(stream::pending())
}

/// Why a call was in vain.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}", with_causes(.0))]
    Api(Box<Error>),
    #[error("the API server did not answer within {CALL:?}")]
    Silence,
}

/// kube says its cause itself, but not the cause of that.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

/// The client's own timeout is of one read; this one is of all.
async fn within<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Failure> {
    match tokio::time::timeout(CALL, call).await {
        Ok(outcome) => outcome.map_err(|error| Failure::Api(Box::new(error))),
        Err(_) => Err(Failure::Silence),
    }
}

/// Whether the Lease was changed by somebody else in between.
fn is_race(write: Write, error: &Error) -> bool {
    match error {
        Error::Api(status) if status.is_conflict() || status.is_already_exists() => true,
        // Of a create it is the namespace that is not there.
        Error::Api(status) => write != Write::Create && status.is_not_found(),
        _ => false,
    }
}
