//! Deliveries: what a leased lane has due, and how a round settles, in one commit.

mod list;

use serde::Serialize;

use super::calls::{AnsweredCall, store_answer};
use super::causes::{self, Waiting};
use super::changes;
use super::lanes::{self, LaneState};
use super::plans::delete_work;
use super::{
    Conn, Query, Result, Rows, Sql, Store, StoreError, dropped, hours, json, parse, privacy, query, retention, sql,
    word,
};
use crate::cause::{Code, Problem};
use crate::lane;
use crate::model;
use crate::model::delivery::{BAND_FIRST, BAND_RETRY, Claimed, ContactWrite, Delivery, DeliveryState, Outcome};
use crate::model::id::{AccountId, CallId, ConnectionId, DeliveryId, EventId, VersionId};
use crate::model::lane::{Lease, Settled};
use crate::model::time::Timestamp;

pub use list::DeliveryFilter;

/// An attempt that did not finish a delivery.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
#[schema(as = DeliveryAttempt)]
pub struct Attempt {
    pub number: i64,
    pub at: Timestamp,
    /// `temporary`, `blocked` or `failed`.
    pub class: String,
    pub problem: Problem,
    pub next_at: Option<Timestamp>,
}

/// What a round of a deliver lane came to.
pub struct Settlement<'a> {
    pub claimed: &'a [Claimed],
    /// One for each claimed delivery, in the same order.
    pub outcomes: &'a [Outcome],
    /// The calls whose answers these outcomes take in.
    pub calls: &'a [CallId],
    /// The answer of the last call, not stored yet.
    pub last_answer: Option<AnsweredCall>,
    pub lane: LaneState,
}

impl Settlement<'_> {
    /// Of a round that did nothing but say how long the lane rests.
    pub fn resting(lane: LaneState) -> Self {
        Self { claimed: &[], outcomes: &[], calls: &[], last_answer: None, lane }
    }
}

#[derive(Serialize)]
struct OutcomeRow<'a> {
    account: &'a str,
    lane: &'a str,
    id: &'a str,
    state: String,
    reason: Option<String>,
    outcome: String,
    contact: Option<String>,
    attempts: u32,
    first: Option<i64>,
    next: Option<i64>,
    done: Option<i64>,
    band: i64,
    due: i64,
    next_band: i64,
    class: Option<&'static str>,
}

/// The columns of a [`Row`] of the deliveries `d`.
macro_rules! columns {
    () => {
        "d.account_id, d.id, d.event_id, d.connection_id, d.version_id, d.state, d.reason, d.outcome, d.contact, d.attempts,
         d.first_at, d.due_at, d.done_at, d.duplicate"
    };
}

pub(super) use columns;

pub(super) type Row = (
    String,
    String,
    String,
    String,
    String,
    String,
    Option<String>,
    String,
    Option<String>,
    i64,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
);

/// The delivery of a row.
pub(super) fn delivery(row: Row) -> Result<Delivery> {
    let (
        account_id,
        id,
        event_id,
        connection_id,
        version_id,
        state,
        reason,
        outcome,
        contact,
        attempts,
        first_at,
        due_at,
        done_at,
        duplicate,
    ) = row;
    Ok(Delivery {
        id: DeliveryId::stored(id),
        account_id: AccountId::stored(account_id),
        event_id: EventId::stored(event_id),
        connection_id: ConnectionId::stored(connection_id),
        version_id: VersionId::stored(version_id),
        state: word(&state)?,
        reason: reason.as_deref().map(parse).transpose()?,
        progress: parse(&outcome)?,
        contact: contact.as_deref().map(word).transpose()?,
        attempts: count(attempts)?,
        first_at: first_at.map(Timestamp),
        due_at: due_at.map(Timestamp),
        done_at: done_at.map(Timestamp),
        may_be_duplicate: duplicate.is_some(),
    })
}

fn count(attempts: i64) -> Result<u32> {
    u32::try_from(attempts).map_err(StoreError::decode)
}

/// The columns of a [`Claim`], with what they are read from.
macro_rules! claimed {
    () => {
        "SELECT w.item_id, w.band, w.due_at, w.key_hash, d.event_id, d.outcome, d.attempts, d.first_at, p.plan
         FROM work AS w JOIN deliveries AS d ON d.account_id = w.account_id AND d.id = w.item_id
         JOIN plans AS p ON p.delivery_id = w.item_id AND p.account_id = w.account_id"
    };
}

