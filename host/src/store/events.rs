//! Events: stored in groups, told from repeats, listed.

use serde::Serialize;
use serde_json::Value;

use super::calls::ShownCall;
use super::deliveries::Attempt;
use super::plans::RunFigures;
use super::{Count, Query, Result, Rows, Sql, Store, StoreError, changes, lanes, parse, query, sql, word};
use crate::contract::log::Level;
use crate::model;
use crate::model::delivery::Delivery;
use crate::model::event::{Accepted, Event, EventState, NewEvent};
use crate::model::id::{AccountId, EventId, SourceId};
use crate::model::time::Timestamp;
use crate::payload::mend_surrogates;
use crate::plan::Plan;

/// Counts look no further back: read in milliseconds.
const COUNTED_MAX: i64 = 10_000;

#[derive(Serialize)]
struct EventRow<'a> {
    account: &'a str,
    source: &'a str,
    sender: &'a str,
    id: &'a str,
    hash: &'a str,
    kind: &'a str,
    at: i64,
    lane: &'a str,
}

/// Apart from the other columns, so that the statements that do not need bodies do not parse them again.
#[derive(Serialize)]
struct BodyRow<'a> {
    account: &'a str,
    id: &'a str,
    body: &'a str,
}

/// Which events to list.
#[derive(Debug, Default)]
pub struct EventFilter {
    pub account: Option<AccountId>,
    pub state: Option<EventState>,
    pub event_type: Option<String>,
    /// Only events after this one.
    pub after: Option<EventId>,
    /// Only events before this one.
    pub older_than: Option<EventId>,
    pub limit: u32,
}

/// What a run of a transformation said.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RunLog {
    pub version: String,
    pub lines: Vec<(Level, String)>,
}

/// One event with everything that became of it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ShownEvent {
    pub event: Event,
    /// None once retention removed it, and log, plans, attempts and calls with it.
    pub body: Option<Value>,
    /// What each version said.
    pub logs: Vec<RunLog>,
    /// The newest is the last: plan, progress, attempts and calls.
    pub deliveries: Vec<ShownDelivery>,
}

impl ShownEvent {
    /// Takes out what says who the person is, for those who see that masked: states, reasons and times are left.
    pub fn hide_the_person(&mut self) {
        self.body = None;
        self.logs.clear();
        for shown in &mut self.deliveries {
            shown.plan = None;
            shown.calls.clear();
            shown.delivery.hide_the_person();
        }
    }
}

/// One delivery with its plan and everything that was tried.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ShownDelivery {
    pub delivery: Delivery,
    /// None once retention removed it, and what the run used with it.
    pub plan: Option<Plan>,
    pub run: Option<RunFigures>,
    pub attempts: Vec<Attempt>,
    pub calls: Vec<ShownCall>,
}

type Row = (String, String, String, String, String, i64, i64, String, Option<String>, Option<String>);

fn event(
    (account_id, id, source_id, sender_id, event_type, occurred_at, received_at, state, reason, delivery): Row,
) -> Result<Event> {
    let state = word(&state)?;
    // One that is to be sent again has deliveries, and is not planned yet.
    let delivery = delivery.filter(|_| state == EventState::Planned);
    Ok(Event {
        id: EventId::stored(id),
        account_id: AccountId::stored(account_id),
        source_id: SourceId::stored(source_id),
        sender_id,
        event_type,
        occurred_at: Timestamp(occurred_at),
        received_at: Timestamp(received_at),
        state,
        reason: reason.as_deref().map(parse).transpose()?,
        delivery: delivery.as_deref().map(word).transpose()?,
    })
}

/// SQLite is told the index: it takes an account for ten rows, and would rather read all of its deliveries.
/// The bound on the delivery's id spares Postgres the partitions before the event's: none is older than its event, but
/// for clocks that differ a little.
const SELECT: Sql = sql!(
    "SELECT e.account_id, e.id, e.source_id, e.sender_id, e.type, e.occurred_at, e.received_at, e.state, e.reason,
     (SELECT d.state FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "") "
        WHERE d.account_id = e.account_id AND d.event_id = e.id "
    on(sqlite: "", postgres: "AND d.id >= 'dlv_' || lpad(to_hex(('x' || substr(e.id, 5, 12))::bit(48)::bigint - 10000), 12, '0')")
    " ORDER BY d.id DESC LIMIT 1)"
);

