//! Guests on the executor, without HTTP.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::*;
use crate::bridge::{Bounds, End, Receiver};

/// Room for any test's guest to take its time on a busy machine.
const LONG: Duration = Duration::from_secs(60);

struct World {
    engine: Engine,
    executor: Executor,
    io: tokio::runtime::Runtime,
}

struct Outside {
    ended: Mutex<mpsc::Sender<Ending>>,
    lines: Mutex<Vec<String>>,
    cuts: AtomicUsize,
}

struct Running {
    invocation: Invocation,
    output: Receiver,
    ended: mpsc::Receiver<Ending>,
    outside: Arc<Outside>,
}

impl Host for Outside {
    fn environment(&self) -> Strings {
        Strings {
            bytes: b"A=1\0B=2\0".to_vec(),
            count: 2,
        }
    }

    fn arguments(&self) -> Strings {
        Strings::default()
    }

    fn stderr(&self, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        self.lines.lock().unwrap().push(line);
    }

    fn cut(&self) {
        self.cuts.fetch_add(1, Ordering::Relaxed);
    }

    fn ended(&self, ending: &Ending, _used: &Used) {
        let _ = self.ended.lock().unwrap().send(ending.clone());
    }
}

/// What the compile child and the process that maps do, in one.
fn program(engine: &Engine, wat: &str) -> Program {
    let compiler = Compiler::new(engine.config().wasm_exceptions).unwrap();
    let mut code = tempfile::tempfile().unwrap();
    let compiled = compiler.compile(wat.as_bytes()).unwrap();
    compiled.write(&mut code).unwrap();
    Program::map(engine, &code).unwrap()
}

impl World {
    fn new() -> Self {
        let engine = Engine::new(EngineConfig {
            max_guests: 8,
            guest_memory_bytes: 64 << 20,
            wasm_exceptions: false,
            reset: Reset::default(),
        })
        .unwrap();
        let io = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let config = ExecutorConfig {
            threads_per_level: 1,
        };
        let executor = Executor::new(&engine, &config, io.handle()).unwrap();
        Self {
            engine,
            executor,
            io,
        }
    }

    fn start(&self, wat: &str) -> Running {
        self.start_with(wat, |_| {})
    }

    fn start_with(&self, wat: &str, change: impl FnOnce(&mut Start)) -> Running {
        let program = program(&self.engine, wat);
        let (sender, ended) = mpsc::channel();
        let outside = Arc::new(Outside {
            ended: Mutex::new(sender),
            lines: Mutex::default(),
            cuts: AtomicUsize::new(0),
        });
        let mut start = Start {
            entry: program.entry("_start").unwrap(),
            reservation: self
                .engine
                .budget()
                .try_reserve(program.initial_bytes())
                .unwrap(),
            program: Arc::new(program),
            host: Arc::clone(&outside) as Arc<dyn Host>,
            stdin: None,
            files: Arc::new([]),
            memory_limit_bytes: 16 << 20,
            timeouts: Timeouts {
                head: LONG,
                idle: LONG,
                client: LONG,
                total: LONG,
                cpu: LONG,
            },
            route: 0,
            output: Bounds::RESPONSE,
            began: Instant::now(),
        };
        change(&mut start);
        let (invocation, output) = self.executor.start(start).unwrap();
        Running {
            invocation,
            output,
            ended,
            outside,
        }
    }
}

impl Running {
    fn all_output(&mut self, world: &World) -> (String, End) {
        world.io.block_on(async {
            let mut all = Vec::new();
            loop {
                let received = self.output.receive().await;
                all.extend_from_slice(&received.bytes);
                if let Some(end) = received.end {
                    return (String::from_utf8(all).unwrap(), end);
                }
            }
        })
    }

    fn first_output(&mut self, world: &World) -> String {
        let received = world.io.block_on(self.output.receive());
        String::from_utf8(received.bytes.to_vec()).unwrap()
    }

    fn ending(&self) -> Ending {
        self.ended.recv_timeout(LONG).unwrap()
    }
}

