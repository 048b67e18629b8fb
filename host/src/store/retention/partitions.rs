//! The partitions of Postgres: made ahead, by days or weeks, and dropped as a whole.

use std::fmt::Write as _;

use super::super::{Conn, Result, Sql, StoreError, query};
use super::{Kept, first_id, time_of};
use crate::model::time::Timestamp;

/// A partition: its name, and the ids that it holds, from the first to before the second.
pub(super) struct Partition {
    name: String,
    pub(super) from: String,
    to: String,
}

impl Partition {
    /// The one that holds the ids of a day in UTC; a week begins on Monday.
    pub(super) fn of_day(kept: Kept, day: Timestamp) -> Option<Self> {
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
pub(super) async fn make(tx: &mut Conn, kept: Kept, wanted: Vec<Partition>) -> Result<usize> {
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
pub(super) async fn drop_one(tx: &mut Conn, kept: Kept, before: Timestamp) -> Result<Option<String>> {
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
