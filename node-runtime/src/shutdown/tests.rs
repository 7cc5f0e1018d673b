//! Every step with orders from a channel, on a paused clock.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;

use futures::channel::mpsc::{self, UnboundedSender};
use tokio::time::{Instant, advance};

use super::*;

const WAIT: Duration = Duration::from_secs(5);

/// What happened, in order.
#[derive(Clone, Default)]
struct Story(Rc<RefCell<Vec<&'static str>>>);

/// Runs a server that ends `drain` after it was told to stop.
async fn run_with(
    orders: mpsc::UnboundedReceiver<Order>,
    story: &Story,
    drain: Duration,
) -> (Ended, Option<Duration>) {
    let at_most = Cell::new(None);
    let serve = |stopped: Stop| {
        let at_most = &at_most;
        let story = story.clone();
        async move {
            let told = stopped.await.expect("it is told before it is dropped");
            story.add("stopped");
            at_most.set(told);
            tokio::time::sleep(drain).await;
            story.add("drained");
        }
    };
    let ended = run(orders, WAIT, story, serve).await;
    (ended, at_most.get())
}

impl Draining for Story {
    fn begin(&self) {
        self.0.borrow_mut().push("leaving");
    }

    fn under_way(&self) -> UnderWay {
        UnderWay::default()
    }
}

impl Story {
    fn add(&self, what: &'static str) {
        self.0.borrow_mut().push(what);
    }

    fn told(&self) -> Vec<&'static str> {
        self.0.borrow().clone()
    }
}

fn order(orders: &UnboundedSender<Order>, order: Order) {
    orders.unbounded_send(order).expect("the server listens");
}

#[tokio::test(start_paused = true)]
async fn it_leaves_then_waits_then_stops_then_drains() {
    let (orders, received) = mpsc::unbounded();
    let story = Story::default();
    let began = Instant::now();
    order(&orders, Order::Terminate);
    let ended = run_with(received, &story, Duration::from_secs(2)).await;
    assert_eq!(ended, (Ended::InOrder, None));
    assert_eq!(story.told(), ["leaving", "stopped", "drained"]);
    assert_eq!(began.elapsed(), WAIT + Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn it_is_not_told_to_stop_before_the_wait_is_over() {
    let (orders, received) = mpsc::unbounded();
    let story = Story::default();
    order(&orders, Order::Terminate);
    let mut running = pin!(run_with(received, &story, Duration::ZERO));
    assert!(futures::poll!(&mut running).is_pending());
    advance(WAIT - Duration::from_millis(1)).await;
    assert!(futures::poll!(&mut running).is_pending());
    assert_eq!(story.told(), ["leaving"]);
    running.await;
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_does_not_wait_and_drains_for_a_second_at_most() {
    let (orders, received) = mpsc::unbounded();
    let story = Story::default();
    let began = Instant::now();
    order(&orders, Order::Interrupt);
    let ended = run_with(received, &story, Duration::ZERO).await;
    assert_eq!(ended, (Ended::InOrder, Some(AT_A_TERMINAL)));
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_second_order_ends_at_once_while_it_waits_and_while_it_drains() {
    for second_after in [Duration::from_secs(1), WAIT + Duration::from_secs(1)] {
        let (orders, received) = mpsc::unbounded();
        let story = Story::default();
        let began = Instant::now();
        order(&orders, Order::Terminate);
        let ordering = async {
            tokio::time::sleep(second_after).await;
            order(&orders, Order::Interrupt);
        };
        let ((ended, _), ()) = tokio::join!(
            run_with(received, &story, Duration::from_secs(60)),
            ordering
        );
        assert_eq!(ended, Ended::AtOnce);
        assert_eq!(began.elapsed(), second_after);
        assert!(!story.told().contains(&"drained"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_by_itself_needs_no_order() {
    let story = Story::default();
    let ended = run(stream::pending(), WAIT, &story, |_| async {}).await;
    assert_eq!((ended, story.told()), (Ended::InOrder, vec![]));
    let (orders, received) = mpsc::unbounded();
    order(&orders, Order::Terminate);
    let ends_while_it_waits = |_| tokio::time::sleep(Duration::from_secs(1));
    let ended = run(received, WAIT, &story, ends_while_it_waits).await;
    assert_eq!(ended, Ended::InOrder);
}

#[tokio::test(start_paused = true)]
async fn orders_that_can_no_longer_come_are_none() {
    let (orders, received) = mpsc::unbounded::<Order>();
    drop(orders);
    let story = Story::default();
    let running = run(received, WAIT, &story, |_| pending());
    let outcome = tokio::time::timeout(Duration::from_secs(60), running).await;
    outcome.expect_err("it serves on");
}
