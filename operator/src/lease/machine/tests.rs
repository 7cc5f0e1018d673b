use k8s_openapi::api::coordination::v1::Lease;
use proptest::prelude::*;

use super::*;

const DURATION: Duration = Duration::from_secs(15);

fn term(holder: &str) -> Term {
    Term {
        namespace: "wagi-system".to_owned(),
        name: "wagi-operator",
        holder: holder.to_owned(),
        duration: DURATION,
    }
}

/// The API server's Lease; each write is one second later than the one before it, for people.
#[derive(Default)]
struct Server {
    version: u64,
    lease: Option<Lease>,
}

impl Server {
    fn read(&self) -> Option<Record> {
        self.lease.clone().map(Record::new)
    }

    /// What the API server makes of a write.
    fn write(&mut self, write: Write, mut lease: Lease) -> Result<Record, ()> {
        let is_newest = match (&self.lease, write) {
            (None, Write::Create) => true,
            (Some(held), Write::Acquire | Write::Renew | Write::Release) => {
                held.metadata.resource_version == lease.metadata.resource_version
            }
            _ => false,
        };
        if !is_newest {
            return Err(());
        }
        self.version += 1;
        lease.metadata.resource_version = Some(self.version.to_string());
        // As it is sent and stored: times lose their nanoseconds.
        let sent = serde_json::to_string(&lease).expect("it becomes JSON");
        let stored: Lease = serde_json::from_str(&sent).expect("it is JSON");
        self.lease = Some(stored.clone());
        Ok(Record::new(stored))
    }
}

fn stamp(number: i64) -> Timestamp {
    Timestamp::new(1_700_000_000 + number, 123_456_789).expect("a time")
}

/// Does what the machine says, until it waits.
#[track_caller]
fn settle(machine: &mut Machine, server: &mut Server, now: Instant, number: i64) -> Vec<Action> {
    let mut done = Vec::new();
    loop {
        let action = machine.next(now);
        match action {
            Action::Wait(_) => return done,
            Action::Read => machine.read(server.read(), now),
            Action::Write(write) => {
                let lease = machine.begin(write, stamp(number));
                match server.write(write, lease) {
                    Ok(record) => machine.wrote(record, now, now),
                    Err(()) => machine.lost_race(),
                }
            }
        }
        done.push(action);
        assert!(done.len() < 10, "it does not come to rest: {done:?}");
    }
}

fn is_held(machine: &Machine, now: Instant) -> bool {
    machine.held_until().is_some_and(|until| now < until)
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_lease_that_is_not_there_is_made_and_renewed_every_third_of_its_time() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut machine = Machine::new(term("a"), now);
    assert_eq!(machine.standing(), Standing::Unknown);
    let done = settle(&mut machine, &mut server, now, 0);
    assert_eq!(done, [Action::Read, Action::Write(Write::Create)]);
    assert_eq!(machine.standing(), Standing::Ours);
    assert_eq!(machine.held_until(), Some(now + seconds(10)));
    let due = now + seconds(5);
    assert_eq!(machine.next(now), Action::Wait(due));
    let done = settle(&mut machine, &mut server, due, 5);
    assert_eq!(done, [Action::Write(Write::Renew)]);
    assert_eq!(machine.held_until(), Some(due + seconds(10)));
}

#[test]
fn a_standby_takes_over_when_it_saw_no_change_for_the_time_of_the_lease() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut holder = Machine::new(term("a"), now);
    settle(&mut holder, &mut server, now, 0);
    // By the other machine's clock it ended years ago: that does not count.
    let seen_at = now + seconds(3);
    let mut standby = Machine::new(term("b"), seen_at);
    settle(&mut standby, &mut server, seen_at, 1_000_000);
    assert_eq!(standby.standing(), Standing::Other("a".to_owned()));
    assert_eq!(standby.next(seen_at), Action::Wait(seen_at + DURATION));

    let renewed_at = now + seconds(5);
    settle(&mut holder, &mut server, renewed_at, 5);
    standby.watched(server.read().expect("a lease"), renewed_at);
    let over = renewed_at + DURATION;
    assert_eq!(standby.next(renewed_at), Action::Wait(over));
    assert_eq!(
        settle(&mut standby, &mut server, over, 20),
        [Action::Write(Write::Acquire)]
    );
    assert!(is_held(&standby, over) && !is_held(&holder, over));
    holder.watched(server.read().expect("a lease"), over);
    assert_eq!(holder.standing(), Standing::Other("b".to_owned()));
    assert_eq!(holder.held_until(), None);
    let lease = server.lease.and_then(|lease| lease.spec).expect("a spec");
    assert_eq!(lease.lease_transitions, Some(1));
}

