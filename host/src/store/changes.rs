//! What happened to the leads of accounts that somebody watches: a row for each commit that changed some. Nothing is
//! noted for accounts that nobody watches.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::retention::time_of;
use super::{Conn, Query, Result, Rows, Store, hours, json, parse, query, sql};
use crate::model::id::{AccountId, ChangeId, EventId};
use crate::model::time::Timestamp;

/// How long an account stays watched after somebody said that he watches. So who comes back after a restart of the service
/// missed nothing.
pub const WATCHED: Duration = Duration::from_secs(5 * 60);
/// How long is kept what happened. No less than [`WATCHED`].
pub(super) const KEPT: Duration = Duration::from_secs(10 * 60);
/// A change may be seen so long after a later one: commits overtake each other, and the clocks of two processes are two
/// seconds apart at most.
const OVERTAKEN: Duration = Duration::from_secs(5);
/// Leads of a row, so that what is read at once stays little.
const ROW_LEADS_MAX: usize = 100;
/// Rows that are read at once.
const ROWS_MAX: usize = 200;
/// Leads that are read at once, but for those of one more row: they cost some milliseconds.
const LEADS_MAX: usize = 500;

/// How far somebody has read of what happened to an account's leads.
#[derive(Clone, Debug)]
pub struct Position {
    last: ChangeId,
    /// Rows that were read, as far back as others may still turn up between them.
    seen: BTreeSet<String>,
}

impl Position {
    /// Behind a change, or behind a time: [`ChangeId::earliest`].
    pub fn at(last: ChangeId) -> Self {
        Self { last, seen: BTreeSet::new() }
    }

    /// Where somebody goes on who was told everything up to here. He may be told some of it twice.
    pub fn cursor(&self) -> &ChangeId {
        &self.last
    }

    /// When that was.
    pub fn time(&self) -> Timestamp {
        time_of(self.last.as_str()).unwrap_or(Timestamp(0))
    }

    /// Nothing happened until then.
    pub fn nothing_until(&mut self, now: Timestamp) {
        self.last = ChangeId::earliest(now).max(self.last.clone());
        self.forget_seen();
    }

    fn read(&mut self, id: String) {
        self.last = ChangeId::stored(id.clone()).max(self.last.clone());
        self.seen.insert(id);
        self.forget_seen();
    }

    fn forget_seen(&mut self) {
        let begin = self.begin();
        self.seen.retain(|seen| *seen >= begin);
    }

    fn begin(&self) -> String {
        ChangeId::earliest(self.time() - OVERTAKEN).to_string()
    }
}

/// To which leads something happened.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    pub events: BTreeSet<EventId>,
    /// And to no others until now.
    pub is_all: bool,
}

/// From when on what happens to an account is noted without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watched {
    pub since: Timestamp,
    /// Nobody watched it until now.
    pub is_new: bool,
}

impl Watched {
    /// Whether everything after a moment can still be told.
    pub fn reaches(self, from: Timestamp, now: Timestamp) -> bool {
        !self.is_new && self.since <= from && from >= now - KEPT
    }
}

impl Store {
    /// Says that somebody watches an account, and forgets what happened too long ago.
    pub async fn watch(&self, account: &AccountId, now: Timestamp) -> Result<Watched> {
        let watch = query(sql!(
            "INSERT INTO watched (account_id, since, until) VALUES ($1, $2, $3)
             ON CONFLICT (account_id) DO UPDATE SET until = excluded.until,
               since = CASE WHEN watched.until < $2 THEN excluded.since ELSE watched.since END
             RETURNING since"
        ));
        let watch = watch.bind(account.as_str()).bind(now.0).bind((now + WATCHED).0);
        let forget = query(sql!("DELETE FROM lead_changes WHERE account_id = $1 AND id < $2"));
        let forget = forget.bind(account.as_str()).bind(ChangeId::earliest(now - KEPT).as_str());
        let known = query(sql!("SELECT since FROM watched WHERE account_id = $1 AND until >= $2"));
        let known = known.bind(account.as_str()).bind(now.0);
        let watched = self.db.write(move |tx| {
            Box::pin(async move {
                let is_new = known.fetch_optional::<i64>(&mut *tx).await?.is_none();
                forget.execute(&mut *tx).await?;
                Ok(Watched { since: Timestamp(watch.fetch_one(tx).await?), is_new })
            })
        });
        watched.await
    }

