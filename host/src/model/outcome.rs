//! What became of a lead, as people are told: one of nine outcomes, decided in one place from what is stored.

use serde::{Deserialize, Serialize};

use super::delivery::{Delivery, DeliveryState};
use super::event::{Event, EventState};
use crate::cause::Code;

/// What became of a lead. Its word is stable: addresses, the API and metrics use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything is in HubSpot.
    Synced,
    /// It is in HubSpot, but for some values.
    SyncedWithWarnings,
    /// On its way, and nothing went wrong so far.
    Sending,
    /// An attempt failed, and the next one comes by itself.
    Retrying,
    /// It waits for somebody to remove a cause.
    NeedsAttention,
    /// Final until somebody replays it.
    Failed,
    /// There was nothing to send, or nowhere to send it to.
    Skipped,
    /// Somebody gave it up.
    Cancelled,
    /// What it said is gone, because somebody asked for that.
    Removed,
}

/// Outcomes that people ask for together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    InHubspot,
    /// Everything else.
    NotInHubspot,
    /// More will happen, by itself or when somebody removed a cause.
    Open,
    /// It will not go to HubSpot, and nothing failed.
    NotSent,
}

impl Group {
    pub const ALL: [Self; 4] = [Self::InHubspot, Self::NotInHubspot, Self::Open, Self::NotSent];

    /// Its stable word, beside those of the outcomes.
    pub fn word(self) -> &'static str {
        match self {
            Self::InHubspot => "in_hubspot",
            Self::NotInHubspot => "not_in_hubspot",
            Self::Open => "open",
            Self::NotSent => "not_sent",
        }
    }

    pub fn holds(self, outcome: Outcome) -> bool {
        let is_in_hubspot = matches!(outcome, Outcome::Synced | Outcome::SyncedWithWarnings);
        match self {
            Self::InHubspot => is_in_hubspot,
            Self::NotInHubspot => !is_in_hubspot,
            Self::Open => outcome.is_open(),
            Self::NotSent => matches!(outcome, Outcome::Skipped | Outcome::Cancelled | Outcome::Removed),
        }
    }
}

/// How far a delivery has come, as far as an outcome depends on it.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    pub state: DeliveryState,
    pub attempts: u32,
    /// Something was left out of it.
    pub is_short: bool,
}

impl Way {
    fn of(delivery: &Delivery) -> Self {
        let is_short = !delivery.progress.dropped.is_empty();
        Self { state: delivery.state, attempts: delivery.attempts, is_short }
    }
}

impl Outcome {
    /// Every outcome, in the order in which people are shown them.
    pub const ALL: [Self; 9] = [
        Self::Synced,
        Self::SyncedWithWarnings,
        Self::Sending,
        Self::Retrying,
        Self::NeedsAttention,
        Self::Failed,
        Self::Skipped,
        Self::Cancelled,
        Self::Removed,
    ];

    /// Of an event and its newest delivery; `erased`: its data was removed on request.
    pub fn of(event: &Event, delivery: Option<&Delivery>, erased: bool) -> Self {
        let is_removed = event.reason.as_ref().is_some_and(|reason| reason.code == Code::ContactErased);
        Self::decide(event.state, delivery.map(Way::of), erased || is_removed)
    }

    /// The same from the columns that it depends on. An event that is to be sent again has a delivery from before, which
    /// does not count.
    pub fn decide(event: EventState, delivery: Option<Way>, erased: bool) -> Self {
        if erased {
            return Self::Removed;
        }
        match event {
            EventState::Received => Self::Sending,
            EventState::Skipped => Self::Skipped,
            EventState::Held => Self::NeedsAttention,
            EventState::Refused => Self::Failed,
            // Retention takes a delivery a moment before its event.
            EventState::Planned => delivery.map_or(Self::Removed, Self::of_way),
        }
    }

    fn of_way(way: Way) -> Self {
        match way.state {
            // One that was released or replayed begins anew.
            DeliveryState::Pending if way.attempts > 0 => Self::Retrying,
            DeliveryState::Pending => Self::Sending,
            DeliveryState::Delivered if way.is_short => Self::SyncedWithWarnings,
            DeliveryState::Delivered => Self::Synced,
            DeliveryState::Blocked => Self::NeedsAttention,
            DeliveryState::Failed => Self::Failed,
            DeliveryState::Cancelled => Self::Cancelled,
        }
    }

    /// Its stable word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Synced => "synced",
            Self::SyncedWithWarnings => "synced_with_warnings",
            Self::Sending => "sending",
            Self::Retrying => "retrying",
            Self::NeedsAttention => "needs_attention",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Removed => "removed",
        }
    }

    /// Whether it is in HubSpot, be it without some values.
    pub fn is_in_hubspot(self) -> bool {
        matches!(self, Self::Synced | Self::SyncedWithWarnings)
    }

    /// Whether more will happen, by itself or when somebody removed a cause.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Sending | Self::Retrying | Self::NeedsAttention)
    }
}
