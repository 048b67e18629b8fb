//! One person's data: where it is, and how it is removed, a page in a commit. What is left of a lead is that there was one.

use std::collections::{BTreeSet, HashMap, HashSet};

use secrecy::ExposeSecret as _;
use serde::Serialize;
use serde_json::{Value, json};

use super::causes::{self, closed, nothing_stands};
use super::retention::time_of;
use super::{Conn, HOUSE, Query, Result, Rows, Sql, Store, StoreError, hours, parse, query, sql, suppressions, word};
use crate::cause::{Code, Problem};
use crate::hours::hour;
use crate::model;
use crate::model::delivery::{Delivery, DeliveryState, Progress};
use crate::model::erasure::{AtHubspot, Erasure, Tally, WrittenRecord};
use crate::model::event::EventState;
use crate::model::id::{AccountId, DeliveryId, ErasureId, EventId};
use crate::model::time::Timestamp;
use crate::plan::{Plan, object_type};
use crate::subject::{REMOVED, Subject};

/// Events that are looked through at once.
const SCANNED: i64 = 1_000;

/// Events in the order in which they came, looked through for a person.
#[derive(Debug)]
pub struct Swept {
    /// Those that are about the person, or name him.
    pub found: Vec<EventId>,
    /// The last one that was looked at, where there was one.
    pub last: Option<EventId>,
    /// How many were looked through.
    pub looked: usize,
    /// There are no others in the range.
    pub is_end: bool,
}

/// What holds the person beside the leads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = HeldElsewhere)]
pub struct Elsewhere {
    /// Requests that were refused at the door, as they came.
    #[schema(value_type = Vec<String>)]
    pub refused_requests: Vec<String>,
    /// Answers that are kept for a day, for a repeat of their request.
    pub kept_answers: u64,
    /// Samples of the account's own transformations, as `version/name`.
    pub samples: Vec<String>,
    /// Open issues, by their ids, whose words name the person.
    pub issues: Vec<String>,
    /// Entries of the history that name the person.
    pub history: Vec<String>,
}

/// What removing a page came to.
#[derive(Clone, Debug)]
pub enum Erased {
    /// The job as it stands now.
    Done(Box<Erasure>),
    /// Somebody else did this page.
    Overtaken,
}

/// Why a lead of somebody who asked for that is not there any more.
pub(crate) fn erased() -> Problem {
    Problem::new(
        Code::ContactErased,
        "the shopper asked to be forgotten; what the lead said is removed, and nothing is sent",
    )
}

const EVENTS: Sql = sql!(
    "SELECT e.id, e.state, e.reason, b.body FROM events AS e
     LEFT JOIN event_bodies AS b ON b.event_id = e.id AND b.account_id = e.account_id
     WHERE e.account_id = $1 AND e.id > $2 AND e.id <= $3 ORDER BY e.id LIMIT $4"
);

// Found by the index first: SQLite would rather read every delivery of an account than look up each found one. So it is
// told the index wherever deliveries are found by their events.
const DELIVERIES: Sql = sql!(
    "SELECT d.event_id, d.key_hash, d.outcome, d.reason FROM deliveries AS k CROSS JOIN deliveries AS d
     WHERE k.account_id = $1 AND k.event_id IN " list("$2") " AND d.account_id = k.account_id AND d.id = k.id"
);

type EventRow = (String, String, Option<String>, Option<String>);
type DeliveryRow = (String, Option<String>, String, Option<String>);

/// The columns of a [`Row`].
macro_rules! erasures {
    () => {
        "SELECT account_id, id, phase, hashes, at_hubspot, reason, made_by, created_at, looked_at, last, tally, records, tries"
    };
}

type Row = (String, String, String, String, i64, String, String, i64, String, String, String, String, i64);
type Ends = (i64, Option<i64>);

impl Store {
    /// The events of an account after one, up to another, that are about a person or name him: in what they said, in what
    /// is told of them, or by the key under which they were delivered, which is known when the rest is long gone.
    pub async fn leads_about(
        &self,
        account: &AccountId,
        (after, last): (&EventId, &EventId),
        subject: &Subject,
    ) -> Result<Swept> {
        let (account, after, last, subject) = (account.clone(), after.clone(), last.clone(), subject.clone());
        self.db.read(move |conn| Box::pin(async move { sweep(conn, &account, (&after, &last), &subject).await })).await
    }

