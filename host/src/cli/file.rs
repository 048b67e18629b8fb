//! Files that a command is given.

use std::path::Path;

use serde_json::Value;

use super::failure::{Failure, Result};

/// The bytes of a file.
pub(super) fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|error| unreadable(file, &error))
}

/// The text of a file.
pub(super) fn read_text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))
}

/// A JSON file, read.
pub(super) fn read_json(file: &Path) -> Result<Value> {
    let text = read(file)?;
    serde_json::from_slice(&text).map_err(|error| Failure::usage(format!("{} is not JSON: {error}", file.display())))
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot read {}: {error}", file.display()))
}
