//! What a transformation may use. Each limit is policy, so each has its reason.

use std::time::Duration;

use crate::model::account::QuotaClass;

/// An upload. The stock components have less than 100 KB; JavaScript ones reach 13 MB.
pub const UPLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Fuel for one run: an honest run of 22 fields takes about 33,000, and an endless loop still ends after some 5 ms.
pub const RUN_FUEL: u64 = 20_000_000;
/// One tick of the wall clock behind the fuel.
pub const TICK: Duration = Duration::from_millis(10);
/// Wall time for one run, in ticks: 250 ms. Catches time in host functions, and a machine that is too busy. So it is far
/// more than the fuel lasts.
pub const RUN_TICKS: u64 = 25;
/// Linear memory of one run, all memories added up.
pub const MEMORY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Memories of one sandbox. A second one would double what a run may use.
pub const MEMORIES_MAX: u32 = 1;
/// Tables of one sandbox. A Rust guest has two.
pub const TABLES_MAX: u32 = 4;
/// Core instances of one run: a component of cargo component has four.
pub const INSTANCES_MAX: u32 = 8;
/// Elements of all tables of one run.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;
/// The stack of the compiled code. The host thread has far more: running over *its* stack would end the process.
pub const STACK_BYTES_MAX: usize = 256 * 1024;
/// Functions that are kept of the way to a trap.
pub const BACKTRACE_FRAMES_MAX: usize = 20;
/// What wasmtime may allocate for values that come out of the guest, in one call.
pub const LIFTED_BYTES_MAX: usize = 1024 * 1024;
/// Resource handles that a component may hold. The contract has none, the closed WASI a few streams and moments.
pub const HANDLES_MAX: usize = 64;
/// Calls into the closed WASI. They are cheap in fuel and not in time; a line that is printed takes about five.
pub const WASI_CALLS_MAX: u32 = 10_000;
/// What the closed WASI takes or gives in one call: what WASI promises for a write, and enough for any seed.
pub const WASI_BYTES_PER_CALL_MAX: usize = 4096;
/// Random bytes of one run: a hash map takes 16.
pub const RANDOM_BYTES_MAX: usize = 64 * 1024;
/// Text that is kept of the log of one run.
pub const LOG_BYTES_MAX: usize = 8 * 1024;
/// Of the log, this much is kept free for one last `error` line, so that a panic is never cut away.
pub const LOG_BYTES_RESERVED: usize = 1024;
/// Calls into the log. They are cheap in fuel and not in time.
pub const LOG_CALLS_MAX: u32 = 1000;
/// Values that a run may report as dropped. An event has no more fields.
pub const DROPPED_MAX: usize = 100;
/// A refusal's or a dropped value's text.
pub const REASON_BYTES_MAX: usize = 1024;
/// Guests that run at once in one process. Each slot reserves 4 GiB of address space, not memory.
pub const GUESTS_MAX: u32 = 16;
/// Compiling one component, in seconds of the processor and of the clock: the largest that `check` lets through takes
/// half of it.
pub const COMPILE_TIME_MAX: Duration = Duration::from_secs(60);
/// Addresses that compiling one component may take.
pub const COMPILE_BYTES_MAX: usize = 2 << 30;
/// Machine code in memory, of all versions of a process. A stock version has some 0.4 MiB.
pub const LOADED_BYTES_MAX: usize = 256 << 20;
/// Uploads that are compiled or wait for it: each holds its bytes in memory meanwhile.
pub const UPLOADS_WAITING_MAX: usize = 5;
/// What people try out at once beside the queue, in one process: each takes a core, for a second or two, from leads, and a
/// dry run brings a stand-in of HubSpot.
pub const TRIALS_MAX: usize = 2;

/// What a run may use: the part of the limits that differs between classes of accounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Fuel for one run.
    pub fuel: u64,
    /// Wall time of one run, in ticks.
    pub ticks: u64,
    /// Linear memory of one run.
    pub memory_bytes: usize,
}

impl Quota {
    pub const STANDARD: Self = Self { fuel: RUN_FUEL, ticks: RUN_TICKS, memory_bytes: MEMORY_BYTES_MAX };
    /// A JavaScript engine begins with some 10 MiB, and interprets each step.
    pub const JAVASCRIPT: Self = Self { fuel: 10 * RUN_FUEL, ticks: 4 * RUN_TICKS, memory_bytes: 2 * MEMORY_BYTES_MAX };
    /// The most memory of any class: each place of the pool has room for it.
    pub(super) const MEMORY_BYTES_LARGEST: usize = {
        let (mut largest, mut at) = (0, 0);
        while at < QuotaClass::ALL.len() {
            let bytes = Self::of(QuotaClass::ALL[at]).memory_bytes;
            largest = if bytes > largest { bytes } else { largest };
            at += 1;
        }
        largest
    };

    /// Wall time of one run, in milliseconds.
    pub fn millis(self) -> u64 {
        self.ticks * u64::try_from(TICK.as_millis()).expect("a tick is short")
    }

    /// What the runs of an account of this class may use.
    pub const fn of(class: QuotaClass) -> Self {
        match class {
            QuotaClass::Standard => Self::STANDARD,
            QuotaClass::Javascript => Self::JAVASCRIPT,
        }
    }
}
