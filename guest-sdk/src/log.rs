//! Lines and dropped values for the people who read the record of a run. On a native target they
//! go to [`crate::testing`], since there is no host to take them.

pub use crate::bindings::leadline::transform::log::Level;

/// For the author, while something is being built.
pub fn debug(message: &str) {
    write(Level::Debug, message);
}

/// Worth knowing when somebody asks why a lead looks as it does.
pub fn info(message: &str) {
    write(Level::Info, message);
}

/// The lead goes through, but not all of it as the customer meant it.
pub fn warn(message: &str) {
    write(Level::Warn, message);
}

/// The run cannot do what it is for.
pub fn error(message: &str) {
    write(Level::Error, message);
}

/// A value that no action carries, for the receipt of the lead. `field` is the CRM property that it
/// was meant for, `reason` a sentence for the dealership.
pub fn dropped(field: &str, value: &str, reason: &str) {
    #[cfg(target_family = "wasm")]
    crate::bindings::leadline::transform::log::dropped(field, value, reason);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::record_dropped(field, value, reason);
}

fn write(level: Level, message: &str) {
    #[cfg(target_family = "wasm")]
    crate::bindings::leadline::transform::log::write(level, message);
    #[cfg(not(target_family = "wasm"))]
    crate::testing::record_line(level, message);
}
