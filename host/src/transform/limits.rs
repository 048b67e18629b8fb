//! What a transformation may use. Each limit is policy, so each has its reason.

use std::time::Duration;

/// An upload. The stock components have less than 100 KB; JavaScript ones reach 13 MB.
pub const UPLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Fuel for one run: an honest run of 22 fields takes about 33,000, and an endless loop still ends after some 5 ms.
pub const RUN_FUEL: u64 = 20_000_000;
/// One tick of the wall clock behind the fuel.
pub const TICK: Duration = Duration::from_millis(10);
/// Wall time for one run, in ticks: 250 ms. Catches time in host functions, and a machine that is too busy.
pub const RUN_TICKS: u64 = 25;
/// Linear memory of one run, all memories added up.
pub const MEMORY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Memories of one sandbox. A second one would double what a run may use.
pub const MEMORIES_MAX: u32 = 1;
/// Tables of one sandbox. A Rust guest has two.
pub const TABLES_MAX: u32 = 4;
/// Elements of all tables of one run.
pub const TABLE_ELEMENTS_MAX: usize = 20_000;
/// The stack of the compiled code. The host thread has far more: running over *its* stack would end the process.
pub const STACK_BYTES_MAX: usize = 256 * 1024;
/// What wasmtime may allocate for values that come out of the guest, in one call.
pub const LIFTED_BYTES_MAX: usize = 1024 * 1024;
/// Resource handles that a component may hold. The contract has none.
pub const HANDLES_MAX: usize = 64;
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
