//! What is removed when it is old. Postgres drops partitions; SQLite, and what Postgres has outside of partitions,
//! loses a page of rows at a time. Whatever an open lead, an issue or a fill-in still needs is left alone.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::{Conn, Db, Result, Rows, Sql, Store, StoreError, privacy, query, sql};
use crate::model::id::{AccountId, EventId};
use crate::model::time::{DAY, Timestamp};

/// Rows that go in one commit: few enough that an event at the door does not notice.
const PAGE: i64 = 500;
/// Keys and words are narrow, and there are as many as there are events, or more.
const KEYS_PAGE: i64 = 1_000;
/// The hex digits of the time at the beginning of an id, behind its prefix.
const TIME_DIGITS: usize = 12;
/// The clocks of two processes differ by less: a delivery may seem to be older than its event by as much.
const CLOCKS_APART: Duration = Duration::from_secs(10);

/// A kind of rows that have a limit of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    Bodies,
    /// By which a lead is found.
    Words,
    Logs,
    Runs,
    Plans,
    Attempts,
    /// What was sent in a call.
    Requests,
    /// What came back.
    Answers,
    Calls,
    Deliveries,
    Events,
    /// By which repeats are told.
    Keys,
    /// Requests that were refused at the door.
    Rejected,
    /// What became of uploads.
    Uploads,
    /// Figures of hours.
    Hours,
}

/// What one removal came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// Nothing is old, or what is old is still needed, or another process is at it.
    Nothing,
    Rows(u64),
    /// A whole partition, of this name.
    Partition(String),
}

/// Events that still wait.
const OPEN_EVENT: &str = "('received', 'held')";
/// Deliveries that still wait.
const OPEN_DELIVERY: &str = "('pending', 'blocked')";

impl Kept {
    /// Deliveries before events, because an event stays as long as a delivery of it.
    pub const ALL: [Self; 15] = [
        Self::Bodies,
        Self::Words,
        Self::Logs,
        Self::Runs,
        Self::Plans,
        Self::Attempts,
        Self::Requests,
        Self::Answers,
        Self::Calls,
        Self::Deliveries,
        Self::Events,
        Self::Keys,
        Self::Rejected,
        Self::Uploads,
        Self::Hours,
    ];
    const PARTITIONED: [Self; 11] = [
        Self::Bodies,
        Self::Words,
        Self::Logs,
        Self::Runs,
        Self::Plans,
        Self::Attempts,
        Self::Requests,
        Self::Answers,
        Self::Calls,
        Self::Deliveries,
        Self::Events,
    ];

