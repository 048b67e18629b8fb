//! The plan step: route, transform, plan. No network, and no transaction is open while a guest runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::cause::{Code, Problem};
use crate::contract::events::Payload;
use crate::crash::crash_point;
use crate::model::account::{Binding, SchemaMode};
use crate::model::delivery::Progress;
use crate::model::event::Unplanned;
use crate::model::id::VersionId;
use crate::model::lane::{Lease, Settled, Step};
use crate::model::time::Timestamp;
use crate::payload::{self, Envelope};
use crate::plan::{key_hash, plan};
use crate::route::{Route, route};
use crate::schema;
use crate::store::{Decision, PlannedEvent, PlannedLane, ReceivedEvent, Rules, RunFigures, Store, TakenEvents};
use crate::transform::{Stop, TransformRun, Transformer};

/// Lanes that are planned in one round, and stored in one commit: of many accounts with a lead each, one alone would
/// cost a round.
const LANES_PER_ROUND: u32 = 16;
/// Events that are planned in one round.
const EVENTS_PER_ROUND: u32 = 128;
/// A round stops taking events after this time, so that a slow transformation delays nobody else for long.
const ROUND_WALL: Duration = Duration::from_millis(100);

/// Versions that are compiled at the start; the others are when their first event comes.
const WARM_VERSIONS_MAX: u32 = 50;

/// What one event is decided with: everything that was read before the round started.
struct Round {
    rules: Arc<Rules>,
    transformer: Transformer,
}

/// Plans a batch of events of the accounts that waited longest.
///
/// # Errors
/// When the store fails. What a guest does is never an error.
pub async fn plan_next(store: &Store, transformer: &Transformer, owner: &str, now: Timestamp) -> anyhow::Result<Step> {
    let taken = store.take_events(owner, LANES_PER_ROUND, EVENTS_PER_ROUND, now).await?;
    let waiting: usize = taken.iter().map(|lane| lane.events.len()).sum();
    if taken.is_empty() {
        return Ok(Step::Idle);
    }
    if waiting > 0 {
        crash_point!("CP4");
    }
    for lane in &taken {
        load_versions(store, transformer, lane).await;
    }
    // Guests burn a core each; they run beside the threads that answer requests.
    let transformer = transformer.clone();
    let planned =
        tokio::task::spawn_blocking(move || decide_all(&transformer, taken)).await.context("planning panicked")?;
    settle(store, &planned, now).await?;
    // Tried again after a pause, not at once: the machine is in trouble, not the event.
    anyhow::ensure!(
        waiting == 0 || planned.iter().any(|lane| !lane.planned.is_empty()),
        "the sandbox ran none of {waiting} events"
    );
    Ok(Step::Worked)
}

/// Loads the versions that the events of a lane may go through. One that does not load holds its own events, and no
/// others.
async fn load_versions(store: &Store, transformer: &Transformer, lane: &TakenEvents) {
    for binding in &lane.rules.routing.bindings {
        if let Err(error) = load_version(store, transformer, &binding.version_id).await {
            let account = &lane.lease.account_id;
            tracing::error!(account.id = %account, "transformation {} cannot run: {error:#}", binding.label);
        }
    }
}

async fn settle(store: &Store, lanes: &[PlannedLane], now: Timestamp) -> anyhow::Result<()> {
    let settled = store.store_plans(lanes, now).await?;
    crash_point!("CP7");
    for (lane, settled) in lanes.iter().zip(settled) {
        match settled {
            Settled::Done => lane.planned.iter().for_each(|event| record(&lane.lease, event)),
            Settled::LeaseLost => {
                let lane = &lane.lease.lane_id;
                tracing::warn!(lane.id = %lane, "lane {lane} was taken over while it was planned");
            }
        }
    }
    Ok(())
}

