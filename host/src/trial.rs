//! One run beside the queue: what a version would make of an event. Nothing of it is stored and nothing is sent.

use crate::cause::Problem;
use crate::contract::log::Level;
use crate::model::account::QuotaClass;
use crate::model::delivery::Dropped;
use crate::model::event::Event;
use crate::model::id::VersionId;
use crate::payload::{self, Envelope, EnvelopeError};
use crate::plan::Plan;
use crate::process::{fate, figures, without_unasked_deals};
use crate::store::RunFigures;
use crate::transform::{Loaded, Quota};

/// The version that runs.
#[derive(Clone, Copy)]
pub struct Guest<'a> {
    pub loaded: &'a Loaded,
    /// Such as `deals@3`.
    pub label: &'a str,
    pub version_id: &'a VersionId,
    /// JSON text that satisfies the version's schema.
    pub settings: &'a str,
    /// Of the account.
    pub quota: QuotaClass,
}

/// What a run came to.
#[derive(Debug)]
pub struct Trial {
    pub outcome: Result<Plan, Problem>,
    pub figures: RunFigures,
    pub lines: Vec<(Level, String)>,
    pub dropped: Vec<Dropped>,
}

/// Runs a version on a stored event, as planning does.
///
/// # Errors
/// When the body is no event.
pub fn run(guest: Guest<'_>, event: &Event, body: &str) -> Result<Trial, EnvelopeError> {
    let envelope = Envelope::read(body.as_bytes())?;
    let wants_deals = envelope.wants_deals();
    let input = payload::event(&event.sender_id, &event.event_type, event.occurred_at, envelope.data);
    let run = guest.loaded.run_within(Quota::of(guest.quota), &input, guest.settings);
    let run = without_unasked_deals(run, &input.payload, wants_deals);
    let lead_id = payload::lead_id(input.payload);
    let figures = figures(&run);
    let outcome = fate(guest.label, guest.version_id, run.actions, lead_id);
    let outcome = outcome.map_err(|unplanned| unplanned.problem().clone());
    Ok(Trial { outcome, figures, lines: run.logs, dropped: run.dropped })
}