    /// What holds a person beside the leads.
    pub async fn elsewhere(&self, account: &AccountId, subject: &Subject) -> Result<Elsewhere> {
        let (account, subject) = (account.clone(), subject.clone());
        let found = self.db.read(move |conn| Box::pin(async move { find_elsewhere(conn, &account, &subject).await }));
        Ok(found.await?.told())
    }

    /// Makes the job of an erasure, and suppresses the person in the same commit.
    pub async fn insert_erasure(&self, erasure: &Erasure, subject: &Subject) -> Result<()> {
        let (keys, erasure) = (self.keys.clone(), erasure.clone());
        let subject = super::json(subject);
        let insert = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(false).await?;
                let sealed = keys.seal(&format!("erasures/{}/subject", erasure.id), &subject);
                let insert = query(sql!(
                    "INSERT INTO erasures (account_id, id, phase, subject, hashes, at_hubspot, reason, made_by, created_at,
                       looked_at, last, tally, records, tries, next_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '[]', 0, $9)"
                ));
                insert
                    .bind(erasure.account_id.as_str())
                    .bind(erasure.id.as_str())
                    .bind(model::word(&erasure.phase))
                    .bind(sealed)
                    .bind(super::json(&erasure.subject))
                    .bind(i64::from(erasure.at_hubspot))
                    .bind(&erasure.reason)
                    .bind(&erasure.made_by)
                    .bind(erasure.created_at.0)
                    .bind(erasure.looked_at.as_str())
                    .bind(erasure.last.as_str())
                    .bind(super::json(&erasure.removed))
                    .execute(&mut *tx)
                    .await?;
                let why = (erasure.reason.as_str(), erasure.made_by.as_str());
                let (account, now) = (&erasure.account_id, erasure.created_at);
                suppressions::insert(tx, account, &erasure.subject, why, Some(&erasure.id), now).await.map(drop)
            })
        });
        insert.await
    }

    /// The erasures of an account, the newest first.
    pub async fn erasures(&self, account: Option<&AccountId>, limit: u32) -> Result<Vec<Erasure>> {
        let newest = "$1 IS NULL OR account_id = $1 ORDER BY id DESC LIMIT $2";
        self.erasures_where(newest, account.map(AccountId::as_str), i64::from(limit)).await
    }

    /// One erasure.
    pub async fn erasure(&self, id: &str) -> Result<Option<Erasure>> {
        Ok(self.erasures_where("id = $1 LIMIT $2", Some(id), 1).await?.pop())
    }

    /// The erasure that is due longest.
    pub async fn due_erasure(&self, now: Timestamp) -> Result<Option<Erasure>> {
        let due = "phase <> 'done' AND $1 IS NULL AND next_at <= $2 ORDER BY next_at LIMIT 1";
        Ok(self.erasures_where(due, None, now.0).await?.pop())
    }

    /// When the next page of any erasure is due.
    pub async fn next_erasure_at(&self) -> Result<Option<Timestamp>> {
        let next: Option<i64> =
            query(sql!("SELECT min(next_at) FROM erasures WHERE phase <> 'done'")).fetch_one(&self.db).await?;
        Ok(next.map(Timestamp))
    }

    async fn erasures_where(&self, clause: &'static str, text: Option<&str>, number: i64) -> Result<Vec<Erasure>> {
        let of = |columns: &str| Sql::same(format!("{columns} FROM erasures WHERE {clause}"));
        let rows: Vec<Row> = query(of(erasures!())).bind(text).bind(number).fetch_all(&self.db).await?;
        let ends: Vec<(String, i64, Option<i64>)> =
            query(of("SELECT id, next_at, finished_at")).bind(text).bind(number).fetch_all(&self.db).await?;
        let mut ends: HashMap<_, Ends> = ends.into_iter().map(|(id, next, end)| (id, (next, end))).collect();
        let erasure = |row: Row| {
            let ends = ends.remove(&row.1).unwrap_or_default();
            erasure(row, ends)
        };
        rows.into_iter().map(erasure).collect()
    }

    /// Whom an erasure is about; none once nothing is looked for any more.
    ///
    /// # Errors
    /// The database's, and when it cannot be opened with the key ring.
    pub async fn subject_of(&self, erasure: &Erasure) -> Result<Option<Subject>> {
        let sealed: Option<String> = query(sql!("SELECT subject FROM erasures WHERE account_id = $1 AND id = $2"))
            .bind(erasure.account_id.as_str())
            .bind(erasure.id.as_str())
            .fetch_optional(&self.db)
            .await?;
        let Some(sealed) = sealed.filter(|sealed| !sealed.is_empty()) else { return Ok(None) };
        let opened =
            self.keys.open(&format!("erasures/{}/subject", erasure.id), &sealed).map_err(StoreError::decode)?;
        parse(opened.expose_secret()).map(Some)
    }

    /// Removes what is kept of these leads, and stores how far the job is, in one commit.
    pub async fn erase_leads(
        &self,
        before: &Erasure,
        found: &[EventId],
        after: Erasure,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Erased> {
        let calls = self.calls_about(&before.account_id, found, subject).await?;
        let (before, found) = (before.clone(), found.to_vec());
        let erase = self.db.write(move |tx| {
            Box::pin(async move {
                if !is_still(tx, &before).await? {
                    return Ok(Erased::Overtaken);
                }
                let mut after = after;
                if !found.is_empty() {
                    overwrite(tx, true).await?;
                    note_records(tx, &mut after, &found).await?;
                    remove_leads(tx, &mut after, &found, now).await?;
                    after.removed.calls += blank_calls(tx, &calls).await?;
                    overwrite(tx, false).await?;
                }
                keep(tx, &before, &after, false).await?;
                Ok(Erased::Done(Box::new(after)))
            })
        });
        erase.await
    }

    /// Removes what holds the person beside the leads, and forgets whom the erasure is about.
    pub async fn erase_elsewhere(&self, before: &Erasure, after: Erasure, subject: &Subject) -> Result<Erased> {
        let (before, subject) = (before.clone(), subject.clone());
        let erase = self.db.write(move |tx| {
            Box::pin(async move {
                if !is_still(tx, &before).await? {
                    return Ok(Erased::Overtaken);
                }
                let mut after = after;
                let found = find_elsewhere(tx, &before.account_id, &subject).await?;
                overwrite(tx, true).await?;
                found.remove(tx, &before.account_id, &mut after.removed).await?;
                overwrite(tx, false).await?;
                keep(tx, &before, &after, true).await?;
                Ok(Erased::Done(Box::new(after)))
            })
        });
        erase.await
    }

    /// Stores how far the job is.
    pub async fn go_on_erasing(&self, before: &Erasure, after: Erasure) -> Result<Erased> {
        let before = before.clone();
        let go_on = self.db.write(move |tx| {
            Box::pin(async move {
                if !is_still(tx, &before).await? {
                    return Ok(Erased::Overtaken);
                }
                keep(tx, &before, &after, false).await?;
                Ok(Erased::Done(Box::new(after)))
            })
        });
        go_on.await
    }

    /// Forgets the values that may still be filled in of these leads: nothing of them is written any more.
    pub async fn forget_dropped(&self, account: &AccountId, events: &[EventId]) -> Result<u64> {
        let ids = Rows::of(&events.iter().map(EventId::as_str).collect::<Vec<_>>());
        query(FORGET_DROPPED).bind(account.as_str()).bind(ids).execute(&self.db).await
    }

    /// The calls that served these leads, as they are kept when the person is taken out of them.
    async fn calls_about(&self, account: &AccountId, events: &[EventId], subject: &Subject) -> Result<Vec<BlankCall>> {
        let mut blank = HashMap::new();
        for event in events {
            let deliveries = self.deliveries_of(account, event).await?;
            for delivery in &deliveries {
                for call in self.calls_of(delivery).await? {
                    // One call may serve two leads of the person.
                    let known = blank.remove(&call.id).map_or(call.request, |known: BlankCall| known.request);
                    let request = without(known, delivery, subject);
                    let row = BlankCall { id: call.id.clone(), request, is_answered: call.answer.is_some() };
                    blank.insert(call.id, row);
                }
            }
        }
        Ok(blank.into_values().collect())
    }
}