fn record(lease: &Lease, planned: &PlannedEvent) {
    let outcome = match &planned.decision {
        Decision::Planned { .. } => "planned",
        Decision::Not(Unplanned::Skipped(_)) => "skipped",
        Decision::Not(Unplanned::Held(_)) => "held",
        Decision::Not(Unplanned::Refused(_)) => "refused",
    };
    metrics::counter!("leadline_events_planned_total", "outcome" => outcome).increment(1);
    let id = &planned.event.id;
    match &planned.decision {
        Decision::Not(unplanned) => tracing::info!(
            event.id = %id, account.id = %lease.account_id, code = %unplanned.problem().code,
            "event {id} is {outcome}: {}", unplanned.problem().code.title()
        ),
        Decision::Planned { .. } => {
            tracing::debug!(event.id = %id, account.id = %lease.account_id, "event {id} is planned")
        }
    }
}

/// Loads the versions that are in use before their first event comes, so that it need not wait for the compiler.
pub async fn warm_up(store: &Store, transformer: &Transformer) -> anyhow::Result<()> {
    for version in store.bound_versions(WARM_VERSIONS_MAX).await? {
        if let Err(error) = load_version(store, transformer, &version).await {
            tracing::error!("version {version} cannot run: {error:#}");
        }
    }
    Ok(())
}

async fn load_version(store: &Store, transformer: &Transformer, version: &VersionId) -> anyhow::Result<()> {
    if transformer.loaded(version).is_some() {
        return Ok(());
    }
    let bytes = store.component(version).await?;
    let bytes = bytes.with_context(|| format!("the component of version {version} is not in the store"))?;
    let (transformer, id) = (transformer.clone(), version.clone());
    let loaded =
        tokio::task::spawn_blocking(move || transformer.load(&id, &bytes)).await.context("compiling panicked")?;
    loaded.with_context(|| format!("the component of version {version} no longer loads"))
}

/// Decides an event of each lane in turns, as long as the round may take; the rest stays in the queue. Each lane has at
/// least its first, so that the slow transformation of one account keeps no other waiting for another round.
fn decide_all(transformer: &Transformer, taken: Vec<TakenEvents>) -> Vec<PlannedLane> {
    let started = Instant::now();
    let turns = taken.iter().map(|lane| lane.events.len()).max().unwrap_or(0);
    let mut lanes: Vec<_> = taken
        .into_iter()
        .map(|TakenEvents { lease, events, rules }| {
            let planned = PlannedLane { lease, planned: Vec::with_capacity(events.len()) };
            (Round { rules, transformer: transformer.clone() }, events.into_iter(), planned)
        })
        .collect();
    'round: for turn in 0..turns {
        for (round, events, lane) in &mut lanes {
            if turn > 0 && started.elapsed() > ROUND_WALL {
                break 'round;
            }
            lane.planned.extend(events.next().and_then(|event| decide(round, event)));
        }
    }
    lanes.into_iter().map(|(_, _, lane)| lane).collect()
}

/// What becomes of one event; nothing when we could not run it and have to try again.
fn decide(round: &Round, event: ReceivedEvent) -> Option<PlannedEvent> {
    let binding = match route(&event.event_type, &round.rules.routing) {
        Route::Skip(reason) => return Some(unplanned(event, Unplanned::Skipped(reason))),
        Route::To(binding) => binding,
    };
    let envelope = match Envelope::read(event.body.as_bytes()) {
        Ok(envelope) => envelope,
        // It was read before it was accepted, so only a change of ours can bring this about.
        Err(error) => {
            let problem = Problem::new(Code::IngestSchema, error.to_string());
            return Some(unplanned(event, Unplanned::Refused(problem)));
        }
    };
    let data = envelope.data;
    let mut lines = Vec::new();
    if let Some(held) = check_schema(round, &event, &data, &mut lines) {
        return Some(unplanned(event, Unplanned::Held(held)));
    }
    let Some(loaded) = round.transformer.loaded(&binding.version_id) else {
        let problem = Problem::new(Code::OurFault, format!("transformation `{}` cannot be loaded", binding.label));
        return Some(unplanned(event, Unplanned::Held(problem.about(binding.version_id.as_str()))));
    };
    let input = payload::event(&event.sender_id, &event.event_type, event.occurred_at, data);
    let run = loaded.run(&input, &binding.settings);
    metrics::histogram!("leadline_transform_seconds").record(run.micros as f64 / 1e6);
    lines.extend(run.logs.iter().cloned());
    if let Err(Stop::Ours(reason)) = &run.actions {
        tracing::error!(event.id = %event.id, "event {} stays received: {reason}", event.id);
        return None;
    }
    let log = (!lines.is_empty()).then(|| (binding.version_id.clone(), lines));
    let lead_id = match input.payload {
        Payload::LeadCaptured(lead) => Some(lead.id),
        _ => None,
    };
    Some(PlannedEvent { decision: judge(binding, run, lead_id, event.is_resent), event, log })
}

