//! The engine: one a process, its versions in memory, and the clock that ends runs.

use std::num::NonZeroUsize;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::artifact::Artifacts;
use super::check::{Checked, UploadError, check};
use super::compile::{CompileError, Compiled, Compiler};
use super::guest::Guest;
use super::limits::{
    BACKTRACE_FRAMES_MAX, GUESTS_MAX, INSTANCES_MAX, MEMORIES_MAX, Quota, STACK_BYTES_MAX, TABLE_ELEMENTS_MAX,
    TABLES_MAX, TICK, TRIALS_MAX, UPLOADS_WAITING_MAX,
};
use super::memory::{Failed, Memory, Turn};
use super::wasi;
use crate::contract::{Transformation, TransformationPre};
use crate::model::id::VersionId;

/// Compiles, loads and runs transformations. Cheap to clone.
#[derive(Clone)]
pub struct Transformer {
    inner: Arc<Inner>,
}

struct Inner {
    engine: Engine,
    linker: Linker<Guest>,
    /// For versions that import the closed WASI. A linker of its own, so that no other has it in reach.
    wasi_linker: Linker<Guest>,
    compiler: Compiler,
    /// What was compiled before; none where nothing is kept.
    artifacts: Option<Artifacts>,
    memory: Memory,
    /// Compilers that may be at work at once.
    places: Semaphore,
    /// Uploads that may wait for them.
    uploads: Semaphore,
    /// What people may try out at once.
    trials: Arc<Semaphore>,
}

/// A version, ready: a run only needs a fresh store.
pub struct Loaded {
    pub(super) engine: Engine,
    pub(super) pre: TransformationPre<Guest>,
    pub(super) needs_wasi: bool,
    /// What it takes in memory: its machine code, and what goes with it.
    pub(super) bytes: usize,
}

/// An upload that was checked and compiled.
pub struct Prepared {
    pub checked: Checked,
    pub loaded: Loaded,
}

/// What an engine is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Compile,
    /// Has no compiler: the process that serves cannot compile at all.
    Run,
}

impl Transformer {
    /// One that compiles in this process and keeps nothing: for a single guest of one's own.
    ///
    /// # Errors
    /// As [`Self::with`].
    pub fn new() -> anyhow::Result<Self> {
        Self::with(Compiler::Here, None)
    }

