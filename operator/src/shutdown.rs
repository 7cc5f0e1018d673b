//! How the operator ends: told to, it takes no more work, ends what it does, and gives the lease up.
//!
//! Whatever ends without having been told to ends the process, so that whoever runs it starts it
//! anew. A second order ends everything at once. It knows neither what the work is nor the API
//! server: they are futures.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// What is under way may go on for so long; a call to the API server ends earlier.
const WORK: Duration = Duration::from_secs(10);
/// Giving the lease up: the call under way, and one more.
const RELEASE: Duration = Duration::from_secs(10);

/// Who wants the process to end: the signal's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order(pub &'static str);

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// In order.
    InOrder,
    /// By a second order, in the middle of everything.
    AtOnce,
}

/// A part of the process ended by itself, which none does.
#[derive(Debug, thiserror::Error)]
#[error("ends, since a part of it has ended")]
pub struct Broken(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// The orders that come as signals.
///
/// # Errors
///
/// When signals cannot be caught.
pub fn signals() -> std::io::Result<impl Stream<Item = Order> + Unpin> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(stream::poll_fn(move |context| {
        if interrupt.poll_recv(context).is_ready() {
            return Poll::Ready(Some(Order("SIGINT")));
        }
        terminate.poll_recv(context).map(|_| Some(Order("SIGTERM")))
    }))
}

/// Works until the first order, and then to an end; `release` comes last, however it ended.
///
/// `working` ends once `stop` is cancelled; `broken` resolves when something else has ended.
///
/// # Errors
///
/// When a part of it ended by itself.
///
/// # Cancellation
///
/// Dropping the future drops the work.
pub async fn run<E, R>(
    mut orders: impl Stream<Item = Order> + Unpin,
    stop: &CancellationToken,
    mut working: Pin<&mut impl Future<Output = Result<(), E>>>,
    broken: impl Future<Output = Broken>,
    release: impl FnOnce() -> R,
) -> Result<Ended, Broken>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Future<Output = ()>,
{
    let order = tokio::select! {
        ended = &mut working => Err(broken_by(ended)),
        broken = broken => Err(broken),
        order = next(&mut orders) => Ok(order),
    };
    stop.cancel();
    let finish = async {
        if let Ok(Order(signal)) = order {
            tracing::info!(
                signal,
                "stopping: no more work is begun; a second signal ends at once"
            );
            finish(working).await;
        }
        let released = tokio::time::timeout(RELEASE, release()).await;
        if released.is_err() {
            tracing::warn!("the lease could not be given up: it runs out");
        }
    };
    tokio::select! {
        biased;
        Order(signal) = next(&mut orders) => {
            tracing::warn!(signal, "a second signal: ending at once; what is under way is lost");
            Ok(Ended::AtOnce)
        }
        () = finish => {
            order?;
            tracing::info!("stopped");
            Ok(Ended::InOrder)
        }
    }
}

async fn finish<E>(working: Pin<&mut impl Future<Output = Result<(), E>>>)
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match tokio::time::timeout(WORK, working).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!("the work did not end well: {}", error.into()),
        Err(_) => tracing::warn!("what was under way after {WORK:?} is lost"),
    }
}

fn broken_by<E>(ended: Result<(), E>) -> Broken
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    Broken(match ended {
        Ok(()) => "nobody told it to".into(),
        Err(error) => error.into(),
    })
}

/// The next order; a source that has ended gives none.
async fn next(orders: &mut (impl Stream<Item = Order> + Unpin)) -> Order {
    match orders.next().await {
        Some(order) => order,
        None => poll_fn(|_| Poll::Pending).await,
    }
}

#[cfg(test)]
mod tests;