/// The older retries of the person of `w`.
macro_rules! older_retries {
    () => {
        "SELECT 1 FROM work AS r WHERE r.account_id = w.account_id AND r.lane_id = w.lane_id
         AND r.band = 1 AND r.key_hash = w.key_hash AND r.item_id < w.item_id"
    };
}

/// What is due in a band, and has no older retry of its person but those in `$5`.
pub(super) const DUE: Sql = sql!(
    claimed!() " WHERE w.account_id = $1 AND w.lane_id = $2 AND w.band = $3 AND w.due_at <= $4
       AND NOT EXISTS (" older_retries!() " AND r.item_id NOT IN " list("$5") ")
     ORDER BY w.due_at, w.item_id LIMIT $6"
);

/// The retries of some persons that are due, where every older one is due too; without those in `$5`, which are the oldest.
pub(super) const NEXT_OF_SAME: Sql = sql!(
    claimed!() " WHERE w.account_id = $1 AND w.lane_id = $2 AND w.band = 1 AND w.key_hash IN " list("$3") " AND w.due_at <= $4
       AND w.item_id NOT IN " list("$5") " AND NOT EXISTS (" older_retries!() " AND r.due_at > $4)
     ORDER BY w.item_id LIMIT $6"
);

/// A delivery that is due, with its band.
pub(super) type Claim = (String, i64, i64, Option<String>, String, String, i64, Option<i64>, String);

/// About whom a delivery is, and its id.
fn who(claim: &Claim) -> (Option<&str>, &str) {
    (claim.3.as_deref(), &claim.0)
}

