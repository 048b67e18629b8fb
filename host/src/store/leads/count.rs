//! How many leads of an account have each outcome, by the indexes alone.

use super::super::{Conn, Query, Result, Sql, query, sql};
use super::{COUNTED_MAX, Count, LeadFilter};
use crate::cause::Code;
use crate::model::id::{AccountId, EventId};
use crate::model::outcome::Outcome;
use crate::model::time::Timestamp;

/// Leads that are looked at to count those that simply went well.
const COUNT_READ_MAX: i64 = 1_500;

/// Outcomes that are counted beside each other, in their order: each group takes about as long.
pub(super) const BESIDE: [&[Outcome]; 2] = [
    &[Outcome::Synced, Outcome::SyncedWithWarnings, Outcome::Sending, Outcome::Retrying],
    &[Outcome::NeedsAttention, Outcome::Failed, Outcome::Skipped, Outcome::Cancelled, Outcome::Removed],
];

/// How many leads of an account have each of these outcomes.
pub(super) async fn count_each(
    conn: &mut Conn,
    account: &AccountId,
    filter: &LeadFilter,
    outcomes: &[Outcome],
) -> Result<Vec<(Outcome, Count)>> {
    let after = EventId::earliest(filter.from.unwrap_or(Timestamp(0)));
    let before = EventId::earliest(filter.until.unwrap_or(Timestamp::NEVER));
    let within = |sql: Sql| query(sql).bind(account.as_str()).bind(after.as_str()).bind(before.as_str());
    let mut counts = Vec::new();
    for outcome in outcomes.iter().copied() {
        let parts = match outcome {
            Outcome::Synced => vec![counted(within(SYNCED).bind(COUNT_READ_MAX), conn, COUNT_READ_MAX).await?],
            Outcome::SyncedWithWarnings => vec![of_deliveries(&within, conn, "warned").await?],
            Outcome::Sending => vec![counted(within(SENDING).bind(COUNTED_MAX + 1), conn, COUNTED_MAX + 1).await?],
            Outcome::Retrying => vec![of_deliveries(&within, conn, "retrying").await?],
            Outcome::NeedsAttention => {
                vec![of_events(&within, conn, "held").await?, of_deliveries(&within, conn, "blocked").await?]
            }
            Outcome::Failed => {
                vec![of_events(&within, conn, "refused").await?, of_deliveries(&within, conn, "failed").await?]
            }
            // Those that were removed are skipped, too, as far as the queue is concerned.
            Outcome::Skipped => {
                vec![of_events(&within, conn, "skipped").await?.without(removed(&within, conn).await?)]
            }
            Outcome::Cancelled => vec![of_deliveries(&within, conn, "cancelled").await?],
            Outcome::Removed => vec![removed(&within, conn).await?],
        };
        let leads: u64 = parts.iter().map(|part| part.leads).sum();
        let most = u64::try_from(COUNTED_MAX).unwrap_or(u64::MAX);
        let is_more = leads > most || parts.iter().any(|part| part.is_more);
        counts.push((outcome, Count { leads: leads.min(most), is_more }));
    }
    Ok(counts)
}

/// Counts and how many rows were looked at for it.
async fn counted(count: Query, conn: &mut Conn, most: i64) -> Result<Count> {
    let (leads, looked_at): (i64, i64) = count.fetch_one(conn).await?;
    Ok(Count { leads: u64::try_from(leads).unwrap_or(0), is_more: looked_at >= most })
}

async fn removed(within: &impl Fn(Sql) -> Query, conn: &mut Conn) -> Result<Count> {
    let removed = within(ERASED).bind(COUNTED_MAX + 1).bind(Code::ContactErased.as_str());
    counted(removed, conn, COUNTED_MAX + 1).await
}

async fn of_events(within: &impl Fn(Sql) -> Query, conn: &mut Conn, mark: &str) -> Result<Count> {
    counted(within(MARKED_EVENTS).bind(COUNTED_MAX + 1).bind(mark), conn, COUNTED_MAX + 1).await
}

async fn of_deliveries(within: &impl Fn(Sql) -> Query, conn: &mut Conn, mark: &str) -> Result<Count> {
    counted(within(MARKED_DELIVERIES).bind(COUNTED_MAX + 1).bind(mark), conn, COUNTED_MAX + 1).await
}

const MARKED_EVENTS: Sql = sql!(
    "SELECT count(*), count(*) FROM (SELECT x.id FROM events AS x" on(sqlite: " INDEXED BY events_by_mark", postgres: "")
    " WHERE x.account_id = $1 AND x.mark = $5 AND x.mark IS NOT NULL AND x.id > $2 AND x.id < $3 LIMIT $4) AS marked"
);

const ERASED: Sql = sql!(
    "SELECT count(*), count(*) FROM (SELECT x.id FROM events AS x" on(sqlite: " INDEXED BY events_by_code", postgres: "")
    " WHERE x.account_id = $1 AND x.code = $5 AND x.code IS NOT NULL AND x.id > $2 AND x.id < $3 LIMIT $4) AS erased"
);

/// The newest delivery of an event that is planned is the one that counts.
macro_rules! is_newest {
    ($delivery:literal) => {
        concat!(
            "NOT EXISTS (SELECT 1 FROM deliveries AS n WHERE n.account_id = ",
            $delivery,
            ".account_id AND n.event_id = ",
            $delivery,
            ".event_id AND n.id > ",
            $delivery,
            ".id)"
        )
    };
}

const MARKED_DELIVERIES: Sql = sql!(
    "SELECT coalesce(sum(CASE WHEN e.state = 'planned' AND " is_newest!("m") " THEN 1 ELSE 0 END), 0), count(*)
     FROM (SELECT x.account_id, x.event_id, x.id FROM deliveries AS x" on(sqlite: " INDEXED BY deliveries_by_mark", postgres: "")
    " WHERE x.account_id = $1 AND x.mark = $5 AND x.mark IS NOT NULL AND x.event_id > $2 AND x.event_id < $3 LIMIT $4) AS m
     CROSS JOIN events AS e WHERE e.account_id = m.account_id AND e.id = m.event_id"
);

const SENDING: Sql = sql!(
    "SELECT coalesce(sum(CASE WHEN e.state = 'received' AND e.id > $2 AND e.id < $3
       OR d.state = 'pending' AND d.attempts = 0 AND d.event_id > $2 AND d.event_id < $3 THEN 1 ELSE 0 END), 0), count(*)
     FROM (SELECT w.account_id, w.item_id FROM work AS w WHERE w.account_id = $1 LIMIT $4) AS o
     LEFT JOIN events AS e ON e.account_id = o.account_id AND e.id = o.item_id
     LEFT JOIN deliveries AS d ON d.account_id = o.account_id AND d.id = o.item_id"
);

const SYNCED: Sql = sql!(
    "SELECT coalesce(sum(CASE WHEN e.state = 'planned' AND EXISTS (SELECT 1 FROM deliveries AS d" on(sqlite: " INDEXED BY deliveries_by_event", postgres: "")
    " WHERE d.account_id = e.account_id AND d.event_id = e.id AND d.state = 'delivered' AND d.mark IS NULL AND " is_newest!("d") ") THEN 1 ELSE 0 END), 0), count(*)
     FROM (SELECT x.account_id, x.id, x.state FROM events AS x
           WHERE x.account_id = $1 AND x.id > $2 AND x.id < $3 ORDER BY x.id DESC LIMIT $4) AS e"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_counted_once_and_in_order() {
        assert_eq!(BESIDE.concat(), Outcome::ALL);
    }
}
