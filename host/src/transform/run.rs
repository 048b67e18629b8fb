//! One run: a fresh store, one call, and what it came to. Every way to fail is told apart.

use std::time::Instant;

use wasmtime::{FrameInfo, PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};

use super::check::UploadError;
use super::engine::Loaded;
use super::guest::{Guest, LogFlood, MemoryLimit, TableLimit, plain};
use super::limits::{BACKTRACE_FRAMES_MAX, HANDLES_MAX, LIFTED_BYTES_MAX, Quota, REASON_BYTES_MAX};
use super::probe::ProbeError;
use super::wasi::{Ended, Wasi};
use crate::answer::{Answer, Outcome};
use crate::cause::Code;
use crate::contract::Refusal;
use crate::contract::actions::Action;
use crate::contract::events::Event;
use crate::contract::log::Level;
use crate::contract::manifest::Manifest;
use crate::crash::crash_point;
use crate::model::delivery::Dropped;
use crate::plan::plan;

/// What one run came to, and what it used.
#[derive(Debug)]
pub struct TransformRun {
    pub actions: Result<Vec<Action>, Stop>,
    /// Units of fuel: the same for the same event, settings and component on every machine.
    pub fuel: u64,
    /// The peak of linear memory.
    pub memory_bytes: u64,
    /// From instantiation to the answer.
    pub micros: u64,
    pub logs: Vec<(Level, String)>,
    pub dropped: Vec<Dropped>,
}

/// Why a run gave no actions.
#[derive(Debug)]
pub enum Stop {
    /// The guest says that nothing is to be done.
    Skip(String),
    /// The guest says that the event or the settings cannot be used.
    Invalid(String),
    /// The guest did something that it may not, or used up a limit.
    Failed(Failure),
    /// We could not run it; nobody's fault but ours, and a repeat may help.
    Ours(String),
}

/// A guest's failure, with a sentence that names the limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub code: Code,
    pub detail: String,
}

impl Loaded {
    /// What the transformation says of itself, with what most accounts may use.
    ///
    /// # Errors
    /// [`ProbeError`]: `describe` fails as a run may fail, or the sandbox could not start.
    pub fn describe(&self) -> Result<Manifest, ProbeError> {
        self.describe_within(Quota::STANDARD).map(|(manifest, _)| manifest)
    }

    /// The same with another quota, and the fuel that it took.
    ///
    /// # Errors
    /// As [`Self::describe`].
    pub fn describe_within(&self, quota: Quota) -> Result<(Manifest, u64), ProbeError> {
        let mut store = self.fresh_store(Guest::within(quota), quota);
        let guest = match self.pre.instantiate(&mut store) {
            Ok(guest) => guest,
            Err(error) => {
                return Err(match not_started(&error, ended(&mut store), quota) {
                    NotStarted::Ours(reason) => ProbeError::Ours(reason),
                    NotStarted::Guest(failure) => UploadError::Start { failure: failure.detail }.into(),
                });
            }
        };
        let manifest = guest.call_describe(&mut store).map_err(|error| UploadError::Describe {
            problem: format!("fails: {}", failure(&error, ended(&mut store), quota).detail),
        })?;
        Ok((manifest, quota.fuel - store.get_fuel().expect("the engine counts fuel")))
    }

    /// Runs the transformation on one event, in a sandbox of its own, with what most accounts may use.
    pub fn run(&self, event: &Event, settings: &str) -> TransformRun {
        self.run_within(Quota::STANDARD, event, settings)
    }

    /// Runs the transformation on one event, in a sandbox of its own.
    pub fn run_within(&self, quota: Quota, event: &Event, settings: &str) -> TransformRun {
        let run = self.run_once(quota, event, settings);
        match &run.actions {
            // The one failure that a calmer moment can change.
            Err(Stop::Failed(failure)) if failure.code == Code::TransformTimeout => {
                self.run_once(quota, event, settings)
            }
            _ => run,
        }
    }