impl Store {
    /// Stores a group of events in one commit, and says of each, in their order, what it came to. Repeating a group
    /// is harmless: its ids are the same.
    pub async fn insert_events(&self, new: &[NewEvent], now: Timestamp) -> Result<Vec<Accepted>> {
        let bodies: Vec<_> =
            new.iter().map(|e| BodyRow { account: e.account_id.as_str(), id: e.id.as_str(), body: &e.body }).collect();
        let events: Vec<_> = new.iter().map(event_row).collect();
        let rows = Rows::of(&events);
        let told = changes::of_events(&new.iter().map(|e| (&e.account_id, &e.id)).collect::<Vec<_>>(), now);
        let statements = insertion(&rows, &Rows::of(&bodies), now).into_iter().chain(told);
        let known = known(&rows);
        let insert = self.db.write(|tx| {
            Box::pin(async move {
                for statement in statements {
                    statement.execute(&mut *tx).await?;
                }
                known.fetch_all(tx).await
            })
        });
        let known: Vec<(Option<String>, Option<String>, Option<String>)> = insert.await?;
        // Ids are made in the order of the group, so the answer sorted by them is in that order again.
        let told = events.iter().zip(&bodies).zip(known);
        told.map(|((event, body), (id, hash, first_body))| {
            // A key that goes at this very moment, so the sender repeats the group.
            let (stored, hash) = (EventId::stored(id.ok_or(StoreError::Missing)?), hash.unwrap_or_default());
            Ok(match first_body {
                _ if stored.as_str() == event.id => Accepted::New(stored),
                // Some senders serialise again before they repeat: the same JSON is the same event.
                Some(first_body) if !same_json(&first_body, body.body) => Accepted::IdReused(stored),
                None if hash != event.hash => Accepted::IdReused(stored),
                _ => Accepted::Duplicate(stored),
            })
        })
        .collect()
    }

