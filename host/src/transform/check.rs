//! From the bytes of an upload to a component that may be compiled: what it is, how much there is of it, what it imports,
//! and whether it fits the contract. Nothing is compiled here, and nothing that an upload holds makes it panic.

mod contract;
mod counts;
mod features;
mod imports;
mod module;
mod refusal;
mod remarks;

use std::time::Instant;

use serde::{Deserialize, Serialize};
use wasmparser::{Parser, Payload};
use wasmtime::Engine;

use self::contract::Border;
use super::limits::UPLOAD_BYTES_MAX;
use super::wasi;
use crate::digest::sha256_hex;

pub use counts::Counts;
pub(super) use refusal::words;
pub use refusal::{Unit, UploadError};

/// What is known of an upload that may be compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[schema(as = CheckedUpload)]
pub struct Checked {
    /// SHA-256 of the bytes as they came: the version's identity.
    pub hash: String,
    /// SHA-256 of the component: another one where it was made from a core module.
    pub component_hash: String,
    /// Package and version of the contract that it was built for.
    pub contract: String,
    /// What it imports, by name.
    pub imports: Vec<String>,
    /// Whether one of the imports is of the closed WASI.
    pub needs_wasi: bool,
    /// What built it, in its own words.
    pub toolchain: Vec<String>,
    pub upload_bytes: usize,
    pub component_bytes: usize,
    pub counts: Counts,
    /// What is allowed and could be better.
    pub warnings: Vec<String>,
    pub took: Took,
}

/// How long the steps of a check took, in microseconds; 0 where nobody measured it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
#[schema(as = CheckTook)]
pub struct Took {
    pub component: u64,
    pub contents: u64,
    pub imports: u64,
    pub contract: u64,
    pub compile: u64,
}

/// What passed since then, which begins anew.
pub(super) fn lap(began: &mut Instant) -> u64 {
    let passed = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    *began = Instant::now();
    passed
}

const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// Checks the bytes of an upload. Gives back what is known of it, and the component: one is made out of a core module
/// that carries the contract.
///
/// # Errors
/// [`UploadError`], for whoever built the bytes.
pub fn check(bytes: &[u8]) -> Result<(Checked, Vec<u8>), UploadError> {
    let (mut began, mut took) = (Instant::now(), Took::default());
    let component = component(bytes)?;
    took.component = lap(&mut began);
    let counts = counts::count(&component)?;
    let types = features::validate(Unit::Component, &component)?;
    took.contents = lap(&mut began);
    let border = border(&component);
    imports::allow(&types, &border)?;
    took.imports = lap(&mut began);
    let contract = contract::fit(&types, &border)?;
    took.contract = lap(&mut began);
    let wasi: Vec<_> = border.imports.iter().map(String::as_str).filter(|name| wasi::offers(name)).collect();
    let remarks = remarks::remarks(&component, &wasi);
    let checked = Checked {
        hash: sha256_hex(bytes),
        component_hash: sha256_hex(&component),
        contract: contract.to_owned(),
        needs_wasi: !wasi.is_empty(),
        // Without the names of the world's own types.
        imports: border.imports.into_iter().filter(|name| name.contains(':')).collect(),
        toolchain: remarks.toolchain,
        upload_bytes: bytes.len(),
        component_bytes: component.len(),
        counts,
        warnings: remarks.warnings,
        took,
    };
    Ok((checked, component))
}

/// The component in the bytes of an upload; one is made out of a core module that carries the contract. Whether it fits
/// is not asked yet.
///
/// # Errors
/// [`UploadError`], for whoever built the bytes.
pub fn component(bytes: &[u8]) -> Result<Vec<u8>, UploadError> {
    if bytes.len() > UPLOAD_BYTES_MAX {
        return Err(UploadError::TooLarge { bytes: Some(bytes.len()) });
    }
    // Compiled code is an ELF file too: asked first, it gets the better answer.
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(UploadError::Precompiled);
    }
    match bytes.get(..8) {
        Some(start) if start == COMPONENT => Ok(bytes.to_vec()),
        Some(start) if start == MODULE => {
            // Before anything else works with it.
            counts::count(bytes)?;
            features::validate(Unit::Module, bytes)?;
            module::encode(bytes)
        }
        _ => Err(not_wasm(bytes)),
    }
}

fn not_wasm(bytes: &[u8]) -> UploadError {
    let start: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let start = if start.is_empty() { "nothing at all".to_owned() } else { start.join(" ") };
    let known: [(&[u8], &str); 9] = [
        (b"\0asm", "WebAssembly of another version, or cut off"),
        (b"\x7fELF", "a Linux program"),
        (b"MZ", "a Windows program"),
        (b"\xcf\xfa\xed\xfe", "a macOS program"),
        (b"\x1f\x8b", "compressed with gzip; unpack it"),
        (b"PK\x03\x04", "a zip archive; unpack it"),
        (b"(module", "WebAssembly in its text form"),
        (b"(component", "WebAssembly in its text form"),
        (b"!<arch>", "a library, not linked yet"),
    ];
    let looks_like = known.iter().find(|(magic, _)| bytes.starts_with(magic)).map_or("", |(_, name)| name);
    UploadError::NotWasm { start, looks_like: looks_like.to_owned() }
}

/// The names at the border of a component, not of those inside it.
fn border(component: &[u8]) -> Border {
    let mut border = Border::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component).flatten() {
        match payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                border.imports.extend(section.into_iter().flatten().map(|import| import.name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                border.exports.extend(section.into_iter().flatten().map(|export| export.name.name.to_owned()));
            }
            _ => {}
        }
    }
    border
}
