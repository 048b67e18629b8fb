//! The plan step: route, transform, plan. No network, and no transaction is open while a guest runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::breaker;
use crate::cause::{Code, Problem};
use crate::contract::actions::Action;
use crate::contract::events::Payload;
use crate::contract::log::Level;
use crate::crash::crash_point;
use crate::deliver::Clock;
use crate::lane;
use crate::load::{Load, load};
use crate::model::account::{Binding, SchemaMode};
use crate::model::delivery::{Dropped, Progress};
use crate::model::event::Unplanned;
use crate::model::id::VersionId;
use crate::model::lane::{Lease, Settled, Step};
use crate::model::time::Timestamp;
use crate::payload::{self, Envelope};
use crate::plan::{self, Plan, key_hash, plan};
use crate::route::{Route, route};
use crate::schema;
use crate::store::{
    self, Decision, PlannedEvent, PlannedLane, Ran, RanTo, ReceivedEvent, Rules, RunFigures, Store, StoredPlans,
    TakenEvents, Turn,
};
use crate::transform::{Quota, Stop, TransformRun, Transformer};
use crate::words::{self, LeadTraits, is_test_body};

/// Lanes that are planned in one round, and stored in one commit: of many accounts with a lead each, one alone would
/// cost a round.
const LANES_PER_ROUND: u32 = 16;
/// Events that are planned in one round.
const EVENTS_PER_ROUND: u32 = 128;
/// A round stops taking events after this time, so that a slow transformation delays nobody else for long.
const ROUND_WALL: Duration = Duration::from_millis(100);

/// Versions that are loaded at the start, those first that most use; the others are when their first event comes.
const WARM_VERSIONS_MAX: u32 = 50;

/// What one event is decided with: everything that was read before the round started.
struct Round {
    rules: Arc<Rules>,
    versions: HashMap<VersionId, Load>,
}

/// Plans a batch of events of the accounts that waited longest.
///
/// # Errors
/// When the store fails. What a guest does is never an error.
pub async fn plan_next(store: &Store, transformer: &Transformer, owner: &str, clock: &Clock) -> anyhow::Result<Step> {
    let now = clock();
    let taken = store.take_events(owner, LANES_PER_ROUND, EVENTS_PER_ROUND, now).await?;
    let waiting: usize = taken.iter().map(|lane| lane.events.len()).sum();
    if taken.is_empty() {
        return Ok(Step::Idle);
    }
    if waiting > 0 {
        crash_point!("CP4");
    }
    let mut rounds = Vec::with_capacity(taken.len());
    for lane in taken {
        let versions = load_versions(store, transformer, &lane.rules).await?;
        rounds.push((lane, versions));
    }
    // Guests burn a core each; they run beside the threads that answer requests.
    let decided = tokio::task::spawn_blocking(move || decide_all(rounds, now)).await.context("planning panicked")?;
    let leads = decided.iter().map(|decided| decided.lane.planned.len()).sum();
    let rest = lane::gathering(leads, clock().since(now));
    let rest = (rest > Duration::ZERO && !store.is_for_one_process()).then(|| clock() + rest);
    let planned: Vec<_> = decided.into_iter().map(|decided| decided.resting_until(rest)).collect();
    settle(store, &planned, now).await?;
    // Tried again after a pause, not at once: the machine is in trouble, not the event.
    anyhow::ensure!(
        waiting == 0 || planned.iter().any(|lane| !lane.planned.is_empty() || lane.rest.is_some()),
        "the sandbox ran none of {waiting} events"
    );
    Ok(Step::Worked)
}

/// What there is of the versions that an account's events may go through. One that cannot run holds its own events, and
/// no others.
async fn load_versions(
    store: &Store,
    transformer: &Transformer,
    rules: &Rules,
) -> anyhow::Result<HashMap<VersionId, Load>> {
    let mut versions = HashMap::new();
    for binding in rules.routing.bindings.iter().chain(&rules.routing.rest) {
        let version = &binding.version_id;
        if !versions.contains_key(version) {
            versions.insert(version.clone(), load(store, transformer, version).await?);
        }
    }
    Ok(versions)
}

