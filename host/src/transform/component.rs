//! From the bytes of an upload to a component: what it is, what it imports, and whether it fits the contract.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::limits::UPLOAD_BYTES_MAX;
use super::wasi;
use crate::contract::CONTRACT;

/// Why bytes are no transformation. The text is for whoever built them.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    #[error("the file has {:.1} MiB; at most {} MiB are accepted. Build with `--release`, `opt-level = \"s\"`, `lto = true` and `strip = \"debuginfo\"`", *.0 as f64 / 1_048_576.0, UPLOAD_BYTES_MAX / 1_048_576)]
    TooLarge(usize),
    #[error("this is not a WebAssembly file: it starts with `{0}`. Use the `.wasm` of a release build")]
    NotWasm(String),
    #[error("this is machine code that wasmtime made. Use the `.wasm` it was made from")]
    Precompiled,
    #[error("the file is damaged, was cut off, or uses a feature that is switched off here: {0}")]
    Invalid(String),
    #[error("a core module without a contract. Build it with `guest-sdk`, which embeds it: {0}")]
    NoContract(String),
    #[error(
        "the component imports `{0}`. Transformations have no network, files or threads; they may import `leadline:transform/log`, and of WASI 0.2 what toolchains bring along"
    )]
    Import(String),
    #[error("the component does not fit `{CONTRACT}`: {0}")]
    Contract(String),
    #[error("the component fails before the first event: {0}")]
    Describe(String),
}

const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// The component in the bytes of an upload; one is made out of a core module that carries the contract.
///
/// # Errors
/// [`ComponentError`], for whoever built the bytes.
pub fn component(bytes: &[u8]) -> Result<Vec<u8>, ComponentError> {
    if bytes.len() > UPLOAD_BYTES_MAX {
        return Err(ComponentError::TooLarge(bytes.len()));
    }
    // Compiled code is an ELF file too: asked first, it gets the better answer.
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(ComponentError::Precompiled);
    }
    match bytes.get(..8) {
        Some(start) if start == COMPONENT => Ok(bytes.to_vec()),
        Some(start) if start == MODULE => encode(bytes),
        _ => Err(ComponentError::NotWasm(start_of(bytes))),
    }
}

/// Compiles the component in the bytes of an upload.
pub(super) fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, ComponentError> {
    let component = Component::from_binary(engine, &component(bytes)?);
    let component = component.map_err(|error| ComponentError::Invalid(format!("{error:#}")))?;
    check_imports(engine, &component)?;
    Ok(component)
}

fn start_of(bytes: &[u8]) -> String {
    let start: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    if start.is_empty() { "nothing at all".to_owned() } else { start.join(" ") }
}

/// Makes the component out of a core module and the contract in its custom section.
fn encode(module: &[u8]) -> Result<Vec<u8>, ComponentError> {
    wasmparser::Validator::new().validate_all(module).map_err(|error| ComponentError::Invalid(error.to_string()))?;
    if !carries_contract(module) {
        return Err(ComponentError::NoContract("it has no `component-type` section".to_owned()));
    }
    let encode = || wit_component::ComponentEncoder::default().module(module)?.validate(true).encode();
    encode().map_err(|error| ComponentError::NoContract(format!("{error:#}")))
}

/// Whether the module says which world it was built for.
fn carries_contract(module: &[u8]) -> bool {
    wasmparser::Parser::new(0).parse_all(module).any(|payload| {
        matches!(payload, Ok(wasmparser::Payload::CustomSection(section)) if section.name().starts_with("component-type"))
    })
}

/// Only our own interfaces and the closed WASI. `events`, `actions` and `manifest` hold types, so importing them gives
/// nothing.
fn check_imports(engine: &Engine, component: &Component) -> Result<(), ComponentError> {
    const ALLOWED: [&str; 4] = [
        "leadline:transform/log@1.0.0",
        "leadline:transform/events@1.0.0",
        "leadline:transform/actions@1.0.0",
        "leadline:transform/manifest@1.0.0",
    ];
    let component_type = component.component_type();
    for (name, _) in component_type.imports(engine) {
        if name.starts_with("leadline:transform/") && !ALLOWED.contains(&name) {
            return Err(ComponentError::Contract(format!("it imports `{name}`; this server knows {CONTRACT}")));
        }
        if !ALLOWED.contains(&name) && !wasi::offers(name) {
            return Err(ComponentError::Import(name.to_owned()));
        }
    }
    Ok(())
}
