//! Guests beside each other: what they share, and what they must not notice.

use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use node_runtime::bridge::{Bounds, End};
use node_runtime::guest::{
    Ending, Engine, EngineConfig, Executor, ExecutorConfig, Host, Reset, Start, Strings, Timeouts,
    Used,
};
use tests::client::{BodyEnd, Connection};
use tests::guests::{self, Guest};
use tests::log;
use tests::node::{Builder, Node, get};
use tests::request::{Request, chunk, new_id};
use tests::wagi;

/// How many threads a level of a test's node has.
const THREADS: usize = 2;

fn begin(node: &Node, request: &Request) -> Connection {
    let mut client = node.connect();
    client.send(request.head());
    assert_eq!(client.head().status, 200);
    client
}

/// As few places as there can be, so that each is used again and again.
fn with_few_places(reset: Reset) -> Builder {
    Node::builder().config(|config| {
        config.max_requests = 1;
        config.engine.max_guests = 1;
        config.engine.reset = reset;
    })
}

/// Every way in which a place is made clean: by the kernel's word on which pages were touched or
/// without it, and with guests that fit into what is kept and zeroed, or reach into what is given
/// back. With the default all tables fit.
fn resets() -> impl Iterator<Item = Reset> {
    let keep = [Reset::default().keep_bytes, 64 * 1024];
    keep.into_iter().flat_map(|keep_bytes| {
        [true, false].map(|pagemap_scan| Reset {
            pagemap_scan,
            keep_bytes,
        })
    })
}

#[test]
fn nothing_of_one_request_is_seen_by_another() {
    resets().for_each(nothing_is_seen);
}

fn nothing_is_seen(reset: Reset) {
    let inspect = "entrypoint: inspect\npath: /inspect";
    let node = with_few_places(reset)
        .guest(guests::leak_probe_write)
        .guest(guests::leak_probe_read)
        .route("inspect", guests::leak_probe_write, inspect)
        .start();
    let mut client = node.connect();
    let mut ask = |path: &str| {
        client.send(get(path));
        let response = client.response();
        assert_eq!(
            (response.head.status, response.end),
            (200, BodyEnd::Complete)
        );
        response.text()
    };
    for _ in 0..30 {
        assert_eq!(ask("/leak_probe_write"), "left\n");
        assert_eq!(ask("/leak_probe_read"), "clean\n", "{reset:?}");
        assert_eq!(ask("/leak_probe_write"), "left\n");
        assert_eq!(ask("/inspect"), "clean\n", "{reset:?}");
    }
}

/// What a guest can see of a stack at all: the machine's, which the pool hands on, not at all. Wasm
/// has no address for it, a local that nobody set is 0 by the specification and a constant in the
/// compiled code, and nothing else of a frame can be read before it was written. That stacks are
/// zeroed beyond that is for the day on which a compiler breaks the rule. What a compiler of C calls
/// its stack lies in linear memory, where a variable that nobody set is whatever lies there: that
/// must be as clean as the rest. So the reader looks at both, deeper than the 16 KiB of a machine's
/// stack that are zeroed and kept; what is below was given back to the kernel.
#[test]
fn nothing_left_deep_in_tables_and_stacks_is_seen_by_another() {
    resets().for_each(nothing_deep_is_seen);
}

fn nothing_deep_is_seen(reset: Reset) {
    let node = with_few_places(reset)
        .guest(guests::leak_deep_write)
        .guest(guests::leak_deep_read)
        .guest(guests::stack_overflow)
        .start();
    let mut client = node.connect();
    let mut ask = |path: &str| {
        client.send(get(path));
        client.response()
    };
    for _ in 0..20 {
        assert_eq!(ask("/leak_deep_write").text(), "left\n");
        assert_eq!(ask("/leak_deep_read").text(), "clean\n", "{reset:?}");
        // To the end of the stack, and out of it by a trap.
        assert_eq!(ask("/stack_overflow").head.status, 500);
        assert_eq!(ask("/leak_deep_read").text(), "clean\n", "{reset:?}");
    }
}

#[test]
fn what_an_ended_guest_held_is_not_seen_either() {
    // Guests that were ended from outside, or trapped, leave by another way.
    resets().for_each(nothing_of_the_ended_is_seen);
}

fn nothing_of_the_ended_is_seen(reset: Reset) {
    let node = with_few_places(reset)
        .guest_with(guests::grow_memory_then_trap, "limits: {memory: 16Mi}")
        .guest_with(guests::spin_in_bulk, "limits: {cpuTime: 50ms}")
        .guest(guests::leak_probe_read)
        .start();
    for _ in 0..5 {
        assert_eq!(node.get("/grow_memory_then_trap").head.status, 500);
        assert_eq!(node.get("/leak_probe_read").text(), "clean\n", "{reset:?}");
        assert_ne!(node.get("/spin_in_bulk").end, BodyEnd::Complete);
        assert_eq!(node.get("/leak_probe_read").text(), "clean\n", "{reset:?}");
    }
}

