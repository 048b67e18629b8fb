//! Issues: one cause for an account and a subject, and what waits under it.

use serde::Serialize;
use sqlx::SqliteConnection;

use super::{json, rows};
use crate::cause::Problem;
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
        "INSERT INTO held (account_id, cause_id, item_id, lane_id)
         SELECT c.account_id, c.id, j.item, j.lane
         FROM ",
        rows!("$1"; account, code, subject, item, lane),
        " AS j
         JOIN causes AS c ON c.account_id = j.account AND c.code = j.code AND c.subject = j.subject
         WHERE true ON CONFLICT DO NOTHING"
    ))
    .bind(&all)
    .execute(tx)
    .await
    .map(drop)
}