    /// Forgets accounts that nobody watches any more, and what happened there. Says whether there were any.
    pub async fn forget_changes(&self, now: Timestamp) -> Result<bool> {
        let changes = query(sql!(
            "DELETE FROM lead_changes WHERE account_id IN (SELECT account_id FROM watched WHERE until < $1)"
        ));
        let watched = query(sql!("DELETE FROM watched WHERE until < $1"));
        let before = now - KEPT;
        let [_, forgotten] = self.db.execute_all([changes.bind(before.0), watched.bind(before.0)]).await?;
        Ok(forgotten > 0)
    }

    /// The leads to which something happened behind a position, each once, and moves it on. Some hundred at most of those
    /// that `is_read` names: whoever asks again gets the next ones.
    pub async fn changes(
        &self,
        account: &AccountId,
        position: &mut Position,
        is_read: impl Fn(&EventId) -> bool,
    ) -> Result<Changes> {
        let rows: Vec<(String, String)> = query(CHANGES)
            .bind(account.as_str())
            .bind(position.begin())
            .bind(Rows::of(&position.seen.iter().map(String::as_str).collect::<Vec<_>>()))
            .bind(ROWS_MAX as i64)
            .fetch_all(&self.db)
            .await?;
        let mut changes = Changes { is_all: rows.len() < ROWS_MAX, ..Changes::default() };
        let mut read = 0;
        for (id, events) in rows {
            if read >= LEADS_MAX {
                changes.is_all = false;
                break;
            }
            for event in parse::<Vec<EventId>>(&events)? {
                let is_one = is_read(&event);
                read += usize::from(changes.events.insert(event) && is_one);
            }
            position.read(id);
        }
        Ok(changes)
    }
}

pub(super) const CHANGES: super::Sql = sql!(
    "SELECT id, events FROM lead_changes WHERE account_id = $1 AND id >= $2 AND id NOT IN " list("$3") " ORDER BY id LIMIT $4"
);

/// Notes that something happened to these leads, where somebody watches. None where there are none.
pub(super) fn of_events(events: &[(&AccountId, &EventId)], now: Timestamp) -> Option<Query> {
    #[derive(Serialize)]
    struct Row<'a> {
        account: &'a str,
        id: String,
        events: String,
    }
    let mut by_account: BTreeMap<&AccountId, Vec<&EventId>> = BTreeMap::new();
    for (account, event) in events {
        by_account.entry(account).or_default().push(event);
    }
    let mut rows = Vec::new();
    for (account, events) in &by_account {
        let account = account.as_str();
        let row = |events: &[&EventId]| Row { account, id: ChangeId::new(now).to_string(), events: json(events) };
        rows.extend(events.chunks(ROW_LEADS_MAX).map(row));
    }
    let note = || {
        query(sql!(
            "INSERT INTO lead_changes (account_id, id, events)
             SELECT w.account_id, j.id, j.events FROM " rows("$1"; account text, id text, events text) " AS j
             JOIN watched AS w ON w.account_id = j.account WHERE w.until >= $2"
        ))
        .bind(Rows::of(&rows))
        .bind(now.0)
    };
    (!rows.is_empty()).then(note)
}

/// Marks items, which are events, or deliveries that are stored: their hours are counted once more, and those who watch are
/// told of them.
pub(super) async fn mark(tx: &mut Conn, items: &Rows, now: Timestamp) -> Result<()> {
    for mark in hours::changed_by(items, now).into_iter().chain([of_items(items, now)]) {
        mark.execute(&mut *tx).await?;
    }
    Ok(())
}

/// Notes what happened to items, as [`mark`] does, and nothing else.
pub(super) fn of_items(items: &Rows, now: Timestamp) -> Query {
    query(sql!(
        "INSERT INTO lead_changes (account_id, id, events)
         SELECT w.account_id, $2, " on(sqlite: "json_group_array(x.event)", postgres: "CAST(json_agg(x.event) AS text)")
        " FROM (SELECT j.account, j.item AS event FROM " rows("$1"; account text, item text) " AS j WHERE j.item LIKE 'evt%'
          UNION SELECT d.account_id, d.event_id FROM " rows("$1"; account text, item text) " AS i
            CROSS JOIN deliveries AS d WHERE d.account_id = i.account AND d.id = i.item) AS x
         JOIN watched AS w ON w.account_id = x.account WHERE w.until >= $3 GROUP BY w.account_id"
    ))
    .bind(items)
    .bind(ChangeId::new(now).as_str())
    .bind(now.0)
}
