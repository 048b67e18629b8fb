//! Where the fuel of a run goes. Runs are exact repeats, so one that is given less fuel stops at a known place of the
//! full run: many of them, at even distances, are a profile without a profiler.

use wasmtime::WasmBacktrace;

use super::engine::Loaded;
use super::guest::plain;
use super::limits::{Quota, RUN_FUEL};
use crate::contract::events::Event;

/// A function's name is shown up to here.
const NAME_BYTES_MAX: usize = 200;

/// Where one of the runs stopped: the names of the functions that were being carried out, the innermost first.
pub type Stack = Vec<String>;

impl Loaded {
    /// Stops the run on an event at `samples` places, evenly spread over the fuel that it uses.
    pub fn profile(&self, event: &Event, settings: &str, samples: u64) -> Vec<Stack> {
        let (used, _) = self.with_fuel(RUN_FUEL, event, settings);
        let places = (0..samples).map(|sample| used * (2 * sample + 1) / (2 * samples));
        places.filter_map(|fuel| self.with_fuel(fuel, event, settings).1).collect()
    }

    /// The fuel that was used, and where the run stopped if it did.
    fn with_fuel(&self, fuel: u64, event: &Event, settings: &str) -> (u64, Option<Stack>) {
        let mut store = self.store_for(event, Quota { fuel, ..Quota::STANDARD });
        let answer = self
            .pre
            .instantiate(&mut store)
            .and_then(|guest| guest.call_transform(&mut store, event, settings).map(drop));
        let left = store.get_fuel().expect("the engine counts fuel");
        (fuel - left, answer.err().as_ref().and_then(stack))
    }
}

fn stack(error: &wasmtime::Error) -> Option<Stack> {
    let frames = error.downcast_ref::<WasmBacktrace>()?.frames();
    Some(frames.iter().map(|frame| name(frame.func_name(), frame.func_index())).collect())
}

/// The name as its author wrote it; a number where names were stripped.
fn name(mangled: Option<&str>, index: u32) -> String {
    match mangled {
        Some(mangled) => plain(&format!("{:#}", rustc_demangle::demangle(mangled)), NAME_BYTES_MAX),
        None => format!("function {index}"),
    }
}
