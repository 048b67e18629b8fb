//! One run beside the queue: what a version would make of an event. Nothing of it is stored and nothing is sent.

use anyhow::Context as _;

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
use crate::transform::{Loaded, Quota, Transformer};

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

/// Does what somebody waits for who tries something out, in a turn of its own. It goes to its end also where he waits
/// no more, and keeps the turn until then: asking over and over takes no more than that. None where others have every
/// turn.
///
/// # Errors
/// What the work says, and when it panics.
pub async fn in_turn<T: Send + 'static>(
    transformer: &Transformer,
    work: impl Future<Output = anyhow::Result<T>> + Send + 'static,
) -> anyhow::Result<Option<T>> {
    let Some(place) = transformer.trial_place() else { return Ok(None) };
    let work = tokio::spawn(async move {
        let _place = place;
        work.await
    });
    work.await.context("what was tried out panicked")?.map(Some)
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

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::transform::TRIALS_MAX;

    #[tokio::test]
    async fn a_turn_lasts_as_long_as_its_work_also_where_nobody_waits_any_more() {
        let transformer = Transformer::new().unwrap();
        let (go_on, told) = oneshot::channel::<()>();
        let work = async move {
            told.await?;
            anyhow::Ok(())
        };
        tokio::select! {
            biased;
            _ = in_turn(&transformer, work) => panic!("nobody told it to go on"),
            () = std::future::ready(()) => {} // who asked has gone
        }
        let others: Vec<_> = std::iter::from_fn(|| transformer.trial_place()).collect();
        assert_eq!(others.len(), TRIALS_MAX - 1, "it has one");
        assert_eq!(in_turn(&transformer, async { Ok(7) }).await.unwrap(), None);
        go_on.send(()).unwrap();
        while transformer.trial_place().is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(in_turn(&transformer, async { Ok(7) }).await.unwrap(), Some(7));
    }
}
