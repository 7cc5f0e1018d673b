//! The bridge under every schedule, checked by loom.
//!
//! The lock comes from loom, everything else is the code that runs in production, so no compiler
//! flag is needed. `a_broken_clause_two_is_noticed` shows that the model would see a lost wake.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use loom::future::block_on;

use super::*;

struct LoomLock(loom::sync::Mutex<State>);

impl Lock<State> for LoomLock {
    fn new(value: State) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    fn with<R>(&self, body: impl FnOnce(&mut State) -> R) -> R {
        body(&mut self.0.lock().unwrap())
    }
}

const TINY: Bounds = Bounds {
    capacity_bytes: 2,
    growth: &[Growth {
        after_bytes: 2,
        capacity_bytes: 4,
    }],
    hold_bytes: 1,
    wake_bytes: 1,
};

/// As [`TINY`], but only the end of a slice publishes.
const HELD: Bounds = Bounds {
    hold_bytes: usize::MAX,
    capacity_bytes: 4,
    ..TINY
};

/// Bytes are receivable at once, but wake a receiver only at the end of a slice.
const LAZY: Bounds = Bounds {
    capacity_bytes: 4,
    wake_bytes: usize::MAX,
    ..TINY
};

fn check(bounds: Bounds, break_clause_two: bool, body: fn(Sender<LoomLock>, Receiver<LoomLock>)) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let (sender, receiver) = channel_with::<LoomLock>(bounds);
        sender
            .shared
            .with(|state| state.break_clause_two = break_clause_two);
        body(sender, receiver);
    });
}

