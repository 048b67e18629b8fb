//! The hand-over from received to planned: what a plan lane has to do, and what came of it, in one commit.

use std::collections::HashSet;

use serde::Serialize;

use super::breakers::{self, Turn};
use super::causes::{self, Waiting};
use super::duplicates::{self, Phones};
use super::lanes::{self, LaneState};
use super::{Conn, Query, Result, Rows, Sql, Store, changes, hours, json, parse, privacy, query, sql, words};
use crate::cause::Code;
use crate::contract::log::Level;
use crate::crash::{Broken, crash_point, is_broken};
use crate::model;
use crate::model::delivery::{Delivery, Dropped, Progress};
use crate::model::event::{EventState, Unplanned};
use crate::model::id::{BindingId, ConnectionId, DeliveryId, EventId, RunId, SourceId, VersionId};
use crate::model::lane::{Lease, Settled};
use crate::model::time::Timestamp;
use crate::plan::Plan;
use crate::words::LeadTraits;

/// An event that waits for its plan.
#[derive(Clone, Debug)]
pub struct ReceivedEvent {
    pub id: EventId,
    pub source_id: SourceId,
    pub sender_id: String,
    pub event_type: String,
    pub occurred_at: Timestamp,
    /// The body as received.
    pub body: String,
    /// The due time and band under which it stands in the queue.
    pub due_at: i64,
    pub band: i64,
    /// It was delivered already, and is to be sent again.
    pub is_resent: bool,
    /// It has a delivery that did not go through: what that wrote before it stopped is in HubSpot.
    pub was_begun: bool,
}

/// What the run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct RunFigures {
    pub fuel: u64,
    pub memory_bytes: u64,
    pub micros: u64,
}

/// What planning decided for one event.
#[derive(Debug)]
pub enum Decision {
    Planned {
        connection_id: ConnectionId,
        version_id: VersionId,
        plan: Plan,
        progress: Progress,
        /// Of the match key, so that a person's leads stay in order.
        key_hash: Option<String>,
        figures: RunFigures,
    },
    Not(Unplanned),
}

/// What a binding made of an event.
#[derive(Debug)]
pub struct Ran {
    pub binding_id: BindingId,
    /// Its runs are counted.
    pub is_watched: bool,
    pub outcome: RanTo,
    pub figures: RunFigures,
    /// What a run that led to no plan reported as dropped; a plan's stands in its progress.
    pub dropped: Vec<Dropped>,
}

/// How a run ended, as a breaker counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RanTo {
    Worked,
    Failed,
    /// It refused the event, or the failure is ours: neither for nor against the version.
    Neutral,
    /// It did not run, because the binding failed too often before.
    Waits,
}

impl RanTo {
    /// Whether it counts as a failure; none where it does not count.
    pub(super) fn failed(self) -> Option<bool> {
        match self {
            Self::Worked => Some(false),
            Self::Failed => Some(true),
            Self::Neutral | Self::Waits => None,
        }
    }

    /// Whether the event waits for another version.
    pub(super) fn holds(self) -> bool {
        matches!(self, Self::Failed | Self::Waits)
    }
}

/// What storing plans came to.
#[derive(Debug, Default)]
pub struct StoredPlans {
    /// Of each lane, in their order, whether it was still ours.
    pub settled: Vec<Settled>,
    /// Bindings that failed too often by now.
    pub turns: Vec<Turn>,
}

/// An event with its decision.
#[derive(Debug)]
pub struct PlannedEvent {
    pub event: ReceivedEvent,
    pub decision: Decision,
    /// What is known of the lead that it is about; none where it is about none.
    pub lead: Option<LeadTraits>,
    /// The binding that it went to; none where it went to none.
    pub ran: Option<Ran>,
    /// Which version ran, and what it said; nothing when none ran or it said nothing.
    pub log: Option<(VersionId, Vec<(Level, String)>)>,
}

/// A plan lane with what was decided in it.
#[derive(Debug)]
pub struct PlannedLane {
    pub lease: Lease,
    pub planned: Vec<PlannedEvent>,
    /// Until when it rests: a version that it needs is being compiled, or leads are to gather.
    pub rest: Option<Timestamp>,
}

#[derive(Serialize)]
struct DeliveryRow<'a> {
    account: &'a str,
    id: String,
    event: &'a str,
    lane: &'a str,
    version: &'a str,
    outcome: String,
    /// What it is compared by with others that no address recognises.
    phone: Option<&'a str>,
    key: Option<&'a str>,
    band: i64,
}

