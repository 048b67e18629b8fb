//! Calls: every request to HubSpot is stored before it is sent, and its answer when it came, so that whoever takes the
//! lane over knows what may have happened. The row of a call is narrow; what was sent and what came back are beside it,
//! and each is written once.

use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use super::{Query, Result, Sql, Store, json, parse, query, retention, sql};
use crate::budget::{Learned, WINDOW};
use crate::crash::crash_point;
use crate::lane::{self, LEASE};
use crate::model::account::Connection;
use crate::model::delivery::Delivery;
use crate::model::id::{AccountId, CallId};
use crate::model::lane::{Lease, Settled};
use crate::model::time::Timestamp;

/// An id may be this much ahead of its time, where the clock was set back.
const ID_AHEAD: Duration = Duration::from_secs(10);

/// A call that is about to be made.
pub struct NewCall<'a> {
    pub id: CallId,
    /// What for, such as `notes.create`.
    pub operation: &'a str,
    /// JSON: method, path and body. No headers, so no token.
    pub request: String,
    /// The deliveries and actions that it serves, as trace ids.
    pub items: &'a [String],
}

/// A call that was made.
pub struct AnsweredCall {
    pub id: CallId,
    pub status: Option<u16>,
    /// The answer as it is kept: its body, cut, or why there was none.
    pub answer: Value,
    pub correlation_id: Option<String>,
}

/// A call that an earlier holder of the lane left behind.
#[derive(Debug)]
pub struct OpenCall {
    pub id: CallId,
    pub operation: String,
    pub items: Vec<String>,
    /// When it was stored, just before it was sent.
    pub started_at: Timestamp,
}

/// A call as it is shown with a delivery.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ShownCall {
    pub id: CallId,
    pub operation: String,
    pub started_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    pub status: Option<i64>,
    pub request: Value,
    pub answer: Option<Value>,
    pub correlation_id: Option<String>,
}

/// Without an order, which the calls of an account have already, and by the index of the open ones: left to itself, SQLite
/// reads every call of the account.
pub(super) const OPEN_CALLS: Sql = sql!(
    "SELECT c.id, c.operation, (SELECT "
    on(
        sqlite: "json_group_array(i.value) FROM json_each(q.items) AS i CROSS JOIN deliveries AS d
            WHERE d.account_id = c.account_id AND d.id = substr(i.value, 1, instr(i.value, '/') - 1)",
        postgres: "coalesce(jsonb_agg(i.value), '[]'::jsonb)::text FROM jsonb_array_elements_text(q.items::jsonb) AS i(value) CROSS JOIN deliveries AS d
            WHERE d.account_id = c.account_id AND d.id = split_part(i.value, '/', 1)"
    ) " AND d.state = 'pending'), c.started_at
     FROM calls AS c" on(sqlite: " INDEXED BY calls_open", postgres: "")
    " JOIN call_requests AS q ON q.call_id = c.id AND q.account_id = c.account_id
     WHERE c.account_id = $1 AND c.lane_id = $2 AND c.settled = 0"
);