#[test]
fn endless_loops_leave_the_others_alive() {
    let node = Node::builder()
        .guest_with(guests::print_then_spin, "limits: {cpuTime: 10m}")
        .guest(guests::hello)
        .guest(guests::tick)
        .guest(guests::echo)
        .start();
    let id = new_id("loop");
    let request = Request::get("/print_then_spin").id(&id);
    // More loops than there are threads.
    let loops: Vec<Connection> = (0..4 * THREADS).map(|_| begin(&node, &request)).collect();
    let mut ticks = begin(&node, &Request::get("/tick"));
    let mut echo = begin(&node, &Request::post_chunked("/echo"));
    for number in 1..=10 {
        assert_eq!(node.get("/hello").text(), "hello\n");
        let _ = ticks.read_past(&format!("data: {number}\n\n"));
        let text = format!("echo {number}.");
        echo.send(chunk(text.as_bytes()));
        let _ = echo.read_past(&text);
    }
    assert_eq!(log::lines_with(&id), Vec::<String>::new(), "all still loop");
    drop(loops);
    let _ = log::wait_for(&[&id, "client_gone"], 4 * THREADS);
}

#[test]
fn many_guests_of_one_route_do_not_starve_another_route() {
    const MANY: usize = 40;
    // The one computes for about two seconds. Were all guests equal, the many would have had as
    // much each by then, and be over; where routes are, each of them had a fortieth.
    let node = Node::builder()
        .guest_with(guests::print_then_spin, "limits: {cpuTime: 1s}")
        .guest(guests::first_line_then_compute)
        .start();
    let id = new_id("many");
    let request = Request::get("/print_then_spin").id(&id);
    let many: Vec<Connection> = (0..MANY).map(|_| begin(&node, &request)).collect();
    let mut one = begin(&node, &Request::get("/first_line_then_compute"));
    let _ = one.read_past("done\n");
    assert_eq!(log::lines_with(&id), Vec::<String>::new(), "none is over");
    drop(many);
}

#[test]
fn a_trap_or_an_ended_guest_costs_one_request() {
    let node = Node::builder()
        .guest(guests::trap_before_head)
        .guest(guests::stack_overflow)
        .guest(guests::no_memory)
        .guest(guests::wild_pointers)
        .guest(guests::answer_then_read)
        .start();
    let mut other = begin(&node, &Request::post("/answer_then_read", 1));
    let mut client = node.connect();
    for path in [
        "/trap_before_head",
        "/stack_overflow",
        "/no_memory",
        "/wild_pointers",
    ] {
        // On the same connection, which goes on.
        for _ in 0..3 {
            client.send(get(path));
            let _ = client.response();
        }
    }
    other.send("x");
    let _ = other.read_past("second\n");
}

/// A world that panics when its guest asks for the environment, as a bug of ours might.
struct Panics(Mutex<mpsc::Sender<Ending>>);

impl Host for Panics {
    fn environment(&self) -> Strings {
        panic!("a bug in the host")
    }

    fn arguments(&self) -> Strings {
        Strings::default()
    }

    fn stderr(&self, _line: &[u8]) {}

    fn cut(&self) {}

    fn ended(&self, ending: &Ending, _used: &Used) {
        let sender = self.0.lock().expect("it does not panic while it is locked");
        sender.send(ending.clone()).expect("the test listens");
    }
}

#[test]
fn a_panic_costs_one_request() {
    let io = tokio::runtime::Runtime::new().expect("a tokio runtime");
    let engine = Engine::new(EngineConfig {
        max_guests: 8,
        guest_memory_bytes: 64 << 20,
        wasm_exceptions: false,
        reset: Reset::default(),
    })
    .expect("an engine");
    let config = ExecutorConfig {
        threads_per_level: 1,
    };
    let executor = Executor::new(&engine, &config, io.handle()).expect("threads");
    let run = |guest: Guest| {
        let program = wagi::program(&engine, &guest.wasm());
        let program = Arc::new(program);
        let (ended, endings) = mpsc::channel();
        let reservation = engine.budget().try_reserve(program.initial_bytes());
        let long = Duration::from_secs(60);
        let (_invocation, mut output) = executor
            .start(Start {
                entry: program.entry("_start").expect("a command"),
                program,
                host: Arc::new(Panics(Mutex::new(ended))),
                stdin: None,
                files: Arc::new([]),
                memory_limit_bytes: 1 << 20,
                reservation: reservation.expect("there is memory"),
                timeouts: Timeouts {
                    head: long,
                    idle: long,
                    client: long,
                    total: long,
                    cpu: long,
                },
                route: 1,
                output: Bounds::RESPONSE,
                began: Instant::now(),
            })
            .expect("there is a place");
        let end = io.block_on(async {
            loop {
                let received = std::future::poll_fn(|context| output.poll_receive(context)).await;
                if let Some(end) = received.end {
                    return end;
                }
            }
        });
        (end, endings.recv().expect("it has ended"))
    };
    // There is one thread a level: it outlives every panic.
    for _ in 0..10 {
        let (end, ending) = run(guests::env_dump);
        assert_eq!(end, End::Aborted);
        assert_eq!(ending, Ending::HostFault("a bug in the host".to_owned()));
        let (end, ending) = run(guests::hello);
        assert_eq!((end, ending), (End::Complete, Ending::Exited(0)));
    }
}
