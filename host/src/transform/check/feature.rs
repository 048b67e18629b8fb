//! Whether a file is valid under the proposals that the engine has on, and which one it uses if not.

use wasmparser::{Validator, WasmFeatures};

use super::UploadError;

/// WebAssembly 2.0, constants with arithmetic, and the component model: what Rust emits for all three targets.
const ON: WasmFeatures =
    WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST).union(WasmFeatures::COMPONENT_MODEL);

/// What is off, under the name that people know it by, with the flag of Rust's that brings it in.
const OFF: [(WasmFeatures, &str, Option<&str>); 14] = [
    (WasmFeatures::THREADS, "threads", Some("atomics")),
    (WasmFeatures::MEMORY64, "64-bit memory", None),
    (WasmFeatures::MULTI_MEMORY, "several memories", Some("multimemory")),
    (WasmFeatures::TAIL_CALL, "tail calls", Some("tail-call")),
    (WasmFeatures::GC.union(WasmFeatures::FUNCTION_REFERENCES), "garbage collection", Some("gc")),
    (WasmFeatures::FUNCTION_REFERENCES, "typed function references", None),
    (WasmFeatures::EXCEPTIONS, "exceptions", Some("exception-handling")),
    (WasmFeatures::LEGACY_EXCEPTIONS, "exceptions of an older form", Some("exception-handling")),
    (WasmFeatures::RELAXED_SIMD, "relaxed SIMD", Some("relaxed-simd")),
    (WasmFeatures::CUSTOM_PAGE_SIZES, "pages of another size", Some("custom-page-sizes")),
    (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic", Some("wide-arithmetic")),
    (WasmFeatures::STACK_SWITCHING, "stack switching", None),
    (WasmFeatures::CM_ASYNC, "asynchronous functions of the component model", None),
    (WasmFeatures::CM_VALUES, "values of the component model", None),
];

/// Validates all bytes.
pub(super) fn validate(bytes: &[u8]) -> Result<(), UploadError> {
    let Err(error) = valid_with(ON, bytes) else { return Ok(()) };
    let missing = OFF.iter().find(|(feature, _, _)| valid_with(ON | *feature, bytes).is_ok());
    if let Some((_, feature, flag)) = missing {
        return Err(UploadError::Feature { feature: (*feature).to_owned(), flag: flag.map(str::to_owned) });
    }
    if valid_with(WasmFeatures::all(), bytes).is_ok() {
        return Err(UploadError::Feature { feature: "several proposals newer than WebAssembly 2.0".to_owned(), flag: None });
    }
    Err(UploadError::Invalid { reason: error.message().to_owned(), offset: error.offset() })
}

fn valid_with(features: WasmFeatures, bytes: &[u8]) -> wasmparser::Result<()> {
    Validator::new_with_features(features).validate_all(bytes).map(drop)
}