    /// The table that holds it.
    pub fn table(self) -> &'static str {
        match self {
            Self::Bodies => "event_bodies",
            Self::Words => "lead_words",
            Self::Logs => "run_logs",
            Self::Runs => "runs",
            Self::Plans => "plans",
            Self::Attempts => "attempts",
            Self::Requests => "call_requests",
            Self::Answers => "call_answers",
            Self::Calls => "calls",
            Self::Deliveries => "deliveries",
            Self::Events => "events",
            Self::Keys => "event_keys",
            Self::Rejected => "rejected",
            Self::Uploads => "uploads",
            Self::Hours => "lead_hours",
        }
    }

    /// The column whose id tells the age.
    fn id(self) -> &'static str {
        match self {
            Self::Bodies | Self::Words | Self::Logs | Self::Runs => "event_id",
            Self::Plans | Self::Attempts => "delivery_id",
            Self::Requests | Self::Answers => "call_id",
            Self::Calls | Self::Deliveries | Self::Events | Self::Rejected | Self::Uploads => "id",
            Self::Keys => "seen_at",
            Self::Hours => "hour",
        }
    }

    /// What the ids in that column begin with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Bodies | Self::Words | Self::Logs | Self::Runs | Self::Events | Self::Keys | Self::Hours => "evt",
            Self::Plans | Self::Attempts | Self::Deliveries => "dlv",
            Self::Requests | Self::Answers | Self::Calls => "cal",
            Self::Rejected => "rej",
            Self::Uploads => "upl",
        }
    }

    /// Days in one partition. What is kept for more than a year is cut into weeks: a statement that goes over all of it
    /// takes a lock on each partition and its indexes.
    fn partition_days(self) -> i64 {
        match self {
            Self::Events | Self::Deliveries => 7,
            Self::Bodies
            | Self::Words
            | Self::Logs
            | Self::Runs
            | Self::Plans
            | Self::Attempts
            | Self::Requests
            | Self::Answers
            | Self::Calls
            | Self::Keys
            | Self::Rejected
            | Self::Uploads
            | Self::Hours => 1,
        }
    }

    /// Whether nothing needs the row `x` any more.
    fn is_free(self) -> String {
        match self {
            Self::Bodies | Self::Words | Self::Logs | Self::Runs => format!(
                "NOT EXISTS (SELECT 1 FROM events AS e WHERE e.account_id = x.account_id AND e.id = x.event_id AND e.state IN {OPEN_EVENT})"
            ),
            Self::Plans | Self::Attempts => format!(
                "NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.account_id = x.account_id AND d.id = x.delivery_id AND d.state IN {OPEN_DELIVERY})"
            ),
            Self::Requests | Self::Answers => {
                "NOT EXISTS (SELECT 1 FROM calls AS c WHERE c.account_id = x.account_id AND c.id = x.call_id AND c.settled = 0)".to_owned()
            }
            Self::Calls => "x.settled = 1".to_owned(),
            Self::Deliveries => format!(
                "x.state NOT IN {OPEN_DELIVERY} AND NOT EXISTS (SELECT 1 FROM dropped AS v WHERE v.delivery_id = x.id AND v.account_id = x.account_id)"
            ),
            Self::Events => format!(
                "x.state NOT IN {OPEN_EVENT} AND NOT EXISTS (SELECT 1 FROM deliveries AS d WHERE d.account_id = x.account_id AND d.event_id = x.id)"
            ),
            Self::Keys | Self::Rejected | Self::Uploads | Self::Hours => "true".to_owned(),
        }
    }

    /// Whether something needs a row of a partition: `$1` and `$2` are its bounds.
    fn is_needed(self, partition: &str) -> String {
        let open = "EXISTS (SELECT 1 FROM work WHERE item_id >= $1 AND item_id < $2)
             OR EXISTS (SELECT 1 FROM held WHERE item_id >= $1 AND item_id < $2)";
        match self {
            Self::Requests | Self::Answers => {
                "EXISTS (SELECT 1 FROM calls WHERE settled = 0 AND id >= $1 AND id < $2)".to_owned()
            }
            Self::Calls => {
                format!("EXISTS (SELECT 1 FROM {partition} WHERE settled = 0 AND id >= $1 AND id < $2)")
            }
            Self::Deliveries => {
                format!("{open} OR EXISTS (SELECT 1 FROM dropped WHERE delivery_id >= $1 AND delivery_id < $2)")
            }
            Self::Events => format!(
                "{open} OR EXISTS (SELECT 1 FROM accounts AS a CROSS JOIN deliveries AS d
                                   WHERE d.account_id = a.id AND d.event_id >= $1 AND d.event_id < $2)"
            ),
            Self::Bodies
            | Self::Words
            | Self::Logs
            | Self::Runs
            | Self::Plans
            | Self::Attempts
            | Self::Keys
            | Self::Rejected
            | Self::Uploads
            | Self::Hours => open.to_owned(),
        }
    }

    /// Removes a page of the rows of `table` before `$1`, oldest first; those whose key the account leads, account by
    /// account, so that each page is read by key.
    fn page(self, table: &str) -> Sql {
        let (id, free) = (self.id(), self.is_free());
        Sql::same(match self {
            Self::Bodies | Self::Plans | Self::Requests | Self::Answers => format!(
                "DELETE FROM {table} WHERE ({id}, account_id) IN (
                   SELECT x.{id}, x.account_id FROM {table} AS x WHERE x.{id} < $1 AND {free} ORDER BY x.{id} LIMIT $2)"
            ),
            Self::Logs | Self::Runs | Self::Attempts | Self::Calls | Self::Deliveries | Self::Events => format!(
                "DELETE FROM {table} WHERE (account_id, {id}) IN (
                   SELECT x.account_id, x.{id} FROM accounts AS a CROSS JOIN {table} AS x
                   WHERE x.account_id = a.id AND x.{id} < $1 AND {free} LIMIT $2)"
            ),
            // By whole hours, so that each page is a range: some go a moment before their body, none after it.
            Self::Words => format!(
                "DELETE FROM {table} WHERE (account_id, hour, word, event_id) IN (
                   SELECT x.account_id, x.hour, x.word, x.event_id FROM accounts AS a CROSS JOIN {table} AS x
                   WHERE x.account_id = a.id AND x.hour <= $1 AND {free} LIMIT $2)"
            ),
            Self::Hours => format!(
                "DELETE FROM {table} WHERE (account_id, hour, dealership) IN (
                   SELECT x.account_id, x.hour, x.dealership FROM accounts AS a CROSS JOIN {table} AS x
                   WHERE x.account_id = a.id AND x.hour < $1 LIMIT $2)"
            ),
            Self::Keys => format!(
                "DELETE FROM {table} WHERE (account_id, source_id, sender_id) IN (
                   SELECT account_id, source_id, sender_id FROM {table} WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)"
            ),
            Self::Rejected => format!(
                "DELETE FROM {table} WHERE (source_id, id) IN (
                   SELECT source_id, id FROM {table} WHERE id < $1 ORDER BY id LIMIT $2)"
            ),
            // Few, and some of them belong to the house, which is no account.
            Self::Uploads => format!(
                "DELETE FROM {table} WHERE (account_id, id) IN (
                   SELECT account_id, id FROM {table} WHERE id < $1 ORDER BY id LIMIT $2)"
            ),
        })
    }
}