/// A call without the person.
struct BlankCall {
    id: crate::model::id::CallId,
    request: Value,
    is_answered: bool,
}

/// A stored request without the inputs that a delivery stands behind, or that name the person. Where inputs do not tell
/// whose they are, none is left.
fn without(mut request: Value, delivery: &Delivery, subject: &Subject) -> Value {
    let trace = format!("{}/", delivery.id);
    let is_theirs = |input: &Value| {
        let traced = input["objectWriteTraceId"].as_str().is_none_or(|own| own.starts_with(&trace));
        traced || subject.is_in_value(input)
    };
    let removed = || json!({ "removed": REMOVED });
    if let Some(inputs) = request["body"]["inputs"].as_array_mut() {
        inputs.iter_mut().filter(|input| is_theirs(input)).for_each(|input| *input = removed());
    } else if !request["body"].is_null() {
        request["body"] = removed();
    }
    request
}

/// The inputs of a stored request that a delivery stands behind, or that name the person: nobody else's.
pub(crate) fn own_inputs(request: &Value, delivery: &DeliveryId, subject: &Subject) -> Vec<Value> {
    let trace = format!("{delivery}/");
    let is_theirs = |input: &&Value| {
        input["objectWriteTraceId"].as_str().is_some_and(|own| own.starts_with(&trace)) || subject.is_in_value(input)
    };
    request["body"]["inputs"].as_array().into_iter().flatten().filter(is_theirs).cloned().collect()
}

