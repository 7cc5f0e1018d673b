//! Why the bridge is what it is: what a write costs the guest's thread, four ways.

use std::future::poll_fn;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use bytes::{Bytes, BytesMut};
use node_runtime::bridge::{self, Bounds, End};
use rustix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;

use crate::plan::Plan;
use crate::report::{Report, Target, Text};
use crate::rounds::{Measure, Series};

/// What the channels may hold: as much as the bridge of a fast client.
const CAPACITY_BYTES: usize = Bounds::RESPONSE.max_capacity_bytes();
/// How long a guest computes before its thread looks after others.
const SLICE: Duration = Duration::from_millis(1);
/// How many small writes pass between two looks at the clock.
const WRITES_A_LOOK: usize = 32;

/// Writes of one size.
#[derive(Clone, Copy)]
struct Writes {
    bytes: usize,
    count: usize,
}

/// What they cost.
#[derive(Clone, Copy)]
struct Cost {
    /// CPU of the writing thread, a write.
    cpu_ns: f64,
    /// Until the last byte was received, a write.
    wall_ns: f64,
    /// Frames that the receiver made, for a thousand writes.
    frames: f64,
}

/// What the receiver took.
#[derive(Clone, Copy, Default)]
struct Taken {
    bytes: usize,
    frames: usize,
}

type Way = fn(&Handle, Writes) -> anyhow::Result<Cost>;

const OTHERS: [(&str, Way); 3] = [
    ("(b) mpsc with byte permits, recv_many joined", permits),
    ("(c) bridge, visible at once", |handle, writes| {
        let at_once = Bounds {
            hold_bytes: 1,
            wake_bytes: 1,
            ..Bounds::RESPONSE
        };
        bridged(handle, writes, at_once)
    }),
    (
        "(d) bridge, held to the end of the slice",
        |handle, writes| bridged(handle, writes, Bounds::RESPONSE),
    ),
];