#[test]
fn a_lease_that_is_given_up_is_taken_at_once() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut holder = Machine::new(term("a"), now);
    let mut standby = Machine::new(term("b"), now);
    settle(&mut holder, &mut server, now, 0);
    settle(&mut standby, &mut server, now, 0);
    let lease = holder.begin(Write::Release, stamp(1));
    let record = server.write(Write::Release, lease).expect("the newest");
    holder.wrote(record.clone(), now, now);
    assert_eq!(
        (holder.standing(), holder.held_until()),
        (Standing::Free, None)
    );
    standby.watched(record, now);
    assert_eq!(standby.next(now), Action::Write(Write::Acquire));
}

#[test]
fn whoever_comes_back_under_its_own_name_does_not_wait() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut killed = Machine::new(term("a"), now);
    settle(&mut killed, &mut server, now, 0);
    let mut restarted = Machine::new(term("a"), now);
    let done = settle(&mut restarted, &mut server, now, 1);
    assert_eq!(done, [Action::Read, Action::Write(Write::Acquire)]);
    assert!(is_held(&restarted, now));
}

#[test]
fn of_two_processes_of_one_name_one_stands_by() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut first = Machine::new(term("a"), now);
    settle(&mut first, &mut server, now, 0);
    let mut second = Machine::new(term("a"), now);
    settle(&mut second, &mut server, now, 1);
    let due = now + seconds(5);
    let done = settle(&mut first, &mut server, due, 5);
    assert_eq!(done, [Action::Write(Write::Renew), Action::Read]);
    assert_eq!(first.standing(), Standing::Other("a".to_owned()));
    assert!(is_held(&second, due) && !is_held(&first, due));
}

#[test]
fn while_the_api_server_is_away_the_claim_ends_and_is_renewed_once_it_is_back() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut machine = Machine::new(term("a"), now);
    settle(&mut machine, &mut server, now, 0);
    let mut at = now + seconds(5);
    while at < now + seconds(60) {
        assert_eq!(machine.next(at), Action::Write(Write::Renew));
        machine.begin(Write::Renew, stamp(0));
        machine.failed(at);
        assert_eq!(is_held(&machine, at), at < now + seconds(10));
        assert_eq!(machine.next(at), Action::Wait(at + RETRY));
        at += RETRY;
    }
    assert_eq!(
        settle(&mut machine, &mut server, at, 60),
        [Action::Write(Write::Renew)]
    );
    assert!(is_held(&machine, at));
}

#[test]
fn a_write_that_was_thought_to_have_failed_is_known_again() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut machine = Machine::new(term("a"), now);
    machine.read(None, now);
    let lease = machine.begin(Write::Create, stamp(0));
    server
        .write(Write::Create, lease)
        .expect("there is no lease");
    machine.failed(now);
    assert!(!is_held(&machine, now));
    let later = now + RETRY;
    let done = settle(&mut machine, &mut server, later, 1);
    let [create, renew] = [Write::Create, Write::Renew].map(Action::Write);
    assert_eq!(done, [create, Action::Read, renew]);
    assert!(is_held(&machine, later));
}

#[test]
fn a_lease_that_somebody_else_touched_is_read_before_it_is_renewed() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut machine = Machine::new(term("a"), now);
    settle(&mut machine, &mut server, now, 0);
    let mut annotated = server.lease.clone().expect("a lease");
    annotated.metadata.annotations = Some([("who".to_owned(), "me".to_owned())].into());
    server
        .write(Write::Renew, annotated)
        .expect("it is the newest");
    let due = now + seconds(5);
    let renew = Action::Write(Write::Renew);
    assert_eq!(
        settle(&mut machine, &mut server, due, 5),
        [renew, Action::Read, renew]
    );
    let lease = server.lease.expect("a lease");
    assert!(
        lease.metadata.annotations.is_some(),
        "what others wrote stays"
    );
}

