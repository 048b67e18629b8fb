//! Files that a command is given.

use std::path::Path;

use serde_json::Value;

use super::failure::{Failure, Result};
use crate::samples::{FILES, Files, Sample, SampleError};

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

/// The files of an author's samples in a folder such as `examples`, by their paths in it: of each folder that has an event.
pub(super) fn sample_files(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(|error| unreadable(folder, &error))? {
        let entry = entry.map_err(|error| unreadable(folder, &error))?;
        let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
        if !path.join("event.json").exists() {
            continue;
        }
        for file in FILES.into_iter().filter(|file| path.join(file).exists()) {
            found.push((format!("{name}/{file}"), read(&path.join(file))?));
        }
    }
    found.sort();
    Ok(found)
}

/// The samples in a folder.
pub(super) fn samples(folder: &Path) -> Result<Vec<Sample>> {
    let wrong = |error: SampleError| Failure::usage(format!("{}: {error}", folder.display()));
    let mut files = Files::default();
    for (path, bytes) in sample_files(folder)? {
        files.add(&path, bytes).map_err(wrong)?;
    }
    let samples = files.read().map_err(wrong)?;
    match samples.is_empty() {
        true => Err(Failure::usage(format!("there is no sample in {}", folder.display()))
            .hint("a sample is a folder with `event.json`, `settings.json` and `expected.json`")),
        false => Ok(samples),
    }
}

fn unreadable(file: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot read {}: {error}", file.display()))
}
