//! One client's connection, from its first byte to its close.
//!
//! One task. It watches hang-up, clocks and orders itself, beside hyper, which
//! sees none of them while it waits for a service or for the client to read.
//! Whatever ends it, the service's futures and bodies are dropped first.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use super::ahead::{Ahead, Lookout};
use super::beside::Crew;
use super::cut::Cut;
use super::exchange::{BoxError, Exchange, Service, conduct};
use super::io::Socket;
use super::linger;
use super::phase::Phase;
use super::preface::{self, Protocol};
use super::scope::{Order, Scope};
use super::stall::{KernelClock, is_stall};
use super::streams::Executor;

/// Our buffer for an HTTP/1 head, and for what is written and not yet sent.
const HTTP1_BUFFER: usize = 64 * 1024;
/// What an HTTP/2 client may send on one stream before it is read (RFC 9113's own default).
const STREAM_WINDOW: u32 = 65_535;
/// The same for a connection: sixteen uploads at full speed.
const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;
/// hyper's and nginx's neighbourhood (200 and 128). With the windows above it
/// bounds what one connection can make us hold to some 13 MiB.
const MAX_STREAMS: u32 = 200;
const STREAM_SEND_BUFFER: usize = 64 * 1024;
const HEADER_LIST: u32 = 64 * 1024;

/// How long a client may take to read the last bytes of an answer that a reset
/// ends; after that it has stalled by any measure (a route's default is the same).
const SLOW_READER: Duration = Duration::from_secs(60);

/// Why a connection is over.
#[derive(Debug)]
enum End {
    /// hyper is done, or gave up.
    Done(Result<(), BoxError>),
    /// The client closed, in either direction.
    Gone,
    /// The client did not send what was due.
    TimedOut,
    /// We want the place.
    Evicted,
    /// An answer had to break.
    Cut,
    /// The client took nothing for too long.
    Stalled,
}

/// Ends the work beside requests. What waits for its turn there holds the scope
/// that holds it, so that leaving it would leak both.
struct Closing<'scope>(&'scope Scope);

/// Serves a connection until it is over and closed.
pub(super) async fn serve<S: Service>(tcp: TcpStream, scope: Arc<Scope>, service: S) {
    let tcp = Arc::new(tcp);
    // Also when this future is dropped; after the requests, which it outlives.
    let closing = Closing(&scope);
    // Answers go out as guests write them: holding small segments back would
    // add the client's delayed acknowledgements to every one of them.
    if let Err(error) = tcp.set_nodelay(true) {
        tracing::debug!(%error, "TCP_NODELAY was refused");
    }
    let end = {
        // Pinned here and lent: a future that is passed on is stored twice.
        let talk = pin!(talk(tcp.clone(), scope.clone(), service));
        watch(&tcp, &scope, talk).await
    };
    drop(closing);
    tracing::trace!(peer = %scope.peer(), ?end, "connection is over");
    let time = scope.shared.config.drain_time;
    match end {
        End::Gone | End::TimedOut | End::Evicted | End::Stalled => {}
        End::Cut => linger::reset(&tcp),
        End::Done(_) if scope.needs_reset() => linger::reset_when_sent(&tcp, SLOW_READER).await,
        End::Done(_) if scope.is_spent() => {}
        End::Done(Ok(())) if !scope.is_abandoned() && !linger::has_unread(&tcp) => {}
        End::Done(_) => {
            if let Ok(_permit) = scope.shared.drains.try_acquire() {
                let outcome = linger::drain(&tcp, scope.shared.config.drain_bytes, time).await;
                tracing::trace!(?outcome, "drained before the close");
            }
        }
    }
}

/// Polls `talk` until it ends or something else ends the connection.
async fn watch(
    tcp: &TcpStream,
    scope: &Scope,
    mut talk: Pin<&mut impl Future<Output = Result<(), BoxError>>>,
) -> End {
    let config = &scope.shared.config;
    // tokio asks epoll for no priority data, so that this resolves when the read
    // side is closed (EPOLLRDHUP, EPOLLHUP) and on nothing else: unread or
    // pipelined bytes neither hide a hang-up nor wake it.
    let mut gone = pin!(tcp.ready(Interest::PRIORITY));
    // No phase that begins from now on can end earlier than after one of these,
    // so that requests need not touch the timer.
    let shortest = config.head.min(config.keep_alive);
    let mut timer = pin!(sleep_until(
        Instant::now() + shortest.min(config.first_byte)
    ));
    let mut kernel_clock = KernelClock::default();
    let mut next_look = None;
    poll_fn(|context| {
        scope.listen(context);
        if scope.ordered(Order::Cut) {
            return Poll::Ready(End::Cut);
        }
        if gone.as_mut().poll(context).is_ready() {
            if matches!(tcp.take_error(), Ok(Some(error)) if is_stall(&error)) {
                scope.stall.report(scope.peer());
            }
            return Poll::Ready(if scope.is_stalled() {
                End::Stalled
            } else {
                End::Gone
            });
        }
        if scope.take_order(Order::Evict) && scope.phases.idle_since().is_some() {
            return Poll::Ready(End::Evicted);
        }
        if scope.ordered(Order::Drain)
            && scope.phases.phase() == Phase::FirstByte
            && !linger::has_unread(tcp)
        {
            return Poll::Ready(End::Evicted);
        }
        if let Poll::Ready(outcome) = talk.as_mut().poll(context) {
            return Poll::Ready(if scope.is_stalled() {
                End::Stalled
            } else {
                End::Done(outcome)
            });
        }
        kernel_clock.follow(scope.stall.limit(), tcp);
        let look_every = scope.stall.look_every();
        if let Some(limit) = look_every
            && next_look.is_none()
        {
            let look = Instant::now() + limit;
            next_look = Some(look);
            if look < timer.deadline() {
                timer.as_mut().reset(look);
            }
        }
        while timer.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            let deadline = scope.phases.deadline(config);
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(End::TimedOut);
            }
            if next_look.is_some_and(|look| look <= now) {
                next_look = look_every.map(|limit| now + limit);
                scope.stall.look_again();
                // Its streams look, too.
                context.waker().wake_by_ref();
            }
            let look = now + shortest;
            let look = next_look.map_or(look, |next| next.min(look));
            timer
                .as_mut()
                .reset(deadline.map_or(look, |deadline| deadline.min(look)));
        }
        Poll::Pending
    })
    .await
}

