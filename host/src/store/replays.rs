//! Replays: durable jobs that send leads once more, a page in a commit.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::json;

use super::causes::{self, closed, nothing_stands};
use super::{Conn, Result, Rows, Sql, Store, StoreError, changes, json, lanes, parse, query, sql, word};
use crate::cause::Problem;
use crate::model;
use crate::model::delivery::{BAND_RETRY, DeliveryState};
use crate::model::id::{AccountId, ConnectionId, DeliveryId, EventId, ReplayId};
use crate::model::replay::{
    Candidate, Change, Continued, Fate, Filter, LATE_WAITING_MAX, Page, Replay, ReplayState, SKIPPED_KEPT_MAX,
    Standing, Stopped,
};
use crate::model::time::Timestamp;
use crate::words::{LeadTraits, is_meant};

/// Events that one page looks at: the commit that stores what came of them is short, whatever the filter is.
const SCANNED: usize = 500;

/// Events in the order in which they came, for a replay to look at.
#[derive(Debug)]
pub struct Scan {
    pub leads: Vec<Candidate>,
    /// The last event that was looked at, where there was one.
    pub last: Option<EventId>,
    /// There are no others in the range.
    pub is_end: bool,
}

/// A lead that a replay left alone.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SkippedLead {
    pub event_id: EventId,
    pub reason: Fate,
    /// The same in words.
    pub text: &'static str,
}

type Row = (String, String, String, String, i64, i64, i64, String, String, String, String, i64, i64, Option<i64>);

const COLUMNS: &str = "account_id, id, name, filter, again, afresh, rate, state, estimate, tally, looked_at, created_at, next_at, finished_at";

fn replay(row: Row) -> Result<Replay> {
    let (account_id, id, name, filter, again, afresh, rate, state, estimate, tally, looked_at, created, next, finished) =
        row;
    Ok(Replay {
        id: ReplayId::stored(id),
        account_id: AccountId::stored(account_id),
        name,
        filter: parse(&filter)?,
        again: again != 0,
        afresh: afresh != 0,
        rate: u32::try_from(rate).map_err(StoreError::decode)?,
        state: word(&state)?,
        estimate: parse(&estimate)?,
        tally: parse(&tally)?,
        looked_at: EventId::stored(looked_at),
        created_at: Timestamp(created),
        next_at: Timestamp(next),
        finished_at: finished.map(Timestamp),
    })
}

impl Store {
    /// Stores a job that is to run from now on.
    pub async fn insert_replay(&self, replay: &Replay) -> Result<()> {
        let insert = query(sql!(
            "INSERT INTO replays (account_id, id, name, filter, again, afresh, rate, state, estimate, tally, looked_at, created_at, next_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"
        ));
        insert
            .bind(replay.account_id.as_str())
            .bind(replay.id.as_str())
            .bind(&replay.name)
            .bind(json(&replay.filter))
            .bind(i64::from(replay.again))
            .bind(i64::from(replay.afresh))
            .bind(replay.rate)
            .bind(model::word(&replay.state))
            .bind(json(&replay.estimate))
            .bind(json(&replay.tally))
            .bind(replay.looked_at.as_str())
            .bind(replay.created_at.0)
            .bind(replay.next_at.0)
            .execute(&self.db)
            .await
            .map(drop)
    }

    /// The replays of an account, or of all; the newest first.
    pub async fn replays(&self, account: Option<&AccountId>, limit: u32) -> Result<Vec<Replay>> {
        let text =
            format!("SELECT {COLUMNS} FROM replays WHERE $1 IS NULL OR account_id = $1 ORDER BY id DESC LIMIT $2");
        let rows: Vec<Row> =
            query(Sql::same(text)).bind(account.map(AccountId::as_str)).bind(limit).fetch_all(&self.db).await?;
        rows.into_iter().map(replay).collect()
    }

    /// One replay.
    pub async fn replay(&self, id: &str) -> Result<Option<Replay>> {
        let text = format!("SELECT {COLUMNS} FROM replays WHERE id = $1");
        let row: Option<Row> = query(Sql::same(text)).bind(id).fetch_optional(&self.db).await?;
        row.map(replay).transpose()
    }

