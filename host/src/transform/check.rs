//! STUB until the real one is merged.
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checked {
    pub hash: String,
    pub imports: Vec<String>,
    pub needs_wasi: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum UploadError {
    #[error("{0}")]
    Old(String),
    #[error("too large {bytes:?}")]
    TooLarge { bytes: Option<usize> },
    #[error("busy")]
    Busy,
    #[error("quota {next}")]
    Quota { next: crate::model::time::Timestamp },
    #[error("compile time")]
    CompileTime,
    #[error("compile memory")]
    CompileMemory,
    #[error("compile crashed")]
    CompileCrashed,
}

impl UploadError {
    pub fn fix(&self) -> &'static str {
        ""
    }
    pub fn code(&self) -> &'static str {
        "upload"
    }
    pub(super) fn not_compiled(error: &wasmtime::Error) -> Self {
        Self::Old(format!("{error:#}"))
    }
    pub fn contract(error: &wasmtime::Error) -> Self {
        Self::Old(format!("{error:#}"))
    }
}

pub fn component(bytes: &[u8]) -> Result<Vec<u8>, UploadError> {
    super::component::component(bytes).map_err(|error| UploadError::Old(error.to_string()))
}

pub(super) fn check(bytes: &[u8]) -> Result<(Checked, Vec<u8>), UploadError> {
    let component = component(bytes)?;
    Ok((Checked { hash: crate::digest::sha256_hex(bytes), imports: vec![], needs_wasi: false }, component))
}
