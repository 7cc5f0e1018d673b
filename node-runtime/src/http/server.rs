//! Accepts connections, within their number, until told to stop.
//!
//! Every connection is a task in one set: when [`run`] returns or is dropped,
//! none is left. It does not know what is served.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

use super::registry::{Connections, Counts};
use super::scope::{Order, Scope, Shared};
use super::{Config, Service, connection};

/// Connections that the kernel completes before we accept them.
const BACKLOG: u32 = 1024;

/// The pause after an `accept` that failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long each step of cutting may take: an answer's last bytes are on their way by then, or
/// their client does not read.
const CUT_STEP: Duration = Duration::from_secs(1);

/// Opens a listening socket. `[::]` serves IPv4 too, and alone where IPv6 is off.
///
/// # Errors
///
/// The address is in use, or not ours.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let any6 = address.ip() == Ipv6Addr::UNSPECIFIED;
    match listen(address) {
        Err(error) if any6 && error.kind() != io::ErrorKind::AddrInUse => {
            let any4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port()));
            tracing::info!(%error, %any4, "no IPv6 here; listening on IPv4");
            listen(any4)
        }
        outcome => outcome,
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // A server that restarts finds its port held by connections of the last one.
    socket.set_reuseaddr(true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        // The kernel's default may be IPv6 alone (net.ipv6.bindv6only).
        socket2::SockRef::from(&socket).set_only_v6(false)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// How long connections may finish, said with the order to stop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Grace(Option<Duration>);

/// A server while it accepts, and while it ends.
struct Server<S> {
    config: Config,
    service: S,
    open: Connections,
    tasks: JoinSet<()>,
    places: Arc<Semaphore>,
    shared: Arc<Shared>,
    /// Accepted, and without a place yet.
    held: Option<(TcpStream, SocketAddr)>,
    is_draining: bool,
}

/// Serves `listener` until `stop`, then lets connections finish, within the deadline, which it
/// returns. `open` shows what is under way.
///
/// What the kernel had accepted for us by then is served, too. What is not finished at the
/// deadline breaks, visibly for its client: first by ending what makes the answers, so that all
/// that was written arrives; then, where nobody takes it, by resets.
///
/// # Cancellation
///
/// Dropping the future drops every connection.
pub async fn run<S, F>(
    listener: TcpListener,
    stop: F,
    config: Config,
    open: Connections,
    service: S,
) -> Instant
where
    S: Service,
    F: Future<Output: Into<Grace>>,
{
    let mut server = Server::new(config, open, service);
    let grace = {
        let mut stop = pin!(stop);
        // The signal races the accepting, not the connections.
        tokio::select! {
            grace = &mut stop => grace.into(),
            () = server.accept_all(&listener) => Grace::default(),
        }
    };
    let deadline = grace.within(server.config.drain_deadline);
    let until = Instant::now() + deadline;
    server.is_draining = true;
    let waiting = server.take_waiting(listener);
    server.open.order_all(Order::Drain);
    let Counts {
        connections,
        requests,
    } = server.open.counts();
    tracing::debug!(
        connections = connections + waiting.len(),
        requests,
        "draining: no new connections; requests may go on for another {deadline:?}"
    );
    match tokio::time::timeout_at(until, server.finish(waiting)).await {
        Ok(()) => tracing::debug!("drained: every request was answered"),
        Err(_elapsed) => server.cut().await,
    }
    until
}

// === impl Grace ===

impl Grace {
    /// So long, or as the configuration has it, whichever is shorter.
    #[must_use]
    pub const fn at_most(time: Duration) -> Self {
        Self(Some(time))
    }

    fn within(self, deadline: Duration) -> Duration {
        self.0.map_or(deadline, |time| time.min(deadline))
    }
}

impl From<()> for Grace {
    fn from((): ()) -> Self {
        Self(None)
    }
}

impl From<Option<Duration>> for Grace {
    fn from(at_most: Option<Duration>) -> Self {
        Self(at_most)
    }
}

// === impl Server ===

impl<S: Service> Server<S> {
    fn new(config: Config, open: Connections, service: S) -> Self {
        Self {
            places: Arc::new(Semaphore::new(config.max_connections)),
            shared: Arc::new(Shared::new(config.clone())),
            config,
            service,
            open,
            tasks: JoinSet::new(),
            held: None,
            is_draining: false,
        }
    }

    /// # Cancellation
    ///
    /// What was accepted is served or still held.
    async fn accept_all(&mut self, listener: &TcpListener) {
        loop {
            self.accept(listener).await;
            let place = self.find_place().await;
            if let Some((tcp, peer)) = self.held.take() {
                self.serve(tcp, peer, place);
            }
        }
    }

    /// Holds the next client; meanwhile connections that ended are forgotten.
    async fn accept(&mut self, listener: &TcpListener) {
        loop {
            while let Some(outcome) = self.tasks.try_join_next() {
                report(outcome);
            }
            match listener.accept().await {
                Ok(accepted) => {
                    self.held = Some(accepted);
                    return;
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    // Out of files, most likely: the client stays in the backlog.
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    fn serve(&mut self, tcp: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let Ok(local) = tcp.local_addr() else {
            // The client is gone already.
            return;
        };
        let scope = Scope::new(unmapped(peer), unmapped(local), self.shared.clone());
        if self.is_draining {
            scope.order(Order::Drain);
        }
        let entry = self.open.enter(scope.clone());
        let service = self.service.clone();
        self.tasks.spawn(async move {
            connection::serve(tcp, scope, service).await;
            drop((entry, place));
        });
    }

    /// A place for one more connection; takes an idle one's if there is no other.
    async fn find_place(&self) -> OwnedSemaphorePermit {
        if let Ok(place) = self.places.clone().try_acquire_owned() {
            return place;
        }
        let shared = &self.shared;
        shared.full.store(true, Ordering::SeqCst);
        let mut place = pin!(self.places.clone().acquire_owned());
        loop {
            self.open.evict();
            tokio::select! {
                place = &mut place => {
                    shared.full.store(false, Ordering::SeqCst);
                    return place.expect("the semaphore is never closed");
                }
                () = shared.freed.notified() => {}
            }
        }
    }

    /// Whom the kernel has accepted for us; it accepts nobody any more.
    fn take_waiting(&mut self, listener: TcpListener) -> Vec<(TcpStream, SocketAddr)> {
        let mut waiting: Vec<_> = self.held.take().into_iter().collect();
        // tokio's own accept may not have heard of them yet.
        let Ok(listener) = listener.into_std() else {
            return waiting;
        };
        // No more than can have waited: those who knock on again and again end, too.
        for _ in 0..=BACKLOG {
            match listener.accept() {
                Ok((tcp, peer)) => {
                    let tcp = tcp
                        .set_nonblocking(true)
                        .and_then(|()| TcpStream::from_std(tcp));
                    waiting.extend(tcp.ok().map(|tcp| (tcp, peer)));
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(_none_or_no_room) => break,
            }
        }
        waiting
    }

    /// Serves those, and waits until every connection is over.
    async fn finish(&mut self, waiting: Vec<(TcpStream, SocketAddr)>) {
        for (tcp, peer) in waiting {
            let place = self.find_place().await;
            self.serve(tcp, peer, place);
        }
        self.all_over().await;
    }

    async fn all_over(&mut self) {
        while let Some(outcome) = self.tasks.join_next().await {
            report(outcome);
        }
    }

    /// Ends what is left, each step for those that the one before did not end.
    async fn cut(&mut self) {
        let Counts {
            connections,
            requests,
        } = self.open.counts();
        tracing::warn!(
            connections,
            requests,
            "the time to drain is over: what is left is cut"
        );
        for order in [Order::Break, Order::Drop, Order::Cut] {
            self.open.order_all(order);
            let over = tokio::time::timeout(CUT_STEP, self.all_over());
            if over.await.is_ok() {
                return;
            }
        }
        self.tasks.shutdown().await;
    }
}

/// Errors of `accept` that concern one connection only (accept(2)).
fn is_of_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    )
}

fn report(outcome: Result<(), JoinError>) {
    if let Err(error) = outcome
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}

/// `::ffff:192.0.2.1`, as a socket that serves both families has it, is 192.0.2.1.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests;
