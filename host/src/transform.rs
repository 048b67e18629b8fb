//! Transformations: from the bytes of a component to `TransformRun { actions, fuel, memory, logs }`.

mod check;
mod engine;
mod guest;
mod limits;
mod probe;
mod run;

pub use check::{Checked, Counts, Unit, UploadError, check, component};
pub use engine::{Loaded, Transformer};
pub use limits::*;
pub use probe::{Example, Figures, ProbeError, Probed, probe};
pub use run::{Failure, Stop, TransformRun};
