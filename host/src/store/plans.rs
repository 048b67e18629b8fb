//! The hand-over from received to planned: what a plan lane has to do, and what came of it, in one commit.

use std::collections::HashSet;

use serde::Serialize;

use super::causes::{self, Waiting};
use super::lanes::{self, LaneState};
use super::{Query, Result, Rows, Sql, Store, json, parse, query, sql};
use crate::contract::log::Level;
use crate::crash::{Broken, crash_point, is_broken};
use crate::model;
use crate::model::delivery::{Delivery, Progress};
use crate::model::event::{EventState, Unplanned};
use crate::model::id::{ConnectionId, DeliveryId, EventId, SourceId, VersionId};
use crate::model::lane::{Lease, Settled};
use crate::model::time::Timestamp;
use crate::plan::Plan;

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
    /// It has a delivery already, and is to be sent again.
    pub is_resent: bool,
}

/// What the run used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
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

/// An event with its decision.
#[derive(Debug)]
pub struct PlannedEvent {
    pub event: ReceivedEvent,
    pub decision: Decision,
    /// Which version ran, and what it said; nothing when none ran or it said nothing.
    pub log: Option<(VersionId, Vec<(Level, String)>)>,
}

/// A plan lane with what was decided in it.
#[derive(Debug)]
pub struct PlannedLane {
    pub lease: Lease,
    pub planned: Vec<PlannedEvent>,
    /// Until when it rests, where a version that it needs is being compiled.
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
}

#[derive(Serialize)]
struct FateRow<'a> {
    account: &'a str,
    lane: &'a str,
    id: &'a str,
    state: String,
    reason: Option<String>,
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

pub(super) const RECEIVED: Sql = sql!(
    "SELECT w.item_id, e.source_id, e.sender_id, e.type, e.occurred_at, b.body, w.due_at, w.band,
       CASE WHEN w.band = 1 THEN (SELECT count(*) FROM deliveries AS d
         WHERE d.account_id = w.account_id AND d.event_id = w.item_id) ELSE 0 END
     FROM work AS w JOIN events AS e ON e.account_id = w.account_id AND e.id = w.item_id
     JOIN event_bodies AS b ON b.event_id = w.item_id AND b.account_id = w.account_id
     WHERE w.account_id = $1 AND w.lane_id = $2 AND w.band IN (0, 1) AND w.due_at <= $3
     ORDER BY w.band, w.due_at, w.item_id LIMIT $4"
);

/// An event that is due, and how many deliveries it has.
pub(super) type ReceivedRow = (String, String, String, String, i64, String, i64, i64, i64);

/// The events that a plan lane has due, oldest first.
pub(super) fn received(account: &str, lane: &str, limit: u32, now: Timestamp) -> Query {
    query(RECEIVED).bind(account).bind(lane).bind(now.0).bind(limit)
}