/// The first id that could be made at a time.
pub(super) fn first_id(prefix: &str, at: Timestamp) -> String {
    format!("{prefix}_{:0TIME_DIGITS$x}", at.0.max(0))
}

/// When an id was made; none where it does not tell.
pub(crate) fn time_of(id: &str) -> Option<Timestamp> {
    let (_, digits) = id.split_once('_')?;
    i64::from_str_radix(digits.get(..TIME_DIGITS)?, 16).ok().map(Timestamp)
}

/// The earliest id that something may have which came of the item of this id.
pub(super) fn first_id_since(prefix: &str, id: &str) -> String {
    first_id(prefix, time_of(id).map_or(Timestamp(0), |at| at - CLOCKS_APART))
}

impl Store {
    /// Makes the partitions of these days, where the database has partitions; says how many it made.
    pub async fn make_partitions(&self, days: &[Timestamp]) -> Result<usize> {
        let Db::Postgres(_) = self.db else { return Ok(0) };
        let mut made = 0;
        for kept in Kept::PARTITIONED {
            // A transaction for each table, so that no two tables are locked at once.
            let mut days: Vec<_> = days.iter().filter_map(|day| Partition::of_day(kept, *day)).collect();
            days.dedup_by(|a, b| a.from == b.from);
            made += self.db.write(move |tx| Box::pin(async move { make(tx, kept, days).await })).await?;
        }
        Ok(made)
    }

    /// Removes one partition, or one page of rows, that is from before a time and that nothing needs any more.
    pub async fn remove_before(&self, kept: Kept, before: Timestamp) -> Result<Removed> {
        let partitions = matches!(self.db, Db::Postgres(_)) && Kept::PARTITIONED.contains(&kept);
        let remove = self.db.write(move |tx| {
            Box::pin(async move {
                if !tx.keep_house().await? {
                    return Ok(Removed::Nothing);
                }
                if partitions && let Some(name) = drop_one(tx, kept, before).await? {
                    return Ok(Removed::Partition(name));
                }
                let table = if partitions { format!("{}_rest", kept.table()) } else { kept.table().to_owned() };
                let page = query(kept.page(&table));
                let page = match kept {
                    Kept::Keys => page.bind(before.0).bind(KEYS_PAGE),
                    Kept::Hours => page.bind(crate::hours::hour(before)).bind(KEYS_PAGE),
                    Kept::Words => page.bind(crate::hours::hour(before)).bind(KEYS_PAGE),
                    _ => page.bind(first_id(kept.prefix(), before)).bind(PAGE),
                };
                let rows = page.execute(tx).await?;
                Ok(if rows == 0 { Removed::Nothing } else { Removed::Rows(rows) })
            })
        });
        remove.await
    }
}