async fn sweep(
    conn: &mut Conn,
    account: &AccountId,
    (after, last): (&EventId, &EventId),
    subject: &Subject,
) -> Result<Swept> {
    let events: Vec<EventRow> = query(EVENTS)
        .bind(account.as_str())
        .bind(after.as_str())
        .bind(last.as_str())
        .bind(SCANNED)
        .fetch_all(&mut *conn)
        .await?;
    let ids: Vec<_> = events.iter().map(|event| event.0.as_str()).collect();
    let deliveries: Vec<DeliveryRow> =
        query(DELIVERIES).bind(account.as_str()).bind(Rows::of(&ids)).fetch_all(conn).await?;
    let keys = subject.key_hashes();
    let names = |text: &Option<String>| text.as_ref().is_some_and(|text| subject.is_in_json(text));
    let by_delivery: HashSet<_> = deliveries
        .into_iter()
        .filter(|(_, key, outcome, reason)| {
            key.as_ref().is_some_and(|key| keys.contains(key)) || subject.is_in_json(outcome) || names(reason)
        })
        .map(|(event, ..)| event)
        .collect();
    let found = events.iter().filter(|(id, _, reason, body)| names(body) || names(reason) || by_delivery.contains(id));
    Ok(Swept {
        found: found.map(|event| EventId::stored(event.0.clone())).collect(),
        last: events.last().map(|event| EventId::stored(event.0.clone())),
        looked: events.len(),
        is_end: (events.len() as i64) < SCANNED,
    })
}

fn erasure(row: Row, (next_at, finished_at): Ends) -> Result<Erasure> {
    let (account, id, phase, hashes, at_hubspot, reason, made_by, created_at, looked_at, last, tally, records, tries) =
        row;
    Ok(Erasure {
        id: ErasureId::stored(id),
        account_id: AccountId::stored(account),
        phase: word(&phase)?,
        subject: parse(&hashes)?,
        reason,
        made_by,
        created_at: Timestamp(created_at),
        finished_at: finished_at.map(Timestamp),
        at_hubspot: at_hubspot != 0,
        removed: parse(&tally)?,
        records: parse(&records)?,
        looked_at: EventId::stored(looked_at),
        last: EventId::stored(last),
        tries: u32::try_from(tries).map_err(StoreError::decode)?,
        next_at: Timestamp(next_at),
    })
}