/// Calls are found by the time in their ids: none is older than its delivery, and none much younger than its end.
pub(super) const CALLS_OF: Sql = sql!(
    "SELECT c.id, c.operation, c.started_at, a.ended_at, a.status, q.request, a.answer, a.correlation_id
     FROM calls AS c JOIN call_requests AS q ON q.call_id = c.id AND q.account_id = c.account_id
     LEFT JOIN call_answers AS a ON a.call_id = c.id AND a.account_id = c.account_id
     WHERE c.account_id = $1 AND c.lane_id = $2 AND c.id >= $3 AND c.id < $4 AND EXISTS (SELECT 1 FROM "
    on(sqlite: "json_each(q.items) AS i", postgres: "jsonb_array_elements_text(q.items::jsonb) AS i(value)")
    " WHERE substr(i.value, 1, length($5)) = $5) ORDER BY c.id"
);

/// The calls of a lane since a moment. Their ids say when they were made.
pub(super) const RECENT_CALLS: Sql = sql!("SELECT id FROM calls WHERE account_id = $1 AND id >= $2 AND lane_id = $3");

/// How a connection used its portal's limit.
#[derive(Clone, Debug, Default)]
pub struct LimitUse {
    /// Calls of the last window.
    pub ours: u64,
    pub learned: Learned,
    /// Since when refusals are known: the newest calls are read, up to some hundreds.
    pub refusals_since: Option<Timestamp>,
    /// When HubSpot answered with 429.
    pub refused_at: Vec<Timestamp>,
}

/// Calls that are looked through for refusals.
const LOOKED_THROUGH: i64 = 500;

impl Store {
    /// How a connection uses its portal's limit, by its newest calls since a time.
    pub async fn limit_use(&self, connection: &Connection, since: Timestamp, now: Timestamp) -> Result<LimitUse> {
        let (account, lane) = (connection.account_id.as_str(), connection.id.as_str());
        let budget = query(sql!("SELECT budget FROM lanes WHERE account_id = $1 AND id = $2"));
        let budget: Option<String> = budget.bind(account).bind(lane).fetch_optional(&self.db).await?;
        let calls: Vec<(String, Option<i64>)> = query(sql!(
            "SELECT c.id, a.status FROM (SELECT id, account_id FROM calls WHERE account_id = $1 AND id >= $3 AND lane_id = $2 ORDER BY id DESC LIMIT $4) AS c
             LEFT JOIN call_answers AS a ON a.call_id = c.id AND a.account_id = c.account_id ORDER BY c.id"
        ))
        .bind(account)
        .bind(lane)
        .bind(retention::first_id("cal", since))
        .bind(LOOKED_THROUGH)
        .fetch_all(&self.db)
        .await?;
        let at = |(id, _): &(String, Option<i64>)| retention::time_of(id);
        let is_full = calls.len() == usize::try_from(LOOKED_THROUGH).expect("it is small");
        Ok(LimitUse {
            ours: calls.iter().filter_map(at).filter(|at| *at > now - WINDOW).count() as u64,
            learned: budget.as_deref().map(parse).transpose()?.unwrap_or_default(),
            refusals_since: if is_full { calls.first().and_then(at) } else { Some(since) },
            refused_at: calls.iter().filter(|(_, status)| *status == Some(429)).filter_map(at).collect(),
        })
    }
}

/// When a lane called after `since`: what it used of its portal's limit, whoever held it.
pub(super) fn recent(account: &str, lane: &str, since: Timestamp) -> Query {
    let after = Timestamp(since.0 + 1);
    query(RECENT_CALLS).bind(account).bind(retention::first_id("cal", after)).bind(lane)
}

/// When the calls of these ids were made.
pub(super) fn times(ids: &[String]) -> Vec<Timestamp> {
    ids.iter().filter_map(|id| retention::time_of(id)).collect()
}

/// A call that nobody settled: id, operation, items, and when it was stored.
pub(super) type OpenRow = (String, String, String, i64);

/// The calls of a lane that no settle took in: their outcome is unknown to the stored progress. Of their items only
/// those whose deliveries are still to be carried out.
pub(super) fn open(account: &str, lane: &str) -> Query {
    query(OPEN_CALLS).bind(account).bind(lane)
}

pub(super) fn open_call((id, operation, items, started_at): OpenRow) -> Result<OpenCall> {
    Ok(OpenCall { id: CallId::stored(id), operation, items: parse(&items)?, started_at: Timestamp(started_at) })
}

impl Store {
    /// When a lane that is leased called after `since`; as [`Self::take_deliveries`] reads it.
    pub async fn recent_calls(&self, lease: &Lease, since: Timestamp) -> Result<Vec<Timestamp>> {
        let ids: Vec<String> = recent(lease.account_id.as_str(), &lease.lane_id, since).fetch_all(&self.db).await?;
        Ok(times(&ids))
    }

    /// Stores the answer of the call before, if any, and the call that comes next, in one commit. Renews the lease where
    /// [`crate::lane::Lane::renew`] does.
    pub async fn next_call(
        &self,
        lease: &mut Lease,
        answered: Option<AnsweredCall>,
        new: NewCall<'_>,
        now: Timestamp,
    ) -> Result<Settled> {
        let until = if lane::needs_renewal(lease.until, now) { now + LEASE } else { lease.until };
        let renew = query(sql!(
            "UPDATE lanes SET lease_until = $5 WHERE account_id = $1 AND id = $2 AND owner = $3 AND epoch = $4"
        ));
        let renew = renew.bind(lease.account_id.as_str()).bind(&lease.lane_id).bind(&lease.owner).bind(lease.epoch);
        let renew = (until != lease.until).then(|| renew.bind(until.0));
        let answer = answered.map(|answered| store_answer(&lease.account_id, answered, now));
        // The row of the lane is only read, unless the lease is renewed: whoever wakes it does not wait for this commit.
        let call = query(sql!(
            "INSERT INTO calls (account_id, id, lane_id, epoch, operation, started_at, settled)
             SELECT l.account_id, $2, l.id, l.epoch, $6, $7, 0
             FROM lanes AS l WHERE l.account_id = $1 AND l.id = $3 AND l.owner = $4 AND l.epoch = $5"
        ))
        .bind(lease.account_id.as_str())
        .bind(new.id.as_str())
        .bind(&lease.lane_id)
        .bind(&lease.owner)
        .bind(lease.epoch)
        .bind(new.operation)
        .bind(now.0);
        let request =
            query(sql!("INSERT INTO call_requests (call_id, account_id, items, request) VALUES ($1, $2, $3, $4)"));
        let request = request.bind(new.id.as_str()).bind(lease.account_id.as_str());
        let request = request.bind(json(new.items)).bind(new.request);
        let store = self.db.write(|tx| {
            Box::pin(async move {
                // Before the call: whoever takes the lane at this moment has the row, and is seen only after a wait for it.
                let is_lost = match renew {
                    Some(renew) => renew.execute(&mut *tx).await? == 0,
                    None => false,
                };
                if is_lost || call.execute(&mut *tx).await? == 0 {
                    return Ok(Settled::LeaseLost);
                }
                if let Some(answer) = answer {
                    answer.execute(&mut *tx).await?;
                    crash_point!("CP13");
                }
                request.execute(tx).await?;
                Ok(Settled::Done)
            })
        });
        let settled = store.await?;
        if settled == Settled::Done {
            lease.until = until;
        }
        Ok(settled)
    }

    /// The open calls of a lane that is leased; as [`Self::take_deliveries`] reads them.
    pub async fn open_calls(&self, lease: &Lease) -> Result<Vec<OpenCall>> {
        let rows = open(lease.account_id.as_str(), &lease.lane_id).fetch_all(&self.db).await?;
        rows.into_iter().map(open_call).collect()
    }

    /// The calls that served a delivery, oldest first.
    pub async fn calls_of(&self, delivery: &Delivery) -> Result<Vec<ShownCall>> {
        type Row = (String, String, i64, Option<i64>, Option<i64>, String, Option<String>, Option<String>);
        let earliest = delivery.id.as_str().replacen("dlv_", "cal_", 1);
        let latest =
            delivery.done_at.map_or_else(|| "cal_g".to_owned(), |end| format!("cal_{:012x}", (end + ID_AHEAD).0));
        let rows: Vec<Row> = query(CALLS_OF)
            .bind(delivery.account_id.as_str())
            .bind(delivery.connection_id.as_str())
            .bind(earliest)
            .bind(latest)
            .bind(format!("{}/", delivery.id))
            .fetch_all(&self.db)
            .await?;
        rows.into_iter()
            .map(|(id, operation, started_at, ended_at, status, request, answer, correlation_id)| {
                Ok(ShownCall {
                    id: CallId::stored(id),
                    operation,
                    started_at: Timestamp(started_at),
                    ended_at: ended_at.map(Timestamp),
                    status,
                    request: parse(&request)?,
                    answer: answer.as_deref().map(parse).transpose()?,
                    correlation_id,
                })
            })
            .collect()
    }
}

/// Keeps what came back for a call.
pub(super) fn store_answer(account: &AccountId, answered: AnsweredCall, now: Timestamp) -> Query {
    query(sql!(
        "INSERT INTO call_answers (call_id, account_id, ended_at, status, correlation_id, answer) VALUES ($1, $2, $3, $4, $5, $6)"
    ))
    .bind(answered.id.as_str())
    .bind(account.as_str())
    .bind(now.0)
    .bind(answered.status.map(i64::from))
    .bind(answered.correlation_id)
    .bind(json(&answered.answer))
}