/// Up to `limit` deliveries that a lane has due: first attempts and retries 4 : 1, one filling what the other leaves. An
/// older retry of a person holds back the newer leads of the same one until it is due; then they go with it. Agrees with
/// [`crate::lane::Queue::due`].
pub(super) async fn due(
    conn: &mut Conn,
    (account, lane): (&str, &str),
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Claim>> {
    let most = i64::try_from(limit).unwrap_or(i64::MAX);
    let ids = |claims: &[Claim]| Rows::of(&claims.iter().map(|claim| claim.0.as_str()).collect::<Vec<_>>());
    let in_band = |band: i64, with: &[Claim]| {
        query(DUE).bind(account).bind(lane).bind(band).bind(now.0).bind(ids(with)).bind(most)
    };
    let oldest: Vec<Claim> = in_band(BAND_RETRY, &[]).fetch_all(&mut *conn).await?;
    let persons: Vec<_> = oldest.iter().filter_map(|claim| claim.3.as_deref()).collect();
    let next = match persons[..] {
        [] => Vec::new(),
        _ => {
            let next = query(NEXT_OF_SAME).bind(account).bind(lane).bind(Rows::of(&persons));
            next.bind(now.0).bind(ids(&oldest)).bind(most).fetch_all(&mut *conn).await?
        }
    };
    let late = lane::in_turn(oldest, next, limit, who);
    let firsts: Vec<Claim> = in_band(BAND_FIRST, &late).fetch_all(conn).await?;
    Ok(lane::batch(limit, firsts, late, who))
}

/// The deliveries of these rows, in the order of their events: it decides what a person's record holds in the end.
pub(super) fn claimed(account: &AccountId, claims: Vec<Claim>) -> Result<Vec<Claimed>> {
    let claimed = |claim: Claim| {
        let (id, band, due_at, key_hash, event_id, outcome, attempts, first_at, plan) = claim;
        Ok(Claimed {
            id: DeliveryId::stored(id),
            account_id: account.clone(),
            event_id: EventId::stored(event_id),
            band,
            due_at: Timestamp(due_at),
            key_hash,
            plan: parse(&plan)?,
            progress: parse(&outcome)?,
            attempts: count(attempts)?,
            first_at: first_at.map(Timestamp),
        })
    };
    let mut claimed = claims.into_iter().map(claimed).collect::<Result<Vec<_>>>()?;
    claimed.sort_by(|a, b| a.event_id.cmp(&b.event_id));
    Ok(claimed)
}

impl Store {
    /// What a lane that is leased has due; as [`Self::take_deliveries`] does.
    pub async fn due_deliveries(&self, lease: &Lease, limit: usize, now: Timestamp) -> Result<Vec<Claimed>> {
        let (account, lane) = (lease.account_id.to_string(), lease.lane_id.clone());
        let due = self.db.read(move |conn| Box::pin(async move { due(conn, (&account, &lane), limit, now).await }));
        claimed(&lease.account_id, due.await?)
    }

    /// Takes in what a round came to, and gives the lane back. Where an item goes on agrees with
    /// [`crate::lane::band_after`] and [`crate::lane::Queue::put_back`].
    pub async fn settle(&self, lease: &Lease, round: Settlement<'_>, now: Timestamp) -> Result<Settled> {
        let rows: Vec<_> = round
            .claimed
            .iter()
            .zip(round.outcomes)
            .map(|(claimed, outcome)| outcome_row(lease, claimed, outcome))
            .collect();
        let mut statements = settling(&rows, now);
        statements.extend(removing(lease, &round, now));
        statements.extend(causes::hold(&blocked(lease, &round), now));
        statements.extend(dropped::keep(lease, &round, now));
        let events: Vec<_> = round.claimed.iter().map(|claimed| (&lease.account_id, &claimed.event_id)).collect();
        statements.extend(hours::changed(&events, now));
        statements.extend(changes::of_events(&events, now));
        if let Some(answered) = round.last_answer {
            statements.push(store_answer(&lease.account_id, answered, now));
        }
        let calls = query(sql!("UPDATE calls SET settled = 1 WHERE account_id = $1 AND id IN " list("$2")));
        statements.push(calls.bind(lease.account_id.as_str()).bind(Rows::of(round.calls)));
        statements.push(lanes::release(&[(lease, &round.lane)], now));
        let lost = self.settle_with(&[lease], statements).await?;
        Ok(if lost.is_empty() { Settled::Done } else { Settled::LeaseLost })
    }

    /// The deliveries of an event, oldest first.
    pub async fn deliveries_of(&self, account: &AccountId, event: &EventId) -> Result<Vec<Delivery>> {
        // Spares Postgres the partitions before the event's. SQLite is told the index, or it reads the whole account.
        let rows: Vec<Row> = query(sql!("SELECT " columns!() " FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
            " WHERE d.account_id = $1 AND d.event_id = $2" on(sqlite: "", postgres: " AND d.id >= $3") " ORDER BY d.id"))
        .bind(account.as_str()).bind(event.as_str()).bind(retention::first_id_since("dlv", event.as_str())).fetch_all(&self.db).await?;
        rows.into_iter().map(delivery).collect()
    }

    /// The attempts that did not finish a delivery, oldest first.
    pub async fn attempts(&self, delivery: &Delivery) -> Result<Vec<Attempt>> {
        let rows: Vec<(i64, i64, String, String, Option<i64>)> = query(sql!("SELECT number, at, class, problem, next_at FROM attempts WHERE account_id = $1 AND delivery_id = $2 ORDER BY number"))
        .bind(delivery.account_id.as_str()).bind(delivery.id.as_str()).fetch_all(&self.db).await?;
        let attempt = |(number, at, class, problem, next_at): (i64, i64, String, String, Option<i64>)| {
            Ok(Attempt { number, at: Timestamp(at), class, problem: parse(&problem)?, next_at: next_at.map(Timestamp) })
        };
        rows.into_iter().map(attempt).collect()
    }
}

/// The statements that take in what became of deliveries.
fn settling(rows: &[OutcomeRow<'_>], now: Timestamp) -> Vec<Query> {
    let all = Rows::of(rows);
    let mut statements = Vec::new();
    if rows.is_empty() {
        return statements;
    }
    let update = query(sql!(
        "UPDATE deliveries AS d SET state = j.state, reason = j.reason, outcome = j.outcome, contact = j.contact,
           attempts = j.attempts, first_at = j.first, due_at = j.next, done_at = j.done
         FROM " rows("$1"; account text, id text, state text, reason text, outcome text, contact text, attempts bigint, first bigint, next bigint, done bigint) " AS j
         WHERE d.account_id = j.account AND d.id = j.id"
    ));
    statements.push(update.bind(&all));
    if rows.iter().any(|row| row.next.is_some()) {
        // Before the old row goes, so that the person's key is still there to be copied.
        let again = query(sql!(
            "INSERT INTO work (account_id, lane_id, band, due_at, item_id, key_hash)
             SELECT w.account_id, w.lane_id, j.next_band, j.next, w.item_id, w.key_hash
             FROM " rows("$1"; account text, lane text, band bigint, due bigint, id text, next bigint, next_band bigint) " AS j JOIN work AS w
               ON w.account_id = j.account AND w.lane_id = j.lane AND w.band = j.band AND w.due_at = j.due AND w.item_id = j.id
             WHERE j.next IS NOT NULL AND (j.next <> j.due OR j.next_band <> j.band)"
        ));
        statements.push(again.bind(&all));
    }
    let gone: Vec<_> = rows.iter().filter(|row| row.next != Some(row.due) || row.next_band != row.band).collect();
    statements.push(delete_work(&Rows::of(&gone)));
    if rows.iter().any(|row| row.class.is_some()) {
        let attempts = query(sql!(
            "INSERT INTO attempts (account_id, delivery_id, number, at, class, problem, next_at)
             SELECT j.account, j.id, 1 + coalesce((SELECT max(a.number) FROM attempts AS a WHERE a.account_id = j.account AND a.delivery_id = j.id), 0),
               $2, j.class, j.reason, j.next
             FROM " rows("$1"; account text, id text, class text, reason text, next bigint) " AS j WHERE j.class IS NOT NULL"
        ));
        statements.push(attempts.bind(&all).bind(now.0));
    }
    statements
}

fn outcome_row<'a>(lease: &'a Lease, claimed: &'a Claimed, outcome: &'a Outcome) -> OutcomeRow<'a> {
    let spent = outcome.attempts > claimed.attempts;
    OutcomeRow {
        account: lease.account_id.as_str(),
        lane: &lease.lane_id,
        id: outcome.delivery_id.as_str(),
        state: model::word(&outcome.state),
        reason: outcome.reason.as_ref().map(json),
        outcome: json(&outcome.progress),
        contact: ContactWrite::of(&claimed.plan, &outcome.progress).as_ref().map(model::word),
        attempts: outcome.attempts,
        first: outcome.first_at.map(|at| at.0),
        next: outcome.due_at.map(|at| at.0),
        done: outcome.done_at.map(|at| at.0),
        band: claimed.band,
        due: claimed.due_at.0,
        next_band: outcome.due_at.map_or(BAND_RETRY, |due| lane::band_after(claimed.band, claimed.due_at, due, spent)),
        class: outcome.reason.as_ref().and(match outcome.state {
            DeliveryState::Pending => spent.then_some("temporary"), // a rest of the lane is no attempt
            DeliveryState::Blocked => Some("blocked"),
            DeliveryState::Failed => Some("failed"),
            DeliveryState::Delivered | DeliveryState::Cancelled => None,
        }),
    }
}

