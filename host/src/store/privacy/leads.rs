//! What is removed of leads; what is left of each is that there was one.

use serde::Serialize;
use serde_json::json;

use super::super::causes::{self, closed, nothing_stands};
use super::super::retention::time_of;
use super::super::{Conn, Query, Result, Rows, Sql, Store, hours, query, sql};
use super::erased;
use crate::hours::hour;
use crate::model;
use crate::model::delivery::{DeliveryState, Progress};
use crate::model::erasure::Erasure;
use crate::model::event::EventState;
use crate::model::id::{AccountId, EventId};
use crate::model::time::Timestamp;

const FORGET_DROPPED: Sql = sql!(
    "DELETE FROM dropped WHERE account_id = $1 AND delivery_id IN (
       SELECT d.id FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = $1 AND d.event_id IN " list("$2") ")"
);

impl Store {
    /// Forgets the values that may still be filled in of these leads: nothing of them is written any more.
    pub async fn forget_dropped(&self, account: &AccountId, events: &[EventId]) -> Result<u64> {
        let ids = Rows::of(&events.iter().map(EventId::as_str).collect::<Vec<_>>());
        query(FORGET_DROPPED).bind(account.as_str()).bind(ids).execute(&self.db).await
    }
}

pub(super) async fn remove_leads(
    tx: &mut Conn,
    erasure: &mut Erasure,
    found: &[EventId],
    now: Timestamp,
) -> Result<()> {
    let account = erasure.account_id.as_str();
    let ids = Rows::of(&found.iter().map(EventId::as_str).collect::<Vec<_>>());
    let waiting = query(sql!(
        "SELECT count(DISTINCT e.id) FROM events AS e LEFT JOIN deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
        " ON d.account_id = e.account_id AND d.event_id = e.id AND d.state IN ('pending', 'blocked')
         WHERE e.account_id = $1 AND e.id IN " list("$2") " AND (e.state IN ('received', 'held') OR d.id IS NOT NULL)"
    ));
    let waiting: i64 = waiting.bind(account).bind(&ids).fetch_one(&mut *tx).await?;
    let removed = &mut erasure.removed;
    let number = |count: i64| u64::try_from(count).unwrap_or(0);
    removed.stopped += number(waiting);
    removed.leads += found.len() as u64;
    let events: Vec<_> = found.iter().map(|event| (account, event)).collect();
    for (statement, counted) in removing(&events, now) {
        let rows = statement.execute(&mut *tx).await?;
        match counted {
            Counted::Bodies => removed.bodies += rows,
            Counted::Plans => removed.plans += rows,
            Counted::Runs => removed.runs += rows,
            Counted::Logs => removed.logs += rows,
            Counted::Attempts => removed.attempts += rows,
            Counted::Not => {}
        }
    }
    let deliveries = query(sql!(
        "SELECT d.id FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
        " WHERE d.account_id = $1 AND d.event_id IN " list("$2")
    ));
    let deliveries: Vec<String> = deliveries.bind(account).bind(&ids).fetch_all(&mut *tx).await?;
    let deliveries = Rows::of(&deliveries);
    let leave = query(sql!(
        "DELETE FROM work WHERE account_id = $1 AND (item_id IN " list("$2") " OR item_id IN " list("$3") ")"
    ));
    leave.bind(account).bind(&ids).bind(&deliveries).execute(&mut *tx).await?;
    let open = query(sql!(
        "DELETE FROM held WHERE account_id = $1 AND (item_id IN " list("$2") " OR item_id IN " list("$3") ") RETURNING cause_id"
    ));
    let causes: Vec<String> = open.bind(account).bind(&ids).bind(&deliveries).fetch_all(&mut *tx).await?;
    let close = query(
        sql!("DELETE FROM causes WHERE account_id = $1 AND id IN " list("$2") " AND " nothing_stands!() closed!()),
    );
    causes::close(tx, close.bind(account).bind(Rows::of(&causes)), now).await?;
    let items = found.iter().map(|event| json!({ "account": account, "item": event })).collect::<Vec<_>>();
    for mark in hours::changed_by(&Rows::of(&items), now) {
        mark.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Which figure of the certificate a statement counts for.
pub(in crate::store) enum Counted {
    Bodies,
    Plans,
    Runs,
    Logs,
    Attempts,
    Not,
}

/// The statements that leave of leads nothing but that there was one, where it was delivered, and when.
pub(in crate::store) fn removing(events: &[(&str, &EventId)], now: Timestamp) -> Vec<(Query, Counted)> {
    if events.is_empty() {
        return Vec::new();
    }
    let rows = lead_rows(events);
    let of = |sql: Sql| query(sql).bind(&rows);
    let reason = super::super::json(&erased());
    let fate = of(sql!(
        "UPDATE events AS e SET state = $2, reason = $3 FROM " rows("$1"; account text, id text) " AS j
         WHERE e.account_id = j.account AND e.id = j.id"
    ));
    let fate = fate.bind(model::word(&EventState::Skipped)).bind(&reason);
    let stopped = of(sql!(
        "UPDATE deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "") " SET outcome = $2, key_hash = NULL, phone_hash = NULL, duplicate = NULL, contact = NULL, due_at = NULL, done_at = coalesce(d.done_at, $3),
           state = CASE WHEN d.state = 'delivered' THEN d.state ELSE $4 END,
           reason = CASE WHEN d.state = 'delivered' THEN NULL ELSE $5 END
         FROM " rows("$1"; account text, id text) " AS j WHERE d.account_id = j.account AND d.event_id = j.id"
    ));
    let stopped = stopped.bind(super::super::json(&Progress::default())).bind(now.0);
    let stopped = stopped.bind(model::word(&DeliveryState::Cancelled)).bind(&reason);
    let dropped = of(sql!(
        "DELETE FROM dropped WHERE (account_id, delivery_id) IN (
           SELECT d.account_id, d.id FROM " rows("$1"; account text, id text) " AS j CROSS JOIN deliveries AS d"
        on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
        " WHERE d.account_id = j.account AND d.event_id = j.id)"
    ));
    let mut statements = stripping(&rows);
    statements.extend([(dropped, Counted::Not), (fate, Counted::Not), (stopped, Counted::Not)]);
    statements
}

/// Leads by account and id, with their hours.
pub(in crate::store) fn lead_rows(events: &[(&str, &EventId)]) -> Rows {
    let at = |event: &EventId| hour(time_of(event.as_str()).unwrap_or(Timestamp(0)));
    let lead = |(account, event): &(&str, &EventId)| Lead {
        account: (*account).to_owned(),
        id: event.to_string(),
        hour: at(event),
    };
    Rows::of(&events.iter().map(lead).collect::<Vec<_>>())
}

#[derive(Serialize)]
struct Lead {
    account: String,
    id: String,
    hour: i64,
}

/// The statements that take from leads whatever holds personal data, but for the calls. The words go after those of the
/// tail, out of which they may be merged meanwhile.
pub(in crate::store) fn stripping(leads: &Rows) -> Vec<(Query, Counted)> {
    let of = |sql: Sql| query(sql).bind(leads);
    let tail = of(sql!(
        "DELETE FROM lead_tail WHERE (account_id, hour, event_id) IN (
           SELECT j.account, j.hour, j.id FROM " rows("$1"; account text, hour bigint, id text) " AS j)"
    ));
    let words = of(sql!(
        "DELETE FROM lead_words WHERE (account_id, hour, word, event_id) IN (
           SELECT x.account_id, x.hour, x.word, x.event_id
           FROM " rows("$1"; account text, hour bigint, id text) " AS j CROSS JOIN lead_words AS x
           WHERE x.account_id = j.account AND x.hour = j.hour AND x.event_id = j.id)"
    ));
    let logs = of(sql!(
        "DELETE FROM run_logs WHERE (account_id, event_id) IN (
           SELECT j.account, j.id FROM " rows("$1"; account text, id text) " AS j)"
    ));
    let runs = of(sql!(
        "DELETE FROM runs WHERE (account_id, event_id) IN (
           SELECT j.account, j.id FROM " rows("$1"; account text, id text) " AS j)"
    ));
    let plans = of(sql!(
        "DELETE FROM plans WHERE (delivery_id, account_id) IN (
           SELECT d.id, d.account_id FROM " rows("$1"; account text, id text) " AS j CROSS JOIN deliveries AS d"
        on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
        " WHERE d.account_id = j.account AND d.event_id = j.id)"
    ));
    let attempts = of(sql!(
        "DELETE FROM attempts WHERE (account_id, delivery_id) IN (
           SELECT d.account_id, d.id FROM " rows("$1"; account text, id text) " AS j CROSS JOIN deliveries AS d"
        on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
        " WHERE d.account_id = j.account AND d.event_id = j.id)"
    ));
    vec![
        (forget_bodies(leads), Counted::Bodies),
        (logs, Counted::Logs),
        (runs, Counted::Runs),
        (plans, Counted::Plans),
        (attempts, Counted::Attempts),
        (tail, Counted::Not),
        (words, Counted::Not),
    ]
}

/// Forgets what these leads said, by account and id.
pub(in crate::store) fn forget_bodies(leads: &Rows) -> Query {
    query(sql!(
        "DELETE FROM event_bodies WHERE (event_id, account_id) IN (
           SELECT j.id, j.account FROM " rows("$1"; account text, id text) " AS j)"
    ))
    .bind(leads)
}
