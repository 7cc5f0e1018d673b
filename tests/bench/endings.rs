//! How soon a guest is gone after its client left, or after it went past a limit: by the event of
//! its ending, from a runtime inside this process.

use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use node_runtime::guest::{Ending, Stop};
use tests::guests::{self, Guest};
use tests::node::Node;
use tokio::sync::mpsc;

use crate::client::{calm, connect, get, milliseconds, read_past};
use crate::plan::Plan;
use crate::report::{Report, Target};
use crate::rounds::{Series, p50_p99};
use crate::server::Server;

/// What is left unread when a client leaves; the kernel's buffers take it.
const UNREAD_BYTES: usize = 200_000;
/// A guest that is not gone by then counts as never gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client that leaves: what the guest does then, and how the client brings it there.
struct Leaving {
    what: &'static str,
    guest: Guest,
    body: Body,
    until: &'static [u8],
    /// Whether it may be told first that its input broke off, and end by itself.
    may_end: bool,
}

/// What the client sends of a body.
enum Body {
    None,
    Begun,
    Unread,
}

const LEAVING: [Leaving; 5] = [
    Leaving {
        what: "spinning",
        guest: guests::spin,
        body: Body::None,
        until: b"",
        may_end: false,
    },
    Leaving {
        what: "printing",
        guest: guests::print_forever,
        body: Body::None,
        until: b"xxxx",
        may_end: false,
    },
    Leaving {
        what: "sleeping",
        guest: guests::sleep_after_head,
        body: Body::None,
        until: b"first\n",
        may_end: false,
    },
    Leaving {
        what: "reading",
        guest: guests::read_forever,
        body: Body::Begun,
        until: b"reading\n",
        may_end: true,
    },
    Leaving {
        what: "not reading",
        guest: guests::sleep_after_head,
        body: Body::Unread,
        until: b"first\n",
        may_end: false,
    },
];

/// A limit: the guest that goes past it, and what it is set to.
struct Limit {
    name: &'static str,
    guest: Guest,
    spec: &'static str,
    allowed: Duration,
    stop: Stop,
    /// Whether the guest is past it only when the client sends so much.
    sends: bool,
}

const TENTH: Duration = Duration::from_millis(100);

const LIMITS: [Limit; 7] = [
    limit(
        "cpuTime",
        guests::spin,
        "limits: {cpuTime: 100ms}",
        Stop::CpuTime,
    ),
    limit(
        "timeouts.head",
        guests::spin,
        "limits: {timeouts: {head: 100ms}}",
        Stop::HeadTimeout,
    ),
    limit(
        "timeouts.idle",
        guests::sleep_after_head,
        "limits: {timeouts: {idle: 100ms}}",
        Stop::IdleTimeout,
    ),
    limit(
        "timeouts.client",
        guests::print_forever,
        "limits: {timeouts: {client: 100ms}}",
        Stop::ClientStalled,
    ),
    limit(
        "timeouts.total",
        guests::print_then_spin,
        "limits: {timeouts: {total: 100ms}}",
        Stop::TotalTimeout,
    ),
    Limit {
        allowed: Duration::ZERO,
        ..limit(
            "responseHead",
            guests::endless_head,
            "limits: {responseHead: 2Ki}",
            Stop::ResponseHead,
        )
    },
    Limit {
        allowed: Duration::ZERO,
        sends: true,
        ..limit(
            "requestBody",
            guests::read_forever,
            "limits: {requestBody: 1Ki}",
            Stop::RequestBody,
        )
    },
];

const fn limit(name: &'static str, guest: Guest, spec: &'static str, stop: Stop) -> Limit {
    Limit {
        name,
        guest,
        spec,
        allowed: TENTH,
        stop,
        sends: false,
    }
}

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    let bare = Server::bare()?;
    let tries = plan.count(100);
    for leaving in &LEAVING {
        let name = format!("guest gone after its client left, {}", leaving.what);
        match left(plan, &bare, leaving, tries) {
            Ok(series) => {
                let noise = series.noise(|ms| *ms);
                let p50 = series.ours(|(p50, _)| *p50);
                let p99 = series.ours(|(_, p99)| *p99);
                let (name50, name99) = (format!("{name}: p50"), format!("{name}: p99"));
                report.figure(&name50, Target::AtMost(2.0), "ms", p50, noise);
                report.figure(&name99, Target::AtMost(20.0), "ms", p99, noise);
            }
            Err(error) => report.failure(&name, &error),
        }
    }
    let exceedings = plan.count(10);
    for limit in &LIMITS {
        let name = format!("guest gone past {}, p99", limit.name);
        match exceeded(plan, &bare, limit, exceedings) {
            Ok(series) => report.figure(
                &name,
                Target::AtMost(100.0),
                "ms",
                series.ours(|ms| *ms),
                series.noise(|ms| *ms),
            ),
            Err(error) => report.failure(&name, &error),
        }
    }
    report.section(
        "Endings",
        &format!(
            "A runtime in the measuring process tells how each guest ended, and every ending is \
             checked to be the expected one. Leaving: {tries} tries a round, from the client's \
             close to the event; a reading guest may first be told that its input broke off, and \
             end by itself (so may one whose request's body is too large). Limits: {exceedings} a round, from the request (for requestBody \
             from the bytes that are too many) and the time allowed to the event; for \
             timeouts.client that includes filling the kernel's buffers."
        ),
    );
    Ok(())
}

