//! What an operator sees of the service as a whole. Each question reads an index or a bounded number of rows, however much
//! is stored.

use std::time::Duration;

use serde::Serialize;

use super::issues::{concerned, is_told};
use super::pauses::{COUNTED_MAX, not_paused};
use super::plans::RunFigures;
use super::retention::first_id_since;
use super::{Db, Result, Sql, Store, parse, query, sql};
use crate::budget::Learned;
use crate::model::account::QuotaClass;
use crate::model::id::{AccountId, CallId, EventId, VersionId};
use crate::model::lane::LaneKind;
use crate::model::time::Timestamp;

/// Retries whose times are looked at: enough to see a wave, and read within some 50 ms.
const RETRIES_READ_MAX: i64 = 100_000;
/// Retries of which it is looked up how many attempts they had: a row of a large table for each, some 15 ms.
const ATTEMPTS_READ_MAX: i64 = 10_000;
/// Accounts whose health is looked at: some index reads for each.
const ACCOUNTS_READ_MAX: i64 = 5_000;
/// Secrets of sources that one list shows.
const SECRETS_MAX: i64 = 500;
/// Calls from which the figures of portals are made: an hour of a busy service, read in a moment.
const CALLS_READ_MAX: i64 = 10_000;
const HOUR_MILLIS: i64 = 60 * 60 * 1000;

/// How much of one kind of work is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DueWork {
    pub kind: LaneKind,
    /// Lanes that nobody paused and that have something due; 1001 stands for more.
    pub lanes: i64,
    /// Since when the first of them waits.
    pub oldest_due: Option<Timestamp>,
}

/// How one account is, as far as the store can tell at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountStanding {
    pub id: AccountId,
    pub slug: String,
    pub name: String,
    /// Without those that are muted.
    pub open_issues: i64,
    /// Leads wait for somebody to remove a cause.
    pub has_waiting: bool,
    /// Leads failed or were refused since the time that was asked for.
    pub has_failed: bool,
    pub is_paused: bool,
}

/// One run that led to a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecentRun {
    /// Such as `deals@3`.
    pub version: String,
    pub version_id: VersionId,
    /// What its account's runs may use.
    pub quota: QuotaClass,
    pub figures: RunFigures,
}

/// A secret of a source, without the secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct SourceSecret {
    /// The account's slug.
    pub account: String,
    pub source: String,
    pub source_name: String,
    pub created_at: Timestamp,
    /// Until when it still counts; none of the one that counts from now on.
    pub valid_until: Option<Timestamp>,
}

/// One call to a portal, as far as figures need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortalCall {
    /// The account's slug.
    pub account: String,
    pub portal_id: i64,
    /// None where HubSpot was not reached.
    pub status: Option<u16>,
    pub started_at: Timestamp,
    pub millis: u64,
    /// How many calls HubSpot takes of the portal in one window, as far as its headers taught us.
    pub limit: u32,
}

/// Where the database is, and how much room it takes and has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct DatabaseRoom {
    /// `sqlite` or `postgres`.
    pub kind: &'static str,
    /// With its log, where that is a file of ours.
    pub bytes: u64,
    /// Free on its disk; none where a server looks after it.
    pub free_bytes: Option<u64>,
}

/// A change of the tables that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Migration {
    pub number: i64,
    pub name: String,
}

macro_rules! due {
    ($kind:literal) => {
        concat!(
            "SELECT '",
            $kind,
            "' AS kind, (SELECT count(*) FROM (SELECT 1 FROM lanes WHERE kind = '",
            $kind,
            "' AND next_due <= $1 AND ",
            not_paused!(),
            " LIMIT $2) AS c) AS lanes, (SELECT next_due FROM lanes WHERE kind = '",
            $kind,
            "' AND next_due <= $1 AND ",
            not_paused!(),
            " ORDER BY next_due LIMIT 1) AS oldest"
        )
    };
}

/// Whether there is one, as a number: both databases know those.
macro_rules! any {
    ($rows:literal) => {
        concat!("(SELECT count(*) FROM (SELECT 1 FROM ", $rows, " LIMIT 1) AS one)")
    };
}