    /// The leads that a replay left alone, the oldest first; [`SKIPPED_KEPT_MAX`] at most are kept.
    pub async fn skipped_leads(&self, replay: &Replay) -> Result<Vec<SkippedLead>> {
        let rows: Vec<(String, String)> = query(sql!(
            "SELECT event_id, reason FROM replay_skips WHERE account_id = $1 AND replay_id = $2 ORDER BY event_id"
        ))
        .bind(replay.account_id.as_str())
        .bind(replay.id.as_str())
        .fetch_all(&self.db)
        .await?;
        let skipped = |(event_id, reason): (String, String)| {
            let reason: Fate = word(&reason)?;
            Ok(SkippedLead { event_id: EventId::stored(event_id), reason, text: reason.text() })
        };
        rows.into_iter().map(skipped).collect()
    }

    /// Pauses, resumes or cancels a replay. False: it is in no state for that. A page that is under way is finished
    /// first.
    pub async fn change_replay(&self, replay: &Replay, change: Change, now: Timestamp) -> Result<bool> {
        let from: Vec<_> = change.from().iter().map(model::word).collect();
        let finished_at = (change.to() == ReplayState::Cancelled).then_some(now.0);
        let changed = query(sql!(
            "UPDATE replays SET state = $3, finished_at = $4 WHERE account_id = $1 AND id = $2 AND state IN " list("$5")
        ))
        .bind(replay.account_id.as_str())
        .bind(replay.id.as_str())
        .bind(model::word(&change.to()))
        .bind(finished_at)
        .bind(Rows::of(&from))
        .execute(&self.db)
        .await?;
        Ok(changed > 0)
    }

    /// The leads of an account that a filter may take, after an event.
    pub async fn scan_leads(&self, account: &AccountId, filter: &Filter, after: &EventId) -> Result<Scan> {
        let (account, after, filter) = (account.clone(), after.clone(), filter.clone());
        self.db.read(move |conn| Box::pin(async move { scan(conn, &account, &after, &filter).await })).await
    }

    /// When the next page of any replay is due.
    pub async fn next_replay_at(&self) -> Result<Option<Timestamp>> {
        let next: Option<i64> =
            query(sql!("SELECT min(next_at) FROM replays WHERE state = 'running'")).fetch_one(&self.db).await?;
        Ok(next.map(Timestamp))
    }

    /// Does the page of the replay that is due longest and has room, as `page` decides, and returns the job after it. Everything is
    /// one commit, and meanwhile nobody else works on the job or plans the account's events.
    pub async fn work_on_replay(
        &self,
        page: fn(Replay, Scan, Timestamp) -> Page,
        now: Timestamp,
    ) -> Result<Option<Replay>> {
        let due = query(DUE_REPLAY).bind(now.0).bind(LATE_WAITING_MAX);
        if due.fetch_optional::<Row>(&self.db).await?.is_none() {
            return Ok(None);
        }
        let work = self.db.write(move |tx| {
            Box::pin(async move {
                let Some(replay) = take_due(tx, now).await? else { return Ok(None) };
                hold_planning(tx, &replay.account_id).await?;
                let scan = scan(tx, &replay.account_id, &replay.looked_at, &replay.filter).await?;
                let page = page(replay, scan, now);
                plan_again(tx, &page, now).await?;
                go_on(tx, &page, now).await?;
                keep_skipped(tx, &page).await?;
                store_progress(tx, &page.after).await?;
                mark_hours(tx, &page, now).await?;
                Ok(Some(page.after))
            })
        });
        work.await
    }
}

/// The running job that is due longest, of those whose account has room for more late leads: `$1` is now, `$2` how many
/// may wait; lanes come first, or SQLite would read every retry that is not due. A portal may be slower than a job's rate; what waits stays little, so that retries and other replays come on.
macro_rules! due_replay {
    () => {
        "SELECT account_id, id, name, filter, again, afresh, rate, state, estimate, tally, looked_at, created_at, next_at, finished_at
         FROM replays AS p WHERE state = 'running' AND next_at <= $1 AND $2 > (SELECT count(*) FROM (
           SELECT 1 FROM lanes AS l CROSS JOIN work AS w
           WHERE l.account_id = p.account_id AND w.account_id = l.account_id AND w.lane_id = l.id AND w.band = 1 AND w.due_at <= $1 LIMIT $2) AS late)
         ORDER BY next_at LIMIT 1"
    };
}