/// Lets SQLite write zeros over what is deleted, or only forget where it is, as it does otherwise: that is cheaper. Postgres
/// does it when it vacuums.
async fn overwrite(tx: &mut Conn, on: bool) -> Result<()> {
    if let Conn::Sqlite(_) = tx {
        let set = if on { "PRAGMA secure_delete = ON" } else { "PRAGMA secure_delete = OFF" };
        query(Sql::same(set.to_owned())).fetch_all::<i64>(tx).await?;
    }
    Ok(())
}

/// Whether nobody else did the page meanwhile; on Postgres nobody does until the transaction ends.
async fn is_still(tx: &mut Conn, before: &Erasure) -> Result<bool> {
    let still = query(sql!(
        "SELECT CAST(1 AS bigint) FROM erasures WHERE account_id = $1 AND id = $2 AND phase = $3 AND looked_at = $4 AND tries = $5
           AND records = $6" on(sqlite: "", postgres: " FOR UPDATE")
    ));
    let still = still
        .bind(before.account_id.as_str())
        .bind(before.id.as_str())
        .bind(model::word(&before.phase))
        .bind(before.looked_at.as_str())
        .bind(before.tries)
        .bind(super::json(&before.records));
    Ok(still.fetch_optional::<i64>(tx).await?.is_some())
}

async fn keep(tx: &mut Conn, before: &Erasure, after: &Erasure, forgets: bool) -> Result<()> {
    let keep = query(sql!(
        "UPDATE erasures SET phase = $3, looked_at = $4, tally = $5, records = $6, tries = $7, next_at = $8, finished_at = $9,
           subject = CASE WHEN $10 = 1 THEN '' ELSE subject END WHERE account_id = $1 AND id = $2"
    ));
    keep.bind(before.account_id.as_str())
        .bind(before.id.as_str())
        .bind(model::word(&after.phase))
        .bind(after.looked_at.as_str())
        .bind(super::json(&after.removed))
        .bind(super::json(&after.records))
        .bind(after.tries)
        .bind(after.next_at.0)
        .bind(after.finished_at.map(|at| at.0))
        .bind(i64::from(forgets))
        .execute(tx)
        .await
        .map(drop)
}

/// Notes which records these leads wrote, before that is forgotten.
async fn note_records(tx: &mut Conn, erasure: &mut Erasure, found: &[EventId]) -> Result<()> {
    let ids: Vec<_> = found.iter().map(EventId::as_str).collect();
    let rows: Vec<(String, String, Option<String>)> = query(sql!(
        "SELECT d.connection_id, d.outcome, p.plan FROM deliveries AS k CROSS JOIN deliveries AS d
         LEFT JOIN plans AS p ON p.delivery_id = d.id AND p.account_id = d.account_id
         WHERE k.account_id = $1 AND k.event_id IN " list("$2") " AND d.account_id = k.account_id AND d.id = k.id ORDER BY d.id"
    ))
    .bind(erasure.account_id.as_str())
    .bind(Rows::of(&ids))
    .fetch_all(tx)
    .await?;
    for (connection, outcome, plan) in rows {
        let (progress, plan): (Progress, Option<Plan>) = (parse(&outcome)?, plan.as_deref().map(parse).transpose()?);
        for record in written(&connection, &progress, plan.as_ref(), erasure.at_hubspot) {
            let same = |known: &WrittenRecord| {
                known.connection_id == record.connection_id
                    && known.id == record.id
                    && known.object_type == record.object_type
            };
            if !erasure.records.iter().any(same) {
                erasure.records.push(record);
            }
        }
    }
    Ok(())
}

/// The records that a delivery wrote. Only of contacts does HubSpot know a privacy delete, and only where the plan is
/// there is it certain that a record is one.
pub(crate) fn written(
    connection: &str,
    progress: &Progress,
    plan: Option<&Plan>,
    at_hubspot: bool,
) -> Vec<WrittenRecord> {
    let record = |(index, action): (usize, &crate::model::delivery::ActionProgress)| {
        let object_type = plan.and_then(|plan| plan.actions.get(index)).map(|action| object_type(action).to_owned());
        let is_contact = object_type.as_deref() == Some(model::portal::CONTACT);
        Some(WrittenRecord {
            connection_id: crate::model::id::ConnectionId::stored(connection.to_owned()),
            object_type,
            id: action.record.as_ref()?.id.clone(),
            state: if at_hubspot && is_contact { AtHubspot::Waiting } else { AtHubspot::Left },
            at: None,
            answer: None,
        })
    };
    progress.actions.iter().enumerate().filter_map(record).collect()
}