/// An account that keeps what holds personal data for less than others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeptShorter {
    pub account: AccountId,
    pub days: u32,
}

/// What a number of days would remove of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(as = RetentionEffect)]
pub struct Effect {
    /// Leads whose details are kept now.
    pub kept: u64,
    /// Of these, those that would go at once.
    pub removed: u64,
    /// There are more of both: the count ends at 10,000.
    pub is_more: bool,
}

/// Leads that a preview counts.
const COUNTED_MAX: i64 = 10_000;

/// Leads of accounts, from a time before another, that still say something and wait for nothing.
const OLD_LEADS: Sql = sql!(
    "SELECT e.account_id, e.id FROM " rows("$1"; account text, from_id text, to_id text) " AS j CROSS JOIN events AS e
     WHERE e.account_id = j.account AND e.id >= 'evt_' || j.from_id AND e.id < 'evt_' || j.to_id AND e.state NOT IN ('received', 'held')
       AND EXISTS (SELECT 1 FROM event_bodies AS b WHERE b.event_id = e.id AND b.account_id = e.account_id)
       AND NOT EXISTS (SELECT 1 FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = e.account_id AND d.event_id = e.id AND d.state IN ('pending', 'blocked')) LIMIT $2"
);

/// Calls of accounts, from a time before another, of which something is kept.
const OLD_CALLS: Sql = sql!(
    "SELECT c.account_id, c.id FROM " rows("$1"; account text, from_id text, to_id text) " AS j CROSS JOIN calls AS c
     WHERE c.account_id = j.account AND c.id >= 'cal_' || j.from_id AND c.id < 'cal_' || j.to_id AND c.settled = 1
       AND EXISTS (SELECT 1 FROM call_requests AS q WHERE q.call_id = c.id AND q.account_id = c.account_id) LIMIT $2"
);

impl Store {
    /// For how many days an account wants to keep what holds personal data; none: as the service is set.
    pub async fn keep_days(&self, account: &AccountId) -> Result<Option<u32>> {
        let days: Option<Option<i64>> = query(sql!("SELECT keep_days FROM accounts WHERE id = $1"))
            .bind(account.as_str())
            .fetch_optional(&self.db)
            .await?;
        Ok(days.flatten().and_then(|days| u32::try_from(days).ok()))
    }

    /// Sets that.
    pub async fn set_keep_days(&self, account: &AccountId, days: Option<u32>) -> Result<()> {
        let set = query(sql!("UPDATE accounts SET keep_days = $2 WHERE id = $1"));
        set.bind(account.as_str()).bind(days.map(i64::from)).execute(&self.db).await.map(drop)
    }

    /// The most days that any account keeps it, where `default` is what an account keeps that wants nothing else.
    pub async fn longest_kept(&self, default: u32) -> Result<u32> {
        let longest: Option<i64> = query(sql!("SELECT max(keep_days) FROM accounts")).fetch_one(&self.db).await?;
        Ok(longest.and_then(|days| u32::try_from(days).ok()).unwrap_or(0).max(default))
    }

    /// Accounts that keep it for fewer days than `longest`.
    pub async fn kept_shorter(&self, default: u32, longest: u32) -> Result<Vec<KeptShorter>> {
        let rows: Vec<(String, i64)> = query(sql!(
            "SELECT id, coalesce(keep_days, $1) FROM accounts WHERE coalesce(keep_days, $1) < $2 ORDER BY id"
        ))
        .bind(default)
        .bind(longest)
        .fetch_all(&self.db)
        .await?;
        let shorter = |(account, days): (String, i64)| KeptShorter {
            account: AccountId::stored(account),
            days: u32::try_from(days).unwrap_or(default),
        };
        Ok(rows.into_iter().map(shorter).collect())
    }