impl Store {
    /// What is due now, and since when.
    pub async fn due_work(&self, now: Timestamp) -> Result<[DueWork; 2]> {
        let rows: Vec<(String, i64, Option<i64>)> = query(sql!(due!("plan") " UNION ALL " due!("deliver")))
            .bind(now.0)
            .bind(COUNTED_MAX + 1)
            .fetch_all(&self.db)
            .await?;
        let of = |kind: LaneKind| {
            let row = rows.iter().find(|(word, ..)| word == kind.as_str());
            let (lanes, oldest) = row.map_or((0, None), |(_, lanes, oldest)| (*lanes, *oldest));
            DueWork { kind, lanes, oldest_due: oldest.map(Timestamp) }
        };
        Ok([of(LaneKind::Plan), of(LaneKind::Deliver)])
    }

    /// Calls to HubSpot that nobody has settled yet; 1001 stands for more.
    pub async fn open_calls_everywhere(&self) -> Result<i64> {
        let count = query(sql!(
            "SELECT count(*) FROM (SELECT 1 FROM calls" on(sqlite: " INDEXED BY calls_open", postgres: "") " WHERE settled = 0 LIMIT $1) AS c"
        ));
        count.bind(COUNTED_MAX + 1).fetch_one(&self.db).await
    }

    /// Retries that are planned, by the hour in which they are due, the first one first. Those that are overdue count to
    /// the hour of `now`.
    pub async fn planned_retries(&self, now: Timestamp) -> Result<Vec<(Timestamp, u64)>> {
        let rows: Vec<(i64, i64)> = query(sql!(
            "SELECT w.hour, count(*) FROM (SELECT " greatest "(due_at, $1) / $3 AS hour FROM work"
            on(sqlite: " INDEXED BY work_retries", postgres: "") " WHERE band = 1 LIMIT $2) AS w GROUP BY w.hour ORDER BY w.hour"
        ))
        .bind(now.0)
        .bind(RETRIES_READ_MAX)
        .bind(HOUR_MILLIS)
        .fetch_all(&self.db)
        .await?;
        let hour = |(hour, count): (i64, i64)| (Timestamp(hour * HOUR_MILLIS), u64::try_from(count).unwrap_or(0));
        Ok(rows.into_iter().map(hour).collect())
    }

    /// How many deliveries had how many attempts that failed, and wait for the next one; and whether there are more: some
    /// thousand retries are looked at.
    pub async fn retries_by_attempt(&self) -> Result<(Vec<(u32, u64)>, bool)> {
        // What was released or sent once more waits among the retries, and may have had none.
        let rows: Vec<(i64, i64)> = query(sql!(
            "SELECT coalesce(d.attempts, 0), count(*) FROM (SELECT account_id, item_id FROM work"
            on(sqlite: " INDEXED BY work_retries", postgres: "") " WHERE band = 1 LIMIT $1) AS w
             LEFT JOIN deliveries AS d ON d.account_id = w.account_id AND d.id = w.item_id GROUP BY 1 ORDER BY 1"
        ))
        .bind(ATTEMPTS_READ_MAX + 1)
        .fetch_all(&self.db)
        .await?;
        let is_more = rows.iter().map(|(_, count)| count).sum::<i64>() > ATTEMPTS_READ_MAX;
        let numbers = |(attempts, count): (i64, i64)| Some((u32::try_from(attempts).ok()?, u64::try_from(count).ok()?));
        Ok((rows.into_iter().filter(|(attempts, _)| *attempts > 0).filter_map(numbers).collect(), is_more))
    }

