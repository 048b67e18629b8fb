//! One delivery by itself, in the words of the lead's page: how it stands, what it wrote, what was tried, and what took the
//! time.

use serde::Serialize;

use super::lead::{Attempt, Beside, Call, Field, Lead, Reason, Record, waterfall_of};
use super::moment::Moment;
use super::outcome::Reader;
use crate::model::access::Sight;
use crate::model::account::Connection;
use crate::model::delivery::DeliveryState;
use crate::model::id::{AccountId, ConnectionId, DeliveryId, EventId, VersionId};
use crate::model::time::Timestamp;
use crate::picture::waterfall::{Kind, Span};
use crate::store::ShownEvent;

/// One event on its way to one connection.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeliveryView)]
pub struct Delivery {
    pub id: DeliveryId,
    pub event: EventId,
    pub account: AccountId,
    pub connection: ConnectionId,
    /// Which version of the transformation planned it.
    pub version: VersionId,
    pub state: DeliveryState,
    /// Why it waits, failed or is tried again.
    pub reason: Option<Reason>,
    /// Records in HubSpot.
    pub records: Vec<Record>,
    pub fields: Vec<Field>,
    /// Attempts that did not finish it.
    pub attempts: Vec<Attempt>,
    /// When it is tried next.
    pub next: Option<Moment>,
    pub done_at: Option<Timestamp>,
}

/// What took the time of a delivery, from the arrival of its event.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeliveryTrace)]
pub struct Trace {
    pub delivery: DeliveryId,
    /// In the order in which they began.
    pub spans: Vec<TraceSpan>,
    /// Attempts that did not finish it.
    pub attempts: Vec<Attempt>,
    /// When it is tried next.
    pub next: Option<Moment>,
}

/// One thing that took time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TraceSpan {
    /// What it is called in the picture.
    pub name: String,
    pub kind: SpanKind,
    pub from: Timestamp,
    pub until: Timestamp,
    pub millis: u64,
    /// What came of it, such as `201`.
    pub detail: String,
}

/// What took the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = TraceSpanKind)]
pub enum SpanKind {
    /// In a queue, or until the next attempt.
    Waiting,
    Transformation,
    Call,
    FailedCall,
}

impl Delivery {
    /// The last delivery of `shown`; none where there is none.
    pub fn of(shown: &ShownEvent, connection: Option<&Connection>, sight: Sight, reader: &Reader) -> Option<Self> {
        let delivery = &shown.deliveries.last()?.delivery;
        let Lead { records, fields, attempts, next, .. } =
            Lead::of(shown, Beside::default(), connection, sight, reader);
        Some(Self {
            id: delivery.id.clone(),
            event: delivery.event_id.clone(),
            account: delivery.account_id.clone(),
            connection: delivery.connection_id.clone(),
            version: delivery.version_id.clone(),
            state: delivery.state,
            reason: delivery.reason.as_ref().map(Reason::of),
            records,
            fields,
            attempts,
            next,
            done_at: delivery.done_at,
        })
    }
}

/// The calls of the last delivery of `shown`, the oldest first.
pub fn calls(shown: &ShownEvent, sight: Sight, reader: &Reader) -> Vec<Call> {
    Lead::of(shown, Beside::default(), None, sight, reader).calls
}

impl Trace {
    /// Of the last delivery of `shown`; none where there is none.
    pub fn of(shown: &ShownEvent, sight: Sight, reader: &Reader) -> Option<Self> {
        let delivery = shown.deliveries.last()?.delivery.id.clone();
        let Lead { attempts, next, .. } = Lead::of(shown, Beside::default(), None, sight, reader);
        let spans = waterfall_of(shown).into_iter().map(TraceSpan::of).collect();
        Some(Self { delivery, spans, attempts, next })
    }
}

impl TraceSpan {
    fn of(span: Span) -> Self {
        let Span { name, kind, from, until, detail, .. } = span;
        let kind = match kind {
            Kind::Wait => SpanKind::Waiting,
            Kind::Guest => SpanKind::Transformation,
            Kind::Call => SpanKind::Call,
            Kind::FailedCall => SpanKind::FailedCall,
        };
        let millis = u64::try_from(until.since(from).as_millis()).unwrap_or(u64::MAX);
        Self { name, kind, from, until, millis, detail }
    }
}
