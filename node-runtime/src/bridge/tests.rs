//! The clauses of the contract, one by one, and under arbitrary schedules.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use proptest::prelude::*;

use super::*;

const SMALL: Bounds = Bounds {
    capacity_bytes: 8,
    growth: &[
        Growth {
            after_bytes: 16,
            capacity_bytes: 16,
        },
        Growth {
            after_bytes: 16,
            capacity_bytes: 32,
        },
    ],
    hold_bytes: 4,
    wake_bytes: 4,
};

/// As [`SMALL`], but within a slice only half of it wakes.
const LAZY: Bounds = Bounds {
    hold_bytes: 2,
    ..SMALL
};

/// Counts how often it is woken.
#[derive(Default)]
struct Sleeper(AtomicUsize);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Sleeper {
    fn new() -> (Arc<Self>, Waker) {
        let sleeper = Arc::new(Self::default());
        (Arc::clone(&sleeper), Waker::from(sleeper))
    }

    fn wakes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn receive(receiver: &mut Receiver, waker: &Waker) -> Option<(Vec<u8>, Option<End>)> {
    match receiver.poll_receive(&mut Context::from_waker(waker)) {
        Poll::Ready(received) => Some((received.bytes.to_vec(), received.end)),
        Poll::Pending => None,
    }
}

fn is_ready(writer: &Writer, waker: &Waker) -> bool {
    writer
        .poll_ready(&mut Context::from_waker(waker))
        .is_ready()
}

#[test]
fn bytes_are_invisible_until_the_slice_ends() {
    let (sender, mut receiver) = channel(SMALL);
    let (sleeper, waker) = Sleeper::new();
    assert_eq!(sender.writer().write(b"abc"), Ok(3));
    assert_eq!(receive(&mut receiver, &waker), None);
    assert_eq!(sleeper.wakes(), 0);
    assert_eq!(sender.publish(), 3);
    assert_eq!(sleeper.wakes(), 1);
    assert_eq!(
        receive(&mut receiver, &waker),
        Some((b"abc".to_vec(), None))
    );
}

#[test]
fn enough_held_back_bytes_are_published_within_the_slice() {
    let (sender, mut receiver) = channel(SMALL);
    let (sleeper, waker) = Sleeper::new();
    assert_eq!(receive(&mut receiver, &waker), None);
    assert_eq!(sender.writer().write(b"abcd"), Ok(4));
    assert_eq!(sleeper.wakes(), 1);
    assert_eq!(
        receive(&mut receiver, &waker),
        Some((b"abcd".to_vec(), None))
    );
}

#[test]
fn a_sleeping_receiver_is_woken_once() {
    let (sender, mut receiver) = channel(SMALL);
    let (sleeper, waker) = Sleeper::new();
    assert_eq!(receive(&mut receiver, &waker), None);
    let writer = sender.writer();
    for _ in 0..4 {
        writer.write(b"x").unwrap();
        sender.publish();
    }
    assert_eq!(sleeper.wakes(), 1);
}

#[test]
fn a_receiver_that_does_not_sleep_is_not_woken() {
    let (sender, mut receiver) = channel(SMALL);
    let (sleeper, waker) = Sleeper::new();
    sender.writer().write(b"x").unwrap();
    sender.publish();
    assert!(receive(&mut receiver, &waker).is_some());
    sender.writer().write(b"y").unwrap();
    sender.publish();
    assert_eq!(sleeper.wakes(), 0);
}

#[test]
fn a_large_write_is_accepted_in_part_and_the_writer_waits_for_room() {
    let (sender, mut receiver) = channel(SMALL);
    let writer = sender.writer();
    let (sleeper, waker) = Sleeper::new();
    assert_eq!(writer.write(b"0123456789"), Ok(8));
    assert_eq!(writer.write(b"89"), Ok(0));
    assert!(!is_ready(&writer, &waker));
    let (_, receiver_waker) = Sleeper::new();
    assert!(receive(&mut receiver, &receiver_waker).is_some());
    assert_eq!(sleeper.wakes(), 1);
    assert!(is_ready(&writer, &waker));
    assert_eq!(writer.write(b"89"), Ok(2));
}

#[test]
fn last_bytes_and_end_come_together() {
    let (sender, mut receiver) = channel(SMALL);
    let (sleeper, waker) = Sleeper::new();
    assert_eq!(receive(&mut receiver, &waker), None);
    sender.writer().write(b"ab").unwrap();
    sender.finish(End::Complete);
    assert_eq!(sleeper.wakes(), 1);
    assert_eq!(
        receive(&mut receiver, &waker),
        Some((b"ab".to_vec(), Some(End::Complete)))
    );
}

#[test]
fn a_sender_dropped_without_finish_is_aborted() {
    let (sender, mut receiver) = channel(SMALL);
    let (_, waker) = Sleeper::new();
    sender.writer().write(b"a").unwrap();
    drop(sender);
    assert_eq!(
        receive(&mut receiver, &waker),
        Some((b"a".to_vec(), Some(End::Aborted)))
    );
}

#[test]
fn a_dropped_receiver_fails_the_next_write_and_wakes_a_waiting_one() {
    let (sender, receiver) = channel(SMALL);
    let writer = sender.writer();
    let (sleeper, waker) = Sleeper::new();
    writer.write(b"01234567").unwrap();
    assert!(!is_ready(&writer, &waker));
    drop(receiver);
    assert_eq!(sleeper.wakes(), 1);
    assert_eq!(writer.write(b"8"), Err(Closed));
    assert_eq!(
        writer.poll_ready(&mut Context::from_waker(&waker)),
        Poll::Ready(Err(Closed))
    );
}

#[test]
fn a_discarding_receiver_takes_everything_and_keeps_nothing() {
    let (sender, mut receiver) = channel(SMALL);
    let writer = sender.writer();
    receiver.discard();
    for _ in 0..100 {
        assert_eq!(writer.write(b"0123456789"), Ok(10));
    }
    assert_eq!(sender.publish(), 1000);
    drop(receiver);
    assert_eq!(writer.write(b"x"), Err(Closed));
}

#[test]
fn a_detached_receiver_lets_the_writer_go_on() {
    let (sender, receiver) = channel(SMALL);
    let writer = sender.writer();
    receiver.detach();
    assert_eq!(writer.write(b"0123456789"), Ok(10));
}

#[test]
fn a_sleeping_receiver_is_woken_by_enough_bytes_or_the_end_of_the_slice() {
    let (sender, mut receiver) = channel(LAZY);
    let writer = sender.writer();
    let (sleeper, waker) = Sleeper::new();
    assert_eq!(receive(&mut receiver, &waker), None);
    writer.write(b"ab").unwrap();
    assert_eq!(sleeper.wakes(), 0, "receivable, but few");
    writer.write(b"cd").unwrap();
    assert_eq!(sleeper.wakes(), 1, "enough");
    assert_eq!(
        receive(&mut receiver, &waker),
        Some((b"abcd".to_vec(), None))
    );
    assert_eq!(receive(&mut receiver, &waker), None);
    writer.write(b"ef").unwrap();
    sender.publish();
    assert_eq!(sleeper.wakes(), 2, "published before the end of the slice");
    assert_eq!(receive(&mut receiver, &waker), Some((b"ef".to_vec(), None)));
    // Who is awake need not be woken to see them.
    writer.write(b"gh").unwrap();
    assert_eq!(receive(&mut receiver, &waker), Some((b"gh".to_vec(), None)));
}

#[test]
fn capacity_grows_only_for_a_receiver_that_took_much() {
    let (sender, mut receiver) = channel(SMALL);
    let writer = sender.writer();
    let (_, waker) = Sleeper::new();
    let bytes = [0; 64];
    assert_eq!(writer.write(&bytes), Ok(8));
    receive(&mut receiver, &waker);
    assert_eq!(writer.write(&bytes), Ok(8));
    receive(&mut receiver, &waker);
    assert_eq!(writer.write(&bytes), Ok(16));
    receive(&mut receiver, &waker);
    assert_eq!(writer.write(&bytes), Ok(32));
    receive(&mut receiver, &waker);
    assert_eq!(writer.write(&bytes), Ok(32));
}

#[test]
fn stalled_since_moves_when_bytes_are_taken() {
    let (sender, mut receiver) = channel(SMALL);
    let (_, waker) = Sleeper::new();
    assert_eq!(sender.stalled_since(), None);
    sender.writer().write(b"abcd").unwrap();
    assert!(sender.stalled_since().is_some());
    receive(&mut receiver, &waker);
    assert_eq!(sender.stalled_since(), None);
}

/// One step of a schedule.
#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Publish,
    WaitForRoom,
    Receive,
    ReplaceWaker,
    Discard,
    DropReceiver,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0usize..24).prop_map(Step::Write),
        3 => Just(Step::Publish),
        2 => Just(Step::WaitForRoom),
        6 => Just(Step::Receive),
        1 => Just(Step::ReplaceWaker),
        1 => Just(Step::Discard),
        1 => Just(Step::DropReceiver),
    ]
}