/// The events of these rows. One that stands in the queue twice is planned once; its other row finds it planned.
pub(super) fn received_events(rows: Vec<ReceivedRow>) -> Vec<ReceivedEvent> {
    let mut seen = HashSet::new();
    let event = |(id, source_id, sender_id, event_type, occurred_at, body, due_at, band, deliveries)| ReceivedEvent {
        id: EventId::stored(id),
        source_id: SourceId::stored(source_id),
        sender_id,
        event_type,
        occurred_at: Timestamp(occurred_at),
        body,
        due_at,
        band,
        is_resent: deliveries > 0,
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

    /// Stores what planning decided, wakes the connections' lanes, and gives the plan lanes back, all in one commit. Says
    /// of each lane, in their order, whether it was still ours.
    pub async fn store_plans(&self, lanes: &[PlannedLane], now: Timestamp) -> Result<Vec<Settled>> {
        let mut settled = vec![Settled::Done; lanes.len()];
        loop {
            let held = lanes.iter().zip(&settled).filter(|(_, settled)| **settled == Settled::Done);
            let held: Vec<_> = held.map(|(lane, _)| lane).collect();
            if held.is_empty() {
                return Ok(settled);
            }
            let leases: Vec<_> = held.iter().map(|lane| &lane.lease).collect();
            let lost = self.settle_with(&leases, storing(&held, now)).await?;
            if lost.is_empty() {
                return Ok(settled);
            }
            for (lane, settled) in lanes.iter().zip(&mut settled) {
                if lost.contains(&lane.lease.lane_id) {
                    *settled = Settled::LeaseLost;
                }
            }
        }
    }

    /// Runs statements in one transaction if these leases are all still ours; else it changes nothing, and says which
    /// lanes others hold by now.
    pub(super) async fn settle_with(&self, leases: &[&Lease], statements: Vec<Query>) -> Result<Vec<String>> {
        let all: Vec<_> = leases.iter().map(|lease| lease.lane_id.clone()).collect();
        let guard = lanes::guard(leases);
        let settle = self.db.write(move |tx| {
            Box::pin(async move {
                let held: HashSet<String> = guard.fetch_all(&mut *tx).await?.into_iter().collect();
                let lost: Vec<_> = all.into_iter().filter(|lane| !held.contains(lane)).collect();
                if !lost.is_empty() && !is_broken(Broken::SettleWithoutGuard) {
                    return Ok(lost);
                }
                for statement in statements {
                    statement.execute(&mut *tx).await?;
                    crash_point!("CP6");
                }
                Ok(Vec::new())
            })
        });
        settle.await
    }
}

/// The statements that store what planning decided in these lanes.
fn storing(lanes: &[&PlannedLane], now: Timestamp) -> Vec<Query> {
    let planned = || lanes.iter().flat_map(|lane| lane.planned.iter().map(|planned| (&lane.lease, planned)));
    let (mut deliveries, mut plans) = (Vec::new(), Vec::new());
    for (lease, planned) in planned() {
        if let Some((delivery, plan)) = delivery_rows(lease, planned, now) {
            deliveries.push(delivery);
            plans.push(plan);
        }
    }
    let logs: Vec<_> = planned().filter_map(|(lease, planned)| log_row(lease, planned)).collect();
    let mut statements = Vec::new();
    if !deliveries.is_empty() {
        statements.extend(planning(&Rows::of(&deliveries), &Rows::of(&plans), now));
    }
    if !logs.is_empty() {
        statements.push(keep_logs(&Rows::of(&logs)));
    }
    let fates = Rows::of(&planned().map(|(lease, planned)| fate_row(lease, planned)).collect::<Vec<_>>());
    let fate = query(sql!(
        "UPDATE events AS e SET state = j.state, reason = j.reason
         FROM " rows("$1"; account text, id text, state text, reason text) " AS j
         WHERE e.account_id = j.account AND e.id = j.id AND e.state IN ('received', 'held')"
    ));
    statements.push(fate.bind(&fates));
    statements
        .extend(causes::hold(&planned().filter_map(|(lease, planned)| held(lease, planned)).collect::<Vec<_>>(), now));
    statements.push(delete_work(&fates));
    let states =
        lanes.iter().map(|lane| LaneState { paused_until: lane.rest, ..LaneState::default() }).collect::<Vec<_>>();
    let released = lanes.iter().map(|lane| &lane.lease).zip(&states).collect::<Vec<_>>();
    statements.push(lanes::release(&released, now));
    statements
}

/// The statements that store deliveries with their plans, and wake their lanes.
fn planning(deliveries: &Rows, plans: &Rows, now: Timestamp) -> [Query; 4] {
    let narrow = query(sql!(
        "INSERT INTO deliveries (account_id, id, event_id, connection_id, version_id, state, outcome, attempts, due_at, key_hash)
         SELECT j.account, j.id, j.event, j.lane, j.version, 'pending', j.outcome, 0, $2, j.key
         FROM " rows("$1"; account text, id text, event text, lane text, version text, outcome text, key text) " AS j
         JOIN events AS e ON e.account_id = j.account AND e.id = j.event AND e.state IN ('received', 'held')"
    ));
    let wide = query(sql!(
        "INSERT INTO plans (delivery_id, account_id, plan, fuel, memory_bytes, micros)
         SELECT j.id, j.account, j.plan, j.fuel, j.memory, j.micros
         FROM " rows("$1"; account text, id text, plan text, fuel bigint, memory bigint, micros bigint) " AS j
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
    };
    let delivery = DeliveryRow {
        account,
        id,
        event: planned.event.id.as_str(),
        lane: connection_id.as_str(),
        version: version_id.as_str(),
        outcome: json(progress),
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