    /// Removes a page of what these accounts keep no longer, though others would. What went with the partitions of
    /// everybody, from before `longest` days, is not looked for.
    pub async fn remove_of(&self, accounts: &[KeptShorter], longest: u32, now: Timestamp) -> Result<u64> {
        let ranges = ranges(accounts, longest, now);
        let page = |sql: Sql| query(sql).bind(&ranges).bind(PAGE);
        let leads: Vec<(String, String)> = page(OLD_LEADS).fetch_all(&self.db).await?;
        let calls: Vec<(String, String)> = page(OLD_CALLS).fetch_all(&self.db).await?;
        if leads.is_empty() && calls.is_empty() {
            return Ok(0);
        }
        let rows = (leads.len() + calls.len()) as u64;
        let leads: Vec<_> = leads.into_iter().map(|(account, id)| (account, EventId::stored(id))).collect();
        let leads = privacy::lead_rows(&leads.iter().map(|(account, id)| (account.as_str(), id)).collect::<Vec<_>>());
        let calls = Rows::of(&calls.into_iter().map(|(account, id)| Call { account, id }).collect::<Vec<_>>());
        let remove = self.db.write(move |tx| {
            Box::pin(async move {
                for (statement, _) in privacy::stripping(&leads) {
                    statement.execute(&mut *tx).await?;
                }
                for statement in [
                    sql!("DELETE FROM call_requests WHERE (call_id, account_id) IN (SELECT j.id, j.account FROM " rows("$1"; account text, id text) " AS j)"),
                    sql!("DELETE FROM call_answers WHERE (call_id, account_id) IN (SELECT j.id, j.account FROM " rows("$1"; account text, id text) " AS j)"),
                ] {
                    query(statement).bind(&calls).execute(&mut *tx).await?;
                }
                Ok(rows)
            })
        });
        remove.await
    }

    /// What so many days would remove of an account.
    pub async fn effect_of_days(&self, account: &AccountId, days: u32, now: Timestamp) -> Result<Effect> {
        let count = async |days: u32| {
            let account = KeptShorter { account: account.clone(), days };
            let old = query(OLD_LEADS).bind(ranges(&[account], u32::MAX, now)).bind(COUNTED_MAX);
            old.fetch_all::<(String, String)>(&self.db).await.map(|leads| leads.len() as u64)
        };
        let (kept, removed) = (count(0).await?, count(days).await?);
        Ok(Effect { kept, removed, is_more: kept >= COUNTED_MAX as u64 })
    }
}

#[derive(Serialize)]
struct Call {
    account: String,
    id: String,
}

/// Of each account the times of what it keeps no longer, as the digits of ids.
fn ranges(accounts: &[KeptShorter], longest: u32, now: Timestamp) -> Rows {
    #[derive(Serialize)]
    struct Range {
        account: String,
        from_id: String,
        to_id: String,
    }
    let digits = |days: u32| format!("{:0TIME_DIGITS$x}", (now - DAY.saturating_mul(days)).0.max(0));
    let range = |kept: &KeptShorter| Range {
        account: kept.account.to_string(),
        from_id: digits(longest),
        to_id: digits(kept.days),
    };
    Rows::of(&accounts.iter().map(range).collect::<Vec<_>>())
}

/// A partition: its name, and the ids that it holds, from the first to before the second.
struct Partition {
    name: String,
    from: String,
    to: String,
}

impl Partition {
    /// The one that holds the ids of a day in UTC; a week begins on Monday.
    fn of_day(kept: Kept, day: Timestamp) -> Option<Self> {
        const DAY_MILLIS: i64 = 24 * 60 * 60 * 1000;
        // The first day of all was a Thursday.
        const MONDAY: i64 = 4 * DAY_MILLIS;
        let length = kept.partition_days() * DAY_MILLIS;
        let start = day.0 - (day.0 - MONDAY).rem_euclid(length);
        let (from, to) = [start, start + length].map(|at| first_id(kept.prefix(), Timestamp(at))).into();
        Some(Self { name: name(kept, &from)?, from, to })
    }

