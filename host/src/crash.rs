//! Points where a test kills the process, and breaks that a test builds into it. A build without the feature `crash`
//! holds nothing of this.

#[cfg(feature = "crash")]
mod armed;
#[cfg(feature = "crash")]
mod half;

#[cfg(feature = "crash")]
pub use armed::{POINTS, arm, clock_ahead, is_broken, is_campaign};
#[cfg(feature = "crash")]
pub(crate) use armed::{is_known, pass};
#[cfg(feature = "crash")]
pub(crate) use half::may_end_half_way;

/// A place where the process may be told to die. Its name has to be in the list in `crash/armed.rs`.
macro_rules! crash_point {
    ($name:literal) => {
        #[cfg(feature = "crash")]
        {
            const { assert!($crate::crash::is_known($name), "a crash point that is not in the list") };
            $crate::crash::pass($name);
        }
    };
}
pub(crate) use crash_point;

/// A promise that the engine is made to break, to see that the oracle of the crash campaign notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// The sender is told that its event is stored before it is.
    AckBeforeCommit,
    /// A worker that lost its lease settles all the same.
    SettleWithoutGuard,
    /// A call is sent without being stored first.
    NoIntent,
}

/// Whether the engine is to break this promise. Without the feature it never is.
#[cfg(not(feature = "crash"))]
pub const fn is_broken(_: Broken) -> bool {
    false
}

/// Whether a campaign started this process. Without the feature none can.
#[cfg(not(feature = "crash"))]
pub const fn is_campaign() -> bool {
    false
}