#[derive(Serialize)]
struct PlanRow<'a> {
    account: &'a str,
    id: String,
    plan: String,
    fuel: u64,
    memory: u64,
    micros: u64,
    binding: Option<&'a str>,
}

/// A run that led to no delivery.
#[derive(Serialize)]
struct RunRow<'a> {
    account: &'a str,
    event: &'a str,
    id: String,
    binding: &'a str,
    problem: String,
    dropped: String,
    fuel: u64,
    memory: u64,
    micros: u64,
}

#[derive(Serialize)]
struct FateRow<'a> {
    account: &'a str,
    lane: &'a str,
    id: &'a str,
    state: String,
    reason: Option<String>,
    dealership: Option<&'a str>,
    email: Option<i64>,
    test: Option<i64>,
    band: i64,
    due: i64,
}

#[derive(Serialize)]
struct LogRow<'a> {
    account: &'a str,
    event: &'a str,
    version: &'a str,
    lines: String,
}

/// An event of somebody who must not be written.
#[derive(Serialize)]
struct ErasedRow {
    account: String,
    id: String,
}

pub(super) const RECEIVED: Sql = sql!(
    "SELECT w.item_id, e.source_id, e.sender_id, e.type, e.occurred_at, b.body, w.due_at, w.band,
       CASE WHEN w.band = 1 THEN (SELECT CAST(max(CASE WHEN d.state = 'delivered' THEN 2 ELSE 1 END) AS bigint)
         FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = w.account_id AND d.event_id = w.item_id) END
     FROM work AS w JOIN events AS e ON e.account_id = w.account_id AND e.id = w.item_id
     JOIN event_bodies AS b ON b.event_id = w.item_id AND b.account_id = w.account_id
     WHERE w.account_id = $1 AND w.lane_id = $2 AND w.band IN (0, 1) AND w.due_at <= $3
     ORDER BY w.band, w.due_at, w.item_id LIMIT $4"
);

/// An event that is due, and what was done for it: 2 where it was delivered, 1 where a delivery was begun.
pub(super) type ReceivedRow = (String, String, String, String, i64, String, i64, i64, Option<i64>);

/// The events that a plan lane has due, oldest first.
pub(super) fn received(account: &str, lane: &str, limit: u32, now: Timestamp) -> Query {
    query(RECEIVED).bind(account).bind(lane).bind(now.0).bind(limit)
}

/// The events of these rows. One that stands in the queue twice is planned once; its other row finds it planned.
pub(super) fn received_events(rows: Vec<ReceivedRow>) -> Vec<ReceivedEvent> {
    let mut seen = HashSet::new();
    let event = |(id, source_id, sender_id, event_type, occurred_at, body, due_at, band, done)| ReceivedEvent {
        id: EventId::stored(id),
        source_id: SourceId::stored(source_id),
        sender_id,
        event_type,
        occurred_at: Timestamp(occurred_at),
        body,
        due_at,
        band,
        is_resent: done == Some(2),
        was_begun: done == Some(1),
    };
    rows.into_iter().filter(|row: &ReceivedRow| seen.insert(row.0.clone())).map(event).collect()
}

impl Store {
    /// What a plan lane that is leased has due; as [`Self::take_events`] does.
    pub async fn received_events(&self, lease: &Lease, limit: u32, now: Timestamp) -> Result<Vec<ReceivedEvent>> {
        let rows = received(lease.account_id.as_str(), &lease.lane_id, limit, now).fetch_all(&self.db).await?;
        Ok(received_events(rows))
    }

    /// The stored plan of a delivery, and what its run used; none once retention removed it.
    pub async fn plan_of(&self, delivery: &Delivery) -> Result<Option<(Plan, RunFigures)>> {
        let row: Option<(String, i64, i64, i64)> = query(sql!(
            "SELECT plan, fuel, memory_bytes, micros FROM plans WHERE delivery_id = $1 AND account_id = $2"
        ))
        .bind(delivery.id.as_str())
        .bind(delivery.account_id.as_str())
        .fetch_optional(&self.db)
        .await?;
        let Some((plan, fuel, memory_bytes, micros)) = row else { return Ok(None) };
        let [fuel, memory_bytes, micros] =
            [fuel, memory_bytes, micros].map(|figure| u64::try_from(figure).unwrap_or(0));
        Ok(Some((parse(&plan)?, RunFigures { fuel, memory_bytes, micros })))
    }

