use std::cell::{Cell, RefCell};
use std::future::pending;
use std::pin::pin;

use futures::channel::mpsc;
use tokio::time::Instant;

use super::*;

const TERM: Order = Order("SIGTERM");

/// Runs work that takes so long to end; says how it ended and what happened in order.
async fn ends(
    orders: impl Stream<Item = Order> + Unpin,
    work_ends: Option<Duration>,
    broken: impl Future<Output = Broken>,
) -> (Result<Ended, String>, Vec<&'static str>) {
    let (stop, did) = (CancellationToken::new(), RefCell::new(Vec::new()));
    let working = pin!(async {
        stop.cancelled().await;
        did.borrow_mut().push("stopped");
        match work_ends {
            Some(time) => tokio::time::sleep(time).await,
            None => pending().await,
        }
        did.borrow_mut().push("ended");
        Ok::<_, std::io::Error>(())
    });
    let release = || async { did.borrow_mut().push("released") };
    let ended = run(orders, &stop, working, broken, release).await;
    let ended = ended.map_err(|Broken(error)| error.to_string());
    (ended, did.take())
}

#[tokio::test(start_paused = true)]
async fn an_order_ends_the_work_and_then_the_lease() {
    let orders = stream::iter([TERM]);
    let (ended, did) = ends(orders, Some(Duration::from_secs(1)), pending()).await;
    assert_eq!(ended, Ok(Ended::InOrder));
    assert_eq!(did, ["stopped", "ended", "released"]);
}

#[tokio::test(start_paused = true)]
async fn work_that_does_not_end_is_given_up_at_the_deadline() {
    let began = Instant::now();
    let (ended, did) = ends(stream::iter([TERM]), None, pending()).await;
    assert_eq!(ended, Ok(Ended::InOrder));
    assert_eq!(did, ["stopped", "released"]);
    assert_eq!(began.elapsed(), WORK);
}

#[tokio::test(start_paused = true)]
async fn a_second_order_ends_everything_at_once() {
    let (sender, orders) = mpsc::unbounded();
    sender.unbounded_send(TERM).expect("it is listened to");
    let second = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        sender.unbounded_send(TERM).expect("it is listened to");
    };
    let began = Instant::now();
    let ((ended, did), ()) = tokio::join!(ends(orders, None, pending()), second);
    assert_eq!(ended, Ok(Ended::AtOnce));
    assert_eq!(did, ["stopped"]);
    assert_eq!(began.elapsed(), Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn whatever_ends_by_itself_ends_the_process_and_gives_the_lease_up() {
    let broken = async { Broken("a watch has ended".into()) };
    let (ended, did) = ends(stream::pending(), Some(Duration::ZERO), broken).await;
    assert_eq!(ended, Err("a watch has ended".to_owned()));
    assert_eq!(did.last(), Some(&"released"));

    let (stop, released) = (CancellationToken::new(), Cell::new(false));
    let working = pin!(async { Ok::<_, std::io::Error>(()) });
    let release = || async { released.set(true) };
    let ended = run(stream::pending(), &stop, working, pending(), release).await;
    assert!(ended.is_err() && released.get() && stop.is_cancelled());
}
