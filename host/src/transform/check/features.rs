//! Validation, with what our engine has and nothing more. A feature that is missing is named.

use wasmparser::types::Types;
use wasmparser::{Validator, WasmFeatures};

use super::refusal::{Unit, UploadError, words};

/// WebAssembly 2.0 without references to the host, which need a garbage collector; extended constants; components.
/// The engine accepts no more, and honest guests need no more.
const OURS: WasmFeatures =
    WasmFeatures::WASM2.union(WasmFeatures::EXTENDED_CONST).union(WasmFeatures::COMPONENT_MODEL).difference(REFERENCES);
const REFERENCES: WasmFeatures = WasmFeatures::GC_TYPES;

/// A feature as people know it, and how to build without it.
struct Missing {
    flags: WasmFeatures,
    name: &'static str,
    remedy: &'static str,
}

/// Asked in this order: the first one with which validation gets further is the missing one.
const MISSING: &[Missing] = &[
    Missing { flags: WasmFeatures::THREADS, name: "threads", remedy: "In Rust, remove `-C target-feature=+atomics`" },
    Missing {
        flags: WasmFeatures::MEMORY64,
        name: "64-bit memory",
        remedy: "Build for `wasm32-unknown-unknown`, not for `wasm64`",
    },
    Missing {
        flags: WasmFeatures::MULTI_MEMORY,
        name: "more than one memory",
        remedy: "In Rust, remove `-C target-feature=+multimemory`",
    },
    Missing {
        flags: WasmFeatures::TAIL_CALL,
        name: "tail calls",
        remedy: "In Rust, remove `-C target-feature=+tail-call`",
    },
    Missing {
        flags: WasmFeatures::RELAXED_SIMD,
        name: "relaxed SIMD",
        remedy: "Its results differ between machines. In Rust, remove `-C target-feature=+relaxed-simd`",
    },
    Missing { flags: WasmFeatures::CUSTOM_PAGE_SIZES, name: "custom page sizes", remedy: "Build with pages of 64 KiB" },
    Missing {
        flags: WasmFeatures::WIDE_ARITHMETIC,
        name: "wide arithmetic",
        remedy: "In Rust, remove `-C target-feature=+wide-arithmetic`",
    },
    Missing { flags: REFERENCES, name: "references to the host (`externref`)", remedy: "Build without them" },
    Missing {
        flags: WasmFeatures::EXCEPTIONS.union(REFERENCES),
        name: "exceptions",
        remedy: "In Rust, set `panic = \"abort\"` and remove `-C target-feature=+exception-handling`",
    },
    Missing {
        flags: WasmFeatures::LEGACY_EXCEPTIONS.union(WasmFeatures::EXCEPTIONS).union(REFERENCES),
        name: "exceptions of the old form",
        remedy: "In Rust, set `panic = \"abort\"` and remove `-C target-feature=+exception-handling`",
    },
    Missing {
        flags: WasmFeatures::FUNCTION_REFERENCES.union(WasmFeatures::GC).union(REFERENCES),
        name: "garbage collection",
        remedy: "Use a toolchain that brings its own memory management",
    },
    Missing {
        flags: WasmFeatures::SHARED_EVERYTHING_THREADS.union(WasmFeatures::THREADS),
        name: "shared-everything threads",
        remedy: "In Rust, remove `-C target-feature=+atomics`",
    },
    Missing { flags: WasmFeatures::STACK_SWITCHING, name: "stack switching", remedy: "Build without it" },
    Missing {
        flags: WasmFeatures::CM_ASYNC.union(WasmFeatures::CM_ASYNC_STACKFUL).union(WasmFeatures::CM_THREADING),
        name: "asynchronous functions of components",
        remedy: "The contract is synchronous: build with bindings that are, too",
    },
];

/// The types of a sound module or component.
pub(super) fn validate(unit: Unit, bytes: &[u8]) -> Result<Types, UploadError> {
    let error = match with(OURS, bytes) {
        Ok(types) => return Ok(types),
        Err(error) => error,
    };
    let further = |features| with(features, bytes).map_or_else(|other| other.offset() > error.offset(), |_| true);
    if !further(WasmFeatures::all()) {
        return Err(unsound(&error));
    }
    let missing = MISSING.iter().find(|missing| further(OURS.union(missing.flags)));
    let (feature, remedy) = missing.map_or(
        ("something newer than WebAssembly 2.0", "Build for `wasm32-unknown-unknown` without more target features"),
        |missing| (missing.name, missing.remedy),
    );
    Err(UploadError::Feature { unit, feature: feature.to_owned(), remedy: remedy.to_owned() })
}

fn with(features: WasmFeatures, bytes: &[u8]) -> wasmparser::Result<Types> {
    Validator::new_with_features(features).validate_all(bytes)
}

/// Types that double with each level are told by the validator's own limits.
fn unsound(error: &wasmparser::BinaryReaderError) -> UploadError {
    let reason = words(error.message());
    if reason.contains("exceeds the limit")
        || reason.contains("exceeds limit")
        || reason.contains("nesting is too deep")
    {
        return UploadError::TooComplex {
            what: format!("a type at byte {} is too large: {reason}", error.offset()),
            most: "what the contract needs".to_owned(),
            remedy: "Build it with `guest-sdk`, or with bindings of the contract".to_owned(),
        };
    }
    UploadError::Invalid { reason, at: error.offset() }
}