    /// Stores what planning decided, wakes the connections' lanes, and gives the plan lanes back, all in one commit.
    pub async fn store_plans(&self, lanes: &[PlannedLane], now: Timestamp) -> Result<StoredPlans> {
        let phones = self.phones_of(lanes, now).await?;
        let mut settled = vec![Settled::Done; lanes.len()];
        loop {
            let held = lanes.iter().zip(&settled).filter(|(_, settled)| **settled == Settled::Done);
            let held: Vec<_> = held.map(|(lane, _)| lane).collect();
            if held.is_empty() {
                return Ok(StoredPlans { settled, turns: Vec::new() });
            }
            let lost = match self.settle_plans(&held, &phones, now).await? {
                Ok(turns) => return Ok(StoredPlans { settled, turns }),
                Err(lost) => lost,
            };
            for (lane, settled) in lanes.iter().zip(&mut settled) {
                if lost.contains(&lane.lease.lane_id) {
                    *settled = Settled::LeaseLost;
                }
            }
        }
    }

    /// Runs statements in one transaction if these leases are all still ours; else it changes nothing, and says which
    /// lanes others hold by now. Nobody waits for the disk: lost with the server, it is as if the process had died before
    /// it. Events are planned again before anything was called for them, and of calls the requests are stored.
    pub(super) async fn settle_with(&self, leases: &[&Lease], statements: Vec<Query>) -> Result<Vec<String>> {
        let guard = Guard::of(leases);
        let settle = self.db.write_unsynced(move |tx| {
            Box::pin(async move {
                let lost = guard.lost(tx).await?;
                if lost.is_empty() {
                    execute(tx, statements).await?;
                }
                Ok(lost)
            })
        });
        settle.await
    }

    /// The same for what planning decided: what the runs say of their bindings is counted before the lanes are given back.
    async fn settle_plans(
        &self,
        lanes: &[&PlannedLane],
        phones: &Phones,
        now: Timestamp,
    ) -> Result<std::result::Result<Vec<Turn>, Vec<String>>> {
        let guard = Guard::of(&lanes.iter().map(|lane| &lane.lease).collect::<Vec<_>>());
        let (statements, tallies) = (storing(lanes, phones, now), breakers::tallies(lanes));
        let state = |lane: &&PlannedLane| LaneState { paused_until: lane.rest, ..LaneState::default() };
        let states = lanes.iter().map(state).collect::<Vec<_>>();
        let release = lanes.iter().map(|lane| &lane.lease).zip(&states).collect::<Vec<_>>();
        let release = lanes::release(&release, now);
        let settle = self.db.write_unsynced(move |tx| {
            Box::pin(async move {
                let lost = guard.lost(tx).await?;
                if !lost.is_empty() {
                    return Ok(Err(lost));
                }
                execute(tx, statements).await?;
                let turns = breakers::count(tx, &tallies, now).await?;
                execute(tx, vec![release]).await?;
                Ok(Ok(turns))
            })
        });
        settle.await
    }
}

/// Asks first in a transaction that settles which lanes are still ours.
struct Guard {
    all: Vec<String>,
    held: Query,
}

impl Guard {
    fn of(leases: &[&Lease]) -> Self {
        Self { all: leases.iter().map(|lease| lease.lane_id.clone()).collect(), held: lanes::guard(leases) }
    }

    /// The lanes that others hold by now.
    async fn lost(self, tx: &mut Conn) -> Result<Vec<String>> {
        let held: HashSet<String> = self.held.fetch_all(tx).await?.into_iter().collect();
        if is_broken(Broken::SettleWithoutGuard) {
            return Ok(Vec::new());
        }
        Ok(self.all.into_iter().filter(|lane| !held.contains(lane)).collect())
    }
}

async fn execute(tx: &mut Conn, statements: Vec<Query>) -> Result<()> {
    for statement in statements {
        statement.execute(&mut *tx).await?;
        crash_point!("CP6");
    }
    Ok(())
}