fn left(
    plan: &Plan,
    bare: &Server,
    leaving: &Leaving,
    tries: usize,
) -> anyhow::Result<Series<(f64, f64), f64>> {
    let mut watched = Watched::start(leaving.guest, "")?;
    let ours = || {
        let times = (0..tries).map(|_| watched.leave(leaving));
        Ok(p50_p99(times.collect::<anyhow::Result<_>>()?))
    };
    Series::measure(plan.rounds, || calm(bare), ours)
}

fn exceeded(
    plan: &Plan,
    bare: &Server,
    limit: &Limit,
    tries: usize,
) -> anyhow::Result<Series<f64>> {
    let mut watched = Watched::start(limit.guest, limit.spec)?;
    let ours = || {
        let times = (0..tries).map(|_| watched.exceed(limit));
        Ok(p50_p99(times.collect::<anyhow::Result<_>>()?).1)
    };
    Series::measure(plan.rounds, || calm(bare), ours)
}

/// A runtime with one route, and the endings of its guests.
struct Watched {
    node: Node,
    path: String,
    endings: mpsc::Receiver<Ending>,
    tokio: tokio::runtime::Runtime,
}

impl Watched {
    fn start(guest: Guest, spec: &str) -> anyhow::Result<Self> {
        let (sender, endings) = mpsc::channel(64);
        let node = Node::builder()
            .config(|config| config.endings = Some(sender))
            .guest_with(guest, spec)
            .start();
        Ok(Self {
            node,
            path: format!("/{}", guest.name),
            endings,
            tokio: tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .build()?,
        })
    }

    /// Brings a guest to what it does, leaves, and waits until it is gone; in ms.
    fn leave(&mut self, leaving: &Leaving) -> anyhow::Result<f64> {
        let mut stream = connect(self.node.address())?;
        send(&mut stream, &self.path, &leaving.body)?;
        if !leaving.until.is_empty() {
            read_past(&mut stream, leaving.until)?;
        }
        // Where it is then is where it stays.
        thread::sleep(Duration::from_millis(5));
        let start = Instant::now();
        drop(stream);
        let ending = self.ending()?;
        let time = start.elapsed();
        let expected = ending == Ending::Stopped(Stop::ClientGone)
            || leaving.may_end && ending == Ending::Exited(0);
        ensure!(expected, "ended otherwise: {ending:?}");
        Ok(milliseconds(time))
    }

    /// Lets a guest go past a limit, and says how long after it was gone; in ms.
    fn exceed(&mut self, limit: &Limit) -> anyhow::Result<f64> {
        let mut stream = connect(self.node.address())?;
        let mut start = Instant::now();
        if limit.sends {
            send(&mut stream, &self.path, &Body::Begun)?;
            read_past(&mut stream, b"reading\n")?;
            start = Instant::now();
            let too_many = "x".repeat(2048);
            write!(stream, "{:x}\r\n{too_many}\r\n", too_many.len())?;
        } else {
            send(&mut stream, &self.path, &Body::None)?;
        }
        let ending = self.ending()?;
        let time = start.elapsed();
        // A reading guest may first be told that it gets no more, and end by itself.
        let expected =
            ending == Ending::Stopped(limit.stop) || limit.sends && ending == Ending::Exited(0);
        ensure!(expected, "ended otherwise: {ending:?}");
        Ok(milliseconds(time) - milliseconds(limit.allowed))
    }

    fn ending(&mut self) -> anyhow::Result<Ending> {
        let next = async { tokio::time::timeout(PATIENCE, self.endings.recv()).await };
        let ending = self
            .tokio
            .block_on(next)
            .context("the guest does not end")?;
        ending.context("the runtime is there")
    }
}

fn send(stream: &mut TcpStream, path: &str, body: &Body) -> anyhow::Result<()> {
    match body {
        Body::None => stream.write_all(get(path).as_bytes())?,
        Body::Begun => write!(
            stream,
            "POST {path} HTTP/1.1\r\nHost: bench.example\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\nbegun\r\n"
        )?,
        Body::Unread => {
            write!(
                stream,
                "POST {path} HTTP/1.1\r\nHost: bench.example\r\nContent-Length: {UNREAD_BYTES}\r\n\r\n"
            )?;
            stream.write_all(&vec![b'x'; UNREAD_BYTES])?;
        }
    }
    Ok(())
}