    /// One that compiles with `compiler`, and keeps in `artifacts` what that makes.
    ///
    /// # Errors
    /// When the machine cannot run the engine: too little address space, most likely.
    pub fn with(compiler: Compiler, artifacts: Option<Artifacts>) -> anyhow::Result<Self> {
        let engine = Engine::new(&config(Role::Run)).map_err(|error| {
            anyhow::anyhow!("the sandbox cannot start; it reserves 4 GiB of address space for each guest, so look at `ulimit -v`: {error:#}")
        })?;
        let broken = |error: wasmtime::Error| anyhow::anyhow!("the contract cannot be linked: {error:#}");
        let linker = linker(&engine).map_err(broken)?;
        let mut wasi_linker = self::linker(&engine).map_err(broken)?;
        wasi::add_to_linker(&mut wasi_linker).map_err(broken)?;
        tick(&engine)?;
        // The other cores serve.
        let places = Semaphore::new(std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)));
        let uploads = Semaphore::new(UPLOADS_WAITING_MAX);
        let trials = Arc::new(Semaphore::new(TRIALS_MAX));
        let memory = Memory::default();
        let inner = Inner { engine, linker, wasi_linker, compiler, artifacts, memory, places, uploads, trials };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Checks and compiles the bytes of an upload, and loads what comes of it. Takes some 0.2 s of a core for 64 KB.
    ///
    /// # Errors
    /// [`CompileError`]: for whoever built the bytes, or for us.
    pub fn prepare(&self, bytes: &[u8]) -> Result<Prepared, CompileError> {
        let Compiled { checked, artifact } = self.inner.compiler.compile(bytes)?;
        let loaded = self.link(&artifact)?;
        if let Some(artifacts) = &self.inner.artifacts {
            artifacts.keep(&checked.hash, &artifact);
        }
        Ok(Prepared { checked, loaded })
    }

    /// The same, once it is its turn: a service compiles a few at a time.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub async fn prepare_in_turn(&self, bytes: Vec<u8>) -> Result<Prepared, CompileError> {
        let _place = self.inner.places.acquire().await.expect("nobody closes it");
        let worker = self.clone();
        let prepared = tokio::task::spawn_blocking(move || worker.prepare(&bytes)).await;
        prepared.unwrap_or_else(|panic| Err(CompileError::Ours(format!("compiling panicked: {panic}"))))
    }

    /// The same for what is built into the service: what was compiled of it before, for another database on this machine, is
    /// as good. Its bytes are ours, so this process may look at them.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub async fn prepare_own(&self, bytes: Vec<u8>) -> Result<Prepared, CompileError> {
        let worker = self.clone();
        let known = tokio::task::spawn_blocking(move || (worker.known(&bytes), bytes)).await;
        match known {
            Ok((Some(prepared), _)) => Ok(prepared),
            Ok((None, bytes)) => self.prepare_in_turn(bytes).await,
            Err(panic) => Err(CompileError::Ours(format!("checking panicked: {panic}"))),
        }
    }

    /// What can be run of these bytes without compiling them.
    fn known(&self, bytes: &[u8]) -> Option<Prepared> {
        // A refusal is told by who compiles it.
        let (checked, _) = check(bytes).ok()?;
        let loaded = self.compiled_before(&checked.hash)?;
        Some(Prepared { checked, loaded })
    }

    /// What was compiled before, where anything is kept.
    pub fn artifacts(&self) -> Option<&Artifacts> {
        self.inner.artifacts.as_ref()
    }

    /// A place for an upload; none when too many wait already. It is given back when the place goes away.
    pub fn upload_place(&self) -> Option<SemaphorePermit<'_>> {
        self.inner.uploads.try_acquire().ok()
    }

    /// A place for something that somebody tries out; none when others have them all. It is given back when the place
    /// goes away.
    pub fn trial_place(&self) -> Option<OwnedSemaphorePermit> {
        self.inner.trials.clone().try_acquire_owned().ok()
    }

    /// What can be run of the bytes of an upload, without what was found out about it.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn compile(&self, bytes: &[u8]) -> Result<Loaded, CompileError> {
        self.prepare(bytes).map(|prepared| prepared.loaded)
    }

    /// The version under its id, where it is in memory.
    pub fn loaded(&self, version: &VersionId) -> Option<Arc<Loaded>> {
        self.inner.memory.get(version)
    }

    /// The version whose component has this hash, where it was compiled before: takes less than a millisecond.
    pub fn load(&self, version: &VersionId, hash: &str) -> Option<Arc<Loaded>> {
        Some(self.keep(version, self.compiled_before(hash)?))
    }

    /// What can be run of the component with this hash, where it was compiled before and still loads.
    fn compiled_before(&self, hash: &str) -> Option<Loaded> {
        let artifact = self.inner.artifacts.as_ref()?.find(hash)?;
        match self.link(&artifact) {
            Ok(loaded) => Some(loaded),
            Err(error) => {
                tracing::error!("what was compiled of component {hash} does not load, and is compiled again: {error}");
                None
            }
        }
    }

    /// Keeps a version in memory for the runs to come, for as long as there is room.
    pub fn keep(&self, version: &VersionId, loaded: Loaded) -> Arc<Loaded> {
        self.inner.memory.keep(version, loaded)
    }

    /// Who compiles a version that is not there. Whose turn it is says later what came of it: [`Self::compiled`].
    pub fn turn(&self, version: &VersionId) -> Turn {
        self.inner.memory.turn(version)
    }

    /// Keeps what came of a turn.
    pub fn compiled(&self, version: &VersionId, came: Result<Loaded, Failed>) {
        match came {
            Ok(loaded) => drop(self.keep(version, loaded)),
            Err(how) => self.inner.memory.failed(version, how),
        }
    }

    /// From what our compiler made to what can be run: its types are compared with ours here, once.
    fn link(&self, artifact: &[u8]) -> Result<Loaded, CompileError> {
        let engine = &self.inner.engine;
        // SAFETY: these very bytes came from our own compile process a moment ago, or carry a tag that only our key ring
        // can make (`artifact.rs`). wasmtime asks for no more than that: bytes that it wrote itself, unchanged. Bytes of an
        // upload never come here; `check` refuses compiled code.
        #[expect(unsafe_code, reason = "the only way to load what another process compiled; see the comment above")]
        let component = unsafe { Component::deserialize(engine, artifact) };
        let ours = |error: wasmtime::Error| CompileError::Ours(format!("what was compiled does not load: {error:#}"));
        let component = component.map_err(ours)?;
        let contract = |error: wasmtime::Error| CompileError::Refused(UploadError::contract(&error));
        let needs_wasi = component.component_type().imports(engine).any(|(name, _)| wasi::offers(name));
        let linker = if needs_wasi { &self.inner.wasi_linker } else { &self.inner.linker };
        let pre = linker.instantiate_pre(&component).map_err(contract)?;
        let pre = TransformationPre::new(pre).map_err(contract)?;
        Ok(Loaded { engine: engine.clone(), pre, needs_wasi, bytes: artifact.len() })
    }

    /// Guests that hold a place of the pool at this moment.
    pub fn running(&self) -> u64 {
        self.inner.engine.pooling_allocator_metrics().map_or(0, |pool| pool.component_instances())
    }
}

/// The contract and nothing else. Called twice, because a linker is never cloned.
fn linker(engine: &Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    Transformation::add_to_linker::<_, HasSelf<Guest>>(&mut linker, |guest| guest)?;
    Ok(linker)
}

/// Both roles come from here, so that what compiles and what runs cannot drift apart.
pub(super) fn config(role: Role) -> Config {
    let mut config = Config::new();
    config.enable_compiler(role == Role::Compile);
    config.wasm_component_model(true).concurrency_support(false);
    // Most of what is newer than WebAssembly 2.0 is on by default; honest guests need none of it.
    config.wasm_memory64(false).wasm_multi_memory(false).wasm_tail_call(false);
    config.wasm_relaxed_simd(false).wasm_wide_arithmetic(false).wasm_custom_page_sizes(false);
    // Fuel decides, because it is the same on every machine; the epoch is the wall clock behind it.
    config.consume_fuel(true).epoch_interruption(true);
    config.max_wasm_stack(STACK_BYTES_MAX);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(BACKTRACE_FRAMES_MAX));
    match role {
        // The bits of a NaN are the last thing in core WebAssembly that may differ between machines.
        Role::Compile => config.cranelift_nan_canonicalization(true),
        // The pool's addresses alone are more than the compiling process may have.
        Role::Run => config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool())),
    };
    config
}

fn pool() -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(GUESTS_MAX).total_memories(GUESTS_MAX);
    pool.total_core_instances(INSTANCES_MAX * GUESTS_MAX).total_tables(TABLES_MAX * GUESTS_MAX);
    pool.max_core_instances_per_component(INSTANCES_MAX);
    pool.max_memories_per_component(MEMORIES_MAX).max_tables_per_component(TABLES_MAX);
    pool.max_memory_size(Quota::MEMORY_BYTES_LARGEST).table_elements(TABLE_ELEMENTS_MAX);
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
