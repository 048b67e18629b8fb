//! Why an upload is refused: a code for programs, and for people what was found and what to do about it.

use serde::{Deserialize, Serialize};

use crate::contract::CONTRACT;
use crate::model::time::Timestamp;
use crate::transform::limits::{COMPILE_BYTES_MAX, COMPILE_TIME_MAX, MEMORY_BYTES_MAX, UPLOAD_BYTES_MAX};

const MIB: f64 = 1_048_576.0;

/// Why bytes make no version. It crosses the border of the compile process, and is stored so that the same bytes get
/// the same answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "why", rename_all = "snake_case")]
pub enum UploadError {
    /// How large it is, where it was read to its end.
    #[error("the file has {}; at most {} MiB are accepted. Build with `--release`, `opt-level = \"s\"`, `lto = true` and `strip = \"debuginfo\"`", size(*bytes), UPLOAD_BYTES_MAX / 1_048_576)]
    TooLarge { bytes: Option<usize> },
    #[error(
        "this is not a WebAssembly file: it starts with `{start}`{}. Upload the `.wasm` of a release build",
        aside(looks_like)
    )]
    NotWasm { start: String, looks_like: String },
    #[error("this is machine code that wasmtime made. Upload the `.wasm` it was made from")]
    Precompiled,
    #[error(
        "the file is damaged or was cut off: {reason} at byte {at}. Build it again, and compare the hash after each copy"
    )]
    Invalid { reason: String, at: u64 },
    #[error("the {unit} uses {feature}, which is switched off here. {remedy}")]
    Feature { unit: Unit, feature: String, remedy: String },
    /// `what` and `most` are of one kind, such as `function 17 has 703 KiB` and `256 KiB`.
    #[error("{what}; at most {most}. {remedy}")]
    TooComplex { what: String, most: String, remedy: String },
    #[error("a core module without a contract: {reason}. {remedy}")]
    NoContract { reason: String, remedy: String },
    #[error("the component does not fit `{CONTRACT}`: {difference}")]
    Contract { difference: String },
    #[error("the component imports `{import}`. {reason}")]
    Import { import: String, reason: String },
    #[error("compiling took more than {} s. Split the largest functions, or move tables in them into data", COMPILE_TIME_MAX.as_secs())]
    CompileTime,
    #[error("compiling took more than {} GiB of memory. Split the largest functions, or move tables in them into data", COMPILE_BYTES_MAX >> 30)]
    CompileMemory,
    #[error("the compiler stopped while it worked on this file. Nothing was installed, and we have been told")]
    CompileCrashed,
    #[error("the compiler refused this file: {reason}")]
    NotCompiled { reason: String },
    #[error("it asks for {:.1} MiB of memory at the start; at most {} MiB", *bytes as f64 / MIB, MEMORY_BYTES_MAX / 1_048_576)]
    Resources { bytes: u64 },
    /// More instances, memories or tables than a sandbox holds.
    #[error("it asks for {what} at the start; a sandbox has {most}")]
    Instances { what: String, most: u32 },
    /// A run's failure, before the first event.
    #[error("it fails before the first event: {failure}")]
    Start { failure: String },
    #[error("`describe` {problem}")]
    Describe { problem: String },
    /// Something is wrong with the samples that came with it.
    #[error("{problem}")]
    Sample { problem: String },
    /// The host's fault: a guest has nothing around it that changes.
    #[error("the same {input} gave two answers: {difference}. Nothing was installed, and we have been told")]
    Nondeterministic { input: String, difference: String },
    /// Ours: nothing was found out about the upload.
    #[error("other uploads are being compiled, or every sandbox is taken. Send it again in a moment")]
    Busy,
    #[error("too many uploads within an hour; the next may come at {next}")]
    Quota { next: Timestamp },
}

/// What the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Module,
    Component,
}

impl std::fmt::Display for Unit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Module => "module",
            Self::Component => "component",
        })
    }
}

impl UploadError {
    /// What programs call it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "upload.too_large",
            Self::NotWasm { .. } => "upload.not_wasm",
            Self::Precompiled => "upload.precompiled",
            Self::Invalid { .. } => "upload.invalid",
            Self::Feature { .. } => "upload.feature",
            Self::TooComplex { .. } => "upload.too_complex",
            Self::NoContract { .. } => "upload.no_contract",
            Self::Contract { .. } => "upload.contract",
            Self::Import { .. } => "upload.import",
            Self::CompileTime => "upload.compile_time",
            Self::CompileMemory => "upload.compile_memory",
            Self::CompileCrashed => "upload.compile_crashed",
            Self::NotCompiled { .. } => "upload.not_compiled",
            Self::Resources { .. } | Self::Instances { .. } => "upload.resources",
            Self::Start { .. } => "upload.start",
            Self::Describe { .. } => "upload.describe",
            Self::Sample { .. } => "upload.sample",
            Self::Nondeterministic { .. } => "upload.nondeterministic",
            Self::Busy => "upload.busy",
            Self::Quota { .. } => "upload.quota",
        }
    }

    /// Where its author finds out the same without an upload, or what else to do.
    pub fn fix(&self) -> &'static str {
        match self {
            Self::CompileCrashed | Self::Nondeterministic { .. } => {
                "Nothing to do but to wait for our answer; the versions in use go on."
            }
            Self::Sample { .. } => "Correct the folder, or leave it out; `leadline guest test` runs what is in it.",
            Self::Busy | Self::Quota { .. } => {
                "Try it on your machine meanwhile: `leadline guest check FILE` checks the same."
            }
            _ => "`leadline guest check FILE` says the same before you upload.",
        }
    }

    /// The compiler's own words about a component that passed our checks.
    pub(in crate::transform) fn not_compiled(error: &wasmtime::Error) -> Self {
        Self::NotCompiled { reason: words(&format!("{error:#}")) }
    }

    /// What does not fit when the engine compares the types with ours.
    pub(in crate::transform) fn contract(error: &wasmtime::Error) -> Self {
        Self::Contract { difference: words(&format!("{error:#}")) }
    }
}

/// A text that the upload may have a part in: one harmless line.
pub(in crate::transform) fn words(text: &str) -> String {
    crate::transform::guest::plain(text, crate::transform::limits::REASON_BYTES_MAX)
}

/// Bytes in the largest unit that leaves a whole number of them readable.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} bytes"),
        1024..1_048_576 => format!("{} KiB", bytes.div_ceil(1024)),
        _ => format!("{:.1} MiB", bytes as f64 / MIB),
    }
}

fn size(known: Option<usize>) -> String {
    known.map_or_else(|| format!("more than {} MiB", UPLOAD_BYTES_MAX / 1_048_576), |all| bytes(all as u64))
}

fn aside(looks_like: &str) -> String {
    if looks_like.is_empty() { String::new() } else { format!(" ({looks_like})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_comes_back_from_what_is_stored() {
        for refusal in [
            UploadError::TooLarge { bytes: Some(17) },
            UploadError::Feature { unit: Unit::Module, feature: "threads".into(), remedy: "Do without.".into() },
            UploadError::CompileMemory,
            UploadError::Quota { next: Timestamp(1_700_000_000_000) },
        ] {
            let stored = serde_json::to_string(&refusal).unwrap();
            assert_eq!(serde_json::from_str::<UploadError>(&stored).unwrap(), refusal, "{stored}");
        }
    }
}