    /// How each account is, the oldest first, up to some thousands of them; failures count since then.
    /// Issues that are muted are not counted.
    pub async fn account_standings(&self, since: Timestamp, now: Timestamp) -> Result<Vec<AccountStanding>> {
        type Row = (String, String, String, i64, i64, i64, i64, i64);
        let since = EventId::earliest(since);
        let rows: Vec<Row> = query(sql!(
            "SELECT a.id, a.slug, a.name, (SELECT count(*) FROM causes AS c WHERE c.account_id = a.id AND " is_told!("$4") " = 1), "
            any!("held AS h WHERE h.account_id = a.id") ", "
            any!("deliveries AS d WHERE d.account_id = a.id AND d.mark = 'failed' AND d.event_id >= $1 AND d.id >= $2") ", "
            any!("events AS e WHERE e.account_id = a.id AND e.mark = 'refused' AND e.id >= $1") ", "
            any!("pauses AS s WHERE s.account_id IN ('', a.id)")
            " FROM (SELECT id, slug, name FROM accounts ORDER BY id LIMIT $3) AS a ORDER BY a.id"
        ))
        .bind(since.as_str())
        .bind(first_id_since("dlv", since.as_str()))
        .bind(ACCOUNTS_READ_MAX)
        .bind(now.0)
        .fetch_all(&self.db)
        .await?;
        let standing = |(id, slug, name, open_issues, waiting, failed, refused, paused): Row| AccountStanding {
            id: AccountId::stored(id),
            slug,
            name,
            open_issues,
            has_waiting: waiting > 0,
            has_failed: failed + refused > 0,
            is_paused: paused > 0,
        };
        Ok(rows.into_iter().map(standing).collect())
    }

    /// The newest runs that led to deliveries, of an account, or of all.
    pub async fn recent_runs(&self, account: Option<&AccountId>, limit: u32) -> Result<Vec<RecentRun>> {
        type Row = (String, i64, String, String, i64, i64, i64);
        const RUNS: &str = "SELECT p.delivery_id, p.account_id, p.fuel, p.memory_bytes, p.micros FROM";
        let newest = match account {
            Some(_) => format!(
                "{RUNS} (SELECT account_id, id FROM deliveries WHERE account_id = $2 AND id > 'dlv' ORDER BY id DESC LIMIT $1) AS n
                 JOIN plans AS p ON p.delivery_id = n.id AND p.account_id = n.account_id"
            ),
            None => format!("{RUNS} plans AS p WHERE $2 IS NULL ORDER BY p.delivery_id DESC LIMIT $1"),
        };
        let rows: Vec<Row> = query(Sql::same(format!(
            "SELECT t.name, v.number, v.id, a.quota, r.fuel, r.memory_bytes, r.micros FROM ({newest}) AS r
             JOIN deliveries AS d ON d.account_id = r.account_id AND d.id = r.delivery_id
             JOIN accounts AS a ON a.id = r.account_id
             JOIN versions AS v ON v.id = d.version_id
             JOIN transformations AS t ON t.account_id = v.account_id AND t.id = v.transformation_id"
        )))
        .bind(limit)
        .bind(account.map(AccountId::as_str))
        .fetch_all(&self.db)
        .await?;
        let run = |(name, number, id, quota, fuel, memory_bytes, micros): Row| {
            let [fuel, memory_bytes, micros] =
                [fuel, memory_bytes, micros].map(|figure| u64::try_from(figure).unwrap_or(0));
            RecentRun {
                version: format!("{name}@{number}"),
                version_id: VersionId::stored(id),
                quota: QuotaClass::stored(&quota),
                figures: RunFigures { fuel, memory_bytes, micros },
            }
        };
        Ok(rows.into_iter().map(run).collect())
    }

    /// How many accounts have each class of quota.
    pub async fn accounts_by_quota(&self) -> Result<Vec<(QuotaClass, u64)>> {
        let rows: Vec<(String, i64)> =
            query(sql!("SELECT quota, count(*) FROM accounts GROUP BY quota")).fetch_all(&self.db).await?;
        let of = |class: QuotaClass| {
            let row = rows.iter().find(|(word, _)| QuotaClass::stored(word) == class);
            (class, row.map_or(0, |(_, count)| u64::try_from(*count).unwrap_or(0)))
        };
        Ok(QuotaClass::ALL.map(of).to_vec())
    }

