//! What is removed when it is old. Postgres drops partitions; SQLite, and what Postgres has outside of partitions,
//! loses a page of rows at a time. Whatever an open lead, an issue or a fill-in still needs is left alone.

mod kept;
mod partitions;
mod shorter;

use std::time::Duration;

use super::{Conn, Db, Result, Sql, Store, query, sql};
use crate::model::time::Timestamp;

use partitions::{Partition, drop_one, make};

pub use kept::Kept;
pub use shorter::{Effect, KeptShorter};

/// Rows that go in one commit: few enough that an event at the door does not notice.
const PAGE: i64 = 500;
/// Keys and words are narrow, and there are as many as there are events, or more.
const KEYS_PAGE: i64 = 1_000;
/// The hex digits of the time at the beginning of an id, behind its prefix.
const TIME_DIGITS: usize = 12;
/// The clocks of two processes differ by less: a delivery may seem to be older than its event by as much.
const CLOCKS_APART: Duration = Duration::from_secs(10);

/// What one removal came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Removed {
    /// Nothing is old, or what is old is still needed, or another process is at it.
    Nothing,
    Rows(u64),
    /// A whole partition, of this name.
    Partition(String),
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
