//! The engine: one a process, its compiled versions, and the clock that ends runs.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::{Arc, RwLock};

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::check::{UploadError, check};
use super::guest::Guest;
use super::limits::{
    GUESTS_MAX, MEMORIES_MAX, MEMORY_BYTES_MAX, STACK_BYTES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX, TICK,
};
use crate::contract::{Transformation, TransformationPre};
use crate::model::id::VersionId;

/// Compiles and runs transformations. Cheap to clone.
#[derive(Clone)]
pub struct Transformer {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    linker: Linker<Guest>,
    loaded: RwLock<HashMap<VersionId, Arc<Loaded>>>,
}

/// A version, compiled and linked once: a run only needs a fresh store.
pub struct Loaded {
    pub(super) engine: Engine,
    pub(super) pre: TransformationPre<Guest>,
}

impl Transformer {
    /// # Errors
    /// When the machine cannot run the engine: too little address space, most likely.
    pub fn new() -> anyhow::Result<Self> {
        let engine = Engine::new(&config()).map_err(|error| {
            anyhow::anyhow!("the sandbox cannot start; it reserves 4 GiB of address space for each guest, so look at `ulimit -v`: {error:#}")
        })?;
        let mut linker = Linker::new(&engine);
        Transformation::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)
            .map_err(|error| anyhow::anyhow!("the contract cannot be linked: {error:#}"))?;
        tick(&engine)?;
        Ok(Self { inner: Arc::new(Inner { engine, linker, loaded: RwLock::default() }) })
    }

    /// Compiles, checks and links the bytes of an upload. Takes some 0.2 s of a core for 64 KB.
    ///
    /// # Errors
    /// [`UploadError`], for whoever built the bytes.
    pub fn compile(&self, bytes: &[u8]) -> Result<Loaded, UploadError> {
        let (_, component) = check(bytes)?;
        let component = Component::from_binary(&self.inner.engine, &component);
        let component = component.map_err(|error| UploadError::not_compiled(&error))?;
        let contract = |error: wasmtime::Error| UploadError::contract(&error);
        let pre = self.inner.linker.instantiate_pre(&component).map_err(contract)?;
        let pre = TransformationPre::new(pre).map_err(contract)?;
        Ok(Loaded { engine: self.inner.engine.clone(), pre })
    }

    /// The version under its id, where it has been loaded.
    pub fn loaded(&self, version: &VersionId) -> Option<Arc<Loaded>> {
        self.inner.loaded.read().unwrap_or_else(std::sync::PoisonError::into_inner).get(version).cloned()
    }

    /// Compiles a version and keeps it.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn load(&self, version: &VersionId, bytes: &[u8]) -> Result<(), UploadError> {
        self.keep(version, self.compile(bytes)?);
        Ok(())
    }

    /// Keeps a compiled version for the runs to come.
    pub fn keep(&self, version: &VersionId, loaded: Loaded) {
        let mut known = self.inner.loaded.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        known.insert(version.clone(), Arc::new(loaded));
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).concurrency_support(false);
    // Most of what is newer than WebAssembly 2.0 is on by default; honest guests need none of it.
    config.wasm_memory64(false).wasm_multi_memory(false).wasm_tail_call(false);
    config.wasm_relaxed_simd(false).wasm_wide_arithmetic(false).wasm_custom_page_sizes(false);
    // Fuel decides, because it is the same on every machine; the epoch is the wall clock behind it.
    config.consume_fuel(true).epoch_interruption(true);
    config.max_wasm_stack(STACK_BYTES_MAX);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(20));
    // The bits of a NaN are the last thing in core WebAssembly that may differ between machines.
    config.cranelift_nan_canonicalization(true);
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(GUESTS_MAX).total_memories(GUESTS_MAX);
    pool.total_core_instances(8 * GUESTS_MAX).total_tables(TABLES_MAX * GUESTS_MAX);
    pool.max_core_instances_per_component(8);
    pool.max_memories_per_component(MEMORIES_MAX).max_tables_per_component(TABLES_MAX);
    pool.max_memory_size(MEMORY_BYTES_MAX).table_elements(TABLE_ELEMENTS_MAX);
    // The pages that a run touches stay resident and are cleared: faster than giving them back each time.
    // `pagemap_scan` would be faster still and stays off: a dirty page that was swapped out would reach the next run.
    pool.linear_memory_keep_resident(256 * 1024).table_keep_resident(64 * 1024);
    pool
}

/// Moves the epoch on, until the engine is gone.
fn tick(engine: &Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    let ticker = std::thread::Builder::new().name("epoch".to_owned());
    ticker.spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