    /// What of it is behind these; none where they reach to its end. Days from before there were weeks stay as they are.
    fn behind(self, kept: Kept, there: &[Self]) -> Option<Self> {
        let others = there.iter().filter(|old| old.from < self.to && self.from < old.to);
        match others.map(|old| &old.to).max() {
            None => Some(self),
            Some(end) if *end < self.to => Some(Self { name: name(kept, end)?, from: end.clone(), to: self.to }),
            Some(_) => None,
        }
    }

    /// As the catalogue tells it; none for the default partition, which has no bounds.
    fn stored(name: String, bounds: &str) -> Option<Self> {
        let mut texts = bounds.split('\'').skip(1).step_by(2);
        Some(Self { name, from: texts.next()?.to_owned(), to: texts.next()?.to_owned() })
    }
}

/// What a partition is called that begins with an id.
fn name(kept: Kept, from: &str) -> Option<String> {
    let date = jiff::Timestamp::from_millisecond(time_of(from)?.0).ok()?.strftime("%Y%m%d");
    let kind = if kept.partition_days() == 1 { "d" } else { "w" };
    Some(format!("{}_{kind}{date}", kept.table()))
}

/// The partitions of a table, oldest first.
async fn partitions(tx: &mut Conn, kept: Kept) -> Result<Vec<Partition>> {
    let rows: Vec<(String, String)> = query(Sql::same(
        "SELECT CAST(c.relname AS text), pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits AS i
         JOIN pg_class AS c ON c.oid = i.inhrelid WHERE i.inhparent = to_regclass($1) ORDER BY c.relname"
            .to_owned(),
    ))
    .bind(kept.table())
    .fetch_all(tx)
    .await?;
    Ok(rows.into_iter().filter_map(|(name, bounds)| Partition::stored(name, &bounds)).collect())
}

/// Makes those of a table's partitions that are not there. One of which the default partition holds rows already is left
/// out: its rows stay there, and are removed in pages.
async fn make(tx: &mut Conn, kept: Kept, wanted: Vec<Partition>) -> Result<usize> {
    let missing = |there: Vec<Partition>, wanted: Vec<Partition>| -> Vec<_> {
        wanted.into_iter().filter_map(|new| new.behind(kept, &there)).collect()
    };
    let wanted = missing(partitions(tx, kept).await?, wanted);
    if wanted.is_empty() {
        return Ok(0);
    }
    tx.wait_to_keep_house().await?;
    let mut made = 0;
    // Another process may have made them meanwhile.
    for partition in missing(partitions(tx, kept).await?, wanted) {
        let Partition { name, from, to } = partition;
        let (table, id) = (kept.table(), kept.id());
        let early = format!("SELECT CAST(1 AS bigint) FROM {table}_rest WHERE {id} >= $1 AND {id} < $2 LIMIT 1");
        if query(Sql::same(early)).bind(&from).bind(&to).fetch_optional::<i64>(&mut *tx).await?.is_some() {
            tracing::warn!(partition = name, "the partition {name} is not made: rows of its time are in {table}_rest");
            continue;
        }
        let mut create = format!("CREATE TABLE {name} PARTITION OF {table} FOR VALUES FROM ('{from}') TO ('{to}')");
        if kept == Kept::Deliveries {
            // A delivery is updated once; beside itself, no index has to change.
            write!(create, " WITH (fillfactor = 50)").map_err(StoreError::decode)?;
        }
        query(Sql::same(create)).execute(&mut *tx).await?;
        made += 1;
    }
    Ok(made)
}

/// Drops the oldest partition that ends before a time and that nothing needs.
async fn drop_one(tx: &mut Conn, kept: Kept, before: Timestamp) -> Result<Option<String>> {
    let end = first_id(kept.prefix(), before);
    for partition in partitions(tx, kept).await? {
        if partition.to > end {
            continue;
        }
        let needed = format!("SELECT CAST(1 AS bigint) WHERE {}", kept.is_needed(&partition.name));
        let needed = query(Sql::same(needed)).bind(&partition.from).bind(&partition.to);
        if needed.fetch_optional::<i64>(&mut *tx).await?.is_some() {
            continue;
        }
        query(Sql::same(format!("DROP TABLE {}", partition.name))).execute(tx).await?;
        return Ok(Some(partition.name));
    }
    Ok(None)
}

