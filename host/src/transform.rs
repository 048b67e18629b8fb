//! Transformations: from the bytes of a component to `TransformRun { actions, fuel, memory, logs }`.

mod component;
mod engine;
mod guest;
mod limits;
mod run;
mod wasi;

pub use component::{ComponentError, component};
pub use engine::{Loaded, Transformer};
pub use limits::*;
pub use run::{Failure, Stop, TransformRun};