/// Chooses the protocol and lets hyper speak it.
async fn talk<S: Service>(
    tcp: Arc<TcpStream>,
    scope: Arc<Scope>,
    service: S,
) -> Result<(), BoxError> {
    let Some((protocol, ahead)) = preface::choose(&tcp, &scope).await? else {
        return Ok(());
    };
    let ahead = Arc::new(Ahead::new(scope.clone(), ahead));
    match protocol {
        Protocol::Http1 => {
            let socket = Socket::http1(tcp.clone(), scope.clone(), ahead.clone());
            let count = AtomicU64::new(0);
            let requests = scope.clone();
            let answer = service_fn(move |request| {
                let number = 1 + count.fetch_add(1, Ordering::Relaxed);
                let cut = Cut::connection(requests.clone(), number);
                let scope = requests.clone();
                conduct(
                    service.clone(),
                    request,
                    Exchange { scope, cut },
                    Some(number),
                )
            });
            let connection = pin!(
                http1::Builder::new()
                    // Ours counts from the first byte; hyper's would also end idle connections.
                    .header_read_timeout(None)
                    .max_buf_size(HTTP1_BUFFER)
                    .serve_connection(socket, answer)
            );
            let watch = Some((&*ahead, &*tcp));
            drive(
                &scope,
                connection,
                http1::Connection::graceful_shutdown,
                watch,
            )
            .await
        }
        Protocol::Http2 => {
            let socket = Socket::http2(tcp.clone(), scope.clone(), ahead);
            let executor = Executor::new(scope.clone());
            let cuts = executor.clone();
            let requests = scope.clone();
            let answer = service_fn(move |request| {
                let cut = cuts.next_cut();
                let scope = requests.clone();
                conduct(service.clone(), request, Exchange { scope, cut }, None)
            });
            let connection = pin!(
                http2::Builder::new(executor)
                    .initial_stream_window_size(STREAM_WINDOW)
                    .initial_connection_window_size(CONNECTION_WINDOW)
                    .max_concurrent_streams(MAX_STREAMS)
                    .max_send_buf_size(STREAM_SEND_BUFFER)
                    .max_header_list_size(HEADER_LIST)
                    .serve_connection(socket, answer)
            );
            drive(
                &scope,
                connection,
                http2::Connection::graceful_shutdown,
                None,
            )
            .await
        }
    }
}

/// Polls hyper and what runs beside it; passes the orders of a server that ends on.
///
/// `ahead` is HTTP/1's, which has no way to say which requests it will answer: it ends between
/// two of them, when none has come yet. HTTP/2 says so itself (GOAWAY, RFC 9113 section 6.8).
async fn drive<C>(
    scope: &Scope,
    mut connection: Pin<&mut C>,
    drain: impl Fn(Pin<&mut C>),
    ahead: Option<(&Ahead, &TcpStream)>,
) -> Result<(), BoxError>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut crew = Crew::new();
    let mut lookout = Lookout::new();
    let mut is_draining = false;
    let mut is_breaking = false;
    let mut look = 0;
    let mut is_done = false;
    poll_fn(|context| {
        if !is_breaking && scope.is_breaking() {
            is_breaking = true;
            crew.wake_all();
        }
        if look != scope.stall.look() {
            look = scope.stall.look();
            crew.wake_all();
        }
        if !is_draining && ahead.is_none() && scope.ordered(Order::Drain) {
            is_draining = true;
            drain(connection.as_mut());
        }
        loop {
            if !is_done {
                match connection.as_mut().poll(context) {
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(error.into())),
                    Poll::Ready(Ok(())) => is_done = true,
                    Poll::Pending => {}
                }
            }
            let crew_is_done = crew.poll(&scope.inbox, context);
            if is_done && crew_is_done {
                return Poll::Ready(Ok(()));
            }
            let Some((ahead, tcp)) = ahead else { break };
            if is_draining || !scope.ordered(Order::Drain) || !is_quiet(scope, ahead, tcp) {
                break;
            }
            is_draining = true;
            drain(connection.as_mut());
        }
        if scope.ordered(Order::Drop) {
            match ahead {
                Some(_) => scope.order(Order::Cut),
                // h2 resets streams that are dropped, and hyper is polled once more for it.
                None if !crew.is_empty() => {
                    crew.clear();
                    context.waker().wake_by_ref();
                }
                None => {}
            }
        }
        if let Some((ahead, tcp)) = ahead {
            lookout.poll(ahead, tcp, context);
        }
        Poll::Pending
    })
    .await
}

/// Whether an HTTP/1 client has sent nothing that it was not answered for.
///
/// hyper drops what it has not read when it is told to stop between two requests.
fn is_quiet(scope: &Scope, ahead: &Ahead, tcp: &TcpStream) -> bool {
    matches!(scope.phases.phase(), Phase::Idle(_)) && !ahead.has_some() && !linger::has_unread(tcp)
}

// === impl Closing ===

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.inbox.close();
    }
}

#[cfg(test)]
mod tests;