/// A module with imports, memory and the given body of `_start`.
fn module(data: &str, body: &str) -> String {
    format!(
        r#"(module
          (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "environ_get" (func $environ_get (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll_oneoff (param i32 i32 i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
          (memory (export "memory") 1)
          (data (i32.const 1024) "{data}")
          (func $write (param $fd i32) (param $length i32)
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (local.get $length))
            (if (call $fd_write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)) (then unreachable))
            (if (i32.ne (i32.load (i32.const 8)) (local.get $length)) (then unreachable)))
          (func (export "_start") {body}))"#
    )
}

#[test]
fn what_a_guest_prints_comes_out_and_ends_complete() {
    let world = World::new();
    let mut guest = world.start(&module(
        "hello",
        "(call $write (i32.const 1) (i32.const 5))",
    ));
    assert_eq!(
        guest.all_output(&world),
        ("hello".to_owned(), End::Complete)
    );
    assert_eq!(guest.ending(), Ending::Exited(0));
    assert_eq!(guest.invocation.ending(), Some(&Ending::Exited(0)));
    assert_eq!(world.executor.active(), 0);
}

#[test]
fn output_arrives_while_the_guest_computes_for_ever() {
    let world = World::new();
    let mut guest = world.start(&module(
        "hello",
        "(call $write (i32.const 1) (i32.const 5)) (loop $l (br $l))",
    ));
    assert_eq!(guest.first_output(&world), "hello");
    guest.invocation.stop(Stop::ClientGone);
    assert_eq!(guest.ending(), Ending::Stopped(Stop::ClientGone));
    assert_eq!(guest.all_output(&world), (String::new(), End::Aborted));
}

#[test]
fn a_sleeping_guest_is_stopped_at_once() {
    let world = World::new();
    // One relative clock subscription of an hour.
    let guest = world.start(&module(
        "",
        "(i32.store (i32.const 116) (i32.const 1)) \
         (i64.store (i32.const 124) (i64.const 3600000000000)) \
         (drop (call $poll_oneoff (i32.const 100) (i32.const 200) (i32.const 1) (i32.const 300)))",
    ));
    guest.invocation.stop(Stop::ClientGone);
    assert_eq!(guest.ending(), Ending::Stopped(Stop::ClientGone));
}

#[test]
fn spinning_guests_do_not_starve_a_new_one() {
    let world = World::new();
    let spinning: Vec<_> = (0..6)
        .map(|_| world.start(&module("", "(loop $l (br $l))")))
        .collect();
    let mut hello = world.start(&module(
        "hello",
        "(call $write (i32.const 1) (i32.const 5))",
    ));
    assert_eq!(
        hello.all_output(&world),
        ("hello".to_owned(), End::Complete)
    );
    for guest in &spinning {
        assert_eq!(guest.invocation.ending(), None);
        guest.invocation.stop(Stop::Shutdown);
    }
    for guest in &spinning {
        assert_eq!(guest.ending(), Ending::Stopped(Stop::Shutdown));
    }
}

#[test]
fn a_write_larger_than_the_bridge_is_never_short() {
    let world = World::new();
    let mut guest = world.start(&module(
        "",
        "(drop (memory.grow (i32.const 16))) (call $write (i32.const 1) (i32.const 1000000))",
    ));
    let (output, end) = guest.all_output(&world);
    assert_eq!((output.len(), end), (1_000_000, End::Complete));
}

#[test]
fn a_writer_whose_receiver_left_gets_an_error() {
    let world = World::new();
    let guest = world.start(&module(
        "",
        "(drop (memory.grow (i32.const 16))) (call $write (i32.const 1) (i32.const 1000000))",
    ));
    let Running { output, ended, .. } = guest;
    drop(output);
    // The module traps when a write fails.
    assert!(matches!(
        ended.recv_timeout(LONG).unwrap(),
        Ending::Trapped(_)
    ));
}

#[test]
fn exit_codes_traps_and_refused_memory_are_told_apart() {
    let world = World::new();
    let cases = [
        ("(call $proc_exit (i32.const 0))", Ending::Exited(0)),
        ("(call $proc_exit (i32.const 3))", Ending::Exited(3)),
        (
            "(if (i32.eq (memory.grow (i32.const 1000)) (i32.const -1)) (then unreachable))",
            Ending::OutOfMemory,
        ),
    ];
    for (body, ending) in cases {
        assert_eq!(world.start(&module("", body)).ending(), ending);
    }
    let trapped = world.start(&module("", "unreachable")).ending();
    assert!(matches!(trapped, Ending::Trapped(text) if text.contains("unreachable")));
}

#[test]
fn memory_that_all_guests_share_is_refused_and_given_back() {
    let world = World::new();
    let hold = world.engine.budget().try_reserve(60 << 20).unwrap();
    let body = "(if (i32.eq (memory.grow (i32.const 100)) (i32.const -1)) (then unreachable))";
    assert_eq!(
        world.start(&module("", body)).ending(),
        Ending::OutOfNodeMemory
    );
    drop(hold);
    assert_eq!(world.start(&module("", body)).ending(), Ending::Exited(0));
    assert!(world.engine.budget().try_reserve(64 << 20).is_some());
}

#[test]
fn limits_end_a_guest_with_their_own_reason() {
    let world = World::new();
    let short = Duration::from_millis(30);
    let spin = module("", "(loop $l (br $l))");
    type Change = fn(&mut Start, Duration);
    let cases: [(Change, Stop); 4] = [
        (|start, short| start.timeouts.cpu = short, Stop::CpuTime),
        (
            |start, short| start.timeouts.head = short,
            Stop::HeadTimeout,
        ),
        (
            |start, short| start.timeouts.idle = short,
            Stop::IdleTimeout,
        ),
        (
            |start, short| start.timeouts.total = short,
            Stop::TotalTimeout,
        ),
    ];
    for (change, stop) in cases {
        let guest = world.start_with(&spin, |start| change(start, short));
        assert_eq!(guest.ending(), Ending::Stopped(stop));
    }
}

#[test]
fn a_client_that_takes_nothing_is_cut_off() {
    let world = World::new();
    let guest = world.start_with(
        &module(
            "",
            "(drop (memory.grow (i32.const 16))) (call $write (i32.const 1) (i32.const 1000000))",
        ),
        |start| start.timeouts.client = Duration::from_millis(30),
    );
    assert_eq!(guest.ending(), Ending::Stopped(Stop::ClientStalled));
    assert!(guest.outside.cuts.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_client_that_begins_to_take_nothing_later_is_cut_off_too() {
    let world = World::new();
    // It computes for many slices before it writes: its limits are known by then.
    let guest = world.start_with(
        &module(
            "",
            "(local $n i32) (local.set $n (i32.const 50000000)) \
             (loop $l (local.set $n (i32.sub (local.get $n) (i32.const 1))) (br_if $l (local.get $n))) \
             (drop (memory.grow (i32.const 16))) (call $write (i32.const 1) (i32.const 1000000))",
        ),
        |start| start.timeouts.client = Duration::from_millis(30),
    );
    assert_eq!(guest.ending(), Ending::Stopped(Stop::ClientStalled));
}

#[test]
fn standard_error_arrives_by_line_and_the_last_line_need_not_end() {
    let world = World::new();
    let guest = world.start(&module(
        "one\\ntwo\\nthree",
        "(call $write (i32.const 2) (i32.const 13))",
    ));
    assert_eq!(guest.ending(), Ending::Exited(0));
    assert_eq!(
        *guest.outside.lines.lock().unwrap(),
        ["one", "two", "three"]
    );
}

#[test]
fn the_environment_is_written_into_guest_memory() {
    let world = World::new();
    let mut guest = world.start(&module(
        "",
        "(drop (call $environ_sizes_get (i32.const 16) (i32.const 20))) \
         (drop (call $environ_get (i32.const 32) (i32.const 1024))) \
         (if (i32.ne (i32.load (i32.const 16)) (i32.const 2)) (then unreachable)) \
         (if (i32.ne (i32.load (i32.const 36)) (i32.const 1028)) (then unreachable)) \
         (call $write (i32.const 1) (i32.load (i32.const 20)))",
    ));
    assert_eq!(
        guest.all_output(&world),
        ("A=1\0B=2\0".to_owned(), End::Complete)
    );
}

#[test]
fn a_module_is_refused_with_what_is_wrong_with_it() {
    let cases = [
        ("(component)", "component"),
        ("(module (memory 1 1 shared))", "threads"),
        ("(module (memory i64 1))", "memory64"),
        ("(module (table 1 externref))", "externref"),
        ("(module (tag))", "exceptions"),
        ("(module (table 200000 funcref))", "200000 elements"),
        ("(module (memory 1) (memory 1) (memory 1))", "3 memories"),
        (
            r#"(module (import "env" "a" (func)) (import "env" "b" (func)))"#,
            "env.a, env.b",
        ),
        (
            r#"(module (import "wasi_unstable" "fd_close" (func (param i32) (result i32))))"#,
            "wasi_unstable",
        ),
        (
            r#"(module (import "wasi_snapshot_preview1" "sched_yield" (func (result i32))))"#,
            "exports no memory",
        ),
        ("not wasm", "does not parse"),
    ];
    let compiler = Compiler::new(false).unwrap();
    for (text, named) in cases {
        let refusal = compiler
            .compile(text.as_bytes())
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(refusal.contains(named), "{text}: {refusal}");
    }
}

#[test]
fn compiled_code_is_for_every_engine_with_the_same_proposals_and_no_other() {
    let engine = |max_guests, wasm_exceptions| {
        Engine::new(EngineConfig {
            max_guests,
            guest_memory_bytes: 64 << 20,
            wasm_exceptions,
            reset: crate::guest::Reset::default(),
        })
        .unwrap()
    };
    for exceptions in [false, true] {
        let compiler = Compiler::new(exceptions).unwrap();
        let compiled = compiler.compile(b"(module (memory 3) (func (export \"_start\")))");
        let mut code = tempfile::tempfile().unwrap();
        compiled.unwrap().write(&mut code).unwrap();
        for guests in [1, 8] {
            let engine = engine(guests, exceptions);
            assert_eq!(compiler.compatibility(), engine.compatibility());
            let program = Program::map(&engine, &code).unwrap();
            assert_eq!(program.initial_bytes(), 3 << 16);
            assert!(program.entry("_start").is_ok());
        }
        let other = engine(1, !exceptions);
        assert_ne!(compiler.compatibility(), other.compatibility());
        // Without the proposals it would run there, too; its key is another all the same.
        let fits = Program::map(&other, &code).is_ok();
        assert_eq!(fits, !exceptions);
    }
}

#[test]
fn code_that_is_cut_off_is_not_mapped() {
    let world = World::new();
    let compiled = Compiler::new(false).unwrap().compile(b"(module)").unwrap();
    let mut code = tempfile::tempfile().unwrap();
    compiled.write(&mut code).unwrap();
    let whole = code.metadata().unwrap().len();
    for length in [0, 1, whole / 2, whole - 1] {
        code.set_len(length).unwrap();
        let mapped = Program::map(&world.engine, &code);
        assert!(matches!(mapped, Err(MapError::Foreign)), "{length}");
    }
}
