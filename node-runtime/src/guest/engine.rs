//! wasmtime's settings, each with its reason, and the functions that guests may import.

use std::sync::Arc;

use wasmtime::{
    Collector, Config, Enabled, InstanceAllocationStrategy, Linker, OptLevel,
    PoolingAllocationConfig,
};

use super::Budget;
use super::code;
use super::metrics::Metrics;
use super::state::State;
use super::wasi;

/// Elements that all tables of one guest may begin with.
pub(crate) const TABLE_ELEMENTS: usize = 100_000;
/// Linear memories a module may have.
pub(crate) const MEMORIES_PER_MODULE: u32 = 2;
/// Tables a module may have.
pub(crate) const TABLES_PER_MODULE: u32 = 4;
/// Bytes that wasmtime's own description of one instance may take.
const INSTANCE_BYTES: usize = 4 * 1024 * 1024;
/// The largest linear memory there is (32-bit WebAssembly).
const MEMORY_BYTES: usize = 4 << 30;
/// Slots beside those of requests: modules are asked for their routes while requests run.
pub(super) const SPARE_SLOTS: usize = 8;
/// What an unused slot keeps of its last guest's memory, so that the next one need not fault it
/// in again: doubles the requests per second. Bounded by slots kept warm (100) times this.
const KEEP_RESIDENT_BYTES: usize = 1024 * 1024;
/// The same for a guest's stack: so much of it is zeroed between guests, the rest given back.
/// Ordinary handlers use less; zeroing 32 KiB costs 2 % more CPU a request.
const STACK_KEEP_RESIDENT_BYTES: usize = 16 * 1024;
/// wasmtime's own default for WebAssembly frames.
const WASM_STACK_BYTES: usize = 512 * 1024;
/// With as much again for host functions, which run on the same stack.
const STACK_BYTES: usize = 1024 * 1024;
/// Slots given back to the kernel in one go; 1 costs a tenth of the requests per second.
const DECOMMIT_BATCH: usize = 64;

/// How large an engine is.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// How many guests may exist at once.
    pub max_guests: usize,
    /// How many bytes all guests together may hold in memories and tables.
    pub guest_memory_bytes: usize,
    /// Whether the exceptions proposal and `externref` are on.
    pub wasm_exceptions: bool,
    /// How places are made clean between guests.
    pub reset: Reset,
}

/// How a place in the pool is made clean for the next guest.
///
/// No flag reaches it: users have the default. The harness sets it, so that tests take every way
/// on every kernel.
#[derive(Clone, Copy, Debug)]
pub struct Reset {
    /// Whether the kernel is asked which pages a guest touched, where it can say (PAGEMAP_SCAN,
    /// Linux 6.7), so that only those are made clean. Otherwise all that may be kept is zeroed.
    pub pagemap_scan: bool,
    /// How much of a memory, and of a table, is zeroed and kept; the rest goes back to the kernel.
    pub keep_bytes: usize,
}

/// Holds what all guests share.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

struct Shared {
    engine: wasmtime::Engine,
    linker: Linker<State>,
    budget: Budget,
    config: EngineConfig,
    metrics: Option<Metrics>,
}

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine")]
pub struct EngineError(#[source] Box<dyn std::error::Error + Send + Sync>);

// === impl EngineError ===

impl EngineError {
    pub(super) fn new(error: wasmtime::Error) -> Self {
        Self(error.into())
    }
}

// === impl Reset ===

impl Default for Reset {
    fn default() -> Self {
        Self {
            pagemap_scan: true,
            keep_bytes: KEEP_RESIDENT_BYTES,
        }
    }
}

// === impl Engine ===

impl Engine {
    /// Reserves the address space of all guests.
    ///
    /// # Errors
    ///
    /// When the kernel does not give that much address space.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        Self::measured(config, None)
    }

    /// As [`Self::new`]; what guests do is counted. A guest reaches the metrics through its
    /// program: a clone for each would be counted up and down by all threads.
    ///
    /// # Errors
    ///
    /// When the kernel does not give that much address space.
    pub fn measured(config: EngineConfig, metrics: Option<Metrics>) -> Result<Self, EngineError> {
        let mut settings = settings(config.wasm_exceptions);
        settings.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(&config)));
        let engine = wasmtime::Engine::new(&settings).map_err(EngineError::new)?;
        let linker = wasi::linker(&engine).map_err(EngineError::new)?;
        Ok(Self {
            shared: Arc::new(Shared {
                engine,
                linker,
                budget: Budget::new(config.guest_memory_bytes),
                config,
                metrics,
            }),
        })
    }

    /// The memory that guests share.
    #[must_use]
    pub fn budget(&self) -> &Budget {
        &self.shared.budget
    }

    /// What it was made with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.shared.config
    }

    /// The key of compiled code, beside its module's digest: what is stored under another one was
    /// made by another version, with other settings, or for another processor.
    #[must_use]
    pub fn compatibility(&self) -> String {
        code::compatibility(&self.shared.engine)
    }

    pub(super) fn metrics(&self) -> Option<&Metrics> {
        self.shared.metrics.as_ref()
    }

    pub(crate) fn wasmtime(&self) -> &wasmtime::Engine {
        &self.shared.engine
    }

    pub(crate) fn linker(&self) -> &Linker<State> {
        &self.shared.linker
    }
}

/// What compiling and running have in common; how instances are allocated is not part of it.
pub(super) fn settings(wasm_exceptions: bool) -> Config {
    let mut settings = Config::new();
    proposals(&mut settings, wasm_exceptions);
    settings
        .cranelift_opt_level(OptLevel::Speed)
        // A guest that computes gives its thread back at each tick.
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(STACK_BYTES)
        .memory_init_cow(true)
        // Nothing of one request may be seen by another, stacks included.
        .async_stack_zeroing(true);
    settings
}

/// One by one, because the set is part of what compiled code depends on.
fn proposals(settings: &mut Config, exceptions: bool) {
    settings
        .wasm_bulk_memory(true)
        .wasm_multi_value(true)
        .wasm_reference_types(true)
        .wasm_simd(true)
        .wasm_tail_call(true)
        .wasm_extended_const(true)
        .wasm_multi_memory(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_function_references(false)
        .wasm_gc(false)
        .wasm_stack_switching(false)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .wasm_exceptions(exceptions)
        .gc_support(exceptions);
    if exceptions {
        settings.collector(Collector::DeferredReferenceCounting);
    }
}

fn pool(config: &EngineConfig) -> PoolingAllocationConfig {
    let slots = u32::try_from(config.max_guests + SPARE_SLOTS).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_core_instances(slots)
        .total_memories(slots.saturating_mul(MEMORIES_PER_MODULE))
        .total_tables(slots.saturating_mul(TABLES_PER_MODULE))
        .total_stacks(slots)
        .total_gc_heaps(slots)
        .max_memories_per_module(MEMORIES_PER_MODULE)
        .max_tables_per_module(TABLES_PER_MODULE)
        .max_memory_size(MEMORY_BYTES)
        .table_elements(TABLE_ELEMENTS)
        .max_core_instance_size(INSTANCE_BYTES)
        .linear_memory_keep_resident(config.reset.keep_bytes)
        .table_keep_resident(config.reset.keep_bytes)
        .async_stack_keep_resident(STACK_KEEP_RESIDENT_BYTES)
        .decommit_batch_size(DECOMMIT_BATCH)
        .pagemap_scan(if config.reset.pagemap_scan {
            Enabled::Auto
        } else {
            Enabled::No
        });
    pool
}