proptest! {
    /// Whatever the schedule: bytes arrive in order, none is lost or doubled, the capacity holds,
    /// a sleeper with something to do was woken, and the end comes once, last.
    #[test]
    fn every_schedule_keeps_the_contract(steps in prop::collection::vec(step(), 0..200), finish: bool) {
        let (sender, receiver) = channel(SMALL);
        let writer = sender.writer();
        let mut receiver = Some(receiver);
        let mut discarding = false;
        let (mut receiver_sleeper, mut receiver_waker) = Sleeper::new();
        let (sender_sleeper, sender_waker) = Sleeper::new();
        let (mut written, mut published, mut taken) = (0u64, 0u64, 0u64);
        let mut asleep_at = None;
        let mut waits_at = None;
        for step in steps {
            match step {
                Step::Write(length) => {
                    let bytes: Vec<u8> = (0..length as u64).map(|at| ((written + at) % 251) as u8).collect();
                    match writer.write(&bytes) {
                        Ok(accepted) => {
                            prop_assert!(receiver.is_some());
                            written += accepted as u64;
                            if !discarding {
                                prop_assert!(written - taken <= SMALL.max_capacity_bytes() as u64);
                                prop_assert!(accepted == length || accepted > 0 || written > taken);
                            }
                        }
                        Err(Closed) => prop_assert!(receiver.is_none()),
                    }
                }
                Step::Publish => {
                    prop_assert_eq!(sender.publish(), written);
                    published = written;
                }
                Step::WaitForRoom => {
                    if !is_ready(&writer, &sender_waker) {
                        waits_at = Some(sender_sleeper.wakes());
                    }
                }
                Step::Receive => {
                    if let (Some(receiver), false) = (&mut receiver, discarding) {
                        match receive(receiver, &receiver_waker) {
                            Some((bytes, end)) => {
                                prop_assert!(!bytes.is_empty());
                                prop_assert_eq!(end, None);
                                for byte in bytes {
                                    prop_assert_eq!(byte, (taken % 251) as u8);
                                    taken += 1;
                                }
                                asleep_at = None;
                                if let Some(before) = waits_at.take() {
                                    prop_assert_eq!(sender_sleeper.wakes(), before + 1);
                                }
                            }
                            None => {
                                prop_assert!(taken >= published);
                                asleep_at = Some(receiver_sleeper.wakes());
                            }
                        }
                    }
                }
                Step::ReplaceWaker => {
                    (receiver_sleeper, receiver_waker) = Sleeper::new();
                    asleep_at = None;
                }
                Step::Discard => {
                    if let Some(receiver) = &mut receiver {
                        receiver.discard();
                        discarding = true;
                        asleep_at = None;
                        if let Some(before) = waits_at.take() {
                            prop_assert_eq!(sender_sleeper.wakes(), before + 1);
                        }
                    }
                }
                Step::DropReceiver => {
                    if receiver.take().is_some()
                        && let Some(before) = waits_at.take()
                    {
                        prop_assert_eq!(sender_sleeper.wakes(), before + 1);
                    }
                    asleep_at = None;
                }
            }
            if let Some(before) = asleep_at
                && published > taken
            {
                prop_assert_eq!(receiver_sleeper.wakes(), before + 1);
            }
        }
        if finish {
            sender.finish(End::Complete);
        } else {
            drop(sender);
        }
        if let (Some(receiver), false) = (&mut receiver, discarding) {
            let (bytes, end) = receive(receiver, &receiver_waker).expect("an ended bridge is ready");
            prop_assert_eq!(taken + bytes.len() as u64, written);
            prop_assert_eq!(end, Some(if finish { End::Complete } else { End::Aborted }));
            prop_assert_eq!(receive(receiver, &receiver_waker), None);
        }
    }
}