pub(super) const DUE_REPLAY: Sql = sql!(due_replay!());

/// That job; on Postgres nobody else takes it until the transaction ends.
async fn take_due(tx: &mut Conn, now: Timestamp) -> Result<Option<Replay>> {
    let due = query(sql!(due_replay!() on(sqlite: "", postgres: " FOR UPDATE OF p SKIP LOCKED")));
    due.bind(now.0).bind(LATE_WAITING_MAX).fetch_optional::<Row>(tx).await?.map(replay).transpose()
}

/// Planning settles under this row, so no event of the account changes its state until the transaction ends.
async fn hold_planning(tx: &mut Conn, account: &AccountId) -> Result<()> {
    let held = query(sql!(
        "SELECT CAST(1 AS bigint) FROM lanes WHERE account_id = $1 AND id = $1" on(sqlite: "", postgres: " FOR UPDATE")
    ));
    held.bind(account.as_str()).fetch_optional::<i64>(tx).await.map(drop)
}

pub(super) const LEADS: Sql = sql!(
    "SELECT e.id, e.sender_id, e.type, e.received_at, e.state, e.reason, e.dealership,
       (SELECT count(*) FROM held AS h WHERE h.account_id = e.account_id AND h.item_id = e.id),
       (SELECT count(*) FROM event_bodies AS b WHERE b.event_id = e.id AND b.account_id = e.account_id)
     FROM events AS e WHERE e.account_id = $1 AND e.id > $2 AND e.id <= $3 ORDER BY e.id LIMIT $4"
);

// Found by the index first: SQLite would rather read every delivery of the account than look up each found one.
pub(super) const DELIVERIES: Sql = sql!(
    "SELECT d.event_id, d.id, d.connection_id, d.state, d.reason, d.outcome, p.plan
     FROM deliveries AS k CROSS JOIN deliveries AS d LEFT JOIN plans AS p
       ON p.delivery_id = d.id AND p.account_id = d.account_id AND d.state IN ('failed', 'cancelled')
     WHERE k.account_id = $1 AND k.event_id IN " list("$2") " AND d.account_id = k.account_id AND d.id = k.id ORDER BY d.id"
);

type EventRow = (String, String, String, i64, String, Option<String>, Option<String>, i64, i64);
type DeliveryRow = (String, String, String, String, Option<String>, String, Option<String>);

/// The events after one, as far as a filter may take them, with what is known of their deliveries.
async fn scan(conn: &mut Conn, account: &AccountId, after: &EventId, filter: &Filter) -> Result<Scan> {
    let last = filter.range().1;
    let events: Vec<EventRow> = query(LEADS)
        .bind(account.as_str())
        .bind(after.as_str())
        .bind(last.as_str())
        .bind(SCANNED as i64)
        .fetch_all(&mut *conn)
        .await?;
    let ids: Vec<_> = events.iter().map(|event| event.0.as_str()).collect();
    let rows: Vec<DeliveryRow> =
        query(DELIVERIES).bind(account.as_str()).bind(Rows::of(&ids)).fetch_all(&mut *conn).await?;
    let meant = match &filter.text {
        Some(text) => have_words(conn, account, &events, text).await?,
        None => HashSet::new(),
    };
    let mut deliveries: HashMap<String, Vec<DeliveryRow>> = HashMap::new();
    for row in rows {
        deliveries.entry(row.0.clone()).or_default().push(row);
    }
    let (last, is_end) = (events.last().map(|event| EventId::stored(event.0.clone())), events.len() < SCANNED);
    let lead = |event: EventRow| {
        let of_event = deliveries.remove(&event.0).unwrap_or_default();
        let has_text = meant.contains(&event.0);
        candidate(event, of_event, has_text)
    };
    Ok(Scan { leads: events.into_iter().map(lead).collect::<Result<_>>()?, last, is_end })
}

