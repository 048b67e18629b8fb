//! Knocks on the sleeping loops. Carries no data: a step finds its work in the database.

use tokio::sync::Notify;

/// One knocker for each kind of step.
#[derive(Default)]
pub struct Wake {
    pub plan: Notify,
    pub deliver: Notify,
}
