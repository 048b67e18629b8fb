//! Compiling, in a process of its own: a panic, an endless loop or a flood of memory *while compiling* is no security
//! bug for those who make the compiler, so it must not be one for us. The server hands the bytes to a child of the same
//! program, with limits on time and memory, and reads what comes of them.

mod child;
mod parent;

use std::hash::{Hash as _, Hasher};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use wasmtime::Engine;

use super::check::{Checked, UploadError, check, lap};
use super::engine::{Role, config};

pub use child::run;

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// A child of its own for each component: this program, or one that knows the same hidden command `compile`.
    Child(PathBuf),
    /// This process: what the child does itself, and enough for a single guest of one's own.
    Here,
}

/// A component that was checked and compiled.
#[derive(Debug)]
pub struct Compiled {
    pub checked: Checked,
    /// Machine code for this machine, and for this release of wasmtime.
    pub artifact: Vec<u8>,
}

/// Why there is nothing to run.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// For whoever built the bytes.
    #[error(transparent)]
    Refused(#[from] UploadError),
    /// Nobody's fault but ours; a repeat may help.
    #[error("{0}")]
    Ours(String),
}

/// What the child says, one a line. After [`Answer::Compiled`] come the bytes of the artifact, to the end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// What it is at, so that a crash has a name.
    Step(Step),
    Refused(UploadError),
    Compiled {
        checked: Box<Checked>,
        compatibility: String,
    },
}

/// What happens to an upload in the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Step {
    Read,
    Check,
    Compile,
}

impl Compiler {
    /// A child of this very program, even if another one takes its place on the disk meanwhile.
    pub fn this_program() -> Self {
        Self::Child(PathBuf::from("/proc/self/exe"))
    }

    /// Checks and compiles the bytes of an upload. Blocks until that is done.
    ///
    /// # Errors
    /// [`CompileError`]: for whoever built the bytes, or for us.
    pub fn compile(&self, bytes: &[u8]) -> Result<Compiled, CompileError> {
        match self {
            Self::Child(program) => parent::compile(program, bytes),
            Self::Here => {
                let (mut checked, component) = check(bytes)?;
                let mut began = Instant::now();
                let artifact = precompile(&component)?;
                checked.took.compile = lap(&mut began);
                Ok(Compiled { checked, artifact })
            }
        }
    }
}

/// Machine code for a component that has been checked.
fn precompile(component: &[u8]) -> Result<Vec<u8>, CompileError> {
    let engine = Engine::new(&config(Role::Compile));
    let engine = engine.map_err(|error| CompileError::Ours(format!("the compiler cannot start: {error:#}")))?;
    let compiled = engine.precompile_component(component);
    compiled.map_err(|error| CompileError::Refused(UploadError::not_compiled(&error)))
}

/// What machine code must have been made by to run here: the release of wasmtime, its settings and the processor. The same
/// for as long as a process lives.
///
/// # Errors
/// When the compiler does not know this processor.
pub fn compatibility() -> anyhow::Result<&'static str> {
    static COMPATIBILITY: OnceLock<String> = OnceLock::new();
    if let Some(known) = COMPATIBILITY.get() {
        return Ok(known);
    }
    let engine = Engine::new(&config(Role::Compile))
        .map_err(|error| anyhow::anyhow!("there is no compiler for this machine: {error:#}"))?;
    let mut hasher = Digest(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let digest = hasher.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(COMPATIBILITY.get_or_init(|| digest))
}

/// The standard library's hashers differ between releases and may be seeded; this one stays.
struct Digest(Sha256);

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("the whole digest is taken instead")
    }
}