/// Which of these events have the words that a text asks for, as long as their bodies are there.
async fn have_words(conn: &mut Conn, account: &AccountId, events: &[EventRow], text: &str) -> Result<HashSet<String>> {
    let ids: Vec<_> = events.iter().map(|event| event.0.as_str()).collect();
    let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Ok(HashSet::new()) };
    let bodies = query(BODIES).bind(account.as_str()).bind(Rows::of(&ids)).bind(*first).bind(*last);
    let bodies: HashMap<String, String> = bodies.fetch_all::<(String, String)>(conn).await?.into_iter().collect();
    let has_words = |(id, sender_id, event_type, ..): &&EventRow| {
        let traits = bodies.get(id).and_then(|body| LeadTraits::of_body(sender_id, event_type, body));
        is_meant(text, &traits.unwrap_or_default().words)
    };
    Ok(events.iter().filter(has_words).map(|event| event.0.clone()).collect())
}

/// Events are in the order of their ids: that spares Postgres the other partitions.
const BODIES: Sql = sql!(
    "SELECT b.event_id, b.body FROM event_bodies AS b WHERE b.account_id = $1 AND b.event_id IN " list("$2")
    on(sqlite: "", postgres: " AND b.event_id >= $3 AND b.event_id <= $4")
);

fn candidate(event: EventRow, mut deliveries: Vec<DeliveryRow>, has_text: bool) -> Result<Candidate> {
    let (id, _, event_type, received_at, event_state, event_reason, dealership, held, bodies) = event;
    let delivered = model::word(&DeliveryState::Delivered);
    let was_delivered = deliveries.iter().any(|delivery| delivery.3 == delivered);
    let newest = deliveries.pop();
    let delivery_state = newest.as_ref().map(|newest| word(&newest.3)).transpose()?;
    let standing = Standing::of(word(&event_state)?, delivery_state)
        .ok_or_else(|| StoreError::decode(format!("event {id} is planned and has no delivery")))?;
    let reason = match &newest {
        Some(newest) if event_reason.is_none() => newest.4.clone(),
        _ => event_reason,
    };
    let code = reason.as_deref().map(parse::<Problem>).transpose()?.map(|problem| problem.code);
    let stopped = match newest {
        Some((_, id, connection_id, _, _, outcome, Some(plan))) => Some(Stopped {
            id: DeliveryId::stored(id),
            connection_id: ConnectionId::stored(connection_id),
            plan: parse(&plan)?,
            progress: parse(&outcome)?,
        }),
        _ => None,
    };
    Ok(Candidate {
        event_id: EventId::stored(id),
        event_type,
        received_at: Timestamp(received_at),
        dealership,
        has_text,
        standing,
        code,
        is_held: held > 0,
        has_body: bodies > 0,
        was_delivered,
        stopped,
    })
}