    /// The events that match, newest first; with `after`, oldest first, for following along.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>> {
        let (order, after) = match (&filter.after, &filter.older_than) {
            (Some(_), _) => ("ASC", "AND b.event_id > $4"),
            (None, Some(_)) => ("DESC", "AND b.event_id < $4"),
            (None, None) => ("DESC", "AND $4 IS NULL"),
        };
        // Bodies are in the order of the ids over all accounts, and events within one: neither is read whole. So the list
        // of all accounts ends where the bodies do, and that of one account goes on.
        let from = match filter.account {
            Some(_) => "(SELECT id AS event_id, account_id FROM events WHERE account_id = $1) AS b",
            None => "(SELECT event_id, account_id FROM event_bodies WHERE $1 IS NULL) AS b",
        };
        let rest = format!(
            " FROM {from} CROSS JOIN events AS e WHERE e.account_id = b.account_id AND e.id = b.event_id
               AND ($2 IS NULL OR e.state = $2) AND ($3 IS NULL OR e.type = $3) {after} ORDER BY b.event_id {order} LIMIT $5"
        );
        let rows: Vec<Row> = query(SELECT.and(&rest))
            .bind(filter.account.as_ref().map(AccountId::as_str))
            .bind(filter.state.as_ref().map(model::word))
            .bind(&filter.event_type)
            .bind(filter.after.as_ref().or(filter.older_than.as_ref()).map(EventId::as_str))
            .bind(filter.limit)
            .fetch_all(&self.db)
            .await?;
        rows.into_iter().map(event).collect()
    }

    /// How many events match, of the newest thousand; where on the list one looks does not count.
    pub async fn event_count(&self, filter: &EventFilter) -> Result<Count> {
        const COUNT: Sql = sql!(
            "SELECT count(*), coalesce(sum(CASE WHEN ($2 IS NULL OR e.state = $2) AND ($3 IS NULL OR e.type = $3) THEN 1 ELSE 0 END), 0)"
        );
        let from = match filter.account {
            Some(_) => "SELECT id AS event_id, account_id FROM events WHERE account_id = $1 ORDER BY id",
            None => "SELECT event_id, account_id FROM event_bodies WHERE $1 IS NULL ORDER BY event_id",
        };
        let rest = format!(
            " FROM ({from} DESC LIMIT $4) AS b CROSS JOIN events AS e WHERE e.account_id = b.account_id AND e.id = b.event_id"
        );
        let (read, fit): (i64, i64) = query(COUNT.and(&rest))
            .bind(filter.account.as_ref().map(AccountId::as_str))
            .bind(filter.state.as_ref().map(model::word))
            .bind(&filter.event_type)
            .bind(COUNTED_MAX)
            .fetch_one(&self.db)
            .await?;
        Ok(Count { leads: fit.unsigned_abs(), is_more: read == COUNTED_MAX })
    }

    /// The last events of an account of these types, with their bodies, newest first.
    pub async fn last_events(
        &self,
        account: &AccountId,
        event_types: &[String],
        limit: u32,
    ) -> Result<Vec<(Event, String)>> {
        let mut all = Vec::new();
        for event_type in event_types {
            let filter = EventFilter {
                account: Some(account.clone()),
                event_type: Some(event_type.clone()),
                limit,
                ..EventFilter::default()
            };
            all.extend(self.events(&filter).await?);
        }
        all.sort_by(|a: &Event, b: &Event| b.id.cmp(&a.id));
        all.truncate(limit as usize);
        let mut with_bodies = Vec::with_capacity(all.len());
        for event in all {
            // One that is older than bodies are kept says nothing.
            if let Some(body) = self.body(&event).await? {
                with_bodies.push((event, body));
            }
        }
        Ok(with_bodies)
    }

    /// One event.
    pub async fn find_event(&self, id: &EventId) -> Result<Option<Event>> {
        // Every key of an event begins with its account, and nobody said which: there are few enough to ask each.
        let find = SELECT.and(" FROM accounts AS a CROSS JOIN events AS e WHERE e.account_id = a.id AND e.id = $1");
        let row: Option<Row> = query(find).bind(id.as_str()).fetch_optional(&self.db).await?;
        row.map(event).transpose()
    }

    /// The account of the newest event that a sender knows by this id, as long as repeats of it are told.
    pub async fn account_of_sent(&self, sender_id: &str) -> Result<Option<AccountId>> {
        // As with events: every key begins with the account and its source, and there are few enough to ask each.
        let find = sql!(
            "SELECT k.account_id FROM sources AS s CROSS JOIN event_keys AS k
             WHERE k.account_id = s.account_id AND k.source_id = s.id AND k.sender_id = $1
             ORDER BY k.event_id DESC LIMIT 1"
        );
        let account: Option<String> = query(find).bind(sender_id).fetch_optional(&self.db).await?;
        Ok(account.map(AccountId::stored))
    }

    /// The body of an event as it came; none once retention removed it.
    pub async fn body(&self, event: &Event) -> Result<Option<String>> {
        query(sql!("SELECT body FROM event_bodies WHERE event_id = $1 AND account_id = $2"))
            .bind(event.id.as_str())
            .bind(event.account_id.as_str())
            .fetch_optional(&self.db)
            .await
    }

    /// One event with its body, log, and its deliveries with plans, attempts and calls.
    pub async fn event(&self, id: &EventId) -> Result<Option<ShownEvent>> {
        let Some(event) = self.find_event(id).await? else { return Ok(None) };
        let body = self.body(&event).await?;
        let logs: Vec<(String, i64, String)> = query(sql!(
            "SELECT t.name, v.number, r.lines FROM run_logs AS r JOIN versions AS v ON v.id = r.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id
             WHERE r.account_id = $1 AND r.event_id = $2 ORDER BY v.id"
        ))
        .bind(event.account_id.as_str())
        .bind(id.as_str())
        .fetch_all(&self.db)
        .await?;
        let logs = logs
            .into_iter()
            .map(|(name, number, lines)| Ok(RunLog { version: format!("{name}@{number}"), lines: parse(&lines)? }));
        let logs = logs.collect::<Result<_>>()?;
        let mut deliveries = Vec::new();
        for delivery in self.deliveries_of(&event.account_id, id).await? {
            let (plan, run) = self.plan_of(&delivery).await?.unzip();
            let attempts = self.attempts(&delivery).await?;
            let calls = self.calls_of(&delivery).await?;
            deliveries.push(ShownDelivery { delivery, plan, run, attempts, calls });
        }
        let body = body.map(|body| read_json(&body).unwrap_or(Value::String(body)));
        Ok(Some(ShownEvent { event, body, logs, deliveries }))
    }
}