    fn run_once(&self, quota: Quota, event: &Event, settings: &str) -> TransformRun {
        let started = Instant::now();
        let mut store = self.store_for(event, quota);
        let answer = match self.pre.instantiate(&mut store) {
            Err(error) => Err(match not_started(&error, ended(&mut store), quota) {
                NotStarted::Ours(reason) => Stop::Ours(reason),
                NotStarted::Guest(failure) => Stop::Failed(failure),
            }),
            Ok(guest) => {
                crash_point!("CP5");
                match guest.call_transform(&mut store, event, settings) {
                    Ok(Ok(actions)) => Ok(actions),
                    Ok(Err(Refusal::Skip(reason))) => Err(Stop::Skip(plain(&reason, REASON_BYTES_MAX))),
                    Ok(Err(Refusal::Invalid(reason))) => Err(Stop::Invalid(plain(&reason, REASON_BYTES_MAX))),
                    Err(error) => Err(Stop::Failed(failure(&error, ended(&mut store), quota))),
                }
            }
        };
        let fuel = quota.fuel - store.get_fuel().expect("the engine counts fuel");
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        ended(&mut store);
        let guest = store.into_data(); // the pool's slot goes back here
        TransformRun {
            actions: answer,
            fuel,
            memory_bytes: guest.memory.bytes(),
            micros,
            logs: guest.lines,
            dropped: guest.dropped,
        }
    }

    /// A store of its own for one event.
    pub(super) fn store_for(&self, event: &Event, quota: Quota) -> Store<Guest> {
        let mut guest = Guest::within(quota);
        if self.needs_wasi {
            guest.wasi = Wasi::of(event);
        }
        self.fresh_store(guest, quota)
    }