/// Puts events back into the plan lane of their account, and takes them from what holds them.
async fn plan_again(tx: &mut Conn, page: &Page, now: Timestamp) -> Result<()> {
    if page.planned.is_empty() {
        return Ok(());
    }
    let account = page.after.account_id.as_str();
    let ids = Rows::of(&page.planned);
    query(sql!("UPDATE events SET state = 'received', reason = NULL WHERE account_id = $1 AND id IN " list("$2")))
        .bind(account)
        .bind(&ids)
        .execute(&mut *tx)
        .await?;
    query(sql!(
        "INSERT INTO work (account_id, lane_id, band, due_at, item_id) SELECT $1, $1, $3, $4, j.value FROM " list("$2") " AS j
         WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(account)
    .bind(&ids)
    .bind(BAND_RETRY)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    let causes: Vec<String> =
        query(sql!("DELETE FROM held WHERE account_id = $1 AND item_id IN " list("$2") " RETURNING cause_id"))
            .bind(account)
            .bind(&ids)
            .fetch_all(&mut *tx)
            .await?;
    let close = query(
        sql!("DELETE FROM causes WHERE account_id = $1 AND id IN " list("$2") " AND " nothing_stands!() closed!()),
    );
    causes::close(tx, close.bind(account).bind(Rows::of(&causes)), now).await?;
    lanes::wake(&Rows::of(&[json!({ "account": account, "lane": account })]), now).execute(tx).await.map(drop)
}

#[derive(Serialize)]
struct ContinuedRow<'a> {
    account: &'a str,
    id: &'a str,
    lane: &'a str,
    key: Option<&'a str>,
    outcome: String,
}

/// Puts deliveries back into the lane of their connection, with a timetable that begins anew.
async fn go_on(tx: &mut Conn, page: &Page, now: Timestamp) -> Result<()> {
    if page.continued.is_empty() {
        return Ok(());
    }
    let row = |continued: &Continued| {
        json!(ContinuedRow {
            account: page.after.account_id.as_str(),
            id: continued.id.as_str(),
            lane: continued.connection_id.as_str(),
            key: continued.key_hash.as_deref(),
            outcome: json(&continued.progress),
        })
    };
    let rows = Rows::of(&page.continued.iter().map(row).collect::<Vec<_>>());
    query(sql!(
        "UPDATE deliveries AS d SET state = 'pending', reason = NULL, outcome = j.outcome, attempts = 0, first_at = NULL,
           due_at = $2, done_at = NULL
         FROM " rows("$1"; account text, id text, outcome text) " AS j WHERE d.account_id = j.account AND d.id = j.id"
    ))
    .bind(&rows)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    query(sql!(
        "INSERT INTO work (account_id, lane_id, band, due_at, item_id, key_hash)
         SELECT j.account, j.lane, $3, $2, j.id, j.key FROM " rows("$1"; account text, lane text, id text, key text) " AS j
         WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(&rows)
    .bind(now.0)
    .bind(BAND_RETRY)
    .execute(&mut *tx)
    .await?;
    lanes::wake(&rows, now).execute(tx).await.map(drop)
}

/// What is sent once more counts otherwise from now on, however old it is.
async fn mark_hours(tx: &mut Conn, page: &Page, now: Timestamp) -> Result<()> {
    let items = page.planned.iter().map(EventId::as_str).chain(page.continued.iter().map(|lead| lead.id.as_str()));
    let row = |item| json!({ "account": page.after.account_id, "item": item });
    let rows = Rows::of(&items.map(row).collect::<Vec<_>>());
    changes::mark(tx, &rows, now).await
}

/// Remembers which leads were left alone, as long as there is room.
async fn keep_skipped(tx: &mut Conn, page: &Page) -> Result<()> {
    let before = page.after.tally.skipped() - page.skipped.len() as u64;
    let room = usize::try_from(SKIPPED_KEPT_MAX.saturating_sub(before)).unwrap_or(usize::MAX);
    let row = |(event, fate): &(EventId, Fate)| json!({ "event": event, "reason": fate });
    let rows: Vec<_> = page.skipped.iter().take(room).map(row).collect();
    query(sql!(
        "INSERT INTO replay_skips (account_id, replay_id, event_id, reason)
         SELECT $1, $2, j.event, j.reason FROM " rows("$3"; event text, reason text) " AS j"
    ))
    .bind(page.after.account_id.as_str())
    .bind(page.after.id.as_str())
    .bind(Rows::of(&rows))
    .execute(tx)
    .await
    .map(drop)
}

async fn store_progress(tx: &mut Conn, replay: &Replay) -> Result<()> {
    let store = query(sql!(
        "UPDATE replays SET state = $3, tally = $4, looked_at = $5, next_at = $6, finished_at = $7
         WHERE account_id = $1 AND id = $2"
    ));
    store
        .bind(replay.account_id.as_str())
        .bind(replay.id.as_str())
        .bind(model::word(&replay.state))
        .bind(json(&replay.tally))
        .bind(replay.looked_at.as_str())
        .bind(replay.next_at.0)
        .bind(replay.finished_at.map(|at| at.0))
        .execute(tx)
        .await
        .map(drop)
}
