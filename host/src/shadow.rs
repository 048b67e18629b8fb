//! A version beside the one in force, on real leads: what would change, what would fail, what it would use. Guests are pure,
//! so it costs fuel and nothing is sent.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;

use crate::comparison::{Example, Report, Side, Tally};
use crate::load;
use crate::model::account::{Connection, QuotaClass, Version};
use crate::model::event::Event;
use crate::model::id::VersionId;
use crate::model::time::Timestamp;
use crate::rollout::Choice;
use crate::route::{Route, Routing, route};
use crate::store::{self, ShadowRun, Store};
use crate::transform::{Loaded, Transformer};
use crate::trial::{self, Guest, Trial};
use crate::words::is_test_body;

/// Leads that one shadow run looks at: enough to meet the odd ones, and a second or two of one core.
pub const EVENTS_MAX: u32 = 500;

/// What a shadow run saw: what is kept, and the values of a few changes for whoever asked, which are not.
#[derive(Debug)]
pub struct Seen {
    pub run: ShadowRun,
    pub examples: Vec<Example>,
}

/// Notes that a version is tried on an account's last leads.
///
/// # Errors
/// The store's.
pub async fn begin(
    store: &Store,
    connection: &Connection,
    choice: &Choice,
    events_max: u32,
    by: &str,
    now: Timestamp,
) -> store::Result<ShadowRun> {
    store.begin_shadow(connection, (&choice.version, &choice.settings), events_max.min(EVENTS_MAX), by, now).await
}

/// Tries it, and keeps what it came to.
///
/// # Errors
/// When something of ours fails; that is kept too.
pub async fn carry_out(
    store: &Store,
    transformer: &Transformer,
    run: ShadowRun,
    choice: &Choice,
    clock: impl Fn() -> Timestamp,
) -> anyhow::Result<Seen> {
    match look(store, transformer, &run, choice).await {
        Ok((report, examples)) => {
            let now = clock();
            store.end_shadow(&run, Ok(&report), now).await?;
            Ok(Seen { run: ShadowRun { report: Some(report), ended_at: Some(now), ..run }, examples })
        }
        Err(error) => {
            store.end_shadow(&run, Err(&format!("{error:#}")), clock()).await?;
            Err(error)
        }
    }
}

async fn look(
    store: &Store,
    transformer: &Transformer,
    run: &ShadowRun,
    choice: &Choice,
) -> anyhow::Result<(Report, Vec<Example>)> {
    let events_max = u32::try_from(run.events_max).unwrap_or(EVENTS_MAX);
    let events = store.last_events(&run.account_id, &choice.manifest.event_types, events_max).await?;
    let routing = store.routing(&run.account_id).await?;
    let loaded = load::ready(store, transformer, &choice.version.id).await?;
    let mut in_force = HashMap::new();
    for binding in routing.bindings.iter().chain(&routing.rest) {
        // One that no longer loads holds its leads, so there is nothing to compare with: they are left out.
        match load::ready(store, transformer, &binding.version_id).await {
            Ok(loaded) => drop(in_force.insert(binding.version_id.clone(), loaded)),
            Err(error) => tracing::warn!("the version in force cannot run beside the new one: {error:#}"),
        }
    }
    let (version, settings) = (choice.version.clone(), choice.settings.to_string());
    let quota = store.quota(run.account_id.as_str()).await?;
    let beside = move || beside(&in_force, &loaded, &version, (&settings, quota), &routing, &events);
    tokio::task::spawn_blocking(beside).await.context("the shadow run panicked")
}

/// Runs both versions on each event.
fn beside(
    in_force: &HashMap<VersionId, Arc<Loaded>>,
    new: &Arc<Loaded>,
    version: &Version,
    (settings, quota): (&str, QuotaClass),
    routing: &Routing,
    events: &[(Event, String)],
) -> (Report, Vec<Example>) {
    let label = version.label();
    let mut tally = Tally::default();
    for (event, body) in events {
        let guest = Guest { loaded: new, label: &label, version_id: &version.id, settings, quota };
        // What was read at the door is an event.
        let Ok(after) = trial::run(guest, event, body) else { continue };
        let before = match route(&event.id, &event.event_type, is_test_body(body), routing) {
            Route::Skip(problem) => Side::Stopped(problem),
            Route::To(binding) => {
                let loaded = in_force.get(&binding.version_id);
                let run = loaded.and_then(|loaded| {
                    let (label, version_id) = (binding.label.as_str(), &binding.version_id);
                    let guest = Guest { loaded, label, version_id, settings: &binding.settings, quota };
                    trial::run(guest, event, body).ok()
                });
                match run {
                    Some(run) => side(run),
                    None => continue,
                }
            }
        };
        tally.add(&event.id, before, side(after));
    }
    tally.done()
}

/// What a run is in a comparison.
pub(crate) fn side(trial: Trial) -> Side {
    match trial.outcome {
        Ok(plan) => Side::Planned(plan, trial.figures.fuel),
        Err(problem) => Side::Ended(problem, trial.figures.fuel),
    }
}
