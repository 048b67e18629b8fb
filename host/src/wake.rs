//! Knocks on the sleeping loops. Carries no data: a step finds its work in the database.

use tokio::sync::Notify;

use crate::model::lane::LaneKind;

/// One knocker for each kind of step.
#[derive(Default)]
pub struct Wake {
    pub plan: Notify,
    pub deliver: Notify,
    /// There is a message to send.
    pub post: Notify,
    plan_timekeeper: Notify,
    deliver_timekeeper: Notify,
}

impl Wake {
    pub fn of(&self, kind: LaneKind) -> &Notify {
        match kind {
            LaneKind::Plan => &self.plan,
            LaneKind::Deliver => &self.deliver,
        }
    }

    /// Who knocks when something falls due: told when there may be an earlier time to keep.
    pub fn timekeeper(&self, kind: LaneKind) -> &Notify {
        match kind {
            LaneKind::Plan => &self.plan_timekeeper,
            LaneKind::Deliver => &self.deliver_timekeeper,
        }
    }
}
