//! Why an upload makes no version, in words for whoever built it: what was found, and what to do.

use serde::{Deserialize, Serialize};

use super::super::limits::{COMPILE_BYTES_MAX, COMPILE_TIME_MAX, UPLOAD_BYTES_MAX};
use crate::model::time::Timestamp;

/// Why an upload makes no version. It is stored, so that the same bytes get the same answer.
#[derive(Clone, Debug, PartialEq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadError {
    #[error("the file has {}; at most {} MiB are accepted", .bytes.map_or_else(|| "more than it may".to_owned(), mib), UPLOAD_BYTES_MAX / MIB)]
    TooLarge {
        /// None where it was not read to its end.
        bytes: Option<usize>,
    },
    #[error("this is not a WebAssembly file: it starts with `{start}`{}", .looks_like.as_ref().map_or_else(String::new, |what| format!(" ({what})")))]
    NotWasm { start: String, looks_like: Option<String> },
    #[error("this is machine code that wasmtime made")]
    Precompiled,
    #[error("the file is damaged or was cut off: {reason} at byte {offset}")]
    Invalid { reason: String, offset: u64 },
    #[error("it uses {feature}, which is switched off here")]
    Feature { feature: String, flag: Option<String> },
    #[error("{what} has {found}; at most {most} are compiled here")]
    TooComplex { what: String, found: String, most: String },
    #[error("a core module without a contract: {reason}")]
    NoContract { reason: String, needs_adapter: bool },
    #[error("the component does not fit `leadline:transform`: {difference}")]
    Contract { difference: String },
    #[error("the component imports `{import}`. Transformations have {without}")]
    Import { import: String, without: String, likely: Option<String> },
    #[error("compiling took more than {} s", COMPILE_TIME_MAX.as_secs())]
    CompileTime,
    #[error("compiling took more than {} GiB of memory", COMPILE_BYTES_MAX >> 30)]
    CompileMemory,
    #[error("the compiler stopped while it worked on this file. Nothing was installed")]
    CompileCrashed,
    #[error("it asks for {wanted} at the start; at most {most}")]
    Resources { wanted: String, most: String },
    #[error("it fails before the first event: {reason}")]
    Start { reason: String },
    #[error("`describe` {reason}")]
    Describe { reason: String },
    #[error("example `{example}` fails: {reason}")]
    Example { example: String, reason: String },
    #[error("the same event gave two answers: {difference}")]
    Nondeterministic { difference: String },
    #[error("other uploads are being compiled, and as many wait as may")]
    Busy,
    #[error("ten uploads an hour for an account; the next at {next}")]
    Quota { next: Timestamp },
}

const MIB: usize = 1 << 20;

pub(super) fn mib(bytes: usize) -> String {
    format!("{:.1} MiB", bytes as f64 / MIB as f64)
}

impl UploadError {
    /// Bytes that are no WebAssembly, by how they start.
    pub(super) fn not_wasm(bytes: &[u8]) -> Self {
        let start: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        let start = if start.is_empty() { "nothing at all".to_owned() } else { start.join(" ") };
        let kinds: [(&[u8], &str); 8] = [
            (b"\x7fELF", "a Linux program"),
            (b"\x1f\x8b", "a gzip archive"),
            (b"PK\x03\x04", "a zip archive"),
            (b"\xcf\xfa\xed\xfe", "a macOS program"),
            (b"MZ", "a Windows program"),
            (b"(module", "WebAssembly as text"),
            (b"(component", "WebAssembly as text"),
            (b"\0asm", "WebAssembly of a version that nobody knows, or cut off"),
        ];
        let looks_like = kinds.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|(_, what)| (*what).to_owned());
        Self::NotWasm { start, looks_like }
    }

    /// The stable code of the reason.
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
            Self::Resources { .. } => "upload.resources",
            Self::Start { .. } => "upload.start",
            Self::Describe { .. } => "upload.describe",
            Self::Example { .. } => "upload.example",
            Self::Nondeterministic { .. } => "upload.nondeterministic",
            Self::Busy => "upload.busy",
            Self::Quota { .. } => "upload.quota",
        }
    }

    /// What to do about it. `leadline guest check FILE` says the same before an upload.
    pub fn fix(&self) -> String {
        const RELEASE: &str = "Upload the `.wasm` of your release build.";
        const LOCAL: &str = "`leadline guest check FILE` shows it on your machine.";
        match self {
            Self::TooLarge { .. } => {
                "Build with `--release`, `opt-level = \"s\"`, `lto = true` and `strip = \"debuginfo\"`.".to_owned()
            }
            Self::NotWasm { .. } => RELEASE.to_owned(),
            Self::Precompiled => "Upload the `.wasm` it was made from.".to_owned(),
            Self::Invalid { .. } => format!("Build it again and upload the whole file. {LOCAL}"),
            Self::Feature { flag: Some(flag), .. } => format!("In Rust, remove `-C target-feature=+{flag}`. {LOCAL}"),
            Self::Feature { flag: None, .. } => format!("Build for WebAssembly 2.0. {LOCAL}"),
            Self::TooComplex { .. } => format!("Split it, or move the table in it into data. {LOCAL}"),
            Self::NoContract { needs_adapter: true, .. } => {
                "Build for `wasm32-unknown-unknown`, or run `cargo component build`.".to_owned()
            }
            Self::NoContract { .. } => "Build it with `guest-sdk`, which embeds the contract.".to_owned(),
            Self::Contract { .. } => format!("Build it against the `wit/` of this server. {LOCAL}"),
            Self::Import { likely: Some(likely), .. } => likely.clone(),
            Self::Import { .. } => format!("Find the crate that brings it in, and leave it out. {LOCAL}"),
            Self::CompileTime | Self::CompileMemory => "Split the largest functions, or build with `opt-level = \"s\"`.".to_owned(),
            Self::CompileCrashed => "We have been told; another build may go through.".to_owned(),
            Self::Resources { .. } => format!("Link it with a smaller stack and less memory. {LOCAL}"),
            Self::Start { .. } => format!("Do nothing in start functions and constructors. {LOCAL}"),
            Self::Describe { .. } => format!("Correct what `describe` returns. {LOCAL}"),
            Self::Example { .. } => format!("Correct it, or the example. {LOCAL}"),
            Self::Nondeterministic { .. } => "We have been told: this should not be possible.".to_owned(),
            Self::Busy => "Send it again in a minute.".to_owned(),
            Self::Quota { .. } => format!("Wait, and check before you upload. {LOCAL}"),
        }
    }
}
