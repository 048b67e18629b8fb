//! The binary: service and tool in one.

use std::process::ExitCode;

use clap::Parser as _;
use leadline::cli::Cli;

/// A tenth less of the processor than the system's, and SQLite uses it too (measured).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    leadline::cli::run(cli, &mut out)
}
