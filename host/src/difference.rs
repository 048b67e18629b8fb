//! Two versions side by side: what differs in one lead, and counted over many. Pure.

mod changes;
mod report;

pub use changes::{Change, compare};
pub use report::{ChangeCount, FailureCount, Fuel, OutcomeCount, Report, Side, Tally};