async fn settle(store: &Store, lanes: &[PlannedLane], now: Timestamp) -> anyhow::Result<()> {
    let StoredPlans { settled, turns } = store.store_plans(lanes, now).await?;
    crash_point!("CP7");
    turns.iter().for_each(tell);
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

/// Says that a version failed too often, once: whoever looks after the account has to know.
fn tell(turn: &Turn) {
    let Turn { account, version, reason, back_to, released } = turn;
    match back_to {
        Some(back_to) => tracing::warn!(
            account.id = %account, code = %Code::TransformRolledBack,
            "{version} was taken back to {back_to}: {reason}; {released} events run again"
        ),
        None => tracing::warn!(
            account.id = %account, code = %Code::TransformBreaker,
            "events wait for another version than {version}: {reason}"
        ),
    }
    let outcome = if back_to.is_some() { "rolled_back" } else { "opened" };
    metrics::counter!("leadline_breakers_total", "outcome" => outcome).increment(1);
}

fn record(lease: &Lease, planned: &PlannedEvent) {
    let outcome = match &planned.decision {
        Decision::Planned { .. } => "planned",
        Decision::Not(Unplanned::Skipped(_)) => "skipped",
        Decision::Not(Unplanned::Held(_)) => "held",
        Decision::Not(Unplanned::Refused(_)) => "refused",
    };
    metrics::counter!("leadline_events_planned_total", "outcome" => outcome).increment(1);
    if let Decision::Not(Unplanned::Held(problem)) = &planned.decision
        && breaker::FAILURES.contains(&problem.code)
    {
        metrics::counter!("leadline_transform_failures_total", "code" => problem.code.as_str()).increment(1);
    }
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

/// Loads the versions that are in use before their first event comes, so that it need not wait.
///
/// # Errors
/// When the store fails.
pub async fn warm_up(store: &Store, transformer: &Transformer) -> anyhow::Result<()> {
    for version in store.versions_in_use(WARM_VERSIONS_MAX).await? {
        load(store, transformer, &version).await?;
    }
    Ok(())
}

/// A lane with what was decided in it.
struct Decided {
    lane: PlannedLane,
    /// As far as is known nothing is left in it.
    emptied: bool,
    /// Events that were taken.
    taken: usize,
}

impl Decided {
    /// Where nothing is left it rests until then, so that leads gather.
    fn resting_until(self, rest: Option<Timestamp>) -> PlannedLane {
        PlannedLane { rest: self.lane.rest.max(rest.filter(|_| self.emptied)), ..self.lane }
    }
}

/// Decides an event of each lane in turns, as long as the round may take; the rest stays in the queue. Each lane has at
/// least its first, so that the slow transformation of one account keeps no other waiting for another round.
fn decide_all(taken: Vec<(TakenEvents, HashMap<VersionId, Load>)>, now: Timestamp) -> Vec<Decided> {
    let started = Instant::now();
    let turns = taken.iter().map(|(lane, _)| lane.events.len()).max().unwrap_or(0);
    let mut lanes: Vec<_> = taken
        .into_iter()
        .map(|(TakenEvents { lease, events, rules, filled }, versions)| {
            // The events of a version that is not there yet stay where they are.
            let rest = versions.values().filter_map(Load::later).max().map(|later| now + later);
            let taken = events.len();
            let planned = PlannedLane { lease, planned: Vec::with_capacity(events.len()), rest };
            (Round { rules, versions }, events.into_iter(), Decided { lane: planned, emptied: !filled, taken })
        })
        .collect();
    'round: for turn in 0..turns {
        for (round, events, decided) in &mut lanes {
            if turn > 0 && started.elapsed() > ROUND_WALL {
                break 'round;
            }
            decided.lane.planned.extend(events.next().and_then(|event| decide(round, event)));
        }
    }
    let lane = |(_, events, decided): (_, std::vec::IntoIter<_>, Decided)| {
        let emptied = decided.emptied && events.len() == 0;
        // Whoever needed nothing that is not there yet goes on at once.
        let rest = decided.lane.rest.filter(|_| decided.lane.planned.len() < decided.taken);
        Decided { emptied, lane: PlannedLane { rest, ..decided.lane }, ..decided }
    };
    lanes.into_iter().map(lane).collect()
}

/// What becomes of one event; nothing when we could not run it and have to try again. One that is about somebody who must
/// not be written meets no transformation; and where a transformation put the address together, its plan meets nobody.
fn decide(round: &Round, event: ReceivedEvent) -> Option<PlannedEvent> {
    let suppressed = round.rules.suppressed.as_ref();
    if suppressed.is_some_and(|suppressed| suppressed.is_in_body(&event.body)) {
        return Some(erased(event));
    }
    let planned = fate_of(round, event)?;
    if let (Some(suppressed), Decision::Planned { plan, .. }) = (suppressed, &planned.decision)
        && suppressed.is_in_plan(plan)
    {
        return Some(erased(planned.event));
    }
    // It is found whatever its fate is, also where nothing else reads its body.
    let lead = planned.lead.or_else(|| {
        let ReceivedEvent { sender_id, event_type, body, .. } = &planned.event;
        LeadTraits::of_body(sender_id, event_type, body)
    });
    Some(PlannedEvent { lead, ..planned })
}

fn fate_of(round: &Round, event: ReceivedEvent) -> Option<PlannedEvent> {
    let binding = match route(&event.id, &event.event_type, is_test_body(&event.body), &round.rules.routing) {
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
    let wants_deals = envelope.wants_deals();
    let data = envelope.data;
    let mut lines = Vec::new();
    if let Some(held) = check_schema(round, &event, &data, &mut lines) {
        return Some(unplanned(event, Unplanned::Held(held)));
    }
    if binding.is_open {
        let problem = store::waits(&binding.label, binding.version_id.as_str());
        let ran = Some(ran(binding, RanTo::Waits, RunFigures::default(), Vec::new()));
        return Some(PlannedEvent { ran, ..unplanned(event, Unplanned::Held(problem)) });
    }
    let loaded = match round.versions.get(&binding.version_id)? {
        Load::Ready(loaded) => loaded,
        Load::Later(_) => return None,
        Load::Broken(reason) => {
            let detail = format!("transformation `{}` cannot be loaded: {reason}", binding.label);
            let problem = Problem::new(Code::OurFault, detail).about(binding.version_id.as_str());
            return Some(unplanned(event, Unplanned::Held(problem)));
        }
    };
    let input = payload::event(&event.sender_id, &event.event_type, event.occurred_at, data);
    let run = loaded.run_within(Quota::of(round.rules.quota), &input, &binding.settings);
    let run = without_unasked_deals(run, &input.payload, wants_deals);
    metrics::histogram!("leadline_transform_seconds").record(run.micros as f64 / 1e6);
    lines.extend(run.logs.iter().cloned());
    if let Err(Stop::Ours(reason)) = &run.actions {
        tracing::error!(event.id = %event.id, "event {} stays received: {reason}", event.id);
        return None;
    }
    let log = (!lines.is_empty()).then(|| (binding.version_id.clone(), lines));
    let lead = LeadTraits::of(&input.payload);
    let lead_id = payload::lead_id(input.payload);
    let (figures, dropped) = (figures(&run), run.dropped.clone());
    let decision = judge(binding, run, lead_id, &event);
    let outcome = outcome(&decision);
    // A plan keeps with its progress what was dropped.
    let dropped = if matches!(decision, Decision::Planned { .. }) { Vec::new() } else { dropped };
    Some(PlannedEvent { decision, ran: Some(ran(binding, outcome, figures, dropped)), event, lead, log })
}

/// A test lead makes no deal unless its sender asked for that; its log says so.
pub(crate) fn without_unasked_deals(mut run: TransformRun, payload: &Payload, wants_deals: bool) -> TransformRun {
    if !wants_deals
        && words::is_test(payload)
        && let Ok(actions) = &mut run.actions
        && plan::leave_out_deals(actions)
    {
        run.logs.push((Level::Info, "a test lead makes no deal unless it asks for one".to_owned()));
    }
    run
}

fn ran(binding: &Binding, outcome: RanTo, figures: RunFigures, dropped: Vec<Dropped>) -> Ran {
    Ran { binding_id: binding.id.clone(), is_watched: binding.is_watched, outcome, figures, dropped }
}

/// What a run used.
pub(crate) fn figures(run: &TransformRun) -> RunFigures {
    RunFigures { fuel: run.fuel, memory_bytes: run.memory_bytes, micros: run.micros }
}

/// How a run counts for or against its version.
fn outcome(decision: &Decision) -> RanTo {
    match decision {
        Decision::Planned { .. } | Decision::Not(Unplanned::Skipped(_)) => RanTo::Worked,
        Decision::Not(Unplanned::Held(problem)) if breaker::FAILURES.contains(&problem.code) => RanTo::Failed,
        Decision::Not(Unplanned::Held(_) | Unplanned::Refused(_)) => RanTo::Neutral,
    }
}

/// Nothing is kept of it but what is counted.
fn erased(event: ReceivedEvent) -> PlannedEvent {
    let ReceivedEvent { sender_id, event_type, body, .. } = &event;
    let lead = LeadTraits::of_body(sender_id, event_type, body).map(|lead| LeadTraits { words: Vec::new(), ..lead });
    PlannedEvent { lead, ..unplanned(event, Unplanned::Skipped(store::erased())) }
}

fn unplanned(event: ReceivedEvent, fate: Unplanned) -> PlannedEvent {
    PlannedEvent { event, decision: Decision::Not(fate), lead: None, ran: None, log: None }
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

/// What a run comes to in the queue.
fn judge(binding: &Binding, run: TransformRun, lead_id: Option<String>, event: &ReceivedEvent) -> Decision {
    let figures = figures(&run);
    match fate(&binding.label, &binding.version_id, run.actions, lead_id) {
        Ok(plan) => Decision::Planned {
            connection_id: binding.connection_id.clone(),
            version_id: binding.version_id.clone(),
            progress: match event.was_begun {
                true => Progress::begin_anew(&plan, run.dropped),
                false => Progress { resent: event.is_resent, ..Progress::begin(&plan, run.dropped) },
            },
            key_hash: key_hash(&plan.actions),
            plan,
            figures,
        },
        Err(unplanned) => Decision::Not(unplanned),
    }
}

/// What a run comes to: a plan, or why there is none, in its own words.
pub(crate) fn fate(
    label: &str,
    version: &VersionId,
    actions: Result<Vec<Action>, Stop>,
    lead_id: Option<String>,
) -> Result<Plan, Unplanned> {
    let held = |code, detail: &str| {
        let problem = Problem::new(code, format!("transformation `{label}` failed: {detail}"));
        Unplanned::Held(problem.about(version.as_str()))
    };
    match actions {
        Ok(actions) if actions.is_empty() => Err(Unplanned::Skipped(Problem::new(
            Code::TransformSkipped,
            format!("transformation `{label}` returned no actions"),
        ))),
        Ok(actions) => {
            plan(actions, lead_id).map_err(|invalid| held(Code::TransformOutputInvalid, &invalid.to_string()))
        }
        Err(Stop::Skip(reason)) => Err(Unplanned::Skipped(Problem::new(
            Code::TransformSkipped,
            format!("transformation `{label}` skipped the event: \"{reason}\""),
        ))),
        Err(Stop::Invalid(reason)) => Err(Unplanned::Refused(Problem::new(
            Code::TransformRefused,
            format!("transformation `{label}` refused the event: \"{reason}\""),
        ))),
        Err(Stop::Failed(failure)) => Err(held(failure.code, &failure.detail)),
        Err(Stop::Ours(reason)) => Err(held(Code::OurFault, &reason)),
    }
}