impl Conn {
    /// Whether this transaction may keep house: one process at a time does. It may look for longer than a statement of
    /// the queue may, and it waits for a lock for less, because the queue waits behind it.
    pub(super) async fn keep_house(&mut self) -> Result<bool> {
        if let Self::Sqlite(_) = self {
            return Ok(true);
        }
        self.take_time("500ms").await?;
        let alone = sql!("SELECT CAST(CASE WHEN pg_try_advisory_xact_lock(7237) THEN 1 ELSE 0 END AS bigint)");
        Ok(query(alone).fetch_one::<i64>(self).await? == 1)
    }

    /// Waits until no other process keeps house: what it makes may be needed at once.
    async fn wait_to_keep_house(&mut self) -> Result<()> {
        self.take_time("5s").await?;
        query(sql!("SELECT CAST(count(pg_advisory_xact_lock(7237)) AS bigint)")).fetch_one::<i64>(self).await.map(drop)
    }

    async fn take_time(&mut self, lock_timeout: &str) -> Result<()> {
        query(sql!("SET LOCAL statement_timeout = '60s'")).execute(&mut *self).await?;
        query(Sql::same(format!("SET LOCAL lock_timeout = '{lock_timeout}'"))).execute(self).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday.
    const NOON: Timestamp = Timestamp(1_795_435_200_000);
    const HALF_A_DAY: i64 = 12 * 60 * 60 * 1000;

    #[test]
    fn a_partition_holds_the_ids_of_its_day_or_week_and_no_other() {
        let id = |at: Timestamp| crate::model::id::EventId::stored(format!("{}7000", first_id("evt", at))).to_string();
        for (kept, name, days) in [(Kept::Bodies, "event_bodies_d20261123", 1), (Kept::Events, "events_w20261123", 7)] {
            let partition = Partition::of_day(kept, NOON).unwrap();
            assert_eq!(partition.name, name);
            let (start, end) = (NOON.0 - HALF_A_DAY, NOON.0 - HALF_A_DAY + days * 2 * HALF_A_DAY);
            for (at, within) in [(start - 1, false), (start, true), (end - 1, true), (end, false)] {
                let id = id(Timestamp(at));
                assert_eq!(partition.from <= id && id < partition.to, within, "{id}");
                assert_eq!(time_of(&id), Some(Timestamp(at)));
                let same = Partition::of_day(kept, Timestamp(at)).unwrap().name == name;
                assert_eq!(same, within);
            }
        }
    }

    #[test]
    fn a_week_begins_behind_the_days_that_are_there() {
        let week = || Partition::of_day(Kept::Events, NOON).unwrap();
        let day = |day: i64| {
            let [from, to] = [day, day + 1].map(|day| first_id("evt", Timestamp(NOON.0 + (day * 2 - 1) * HALF_A_DAY)));
            Partition { name: String::new(), from, to }
        };
        let made = |days: std::ops::Range<i64>| {
            let there: Vec<_> = days.map(day).collect();
            week().behind(Kept::Events, &there).map(|made| (made.name, made.to == week().to))
        };
        assert_eq!(made(-3..0), Some(("events_w20261123".to_owned(), true)));
        assert_eq!(made(-3..3), Some(("events_w20261126".to_owned(), true)));
        assert_eq!(made(-3..7), None);
        assert_eq!(made(2..9), None);
    }

    #[test]
    fn the_bounds_of_a_partition_are_read_from_the_catalogue() {
        let read = Partition::stored("x".to_owned(), "FOR VALUES FROM ('evt_01') TO ('evt_02')").unwrap();
        assert_eq!((read.from.as_str(), read.to.as_str()), ("evt_01", "evt_02"));
        assert!(Partition::stored("x_rest".to_owned(), "DEFAULT").is_none());
    }
}