/// Writes all of `bytes`, waiting for room as a guest does.
fn write_all(writer: &Writer<LoomLock>, mut bytes: &[u8]) -> Result<(), Closed> {
    block_on(poll_fn(|context| {
        loop {
            let accepted = match writer.write(bytes) {
                Ok(accepted) => accepted,
                Err(closed) => return Poll::Ready(Err(closed)),
            };
            bytes = &bytes[accepted..];
            if bytes.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match writer.poll_ready(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(closed)) => return Poll::Ready(Err(closed)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }))
}

fn receive_all(receiver: &mut Receiver<LoomLock>) -> (Vec<u8>, End) {
    let mut all = Vec::new();
    loop {
        let received = block_on(receiver.receive());
        all.extend_from_slice(&received.bytes);
        if let Some(end) = received.end {
            return (all, end);
        }
    }
}

#[test]
fn everything_arrives_through_a_small_bridge() {
    check(TINY, false, |sender, mut receiver| {
        let guest = loom::thread::spawn(move || {
            write_all(&sender.writer(), b"abcde").unwrap();
            sender.finish(End::Complete);
        });
        assert_eq!(
            receive_all(&mut receiver),
            (b"abcde".to_vec(), End::Complete)
        );
        guest.join().unwrap();
    });
}

#[test]
fn bytes_published_at_the_end_of_a_slice_wake_the_receiver() {
    check(HELD, false, |sender, mut receiver| {
        let guest = loom::thread::spawn(move || {
            write_all(&sender.writer(), b"a").unwrap();
            sender.publish();
            // The guest goes on without another write: the byte must arrive all the same.
            sender
        });
        let received = block_on(receiver.receive());
        assert_eq!((&received.bytes[..], received.end), (&b"a"[..], None));
        drop(guest.join().unwrap());
        assert_eq!(block_on(receiver.receive()).end, Some(End::Aborted));
    });
}

#[test]
fn bytes_that_only_the_end_publishes_wake_the_receiver() {
    check(HELD, false, |sender, mut receiver| {
        let guest = loom::thread::spawn(move || {
            sender.writer().write(b"a").unwrap();
            sender.finish(End::Complete);
        });
        assert_eq!(receive_all(&mut receiver), (b"a".to_vec(), End::Complete));
        guest.join().unwrap();
    });
}

#[test]
fn a_sender_dropped_without_finish_is_seen_as_aborted() {
    check(TINY, false, |sender, mut receiver| {
        let guest = loom::thread::spawn(move || {
            write_all(&sender.writer(), b"ab").unwrap();
            drop(sender);
        });
        assert_eq!(receive_all(&mut receiver), (b"ab".to_vec(), End::Aborted));
        guest.join().unwrap();
    });
}

#[test]
fn a_receiver_dropped_at_any_point_ends_the_write() {
    check(TINY, false, |sender, receiver| {
        let client = loom::thread::spawn(move || drop(receiver));
        // Five bytes do not fit: only the receiver's leaving can end this.
        assert_eq!(write_all(&sender.writer(), b"abcde"), Err(Closed));
        client.join().unwrap();
    });
}

#[test]
fn a_receiver_that_begins_to_discard_frees_the_write() {
    check(TINY, false, |sender, mut receiver| {
        let client = loom::thread::spawn(move || {
            receiver.discard();
            receiver
        });
        assert_eq!(write_all(&sender.writer(), b"abcde"), Ok(()));
        drop(client.join().unwrap());
    });
}

#[test]
fn a_waker_replaced_between_polls_is_the_one_woken() {
    check(TINY, false, |sender, mut receiver| {
        let guest = loom::thread::spawn(move || {
            write_all(&sender.writer(), b"a").unwrap();
            sender.finish(End::Complete);
        });
        let stale = std::task::Waker::noop();
        let mut all = Vec::new();
        let mut end = None;
        if let Poll::Ready(received) =
            receiver.poll_receive(&mut std::task::Context::from_waker(stale))
        {
            all.extend_from_slice(&received.bytes);
            end = received.end;
        }
        if end.is_none() {
            let (rest, ended) = receive_all(&mut receiver);
            all.extend(rest);
            end = Some(ended);
        }
        assert_eq!((&all[..], end), (&b"a"[..], Some(End::Complete)));
        guest.join().unwrap();
    });
}

#[test]
fn a_guest_moved_to_another_thread_loses_nothing() {
    check(TINY, false, |sender, mut receiver| {
        let first_level = loom::thread::spawn(move || {
            let writer = sender.writer();
            writer.write(b"a").unwrap();
            sender.publish();
            // From one level of the executor to the other.
            loom::thread::spawn(move || {
                write_all(&writer, b"bcd").unwrap();
                sender.finish(End::Complete);
            })
        });
        assert_eq!(
            receive_all(&mut receiver),
            (b"abcd".to_vec(), End::Complete)
        );
        first_level.join().unwrap().join().unwrap();
    });
}

/// Polls once, lets the guest publish, and says whether the byte came or a wake did.
fn a_sleeping_receiver_is_woken(sender: Sender<LoomLock>, mut receiver: Receiver<LoomLock>) {
    let guest = loom::thread::spawn(move || {
        sender.writer().write(b"a").unwrap();
        sender.publish();
        sender
    });
    let woken = Arc::new(Woken::default());
    let waker = std::task::Waker::from(Arc::clone(&woken));
    let polled = receiver.poll_receive(&mut std::task::Context::from_waker(&waker));
    // Kept: its end would wake the receiver, too.
    let sender = guest.join().unwrap();
    assert!(polled.is_ready() || woken.0.load(std::sync::atomic::Ordering::SeqCst));
    drop(sender);
}

#[derive(Default)]
struct Woken(std::sync::atomic::AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

#[test]
fn no_schedule_loses_a_wake() {
    check(HELD, false, a_sleeping_receiver_is_woken);
    check(LAZY, false, a_sleeping_receiver_is_woken);
}

#[test]
fn everything_arrives_where_only_a_full_bridge_or_the_end_wakes() {
    check(LAZY, false, |sender, mut receiver| {
        let guest = loom::thread::spawn(move || {
            write_all(&sender.writer(), b"abcdef").unwrap();
            sender.finish(End::Complete);
        });
        assert_eq!(
            receive_all(&mut receiver),
            (b"abcdef".to_vec(), End::Complete)
        );
        guest.join().unwrap();
    });
}

/// The model must fail when emptiness is checked and the waker stored under two locks.
#[test]
fn a_broken_clause_two_is_noticed() {
    let caught = std::panic::catch_unwind(|| check(HELD, true, a_sleeping_receiver_is_woken));
    assert!(caught.is_err(), "loom did not see the lost wake");
    let caught = std::panic::catch_unwind(|| check(LAZY, true, a_sleeping_receiver_is_woken));
    assert!(caught.is_err(), "loom did not see the lost wake");
}

// Loom does not track `Arc`; the compiler sees to it that halves are shared only through it.
const _: fn() = || {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Arc<LoomLock>>();
};