async fn remove_leads(tx: &mut Conn, erasure: &mut Erasure, found: &[EventId], now: Timestamp) -> Result<()> {
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
pub(super) enum Counted {
    Bodies,
    Plans,
    Runs,
    Logs,
    Attempts,
    Not,
}

const FORGET_DROPPED: Sql = sql!(
    "DELETE FROM dropped WHERE account_id = $1 AND delivery_id IN (
       SELECT d.id FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = $1 AND d.event_id IN " list("$2") ")"
);

/// The statements that leave of leads nothing but that there was one, where it was delivered, and when.
pub(super) fn removing(events: &[(&str, &EventId)], now: Timestamp) -> Vec<(Query, Counted)> {
    if events.is_empty() {
        return Vec::new();
    }
    let rows = lead_rows(events);
    let of = |sql: Sql| query(sql).bind(&rows);
    let reason = super::json(&erased());
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
    let stopped = stopped.bind(super::json(&Progress::default())).bind(now.0);
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
pub(super) fn lead_rows(events: &[(&str, &EventId)]) -> Rows {
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
pub(super) fn stripping(leads: &Rows) -> Vec<(Query, Counted)> {
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
pub(super) fn forget_bodies(leads: &Rows) -> Query {
    query(sql!(
        "DELETE FROM event_bodies WHERE (event_id, account_id) IN (
           SELECT j.id, j.account FROM " rows("$1"; account text, id text) " AS j)"
    ))
    .bind(leads)
}

async fn blank_calls(tx: &mut Conn, calls: &[BlankCall]) -> Result<u64> {
    let request = |call: &BlankCall| json!({ "id": call.id, "request": call.request.to_string() });
    let requests = Rows::of(&calls.iter().map(request).collect::<Vec<_>>());
    query(sql!(
        "UPDATE call_requests AS q SET request = j.request FROM " rows("$1"; id text, request text) " AS j WHERE q.call_id = j.id"
    ))
    .bind(requests)
    .execute(&mut *tx)
    .await?;
    // An answer is cut, so that nobody can tell in it whose is what.
    let answered: Vec<_> = calls.iter().filter(|call| call.is_answered).map(|call| call.id.as_str()).collect();
    query(sql!("UPDATE call_answers SET answer = $2 WHERE call_id IN " list("$1")))
        .bind(Rows::of(&answered))
        .bind(json!({ "body": REMOVED }).to_string())
        .execute(tx)
        .await?;
    Ok(calls.len() as u64)
}

/// What holds a person beside the leads, by its keys.
#[derive(Default)]
struct FoundElsewhere {
    /// Source and id, with what was sent.
    rejected: Vec<(String, String, String)>,
    /// Asker and key.
    answers: Vec<(String, String)>,
    /// Version and name.
    samples: Vec<(String, String)>,
    /// Id, and the words without the person.
    causes: Vec<(String, String)>,
    /// The same of issues that are over.
    past_causes: Vec<(String, String)>,
    /// Issue and number of what somebody said.
    comments: Vec<(String, i64)>,
    /// Numbers of notes of support.
    notes: Vec<i64>,
    /// Id, what it was done to, and what was asked for, without the person.
    audit: Vec<(String, String, String)>,
}

async fn find_elsewhere(conn: &mut Conn, account: &AccountId, subject: &Subject) -> Result<FoundElsewhere> {
    let of = |sql: Sql| query(sql).bind(account.as_str());
    let mut found = FoundElsewhere::default();
    let rejected: Vec<(String, String, String)> = of(sql!(
        "SELECT r.source_id, r.id, coalesce(r.body, '') FROM sources AS s CROSS JOIN rejected AS r
         WHERE s.account_id = $1 AND r.source_id = s.id ORDER BY r.id"
    ))
    .fetch_all(&mut *conn)
    .await?;
    found.rejected = rejected.into_iter().filter(|(.., body)| subject.is_in_json(body)).collect();
    let answers: Vec<(String, String, String)> =
        of(sql!("SELECT asker, key, body FROM kept_answers WHERE account_id IN ($1, $2) AND body IS NOT NULL"))
            .bind(HOUSE)
            .fetch_all(&mut *conn)
            .await?;
    let named = answers.into_iter().filter(|(.., body)| subject.is_in_json(body));
    found.answers = named.map(|(asker, key, _)| (asker, key)).collect();
    let samples: Vec<(String, String, String, Option<String>)> =
        of(sql!("SELECT version_id, name, event, expected FROM version_samples WHERE account_id = $1"))
            .fetch_all(&mut *conn)
            .await?;
    let named = samples.into_iter().filter(|(_, _, event, expected)| {
        subject.is_in_json(event) || expected.as_ref().is_some_and(|expected| subject.is_in_json(expected))
    });
    found.samples = named.map(|(version, name, ..)| (version, name)).collect();
    let without_words = |causes: Vec<(String, String)>| {
        let named = causes.into_iter().filter(|(_, problem)| subject.is_in_json(problem));
        let without = named.map(|(id, problem)| {
            let problem = Problem { detail: format!("what it said is {REMOVED}"), ..parse(&problem)? };
            Ok((id, super::json(&problem)))
        });
        without.collect::<Result<Vec<_>>>()
    };
    let causes = of(sql!("SELECT id, problem FROM causes WHERE account_id = $1")).fetch_all(&mut *conn).await?;
    found.causes = without_words(causes)?;
    let past = of(sql!("SELECT id, problem FROM past_causes WHERE account_id = $1")).fetch_all(&mut *conn).await?;
    found.past_causes = without_words(past)?;
    let comments: Vec<(String, i64, String)> =
        of(sql!("SELECT cause_id, number, words FROM cause_comments WHERE account_id = $1"))
            .fetch_all(&mut *conn)
            .await?;
    let named = comments.into_iter().filter(|(.., words)| subject.is_in(words));
    found.comments = named.map(|(cause, number, _)| (cause, number)).collect();
    let notes: Vec<(i64, String)> =
        of(sql!("SELECT number, words FROM account_notes WHERE account_id = $1")).fetch_all(&mut *conn).await?;
    found.notes = notes.into_iter().filter(|(_, words)| subject.is_in(words)).map(|(number, _)| number).collect();
    let audit: Vec<(String, String, String, String)> =
        of(sql!("SELECT id, action, subject, detail FROM audit WHERE account_id = $1")).fetch_all(conn).await?;
    for (id, action, about, detail) in audit {
        let (is_about, is_detail) = (subject.is_in(&about), subject.is_in_json(&detail));
        if is_about || is_detail {
            let about = if is_about { REMOVED.to_owned() } else { about };
            let detail = if is_detail { without_person(&action, parse(&detail)?, subject) } else { parse(&detail)? };
            found.audit.push((id, about, detail.to_string()));
        }
    }
    Ok(found)
}

/// What was asked for, without the person. Who was given access stays in the history, but for the address itself; all else
/// that named the person goes as a whole, because a name and a sentence do not say whose they are.
fn without_person(action: &str, detail: Value, subject: &Subject) -> Value {
    if ["people", "sign-in-links", "settings"].iter().any(|kind| action.contains(kind)) {
        return subject.out_of(detail);
    }
    json!({ "removed": REMOVED })
}

impl FoundElsewhere {
    /// Issues that name the person: in their own words, or in what was said about them. Each once.
    fn issues(&self) -> Vec<String> {
        let own = self.causes.iter().chain(&self.past_causes).map(|(id, _)| id);
        let all: BTreeSet<_> = own.chain(self.comments.iter().map(|(id, _)| id)).collect();
        all.into_iter().cloned().collect()
    }

    fn told(self) -> Elsewhere {
        let issues = self.issues();
        let samples = self.samples.into_iter().map(|(version, name)| format!("{version}/{name}"));
        Elsewhere {
            refused_requests: self.rejected.into_iter().map(|(.., body)| body).collect(),
            kept_answers: self.answers.len() as u64,
            samples: samples.collect(),
            issues,
            history: self.audit.into_iter().map(|(id, ..)| id).collect(),
        }
    }

    async fn remove(self, tx: &mut Conn, account: &AccountId, removed: &mut Tally) -> Result<()> {
        let pair = |(first, second): &(String, String)| json!({ "first": first, "second": second });
        let pairs = |pairs: &[(String, String)]| Rows::of(&pairs.iter().map(pair).collect::<Vec<_>>());
        let rejected: Vec<_> = self.rejected.into_iter().map(|(source, id, _)| (source, id)).collect();
        let reject = query(sql!(
            "UPDATE rejected AS r SET body = NULL, detail = $2 FROM " rows("$1"; first text, second text) " AS j
             WHERE r.source_id = j.first AND r.id = j.second"
        ));
        removed.refused_requests += reject.bind(pairs(&rejected)).bind(REMOVED).execute(&mut *tx).await?;
        let answers = query(sql!(
            "UPDATE kept_answers AS k SET body = NULL FROM " rows("$1"; first text, second text) " AS j
             WHERE k.asker = j.first AND k.key = j.second"
        ));
        removed.kept_answers += answers.bind(pairs(&self.answers)).execute(&mut *tx).await?;
        let samples = query(sql!(
            "DELETE FROM version_samples WHERE account_id = $1 AND (version_id, name) IN (
               SELECT j.first, j.second FROM " rows("$2"; first text, second text) " AS j)"
        ));
        removed.samples += samples.bind(account.as_str()).bind(pairs(&self.samples)).execute(&mut *tx).await?;
        let causes = query(sql!(
            "UPDATE causes AS c SET problem = j.second FROM " rows("$2"; first text, second text) " AS j
             WHERE c.account_id = $1 AND c.id = j.first"
        ));
        removed.sentences += causes.bind(account.as_str()).bind(pairs(&self.causes)).execute(&mut *tx).await?;
        let past = query(sql!(
            "UPDATE past_causes AS c SET problem = j.second FROM " rows("$2"; first text, second text) " AS j
             WHERE c.account_id = $1 AND c.id = j.first"
        ));
        removed.sentences += past.bind(account.as_str()).bind(pairs(&self.past_causes)).execute(&mut *tx).await?;
        let said = |(cause, number): &(String, i64)| json!({ "cause": cause, "number": number });
        let comments = query(sql!(
            "UPDATE cause_comments AS k SET words = $3 FROM " rows("$2"; cause text, number bigint) " AS j
             WHERE k.account_id = $1 AND k.cause_id = j.cause AND k.number = j.number"
        ));
        let comments = comments.bind(account.as_str());
        let comments = comments.bind(Rows::of(&self.comments.iter().map(said).collect::<Vec<_>>())).bind(REMOVED);
        removed.sentences += comments.execute(&mut *tx).await?;
        let noted = |number: &i64| json!({ "number": number });
        let notes = query(sql!(
            "UPDATE account_notes AS k SET words = $3 FROM " rows("$2"; number bigint) " AS j
             WHERE k.account_id = $1 AND k.number = j.number"
        ));
        let notes = notes.bind(account.as_str());
        let notes = notes.bind(Rows::of(&self.notes.iter().map(noted).collect::<Vec<_>>())).bind(REMOVED);
        removed.sentences += notes.execute(&mut *tx).await?;
        let row =
            |(id, about, detail): &(String, String, String)| json!({ "id": id, "about": about, "detail": detail });
        let audit = query(sql!(
            "UPDATE audit AS a SET detail = j.detail, subject = j.about FROM " rows("$2"; id text, about text, detail text) " AS j
             WHERE a.account_id = $1 AND a.id = j.id"
        ));
        let audit = audit.bind(account.as_str()).bind(Rows::of(&self.audit.iter().map(row).collect::<Vec<_>>()));
        removed.sentences += audit.execute(tx).await?;
        Ok(())
    }
}
