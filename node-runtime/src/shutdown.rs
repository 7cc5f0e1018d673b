//! How a server ends: told to go, it leaves in an order that loses no request.
//!
//! Not ready; still accepting for a while, so that those who route to it can learn it; accepting
//! no more; ending what is left at a deadline. A second order ends everything at once. It knows
//! neither sockets nor guests: what serves is a future, and stops when it is told.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use futures::stream::{self, Stream, StreamExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Somebody at a terminal waits no longer than this for requests to finish.
const AT_A_TERMINAL: Duration = Duration::from_secs(1);

/// Who wants the server to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Ctrl-C: somebody at a terminal (SIGINT).
    Interrupt,
    /// Whoever runs it (SIGTERM).
    Terminate,
}

/// How the serving ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, or in order.
    InOrder,
    /// By a second order, in the middle of everything.
    AtOnce,
}

/// What the ending of a server is told to, and asks.
pub trait Draining {
    /// From now on it is not ready: probes say so, and it serves on.
    fn begin(&self);

    /// How much is under way, for the log.
    fn under_way(&self) -> UnderWay;
}

/// How much is under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UnderWay {
    /// Open connections.
    pub connections: usize,
    /// Requests that are being answered.
    pub requests: usize,
}

/// How a server is told to stop: it resolves to how long requests may go on at most, where that
/// is less than the server would give them.
pub type Stop = oneshot::Receiver<Option<Duration>>;

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
            return Poll::Ready(Some(Order::Interrupt));
        }
        terminate.poll_recv(context).map(|_| Some(Order::Terminate))
    }))
}

/// Serves until the first order, and on until all is in order, or a second one comes.
///
/// `draining` hears of the first order before anything else happens. `serve` makes the future that
/// serves until its [`Stop`] resolves, and then until all is answered or cut.
///
/// # Cancellation
///
/// Dropping the future drops what serves.
pub async fn run<F>(
    mut orders: impl Stream<Item = Order> + Unpin,
    pre_stop_wait: Duration,
    draining: &impl Draining,
    serve: impl FnOnce(Stop) -> F,
) -> Ended
where
    F: Future<Output = ()>,
{
    let (stop, stopped) = oneshot::channel();
    let mut serving = pin!(serve(stopped));
    let order = tokio::select! {
        () = &mut serving => return Ended::InOrder,
        order = next(&mut orders) => order,
    };
    draining.begin();
    let (wait, at_most) = order.patience(pre_stop_wait);
    let UnderWay {
        connections,
        requests,
    } = draining.under_way();
    tracing::info!(
        signal = order.signal(),
        connections,
        requests,
        "stopping: not ready; new requests are served for another {wait:?}; \
         a second signal ends at once"
    );
    tokio::select! {
        biased;
        _ = next(&mut orders) => return abort(draining),
        () = &mut serving => return Ended::InOrder,
        () = tokio::time::sleep(wait) => {}
    }
    let UnderWay {
        connections,
        requests,
    } = draining.under_way();
    tracing::info!(
        connections,
        requests,
        "draining: no new connections; what is under way goes on"
    );
    // Nobody listens any more when it has just ended by itself.
    let _ = stop.send(at_most);
    tokio::select! {
        biased;
        _ = next(&mut orders) => abort(draining),
        () = &mut serving => {
            tracing::info!("stopped");
            Ended::InOrder
        }
    }
}

fn abort(draining: &impl Draining) -> Ended {
    let UnderWay {
        connections,
        requests,
    } = draining.under_way();
    tracing::warn!(
        connections,
        requests,
        "a second signal: ending at once; what is under way is lost"
    );
    Ended::AtOnce
}

/// The next order; a source that has ended gives none.
async fn next(orders: &mut (impl Stream<Item = Order> + Unpin)) -> Order {
    match orders.next().await {
        Some(order) => order,
        None => poll_fn(|_| Poll::Pending).await,
    }
}

// === impl Order ===

impl Order {
    const fn signal(self) -> &'static str {
        match self {
            Self::Interrupt => "SIGINT",
            Self::Terminate => "SIGTERM",
        }
    }

    /// How long to accept, and how long to drain at most.
    const fn patience(self, pre_stop_wait: Duration) -> (Duration, Option<Duration>) {
        match self {
            // Nobody routes to a server by what happens at its terminal.
            Self::Interrupt => (Duration::ZERO, Some(AT_A_TERMINAL)),
            Self::Terminate => (pre_stop_wait, None),
        }
    }
}

#[cfg(test)]
mod tests;
