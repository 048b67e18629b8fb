//! An event and its fate.

use serde::{Deserialize, Serialize};

use super::delivery::DeliveryState;
use super::id::{AccountId, EventId, SourceId};
use super::time::Timestamp;
use crate::cause::Problem;

/// Where an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Committed, not planned yet.
    Received,
    /// It has a delivery.
    Planned,
    /// Nothing is to be done, with the reason.
    Skipped,
    /// It waits for somebody to remove a cause, then runs by itself.
    Held,
    /// Its transformation refused it; final until somebody replays it.
    Refused,
}

/// An event as the store lists it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Event {
    pub id: EventId,
    pub account_id: AccountId,
    pub source_id: SourceId,
    /// The sender's id, the same on every redelivery.
    pub sender_id: String,
    #[serde(rename = "type")]
    pub event_type: String,
    pub occurred_at: Timestamp,
    pub received_at: Timestamp,
    pub state: EventState,
    pub reason: Option<Problem>,
    /// Where its newest delivery stands, once it is planned.
    pub delivery: Option<DeliveryState>,
}

/// An event at the door: verified, not stored yet.
#[derive(Clone, Debug)]
pub struct NewEvent {
    pub id: EventId,
    pub account_id: AccountId,
    pub source_id: SourceId,
    pub sender_id: String,
    pub event_type: String,
    pub occurred_at: Timestamp,
    /// The body as received.
    pub body: String,
    /// SHA-256 of the body, in hex.
    pub body_hash: String,
}

/// What storing an event came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Stored now.
    New(EventId),
    /// Stored before, under this id.
    Duplicate(EventId),
    /// The sender's id was used before, for another body.
    IdReused(EventId),
}

/// What planning decided for an event without a delivery. `Planned` stands beside it, with the delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unplanned {
    Skipped(Problem),
    Held(Problem),
    Refused(Problem),
}

impl Unplanned {
    pub fn state(&self) -> EventState {
        match self {
            Self::Skipped(_) => EventState::Skipped,
            Self::Held(_) => EventState::Held,
            Self::Refused(_) => EventState::Refused,
        }
    }

    pub fn problem(&self) -> &Problem {
        match self {
            Self::Skipped(problem) | Self::Held(problem) | Self::Refused(problem) => problem,
        }
    }
}