fn unplanned(event: ReceivedEvent, fate: Unplanned) -> PlannedEvent {
    PlannedEvent { event, decision: Decision::Not(fate), log: None }
}

/// The schema of the event's type, as the source wants it looked at: a reason to hold it, or a line in its log.
fn check_schema(
    round: &Round,
    event: &ReceivedEvent,
    data: &serde_json::Value,
    lines: &mut Vec<(crate::contract::log::Level, String)>,
) -> Option<Problem> {
    let source = round.rules.sources.iter().find(|source| source.id == event.source_id);
    let mode = source.map_or(SchemaMode::default(), |source| source.schema_mode(&event.event_type));
    if mode == SchemaMode::Off {
        return None;
    }
    let broken = schema::event_violations(&event.event_type, data);
    let first = broken.first()?;
    let detail = format!("the data does not fit the schema of `{}`: {first}", event.event_type);
    if mode == SchemaMode::Quarantine {
        return Some(Problem::new(Code::IngestSchema, detail).about(&event.event_type));
    }
    lines.push((crate::contract::log::Level::Warn, detail));
    None
}

/// What a run comes to: a plan, or why there is none, in its own words.
fn judge(binding: &Binding, run: TransformRun, lead_id: Option<String>, resent: bool) -> Decision {
    let label = &binding.label;
    let figures = RunFigures { fuel: run.fuel, memory_bytes: run.memory_bytes, micros: run.micros };
    let held = |code, detail: &str| {
        let problem = Problem::new(code, format!("transformation `{label}` failed: {detail}"));
        Decision::Not(Unplanned::Held(problem.about(binding.version_id.as_str())))
    };
    match run.actions {
        Ok(actions) if actions.is_empty() => Decision::Not(Unplanned::Skipped(Problem::new(
            Code::TransformSkipped,
            format!("transformation `{label}` returned no actions"),
        ))),
        Ok(actions) => match plan(actions, lead_id) {
            Ok(plan) => Decision::Planned {
                connection_id: binding.connection_id.clone(),
                version_id: binding.version_id.clone(),
                progress: Progress { resent, ..Progress::begin(&plan, run.dropped) },
                key_hash: key_hash(&plan.actions),
                plan,
                figures,
            },
            Err(invalid) => held(Code::TransformOutputInvalid, &invalid.to_string()),
        },
        Err(Stop::Skip(reason)) => Decision::Not(Unplanned::Skipped(Problem::new(
            Code::TransformSkipped,
            format!("transformation `{label}` skipped the event: \"{reason}\""),
        ))),
        Err(Stop::Invalid(reason)) => Decision::Not(Unplanned::Refused(Problem::new(
            Code::TransformRefused,
            format!("transformation `{label}` refused the event: \"{reason}\""),
        ))),
        Err(Stop::Failed(failure)) => held(failure.code, &failure.detail),
        Err(Stop::Ours(reason)) => held(Code::OurFault, &reason),
    }
}
