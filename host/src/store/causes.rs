//! Issues: one cause for an account and a subject, and what waits under it.

use serde::Serialize;
use serde_json::json;
use sqlx::SqliteConnection;

use super::{Store, json, lanes, rows};
use crate::cause::{Code, Problem};
use crate::model::delivery::BAND_RETRY;
use crate::model::id::{AccountId, CauseId};
use crate::model::time::Timestamp;

/// Something that waits for a cause to be removed.
pub(super) struct Waiting<'a> {
    pub(super) account: &'a AccountId,
    pub(super) problem: &'a Problem,
    /// The event that is held, or the delivery that is blocked.
    pub(super) item: &'a str,
    /// Where it goes when the cause is gone.
    pub(super) lane: &'a str,
    /// Of the person it is about.
    pub(super) key_hash: Option<&'a str>,
}

/// Items that go back into the queue in one commit.
const PAGE: u32 = 500;

impl Store {
    /// Puts everything that waits under these causes of an account back into the queue, in pages, and closes them.
    /// Returns how much that was.
    pub async fn release(&self, account: &AccountId, codes: &[Code], now: Timestamp) -> sqlx::Result<u64> {
        let mut released = 0;
        loop {
            let page = self.release_page(account, &json(codes), now).await?;
            released += page;
            if page < u64::from(PAGE) {
                return Ok(released);
            }
        }
    }

    async fn release_page(&self, account: &AccountId, codes: &str, now: Timestamp) -> sqlx::Result<u64> {
        let mut tx = self.begin().await?;
        let items: Vec<(String, String, String, Option<String>)> = sqlx::query_as(
            "SELECT h.cause_id, h.item_id, h.lane_id, h.key_hash FROM causes AS c
             JOIN held AS h ON h.account_id = c.account_id AND h.cause_id = c.id
             WHERE c.account_id = $1 AND c.code IN (SELECT value FROM json_each($2)) ORDER BY h.item_id LIMIT $3",
        )
        .bind(account.as_str())
        .bind(codes)
        .bind(PAGE)
        .fetch_all(&mut *tx)
        .await?;
        let row = |(cause, item, lane, key): &(String, String, String, Option<String>)| json!({ "account": account.as_str(), "cause": cause, "item": item, "lane": lane, "key": key });
        let rows = json(&items.iter().map(row).collect::<Vec<_>>());
        sqlx::query(concat!(
            "INSERT INTO work (account_id, lane_id, band, due_at, item_id, key_hash)
             SELECT j.account, j.lane, $3, $2, j.item, j.key FROM ",
            rows!("$1"; account, lane, item, key),
            " AS j
             WHERE true ON CONFLICT DO NOTHING"
        ))
        .bind(&rows)
        .bind(now.0)
        .bind(BAND_RETRY)
        .execute(&mut *tx)
        .await?;
        sqlx::query(concat!(
            "UPDATE deliveries AS d SET state = 'pending', due_at = $2 FROM ",
            rows!("$1"; account, item),
            " AS j
             WHERE d.account_id = j.account AND d.id = j.item AND d.state = 'blocked'"
        ))
        .bind(&rows)
        .bind(now.0)
        .execute(&mut *tx)
        .await?;
        sqlx::query(concat!(
            "DELETE FROM held WHERE (account_id, cause_id, item_id) IN (SELECT j.account, j.cause, j.item FROM ",
            rows!("$1"; account, cause, item),
            " AS j)"
        ))
        .bind(&rows)
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "DELETE FROM causes WHERE account_id = $1 AND code IN (SELECT value FROM json_each($2))
             AND NOT EXISTS (SELECT 1 FROM held AS h WHERE h.account_id = causes.account_id AND h.cause_id = causes.id)",
        )
        .bind(account.as_str())
        .bind(codes)
        .execute(&mut *tx)
        .await?;
        lanes::wake(&mut tx, &rows, now).await?;
        tx.commit().await?;
        Ok(items.len() as u64)
    }
}

#[derive(Serialize)]
struct Row<'a> {
    account: &'a str,
    id: String,
    code: &'a str,
    subject: &'a str,
    problem: String,
    item: &'a str,
    lane: &'a str,
    key: Option<&'a str>,
}

/// Opens the issues that are not open yet, and puts each item under its own.
pub(super) async fn hold(tx: &mut SqliteConnection, waiting: &[Waiting<'_>], now: Timestamp) -> sqlx::Result<()> {
    if waiting.is_empty() {
        return Ok(());
    }
    let row = |waiting: &Waiting<'_>| -> String {
        json(&Row {
            account: waiting.account.as_str(),
            id: CauseId::new(now).as_str().to_owned(),
            code: waiting.problem.code.as_str(),
            subject: waiting.problem.subject.as_deref().unwrap_or(""),
            problem: json(waiting.problem),
            item: waiting.item,
            lane: waiting.lane,
            key: waiting.key_hash,
        })
    };
    let all = format!("[{}]", waiting.iter().map(row).collect::<Vec<_>>().join(","));
    sqlx::query(concat!(
        "INSERT INTO causes (account_id, id, code, subject, problem, first_at, last_at)
         SELECT j.account, j.id, j.code, j.subject, j.problem, $2, $2
         FROM ",
        rows!("$1"; account, id, code, subject, problem),
        " AS j
         WHERE true ON CONFLICT (account_id, code, subject) DO UPDATE SET last_at = excluded.last_at"
    ))
    .bind(&all)
    .bind(now.0)
    .execute(&mut *tx)
    .await?;
    sqlx::query(concat!(
        "INSERT INTO held (account_id, cause_id, item_id, lane_id, key_hash)
         SELECT c.account_id, c.id, j.item, j.lane, j.key
         FROM ",
        rows!("$1"; account, code, subject, item, lane, key),
        " AS j
         JOIN causes AS c ON c.account_id = j.account AND c.code = j.code AND c.subject = j.subject
         WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(&all)
    .execute(tx)
    .await
    .map(drop)
}