/// The statements that store what planning decided in these lanes, but for giving them back.
fn storing(lanes: &[&PlannedLane], phones: &Phones, now: Timestamp) -> Vec<Query> {
    let planned = || lanes.iter().flat_map(|lane| lane.planned.iter().map(|planned| (&lane.lease, planned)));
    let (mut deliveries, mut plans) = (Vec::new(), Vec::new());
    for (lease, planned) in planned() {
        if let Some((delivery, plan)) = delivery_rows(lease, planned, phones, now) {
            deliveries.push(delivery);
            plans.push(plan);
        }
    }
    let logs: Vec<_> = planned().filter_map(|(lease, planned)| log_row(lease, planned)).collect();
    let mut statements = Vec::new();
    if !deliveries.is_empty() {
        let rows = Rows::of(&deliveries);
        statements.extend(planning(&rows, &Rows::of(&plans), now));
        if deliveries.iter().any(|delivery| delivery.phone.is_some()) {
            statements.push(duplicates::mark(&rows, now));
        }
    }
    if !logs.is_empty() {
        statements.push(keep_logs(&Rows::of(&logs)));
    }
    let runs: Vec<_> = planned().filter_map(|(lease, planned)| run_row(lease, planned, now)).collect();
    if !runs.is_empty() {
        statements.push(keep_runs(&Rows::of(&runs)));
    }
    let fates = Rows::of(&planned().map(|(lease, planned)| fate_row(lease, planned)).collect::<Vec<_>>());
    let fate = query(sql!(
        "UPDATE events AS e SET state = j.state, reason = j.reason, dealership = j.dealership, has_email = j.email, is_test = j.test
         FROM " rows("$1"; account text, id text, state text, reason text, dealership text, email bigint, test bigint) " AS j
         WHERE e.account_id = j.account AND e.id = j.id AND e.state IN ('received', 'held')"
    ));
    statements.push(fate.bind(&fates));
    statements.extend(words::keep(lanes));
    statements.extend(forget_erased(lanes));
    let events: Vec<_> = planned().map(|(lease, planned)| (&lease.account_id, &planned.event.id)).collect();
    statements.extend(hours::changed(&events, now));
    statements.extend(changes::of_events(&events, now));
    statements
        .extend(causes::hold(&planned().filter_map(|(lease, planned)| held(lease, planned)).collect::<Vec<_>>(), now));
    statements.push(delete_work(&fates));
    statements
}

/// Forgets what those said who must not be written. What was delivered before is left to an erasure.
fn forget_erased(lanes: &[&PlannedLane]) -> Option<Query> {
    let is_new = |planned: &&PlannedEvent| {
        let why = match &planned.decision {
            Decision::Not(unplanned) => unplanned.problem().code,
            Decision::Planned { .. } => return false,
        };
        why == Code::ContactErased && !planned.event.is_resent && !planned.event.was_begun
    };
    let of_lane = |lane: &&PlannedLane| {
        let row = |planned: &PlannedEvent| ErasedRow {
            account: lane.lease.account_id.to_string(),
            id: planned.event.id.to_string(),
        };
        lane.planned.iter().filter(is_new).map(row).collect::<Vec<_>>()
    };
    let rows: Vec<_> = lanes.iter().flat_map(of_lane).collect();
    (!rows.is_empty()).then(|| privacy::forget_bodies(&Rows::of(&rows)))
}

/// The statements that store deliveries with their plans, and wake their lanes.
fn planning(deliveries: &Rows, plans: &Rows, now: Timestamp) -> [Query; 4] {
    let narrow = query(sql!(
        "INSERT INTO deliveries (account_id, id, event_id, connection_id, version_id, state, outcome, attempts, due_at, key_hash, phone_hash)
         SELECT j.account, j.id, j.event, j.lane, j.version, 'pending', j.outcome, 0, $2, j.key, j.phone
         FROM " rows("$1"; account text, id text, event text, lane text, version text, outcome text, key text, phone text) " AS j
         JOIN events AS e ON e.account_id = j.account AND e.id = j.event AND e.state IN ('received', 'held')"
    ));
    let wide = query(sql!(
        "INSERT INTO plans (delivery_id, account_id, plan, fuel, memory_bytes, micros, binding_id)
         SELECT j.id, j.account, j.plan, j.fuel, j.memory, j.micros, j.binding
         FROM " rows("$1"; account text, id text, plan text, fuel bigint, memory bigint, micros bigint, binding text) " AS j
         JOIN deliveries AS d ON d.account_id = j.account AND d.id = j.id"
    ));
    let work = query(sql!(
        "INSERT INTO work (account_id, lane_id, band, due_at, item_id, key_hash)
         SELECT j.account, j.lane, j.band, $2, j.id, j.key
         FROM " rows("$1"; account text, lane text, id text, key text, band bigint) " AS j
         JOIN deliveries AS d ON d.account_id = j.account AND d.id = j.id"
    ));
    [
        narrow.bind(deliveries).bind(now.0),
        wide.bind(plans),
        work.bind(deliveries).bind(now.0),
        lanes::wake(deliveries, now),
    ]
}

fn keep_logs(logs: &Rows) -> Query {
    query(sql!(
        "INSERT INTO run_logs (account_id, event_id, version_id, lines)
         SELECT j.account, j.event, j.version, j.lines FROM " rows("$1"; account text, event text, version text, lines text) " AS j
         WHERE true ON CONFLICT (account_id, event_id, version_id) DO UPDATE SET lines = excluded.lines"
    ))
    .bind(logs)
}