    /// The secrets of sources that count now, the oldest first.
    pub async fn source_secrets(&self, account: Option<&AccountId>, now: Timestamp) -> Result<Vec<SourceSecret>> {
        type Row = (String, String, String, i64, Option<i64>);
        let rows: Vec<Row> = query(sql!(
            "SELECT a.slug, s.id, s.name, x.created_at, x.valid_until FROM source_secrets AS x
             JOIN sources AS s ON s.account_id = x.account_id AND s.id = x.source_id JOIN accounts AS a ON a.id = x.account_id
             WHERE (x.valid_until IS NULL OR x.valid_until > $1) AND ($3 IS NULL OR x.account_id = $3)
             ORDER BY x.created_at, x.id LIMIT $2"
        ))
        .bind(now.0)
        .bind(SECRETS_MAX)
        .bind(account.map(AccountId::as_str))
        .fetch_all(&self.db)
        .await?;
        let secret = |(account, source, source_name, created, until): Row| SourceSecret {
            account,
            source,
            source_name,
            created_at: Timestamp(created),
            valid_until: until.map(Timestamp),
        };
        Ok(rows.into_iter().map(secret).collect())
    }

    /// The newest calls that were answered since then, of all portals, up to some thousands.
    pub async fn calls_by_portal(&self, since: Timestamp) -> Result<Vec<PortalCall>> {
        type Row = (String, i64, Option<i64>, i64, i64, String);
        let rows: Vec<Row> = query(sql!(
            "SELECT a.slug, c.portal_id, x.status, k.started_at, x.ended_at - k.started_at, l.budget FROM
               (SELECT call_id, account_id, status, ended_at FROM call_answers WHERE call_id >= $1 ORDER BY call_id DESC LIMIT $2) AS x
             JOIN calls AS k ON k.account_id = x.account_id AND k.id = x.call_id
             JOIN connections AS c ON c.account_id = x.account_id AND c.id = k.lane_id
             JOIN lanes AS l ON l.account_id = x.account_id AND l.id = k.lane_id
             JOIN accounts AS a ON a.id = x.account_id"
        ))
        .bind(CallId::earliest(since).as_str())
        .bind(CALLS_READ_MAX)
        .fetch_all(&self.db)
        .await?;
        let call = |(account, portal_id, status, started_at, millis, budget): Row| {
            Ok(PortalCall {
                account,
                portal_id,
                status: status.and_then(|status| u16::try_from(status).ok()),
                started_at: Timestamp(started_at),
                millis: u64::try_from(millis).unwrap_or(0),
                limit: parse::<Learned>(&budget)?.max,
            })
        };
        rows.into_iter().map(call).collect()
    }

    /// The changes that brought the tables to where they are, the newest first.
    pub async fn migrations(&self) -> Result<Vec<Migration>> {
        let rows: Vec<(i64, String)> =
            query(sql!("SELECT version, description FROM _sqlx_migrations ORDER BY version DESC"))
                .fetch_all(&self.db)
                .await?;
        Ok(rows.into_iter().map(|(number, name)| Migration { number, name }).collect())
    }

    /// How much room the database takes.
    ///
    /// # Errors
    /// The database's, and the disk's.
    pub async fn database_room(&self) -> anyhow::Result<DatabaseRoom> {
        match &self.db {
            Db::Sqlite(db) => {
                let free = db.free_bytes()?;
                Ok(DatabaseRoom { kind: "sqlite", bytes: db.file_bytes()?, free_bytes: Some(free) })
            }
            Db::Postgres(_) => {
                let bytes: i64 = query(sql!(on(
                    sqlite: "SELECT 0",
                    postgres: "SELECT pg_database_size(current_database())"
                )))
                .fetch_one(&self.db)
                .await?;
                Ok(DatabaseRoom { kind: "postgres", bytes: u64::try_from(bytes).unwrap_or(0), free_bytes: None })
            }
        }
    }
}

/// How old something is that is due.
pub fn age(due: Option<Timestamp>, now: Timestamp) -> Duration {
    due.map_or(Duration::ZERO, |due| now.since(due))
}
