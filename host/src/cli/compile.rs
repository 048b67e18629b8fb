//! `leadline compile`, hidden: what the service starts for each component, with limits of its own. It knows no
//! configuration, opens no file and starts no runtime.

use std::io::Write;
use std::process::ExitCode;

use super::failure::Failure;
use crate::transform::run_compiler;

pub(super) fn run(out: &mut dyn Write) -> ExitCode {
    match run_compiler(std::io::stdin().lock(), out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let failure = Failure::from(error);
            failure.print();
            ExitCode::from(failure.code)
        }
    }
}