/// Leaves nothing of the leads of those who must not be written.
fn removing(lease: &Lease, round: &Settlement<'_>, now: Timestamp) -> Vec<Query> {
    let is_theirs = |outcome: &Outcome| outcome.reason.as_ref().is_some_and(|why| why.code == Code::ContactErased);
    let theirs = round.claimed.iter().zip(round.outcomes).filter(|(_, outcome)| is_theirs(outcome));
    let events: Vec<_> = theirs.map(|(claimed, _)| (lease.account_id.as_str(), &claimed.event_id)).collect();
    privacy::removing(&events, now).into_iter().map(|(statement, _)| statement).collect()
}

fn blocked<'a>(lease: &'a Lease, round: &'a Settlement<'a>) -> Vec<Waiting<'a>> {
    let waiting = |(claimed, outcome): (&'a Claimed, &'a Outcome)| {
        let problem = outcome.reason.as_ref().filter(|_| outcome.state == DeliveryState::Blocked)?;
        Some(Waiting {
            account: &lease.account_id,
            problem,
            item: outcome.delivery_id.as_str(),
            lane: &lease.lane_id,
            key_hash: claimed.key_hash.as_deref(),
        })
    };
    round.claimed.iter().zip(round.outcomes).filter_map(waiting).collect()
}
