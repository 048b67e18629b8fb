//! Transformations: from the bytes of a component to `TransformRun { actions, fuel, memory, logs }`.

mod component;
mod engine;
mod guest;
mod inside;
mod limits;
mod profile;
mod run;

pub use component::{ComponentError, component};
pub use engine::{Loaded, Transformer};
pub use inside::{Inside, inside};
pub use limits::*;
pub use profile::Stack;
pub use run::{Failure, Stop, TransformRun};