pub fn run(plan: &Plan, report: &mut Report) -> anyhow::Result<()> {
    // The receiver has a worker of its own, as a connection has.
    let tokio = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    let handle = tokio.handle();
    report.section(
        "The bridge",
        "A thread writes, a tokio task takes frames and drops them; server code without HTTP and \
         without a guest. Channels may hold 256 KiB, the bridge 64 KiB and later 192. Here *bare* \
         is (a), measured before and after each other way.",
    );
    for (bytes, count) in [(18, 400_000), (64 * 1024, 8_192)] {
        let writes = Writes {
            bytes,
            count: plan.count(count),
        };
        let ours = OTHERS
            .iter()
            .map(|(_, way)| -> Measure<'_, Cost> { Box::new(move || way(handle, writes)) });
        let ours = ours.collect();
        let all = Series::interleave(plan.rounds, || messages(handle, writes), ours)?;
        let held = &all[OTHERS.len() - 1];
        report.figure(
            &format!(
                "writer's CPU for a write of {bytes} bytes, bridge held, of one message a write"
            ),
            Target::Stated,
            "×",
            held.ratio(|cost| cost.cpu_ns),
            held.noise(|cost| cost.cpu_ns),
        );
        let row = |name: &str, of: &dyn Fn(fn(&Cost) -> f64) -> String| {
            vec![
                format!("{bytes} bytes: {name}"),
                of(|cost| cost.cpu_ns),
                of(|cost| cost.wall_ns),
                of(|cost| cost.frames),
            ]
        };
        let mut rows = vec![row("(a) mpsc, one message a write", &|figure| {
            Text(held.bare(figure)).to_string()
        })];
        for ((name, _), series) in OTHERS.iter().zip(&all) {
            rows.push(row(name, &|figure| Text(series.ours(figure)).to_string()));
        }
        report.table(
            &[
                "writes of",
                "writer's CPU ns",
                "until received ns",
                "frames for 1,000 writes",
            ],
            &rows,
        );
    }
    Ok(())
}

fn messages(handle: &Handle, writes: Writes) -> anyhow::Result<Cost> {
    let (sender, mut receiver) = mpsc::channel::<Bytes>((CAPACITY_BYTES / writes.bytes).max(1));
    let taking = handle.spawn(async move {
        let mut taken = Taken::default();
        while let Some(frame) = receiver.recv().await {
            taken.add(&frame);
        }
        taken
    });
    let send = move |piece: &[u8]| Ok(sender.blocking_send(Bytes::copy_from_slice(piece))?);
    cost(handle, writes, send, || (), taking)
}

fn permits(handle: &Handle, writes: Writes) -> anyhow::Result<Cost> {
    let room = Arc::new(Semaphore::new(CAPACITY_BYTES));
    let (sender, mut receiver) = mpsc::unbounded_channel::<Bytes>();
    let freed = Arc::clone(&room);
    let taking = handle.spawn(async move {
        let mut taken = Taken::default();
        let mut pieces = Vec::new();
        while receiver.recv_many(&mut pieces, 1024).await > 0 {
            let mut frame = BytesMut::with_capacity(pieces.iter().map(Bytes::len).sum());
            for piece in pieces.drain(..) {
                frame.extend_from_slice(&piece);
            }
            freed.add_permits(frame.len());
            taken.add(&frame.freeze());
        }
        taken
    });
    let waits = handle.clone();
    let send = move |piece: &[u8]| {
        let count = u32::try_from(piece.len())?;
        let permit = match room.try_acquire_many(count) {
            Ok(permit) => permit,
            Err(_) => waits.block_on(room.acquire_many(count))?,
        };
        permit.forget();
        Ok(sender.send(Bytes::copy_from_slice(piece))?)
    };
    cost(handle, writes, send, || (), taking)
}

fn bridged(handle: &Handle, writes: Writes, bounds: Bounds) -> anyhow::Result<Cost> {
    let (sender, mut receiver) = bridge::channel(bounds);
    let taking = handle.spawn(async move {
        let mut taken = Taken::default();
        loop {
            let received = receiver.receive().await;
            if !received.bytes.is_empty() {
                taken.add(&received.bytes);
            }
            if received.end.is_some() {
                return taken;
            }
        }
    });
    let writer = sender.writer();
    let waits = handle.clone();
    let mut slice = Instant::now();
    let mut looks = 0;
    let holds = bounds.hold_bytes > 1;
    let sender = Arc::new(sender);
    let publisher = Arc::clone(&sender);
    let send = move |mut piece: &[u8]| {
        while !piece.is_empty() {
            let written = writer.write(piece)?;
            if written == 0 {
                waits.block_on(poll_fn(|context| writer.poll_ready(context)))?;
            }
            piece = &piece[written..];
        }
        looks += 1;
        if holds && looks % WRITES_A_LOOK == 0 && slice.elapsed() >= SLICE {
            publisher.publish();
            slice = Instant::now();
        }
        Ok(())
    };
    let finish = move || {
        if let Some(sender) = Arc::into_inner(sender) {
            sender.finish(End::Complete);
        }
    };
    cost(handle, writes, send, finish, taking)
}

fn cost(
    handle: &Handle,
    writes: Writes,
    mut send: impl FnMut(&[u8]) -> anyhow::Result<()>,
    finish: impl FnOnce(),
    taking: JoinHandle<Taken>,
) -> anyhow::Result<Cost> {
    let piece = vec![b'x'; writes.bytes];
    let start = Instant::now();
    let cpu = thread_cpu();
    for _ in 0..writes.count {
        send(black_box(&piece))?;
    }
    let cpu = thread_cpu() - cpu;
    // What the sender holds goes with it: the end of the bytes.
    drop(send);
    finish();
    let taken = handle.block_on(taking)?;
    let time = start.elapsed();
    let count = writes.count as f64;
    ensure!(
        taken.bytes == writes.bytes * writes.count,
        "{} bytes came of {count} writes",
        taken.bytes
    );
    Ok(Cost {
        cpu_ns: cpu.as_secs_f64() * 1e9 / count,
        wall_ns: time.as_secs_f64() * 1e9 / count,
        frames: taken.frames as f64 * 1000.0 / count,
    })
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // Neither is ever negative.
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or_default(),
        u32::try_from(time.tv_nsec).unwrap_or_default(),
    )
}

impl Taken {
    fn add(&mut self, frame: &Bytes) {
        self.bytes += black_box(frame).len();
        self.frames += 1;
    }
}