    fn fresh_store(&self, guest: Guest, quota: Quota) -> Store<Guest> {
        let mut store = Store::new(&self.engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_fuel(quota.fuel).expect("the engine counts fuel");
        store.set_epoch_deadline(quota.ticks);
        store.set_hostcall_fuel(LIFTED_BYTES_MAX);
        store.set_max_component_handles(HANDLES_MAX);
        store
    }
}

impl TransformRun {
    /// What a service would make of it.
    ///
    /// # Errors
    /// Where we could not run it: why.
    pub fn answer(&self) -> Result<Answer, String> {
        let outcome = match &self.actions {
            Ok(actions) => match plan(actions.clone(), None) {
                Ok(_) => Outcome::Actions(actions.clone()),
                // What makes no plan would hold every event.
                Err(invalid) => Outcome::Failed { code: Code::TransformOutputInvalid, detail: invalid.to_string() },
            },
            Err(Stop::Skip(reason)) => Outcome::Skip(reason.clone()),
            Err(Stop::Invalid(reason)) => Outcome::Invalid(reason.clone()),
            Err(Stop::Failed(failure)) => Outcome::Failed { code: failure.code, detail: failure.detail.clone() },
            Err(Stop::Ours(reason)) => return Err(reason.clone()),
        };
        Ok(Answer { outcome, dropped: self.dropped.clone() })
    }
}

/// Why a guest did not come as far as its first call.
enum NotStarted {
    Guest(Failure),
    Ours(String),
}

/// The guest after its run: what it printed without a line break is a line, too.
fn ended(store: &mut Store<Guest>) -> &Guest {
    store.data_mut().end_lines();
    store.data()
}

/// What wasm was running when it failed is the guest's, a start function too; a full pool, or memory that cannot be
/// mapped, is ours.
fn not_started(error: &wasmtime::Error, guest: &Guest, quota: Quota) -> NotStarted {
    let guests_own = error.is::<WasmBacktrace>() || error.is::<MemoryLimit>() || error.is::<TableLimit>();
    if error.is::<PoolConcurrencyLimitError>() || !guests_own {
        return NotStarted::Ours(format!("the sandbox could not start: {error:#}"));
    }
    NotStarted::Guest(failure(error, guest, quota))
}

fn failure(error: &wasmtime::Error, guest: &Guest, quota: Quota) -> Failure {
    if let Some(limit) = error.downcast_ref::<MemoryLimit>() {
        return Failure { code: Code::TransformMemory, detail: limit.to_string() };
    }
    if let Some(limit) = error.downcast_ref::<TableLimit>() {
        return Failure { code: Code::TransformMemory, detail: limit.to_string() };
    }
    if let Some(flood) = error.downcast_ref::<LogFlood>() {
        return Failure { code: Code::TransformLogFlood, detail: flood.to_string() };
    }
    if let Some(ended) = error.downcast_ref::<Ended>() {
        return Failure { code: Code::TransformTrap, detail: ended.to_string() };
    }
    let (code, detail) = match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => {
            (Code::TransformFuel, format!("it used all {} units of fuel; an endless loop?", quota.fuel))
        }
        Some(Trap::Interrupt) => (Code::TransformTimeout, format!("it ran longer than {} ms, twice", quota.millis())),
        Some(Trap::StackOverflow) => {
            (Code::TransformStack, "it used up its stack of 256 KiB; endless recursion?".to_owned())
        }
        Some(trap) => return trapped(*trap, error, guest),
        // The type is private to wasmtime; a test pins the text.
        None if format!("{error:#}").contains("fuel allocated for hostcalls") => {
            (Code::TransformOutputTooLarge, format!("it handed over more than {} KiB", LIFTED_BYTES_MAX / 1024))
        }
        // It was still running, so it called the host with what is no value: a handle that it does not hold, a text
        // that is none.
        None if error.is::<WasmBacktrace>() => {
            let words = plain(&error.root_cause().to_string(), REASON_BYTES_MAX);
            (Code::TransformTrap, format!("it made a call that breaks the contract: {words}{}", place(error)))
        }
        None => {
            let words = plain(&format!("{:#}", error.root_cause()), REASON_BYTES_MAX);
            (Code::TransformOutputInvalid, format!("what it returned is no value of the contract: {words}"))
        }
    };
    Failure { code, detail }
}

/// A trap: a panic where the guest said so, else by its name and place.
fn trapped(trap: Trap, error: &wasmtime::Error, guest: &Guest) -> Failure {
    if let (Trap::UnreachableCodeReached, Some(panic)) = (trap, guest.panic()) {
        return Failure { code: Code::TransformPanic, detail: panic.to_owned() };
    }
    let hint = match trap {
        // Rust's own stack lies at the bottom of memory, so running over it leaves memory.
        Trap::MemoryOutOfBounds if recurses(frames(error)) => "; endless recursion, or a large local array?",
        _ => "",
    };
    let name = trap.to_string();
    let name = name.trim_start_matches("wasm trap: ");
    Failure { code: Code::TransformTrap, detail: format!("it trapped: {name}{}{hint}", place(error)) }
}

fn frames(error: &wasmtime::Error) -> &[FrameInfo] {
    error.downcast_ref::<WasmBacktrace>().map_or(&[], |backtrace| backtrace.frames())
}

/// Whether the backtrace is as deep as it is kept, or the innermost function is in it again and again.
fn recurses(frames: &[FrameInfo]) -> bool {
    let innermost = frames.first().map(FrameInfo::func_index);
    let again = frames.iter().filter(|frame| Some(frame.func_index()) == innermost).count();
    again > 2 || frames.len() >= BACKTRACE_FRAMES_MAX
}

/// The innermost function that has a name.
fn place(error: &wasmtime::Error) -> String {
    let name = frames(error).iter().find_map(FrameInfo::func_name);
    let readable = |name| plain(&format!("{:#}", rustc_demangle::demangle(name)), 200);
    name.map_or_else(String::new, |name| format!(" in `{}`", readable(name)))
}
