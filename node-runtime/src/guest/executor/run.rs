//! The life of one guest as a future: instantiate, initialise, call, classify.

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use wasmtime::{Instance, Store, Trap, UpdateDeadline};

use super::super::clocks::Clocks;
use super::super::memory::{Memory, Refusal};
use super::super::program::{EntryPoint, Program};
use super::super::state::State;
use super::super::wasi::{Exit, HOSTCALL_FUEL, Halt, Input};
use super::super::{Ending, Start};
use crate::bridge::Sender;

/// What the thread that runs a guest has in hand.
pub(super) struct Run {
    pub(super) future: Pin<Box<dyn Future<Output = Ending> + Send>>,
    pub(super) sender: Sender,
    pub(super) cpu: Duration,
    pub(super) slices: u64,
    pub(super) watched: bool,
}

// === impl Run ===

impl Run {
    pub(super) fn new(start: Start, sender: Sender, clocks: Arc<Clocks>) -> Self {
        let state = State::new(
            Input::new(start.stdin, Arc::clone(&clocks)),
            sender.writer(),
            start.host,
            Memory::new(start.memory_limit_bytes, start.reservation),
            clocks,
            start.files,
        );
        Self {
            future: Box::pin(live(start.program, start.entry, state)),
            sender,
            cpu: Duration::ZERO,
            slices: 0,
            watched: false,
        }
    }
}

async fn live(program: Arc<Program>, entry: EntryPoint, state: State) -> Ending {
    let mut store = Store::new(program.engine.wasmtime(), state);
    // Armed before instantiation: start functions spin, too.
    store.limiter(|state| &mut state.limits);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
    store.set_hostcall_fuel(HOSTCALL_FUEL);
    let outcome = call(&program, &entry, &mut store).await;
    classify(outcome, store.data().limits.refusal())
}

async fn call(
    program: &Program,
    entry: &EntryPoint,
    store: &mut Store<State>,
) -> wasmtime::Result<()> {
    let metrics = program.engine.metrics();
    let began = metrics.map(|metrics| (metrics, Instant::now()));
    let instance = program.pre.instantiate_async(&mut *store).await?;
    if let Some((metrics, began)) = began {
        metrics.instantiated(began.elapsed());
    }
    let memory = program
        .memory
        .as_ref()
        .and_then(|export| instance.get_module_export(&mut *store, export))
        .and_then(wasmtime::Extern::into_memory);
    store.data_mut().keep_memory(memory);
    if let Some(initialize) = &entry.initialize {
        call_export(&instance, initialize, store).await?;
    }
    call_export(&instance, &entry.function, store).await
}

async fn call_export(
    instance: &Instance,
    export: &wasmtime::ModuleExport,
    store: &mut Store<State>,
) -> wasmtime::Result<()> {
    let function = instance
        .get_module_export(&mut *store, export)
        .and_then(wasmtime::Extern::into_func)
        .ok_or_else(|| wasmtime::format_err!("the entry point is not a function"))?;
    let function = function.typed::<(), ()>(&mut *store)?;
    function.call_async(store, ()).await
}

fn classify(outcome: wasmtime::Result<()>, refusal: Option<Refusal>) -> Ending {
    let Err(error) = outcome else {
        return Ending::Exited(0);
    };
    if let Some(Exit(code)) = error.downcast_ref::<Exit>() {
        return Ending::Exited(*code);
    }
    if let Some(Halt(stop)) = error.downcast_ref::<Halt>() {
        return Ending::Stopped(*stop);
    }
    match refusal {
        Some(Refusal::Route) => return Ending::OutOfMemory,
        Some(Refusal::Node) => return Ending::OutOfNodeMemory,
        None => {}
    }
    if let Some(trap) = error.downcast_ref::<Trap>() {
        return Ending::Trapped(format!("{trap}; {error}"));
    }
    Ending::Trapped(format!("{error:#}"))
}

pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a panic without a message").to_owned()
}
