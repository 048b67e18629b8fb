//! The binary with its crash points: what the crash campaign starts, kills and starts again.

use std::process::ExitCode;

use clap::Parser as _;
use leadline::cli::Cli;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout().lock();
    leadline::cli::run(cli, &mut out)
}
