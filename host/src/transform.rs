//! Transformations: from the bytes of a component to `TransformRun { actions, fuel, memory, logs }`.

mod artifact;
mod check;
mod compile;
mod engine;
mod guest;
mod limits;
mod memory;
mod probe;
mod profile;
mod run;
mod wasi;

pub use artifact::Artifacts;
pub use check::{Checked, Counts, Took, Unit, UploadError, check, component};
pub use compile::{CompileError, Compiled, Compiler, compatibility, run as run_compiler};
pub use engine::{Loaded, Prepared, Transformer};
pub use limits::*;
pub use memory::{Failed, Turn};
pub use probe::{Example, Figures, ProbeError, Probed, Tried, Whose, probe};
pub use profile::Stack;
pub use run::{Failure, Stop, TransformRun};