/// The statements that store a group of events, and wake the lanes of their accounts.
fn insertion(events: &Rows, bodies: &Rows, now: Timestamp) -> [Query; 5] {
    let keys = query(sql!(
        "INSERT INTO event_keys (account_id, source_id, sender_id, event_id, body_hash, seen_at)
         SELECT j.account, j.source, j.sender, j.id, j.hash, $2
         FROM " rows("$1"; account text, source text, sender text, id text, hash text) " AS j
         WHERE true ORDER BY j.account, j.source, j.sender, j.id ON CONFLICT DO NOTHING"
    ));
    // The join on our new id lets only first arrivals through.
    let narrow = query(sql!(
        "INSERT INTO events (account_id, id, source_id, sender_id, type, occurred_at, received_at, state)
         SELECT k.account_id, k.event_id, k.source_id, k.sender_id, j.kind, j.at, $2, 'received'
         FROM " rows("$1"; account text, source text, sender text, id text, kind text, at bigint) " AS j JOIN event_keys AS k
           ON k.account_id = j.account AND k.source_id = j.source AND k.sender_id = j.sender AND k.event_id = j.id
         WHERE true ON CONFLICT DO NOTHING"
    ));
    let wide = query(sql!(
        "INSERT INTO event_bodies (event_id, account_id, body)
         SELECT j.id, j.account, j.body FROM " rows("$1"; account text, id text, body text) " AS j
         JOIN events AS e ON e.account_id = j.account AND e.id = j.id
         WHERE true ON CONFLICT DO NOTHING"
    ));
    let work = query(sql!(
        "INSERT INTO work (account_id, lane_id, band, due_at, item_id)
         SELECT k.account_id, k.account_id, 0, $2, k.event_id
         FROM " rows("$1"; account text, source text, sender text, id text) " AS j JOIN event_keys AS k
           ON k.account_id = j.account AND k.source_id = j.source AND k.sender_id = j.sender AND k.event_id = j.id
         WHERE true ON CONFLICT DO NOTHING"
    ));
    [
        keys.bind(events).bind(now.0),
        narrow.bind(events).bind(now.0),
        wide.bind(bodies),
        work.bind(events).bind(now.0),
        lanes::wake(events, now),
    ]
}

/// What is stored under the ids that the senders gave: its own id, its hash, and its body where that is another one.
fn known(events: &Rows) -> Query {
    query(sql!(
        "SELECT k.event_id, k.body_hash, CASE WHEN k.event_id <> j.id AND k.body_hash <> j.hash THEN b.body END
         FROM " rows("$1"; account text, source text, sender text, id text, hash text) " AS j LEFT JOIN event_keys AS k
           ON k.account_id = j.account AND k.source_id = j.source AND k.sender_id = j.sender
         LEFT JOIN event_bodies AS b ON b.event_id = k.event_id AND b.account_id = k.account_id
         ORDER BY j.id"
    ))
    .bind(events)
}

fn event_row(event: &NewEvent) -> EventRow<'_> {
    EventRow {
        account: event.account_id.as_str(),
        source: event.source_id.as_str(),
        sender: &event.sender_id,
        id: event.id.as_str(),
        hash: &event.body_hash,
        kind: &event.event_type,
        at: event.occurred_at.0,
        lane: event.account_id.as_str(),
    }
}

fn same_json(first: &str, second: &str) -> bool {
    read_json(first).is_some_and(|first| Some(first) == read_json(second))
}

/// A body as JSON, read as it was at the door.
fn read_json(body: &str) -> Option<Value> {
    serde_json::from_str(&mend_surrogates(body)).ok()
}
