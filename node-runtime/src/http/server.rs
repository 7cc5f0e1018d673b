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

use super::registry::Registry;
use super::scope::{Order, Scope, Shared};
use super::{Config, Service, connection};

/// Connections that the kernel completes before we accept them.
const BACKLOG: u32 = 1024;

/// The pause after an `accept` that failed for want of files or memory.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

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

/// Serves `listener` until `stop`, then lets connections finish, within the deadline.
///
/// # Cancellation
///
/// Dropping the future drops every connection.
pub async fn run<S: Service>(
    listener: TcpListener,
    stop: impl Future<Output = ()>,
    config: Config,
    service: S,
) {
    let deadline = config.drain_deadline;
    let registry = Registry::default();
    let mut connections = JoinSet::new();
    {
        let mut stop = pin!(stop);
        // The signal races the accepting, not the connections.
        tokio::select! {
            () = &mut stop => {}
            () = accept_all(&listener, &registry, &mut connections, config, service) => {}
        }
    }
    drop(listener);
    registry.order_all(Order::Drain);
    let until = Instant::now() + deadline;
    while let Ok(Some(outcome)) = tokio::time::timeout_at(until, connections.join_next()).await {
        report(outcome);
    }
    if !connections.is_empty() {
        tracing::warn!(
            count = connections.len(),
            "connections are cut at the deadline"
        );
        registry.order_all(Order::Cut);
        connections.shutdown().await;
    }
}

async fn accept_all<S: Service>(
    listener: &TcpListener,
    registry: &Registry,
    connections: &mut JoinSet<()>,
    config: Config,
    service: S,
) {
    let places = Arc::new(Semaphore::new(config.max_connections));
    let shared = Arc::new(Shared::new(config));
    loop {
        let (tcp, peer) = accept(listener, connections).await;
        let place = find_place(&places, registry, &shared).await;
        let local = match tcp.local_addr() {
            Ok(local) => local,
            // The client is gone already.
            Err(_) => continue,
        };
        let scope = Scope::new(unmapped(peer), unmapped(local), shared.clone());
        let entry = registry.enter(scope.clone());
        let service = service.clone();
        connections.spawn(async move {
            connection::serve(tcp, scope, service).await;
            drop((entry, place));
        });
    }
}

/// The next client; meanwhile connections that ended are forgotten.
async fn accept(listener: &TcpListener, connections: &mut JoinSet<()>) -> (TcpStream, SocketAddr) {
    loop {
        while let Some(outcome) = connections.try_join_next() {
            report(outcome);
        }
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                // Out of files, most likely: the client stays in the backlog.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// A place for one more connection; takes an idle one's if there is no other.
async fn find_place(
    places: &Arc<Semaphore>,
    registry: &Registry,
    shared: &Shared,
) -> OwnedSemaphorePermit {
    if let Ok(place) = places.clone().try_acquire_owned() {
        return place;
    }
    shared.full.store(true, Ordering::SeqCst);
    let mut place = pin!(places.clone().acquire_owned());
    loop {
        registry.evict();
        tokio::select! {
            place = &mut place => {
                shared.full.store(false, Ordering::SeqCst);
                return place.expect("the semaphore is never closed");
            }
            () = shared.freed.notified() => {}
        }
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
