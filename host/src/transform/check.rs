//! What an upload is, and whether it may be compiled: pure, and before any byte of it reaches the compiler. Runs in the
//! compiling child, and on an author's machine.

mod contract;
mod count;
mod error;
mod feature;
mod toolchain;

use serde::{Deserialize, Serialize};
use wasmtime::Engine;

pub use error::UploadError;

use super::limits::UPLOAD_BYTES_MAX;
use crate::digest::sha256_hex;
use count::Counts;

/// What was found out about an upload that may be compiled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checked {
    /// SHA-256 of the bytes as they came, in hex: the identity of the version.
    pub hash: String,
    /// The same of the component, which was made here if a core module came.
    pub component_hash: String,
    pub upload_bytes: usize,
    pub component_bytes: usize,
    /// Package and version of the contract that it was built for.
    pub contract: String,
    /// What it imports, by name.
    pub imports: Vec<String>,
    /// Whether some of that is of the closed WASI.
    pub needs_wasi: bool,
    /// Names and versions of what made it, as far as it says.
    pub toolchain: Vec<String>,
    pub counts: Counts,
    /// What could be better. It runs all the same.
    pub warnings: Vec<String>,
}

const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";

/// Checks an upload, and makes the component out of a core module that carries the contract.
///
/// # Errors
/// [`UploadError`], for whoever built the bytes.
pub(super) fn check(bytes: &[u8]) -> Result<(Checked, Vec<u8>), UploadError> {
    let component = sound_component(bytes)?;
    let counts = count::count(&component)?;
    let found = contract::fit(&component)?;
    let toolchain = toolchain::of(bytes);
    let warnings = toolchain::warnings(&counts, &found.imports, bytes);
    let checked = Checked {
        hash: sha256_hex(bytes),
        component_hash: sha256_hex(&component),
        upload_bytes: bytes.len(),
        component_bytes: component.len(),
        contract: found.contract,
        needs_wasi: found.needs_wasi,
        imports: found.imports,
        toolchain,
        counts,
        warnings,
    };
    Ok((checked, component))
}

/// The component in the bytes of an upload; one is made out of a core module that carries the contract.
///
/// # Errors
/// [`UploadError`], for whoever built the bytes.
pub fn component(bytes: &[u8]) -> Result<Vec<u8>, UploadError> {
    let component = sound_component(bytes)?;
    contract::fit(&component)?;
    Ok(component)
}

/// A component that is valid and not too large for the compiler, whatever it does.
fn sound_component(bytes: &[u8]) -> Result<Vec<u8>, UploadError> {
    if bytes.len() > UPLOAD_BYTES_MAX {
        return Err(UploadError::TooLarge { bytes: Some(bytes.len()) });
    }
    // Compiled code is an ELF file too: asked first, it gets the better answer.
    if Engine::detect_precompiled(bytes).is_some() {
        return Err(UploadError::Precompiled);
    }
    let is_module = match bytes.get(..8) {
        Some(start) if start == MODULE => true,
        Some(start) if start == COMPONENT => false,
        _ => return Err(UploadError::not_wasm(bytes)),
    };
    // Before it is validated: that takes as long as what it counts.
    count::count(bytes)?;
    feature::validate(bytes)?;
    if is_module { contract::encode(bytes) } else { Ok(bytes.to_vec()) }
}