fn keep_runs(runs: &Rows) -> Query {
    query(sql!(
        "INSERT INTO runs (account_id, event_id, id, binding_id, problem, dropped, fuel, memory_bytes, micros)
         SELECT j.account, j.event, j.id, j.binding, j.problem, j.dropped, j.fuel, j.memory, j.micros
         FROM " rows("$1"; account text, event text, id text, binding text, problem text, dropped text, fuel bigint, memory bigint, micros bigint) " AS j"
    ))
    .bind(runs)
}

/// Takes settled items out of the queue, by their full key: a shorter one would read the whole lane.
pub(super) fn delete_work(rows: &Rows) -> Query {
    query(sql!(
        "DELETE FROM work WHERE (account_id, lane_id, band, due_at, item_id) IN (
           SELECT w.account_id, w.lane_id, w.band, w.due_at, w.item_id
           FROM " rows("$1"; account text, lane text, band bigint, due bigint, id text) " AS j JOIN work AS w
             ON w.account_id = j.account AND w.lane_id = j.lane AND w.band = j.band AND w.due_at = j.due AND w.item_id = j.id)"
    ))
    .bind(rows)
}

fn delivery_rows<'a>(
    lease: &'a Lease,
    planned: &'a PlannedEvent,
    phones: &'a Phones,
    now: Timestamp,
) -> Option<(DeliveryRow<'a>, PlanRow<'a>)> {
    let Decision::Planned { connection_id, version_id, plan, progress, key_hash, figures } = &planned.decision else {
        return None;
    };
    let (account, id) = (lease.account_id.as_str(), DeliveryId::new(now).as_str().to_owned());
    let plan = PlanRow {
        account,
        id: id.clone(),
        plan: json(plan),
        fuel: figures.fuel,
        memory: figures.memory_bytes,
        micros: figures.micros,
        binding: planned.ran.as_ref().map(|ran| ran.binding_id.as_str()),
    };
    let delivery = DeliveryRow {
        account,
        id,
        event: planned.event.id.as_str(),
        lane: connection_id.as_str(),
        version: version_id.as_str(),
        outcome: json(progress),
        phone: phones.get(&planned.event.id).map(String::as_str),
        key: key_hash.as_deref(),
        band: planned.event.band, // what was late already does not go before new leads
    };
    Some((delivery, plan))
}

fn log_row<'a>(lease: &'a Lease, planned: &'a PlannedEvent) -> Option<LogRow<'a>> {
    let (version, lines) = planned.log.as_ref()?;
    Some(LogRow {
        account: lease.account_id.as_str(),
        event: planned.event.id.as_str(),
        version: version.as_str(),
        lines: json(lines),
    })
}

/// The run behind a decision that is no plan. What did not run has none.
fn run_row<'a>(lease: &'a Lease, planned: &'a PlannedEvent, now: Timestamp) -> Option<RunRow<'a>> {
    let (Decision::Not(unplanned), Some(ran)) = (&planned.decision, &planned.ran) else { return None };
    (ran.outcome != RanTo::Waits).then(|| RunRow {
        account: lease.account_id.as_str(),
        event: planned.event.id.as_str(),
        id: RunId::new(now).as_str().to_owned(),
        binding: ran.binding_id.as_str(),
        problem: json(unplanned.problem()),
        dropped: json(&ran.dropped),
        fuel: ran.figures.fuel,
        memory: ran.figures.memory_bytes,
        micros: ran.figures.micros,
    })
}

fn fate_row<'a>(lease: &'a Lease, planned: &'a PlannedEvent) -> FateRow<'a> {
    let (state, reason) = match &planned.decision {
        Decision::Planned { .. } => (EventState::Planned, None),
        Decision::Not(unplanned) => (unplanned.state(), Some(json(unplanned.problem()))),
    };
    FateRow {
        account: lease.account_id.as_str(),
        lane: &lease.lane_id,
        id: planned.event.id.as_str(),
        state: model::word(&state),
        reason,
        dealership: planned.lead.as_ref().and_then(|lead| lead.dealership.as_deref()),
        email: planned.lead.as_ref().map(|lead| lead.has_email.into()),
        test: planned.lead.as_ref().map(|lead| lead.is_test.into()),
        band: planned.event.band,
        due: planned.event.due_at,
    }
}

fn held<'a>(lease: &'a Lease, planned: &'a PlannedEvent) -> Option<Waiting<'a>> {
    match &planned.decision {
        Decision::Not(Unplanned::Held(problem)) => Some(Waiting {
            account: &lease.account_id,
            problem,
            item: planned.event.id.as_str(),
            lane: &lease.lane_id,
            key_hash: None,
        }),
        _ => None,
    }
}