#[test]
fn a_lease_that_was_deleted_ends_the_claim_and_is_made_anew() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut machine = Machine::new(term("a"), now);
    settle(&mut machine, &mut server, now, 0);
    server.lease = None;
    machine.doubted();
    assert_eq!(machine.next(now), Action::Read);
    machine.read(None, now);
    assert!(!is_held(&machine, now));
    assert_eq!(machine.next(now), Action::Write(Write::Create));
}

#[test]
fn a_watch_that_lags_behind_changes_nothing() {
    let (now, mut server) = (Instant::now(), Server::default());
    let mut other = Machine::new(term("b"), now);
    settle(&mut other, &mut server, now, 0);
    let old = server.read().expect("a lease");
    let mut machine = Machine::new(term("a"), now);
    settle(&mut machine, &mut server, now, 0);
    let over = now + DURATION;
    settle(&mut machine, &mut server, over, 15);
    assert!(is_held(&machine, over));
    machine.watched(old, over);
    assert!(is_held(&machine, over));
}

/// What happens next to one of several operators.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// It does what it would.
    Acts(usize),
    /// The same, but its call fails before it was done.
    Fails(usize),
    /// The same, but its call fails after it was done.
    Unanswered(usize),
    /// Its watch shows it the Lease.
    Sees(usize),
    /// It ends in order.
    Releases(usize),
    /// It is killed, and starts anew.
    Restarts(usize),
    /// So many milliseconds go by.
    Waits(u64),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..3usize).prop_map(Step::Acts),
        1 => (0..3usize).prop_map(Step::Fails),
        1 => (0..3usize).prop_map(Step::Unanswered),
        3 => (0..3usize).prop_map(Step::Sees),
        1 => (0..3usize).prop_map(Step::Releases),
        1 => (0..3usize).prop_map(Step::Restarts),
        4 => (0..8_000u64).prop_map(Step::Waits),
    ]
}

proptest! {
    #[test]
    fn never_do_two_hold_it(steps in prop::collection::vec(step(), 1..200)) {
        let names = ["a", "b", "c"];
        let mut now = Instant::now();
        let mut server = Server::default();
        let mut machines = names.map(|name| Machine::new(term(name), now));
        for (number, step) in (0..).zip(steps) {
            match step {
                Step::Acts(who) => act(&mut machines[who], &mut server, now, number, true, true),
                Step::Fails(who) => act(&mut machines[who], &mut server, now, number, false, false),
                Step::Unanswered(who) => {
                    act(&mut machines[who], &mut server, now, number, true, false);
                }
                Step::Sees(who) => match server.read() {
                    Some(record) => machines[who].watched(record, now),
                    None => machines[who].doubted(),
                },
                Step::Releases(who) => {
                    if machines[who].standing() == Standing::Ours {
                        let lease = machines[who].begin(Write::Release, stamp(number));
                        let _ = server.write(Write::Release, lease);
                    }
                    machines[who] = Machine::new(term(names[who]), now);
                }
                Step::Restarts(who) => machines[who] = Machine::new(term(names[who]), now),
                Step::Waits(millis) => now += Duration::from_millis(millis),
            }
            let holders = machines.iter().filter(|machine| is_held(machine, now)).count();
            prop_assert!(holders <= 1, "{holders} hold it after {step:?}");
        }
        // Whatever happened, one of them holds it in the end.
        for machine in &mut machines {
            settle(machine, &mut server, now + seconds(1), 1000);
        }
        for second in 2..40 {
            for machine in &mut machines {
                settle(machine, &mut server, now + seconds(second), 1000);
            }
        }
        let end = now + seconds(39);
        prop_assert_eq!(machines.iter().filter(|machine| is_held(machine, end)).count(), 1);
    }
}

/// One call: whether it reaches the API server, and whether its answer comes back.
fn act(
    machine: &mut Machine,
    server: &mut Server,
    now: Instant,
    number: i64,
    reaches: bool,
    is_answered: bool,
) {
    match machine.next(now) {
        Action::Wait(_) => {}
        Action::Read if is_answered => machine.read(server.read(), now),
        Action::Read => machine.failed(now),
        Action::Write(write) => {
            let lease = machine.begin(write, stamp(number));
            let outcome = reaches.then(|| server.write(write, lease));
            match outcome {
                Some(Ok(record)) if is_answered => machine.wrote(record, now, now),
                Some(Err(())) if is_answered => machine.lost_race(),
                _ => machine.failed(now),
            }
        }
    }
}
