//! The closed WASI, for guests whose toolchain imports it: a world without files, network, time or chance. Every answer
//! is constant or made from the event, so the same event gives the same actions and the same fuel.
//!
//! Not the `wasmtime-wasi` of the engine: it sleeps on real timers, during which no fuel burns, and brings a file system.
//! Every interface is here whole and at one version, because the linker matches guests of an earlier 0.2 by itself.

mod cli;
mod files;
mod random;
mod streams;
mod time;

use wasmtime::component::{HasSelf, Linker};

use self::random::Chance;
use self::streams::Line;
use self::time::Clock;
use super::guest::Guest;
use super::limits::{RANDOM_BYTES_MAX, WASI_BYTES_PER_CALL_MAX, WASI_CALLS_MAX};
use crate::contract::events::Event;

wasmtime::component::bindgen!({
    path: "wit/wasi.wit",
    world: "closed-wasi",
    imports: { default: trappable },
});

/// What a run may import besides the contract. Sockets, HTTP, threads and WASI 0.3 are not there to be linked.
const INTERFACES: [&str; 20] = [
    "wasi:cli/environment",
    "wasi:cli/exit",
    "wasi:cli/stdin",
    "wasi:cli/stdout",
    "wasi:cli/stderr",
    "wasi:cli/terminal-input",
    "wasi:cli/terminal-output",
    "wasi:cli/terminal-stdin",
    "wasi:cli/terminal-stdout",
    "wasi:cli/terminal-stderr",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/wall-clock",
    "wasi:filesystem/preopens",
    "wasi:filesystem/types",
    "wasi:io/error",
    "wasi:io/poll",
    "wasi:io/streams",
    "wasi:random/insecure",
    "wasi:random/insecure-seed",
    "wasi:random/random",
];

/// The newest 0.2 that `wit/wasi.wit` is; what was made for an older one fits.
const PATCH_MAX: u32 = 12;

/// Whether the closed WASI has the interface of this import, such as `wasi:io/poll@0.2.6`.
pub(super) fn offers(import: &str) -> bool {
    let Some((interface, version)) = import.split_once('@') else {
        return false;
    };
    let patch = version.strip_prefix("0.2.").and_then(|patch| patch.parse::<u32>().ok());
    INTERFACES.contains(&interface) && patch.is_some_and(|patch| patch <= PATCH_MAX)
}

/// For versions whose imports name it, and for no others: a normal guest has no WASI in reach.
pub(super) fn add_to_linker(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    ClosedWasi::add_to_linker::<_, HasSelf<Guest>>(linker, |guest| guest)
}

/// How the closed WASI ends a run.
#[derive(Debug, thiserror::Error)]
pub(super) enum Ended {
    #[error("it called `exit({0})`")]
    Exit(u8),
    #[error("it called `{0}`, which is not available here")]
    NotAvailable(&'static str),
    #[error("it called `{function}` for {bytes} bytes; at most {WASI_BYTES_PER_CALL_MAX} go through one call")]
    TooManyBytes { function: &'static str, bytes: u64 },
    #[error("it asked for more than {} KiB of random bytes", RANDOM_BYTES_MAX / 1024)]
    TooMuchChance,
    #[error("it called `poll` with an empty list, which would wait for ever")]
    EmptyPoll,
    #[error("it called WASI more than {WASI_CALLS_MAX} times; time stands still while it waits in a loop")]
    TooManyCalls,
}

/// The state of the closed WASI in one run. Made for the versions that import it.
#[derive(Default)]
pub(super) struct Wasi {
    calls: u32,
    clock: Clock,
    chance: Chance,
    stdout: Line,
    stderr: Line,
}

impl Wasi {
    /// Time and chance come from the event.
    pub(super) fn of(event: &Event) -> Self {
        Self { clock: Clock::at(event.occurred_at), chance: Chance::seeded(&event.id), ..Self::default() }
    }

    /// Every function begins with this: a call costs a guest hardly any fuel, and us time.
    fn count_call(&mut self) -> wasmtime::Result<()> {
        self.calls += 1;
        if self.calls > WASI_CALLS_MAX {
            return Err(Ended::TooManyCalls.into());
        }
        Ok(())
    }
}

/// Nothing is allocated for a length that a guest names until it has passed this.
fn within_a_call(function: &'static str, bytes: u64) -> wasmtime::Result<usize> {
    match usize::try_from(bytes) {
        Ok(small) if small <= WASI_BYTES_PER_CALL_MAX => Ok(small),
        _ => Err(Ended::TooManyBytes { function, bytes }.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_offered_is_what_the_wit_file_holds() {
        let file = include_str!("../../wit/wasi.wit");
        let imports: Vec<_> = file.lines().filter_map(|line| line.trim().strip_prefix("import ")).collect();
        assert_eq!(imports.len(), INTERFACES.len());
        for import in imports {
            let import = import.trim_end_matches(';');
            assert!(offers(import), "{import}");
            assert!(offers(&import.replace("0.2.12", "0.2.0")), "{import}");
        }
    }

    #[test]
    fn nothing_else_is_offered() {
        for import in [
            "wasi:io/poll",
            "wasi:io/poll@0.2.13",
            "wasi:io/poll@0.3.0",
            "wasi:io/poll@0.2.x",
            "wasi:sockets/tcp@0.2.0",
            "wasi:http/types@0.2.0",
            "wasi:clocks/timezone@0.2.0",
        ] {
            assert!(!offers(import), "{import}");
        }
    }
}
