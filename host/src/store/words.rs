//! The words that leads are found by, until retention takes them with the bodies. The plan of a lead is stored with one row
//! of them, in the tail; a moment later the tail is merged into the words of its hours, many leads at once. Who searches
//! reads both.

use serde::Serialize;

use super::retention::time_of;
use super::{Db, PlannedLane, Query, Result, Rows, Sql, Store, json, query, sql};
use crate::hours::hour;
use crate::model::time::Timestamp;

/// Leads that are merged at once: some ten milliseconds of the writer, and for much fewer the pages would be touched as
/// often as if each had been merged alone.
pub const MERGED_AT_ONCE: u32 = 1_000;

#[derive(Serialize)]
struct Row<'a> {
    account: &'a str,
    hour: i64,
    event: &'a str,
    words: String,
}

/// Keeps the words of the leads that were planned. One that is planned again has them.
pub(super) fn keep(lanes: &[&PlannedLane]) -> Option<Query> {
    let planned = lanes.iter().flat_map(|lane| lane.planned.iter().map(|planned| (&lane.lease.account_id, planned)));
    let rows = planned.filter_map(|(account, planned)| {
        let lead = planned.lead.as_ref().filter(|lead| !lead.words.is_empty())?;
        let event = planned.event.id.as_str();
        let hour = hour(time_of(event).unwrap_or(Timestamp(0)));
        Some(Row { account: account.as_str(), hour, event, words: json(&lead.words) })
    });
    let rows: Vec<_> = rows.collect();
    let keep = || {
        query(sql!(
            "INSERT INTO lead_tail (account_id, hour, event_id, words)
             SELECT j.account, j.hour, j.event, j.words FROM " rows("$1"; account text, hour bigint, event text, words text) " AS j
             WHERE true ON CONFLICT DO NOTHING"
        ))
        .bind(Rows::of(&rows))
    };
    (!rows.is_empty()).then(keep)
}

/// The words in hours `j` of accounts, merged or not, with `$2` and `$3` for the first and the last of them.
pub(super) const WORDS: Sql = sql!(
    "WITH j AS (SELECT h.account, h.hour FROM " rows("$1"; account text, hour bigint) " AS h)
     SELECT event_id, account_id, word FROM (
       SELECT x.event_id, x.account_id, x.word FROM j CROSS JOIN lead_words AS x
       WHERE x.account_id = j.account AND x.hour = j.hour AND x.word >= $2 AND x.word <= $3 AND x.event_id > $4 AND x.event_id < $5
       UNION ALL
       SELECT t.event_id, t.account_id, w.value FROM j CROSS JOIN lead_tail AS t CROSS JOIN "
    on(
        sqlite: "json_each(t.words) AS w",
        postgres: "LATERAL (SELECT e.value COLLATE \"C\" FROM jsonb_array_elements_text(t.words::jsonb) AS e(value)) AS w(value)"
    ) " WHERE t.account_id = j.account AND t.hour = j.hour AND w.value >= $2 AND w.value <= $3 AND t.event_id > $4 AND t.event_id < $5
     ) AS found"
);

/// The first and the last hour of which an account has words.
pub(super) const HOURS: Sql = sql!(
    "SELECT min(hour), max(hour) FROM (
       SELECT * FROM (SELECT hour FROM lead_words WHERE account_id = $1 ORDER BY hour LIMIT 1) AS a
       UNION ALL SELECT * FROM (SELECT hour FROM lead_words WHERE account_id = $1 ORDER BY hour DESC LIMIT 1) AS b
       UNION ALL SELECT * FROM (SELECT hour FROM lead_tail WHERE account_id = $1 ORDER BY hour LIMIT 1) AS c
       UNION ALL SELECT * FROM (SELECT hour FROM lead_tail WHERE account_id = $1 ORDER BY hour DESC LIMIT 1) AS d
     ) AS hours"
);

/// What is merged next: whole accounts and hours one after the other, as the words of them stand together.
macro_rules! merged_next {
    ($columns:literal) => {
        concat!("SELECT ", $columns, " FROM lead_tail ORDER BY account_id, hour, event_id LIMIT $1")
    };
}

impl Store {
    /// Merges the words of up to `count` leads, and says of how many it did. Processes that do so side by side take
    /// different ones.
    pub async fn merge_words(&self, count: u32) -> Result<u64> {
        match &self.db {
            Db::Sqlite(_) => {
                let merge = Sql::same(
                    concat!(
                        "INSERT INTO lead_words (account_id, hour, word, event_id)
                         SELECT t.account_id, t.hour, w.value, t.event_id
                         FROM (",
                        merged_next!("account_id, hour, event_id, words"),
                        ") AS t CROSS JOIN json_each(t.words) AS w
                         WHERE true ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING"
                    )
                    .to_owned(),
                );
                let clear = Sql::same(
                    concat!(
                        "DELETE FROM lead_tail WHERE (account_id, hour, event_id) IN (",
                        merged_next!("account_id, hour, event_id"),
                        ")"
                    )
                    .to_owned(),
                );
                let (merge, clear) = (query(merge).bind(count), query(clear).bind(count));
                let both = self.db.write(|tx| {
                    Box::pin(async move {
                        merge.execute(&mut *tx).await?;
                        clear.execute(tx).await
                    })
                });
                both.await
            }
            Db::Postgres(_) => {
                let merge = Sql::same(
                    concat!(
                        "WITH taken AS (
                           DELETE FROM lead_tail WHERE (account_id, hour, event_id) IN (",
                        merged_next!("account_id, hour, event_id"),
                        " FOR UPDATE SKIP LOCKED) RETURNING account_id, hour, event_id, words
                         ), merged AS (
                           INSERT INTO lead_words (account_id, hour, word, event_id)
                           SELECT t.account_id, t.hour, w.value, t.event_id
                           FROM taken AS t CROSS JOIN LATERAL jsonb_array_elements_text(t.words::jsonb) AS w(value)
                           ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING
                         )
                         SELECT count(*) FROM taken"
                    )
                    .to_owned(),
                );
                let merge = query(merge).bind(count);
                let merged = self.db.write_unsynced(|tx| Box::pin(async move { merge.fetch_one::<i64>(tx).await }));
                Ok(u64::try_from(merged.await?).unwrap_or(0))
            }
        }
    }
}
