//! One person's data: where it is, and how it is removed, a page in a commit. What is left of a lead is that there was one.

mod calls;
mod elsewhere;
mod leads;
mod records;
mod sweep;

use std::collections::HashMap;

use secrecy::ExposeSecret as _;

use super::{Conn, Result, Sql, Store, StoreError, parse, query, sql, suppressions, word};
use crate::cause::{Code, Problem};
use crate::model;
use crate::model::erasure::Erasure;
use crate::model::id::{AccountId, ErasureId, EventId};
use crate::model::time::Timestamp;
use crate::subject::Subject;

use calls::blank_calls;
use elsewhere::find_elsewhere;
use leads::remove_leads;
use records::note_records;

pub(crate) use calls::own_inputs;
pub use elsewhere::Elsewhere;
pub(super) use leads::{forget_bodies, lead_rows, removing, stripping};
pub(crate) use records::written;
pub use sweep::Swept;

/// What removing a page came to.
#[derive(Clone, Debug)]
pub enum Erased {
    /// The job as it stands now.
    Done(Box<Erasure>),
    /// Somebody else did this page.
    Overtaken,
}

/// Why a lead of somebody who asked for that is not there any more.
pub(crate) fn erased() -> Problem {
    Problem::new(
        Code::ContactErased,
        "the shopper asked to be forgotten; what the lead said is removed, and nothing is sent",
    )
}

/// The columns of a [`Row`].
macro_rules! erasures {
    () => {
        "SELECT account_id, id, phase, hashes, at_hubspot, reason, made_by, created_at, looked_at, last, tally, records, tries"
    };
}

type Row = (String, String, String, String, i64, String, String, i64, String, String, String, String, i64);
type Ends = (i64, Option<i64>);

impl Store {
    /// Makes the job of an erasure, and suppresses the person in the same commit.
    pub async fn insert_erasure(&self, erasure: &Erasure, subject: &Subject) -> Result<()> {
        let (keys, erasure) = (self.keys.clone(), erasure.clone());
        let subject = super::json(subject);
        let insert = self.db.write(move |tx| {
            Box::pin(async move {
                tx.guard_keys(false).await?;
                let sealed = keys.seal(&format!("erasures/{}/subject", erasure.id), &subject);
                let insert = query(sql!(
                    "INSERT INTO erasures (account_id, id, phase, subject, hashes, at_hubspot, reason, made_by, created_at,
                       looked_at, last, tally, records, tries, next_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, '[]', 0, $9)"
                ));
                insert
                    .bind(erasure.account_id.as_str())
                    .bind(erasure.id.as_str())
                    .bind(model::word(&erasure.phase))
                    .bind(sealed)
                    .bind(super::json(&erasure.subject))
                    .bind(i64::from(erasure.at_hubspot))
                    .bind(&erasure.reason)
                    .bind(&erasure.made_by)
                    .bind(erasure.created_at.0)
                    .bind(erasure.looked_at.as_str())
                    .bind(erasure.last.as_str())
                    .bind(super::json(&erasure.removed))
                    .execute(&mut *tx)
                    .await?;
                let why = (erasure.reason.as_str(), erasure.made_by.as_str());
                let (account, now) = (&erasure.account_id, erasure.created_at);
                suppressions::insert(tx, account, &erasure.subject, why, Some(&erasure.id), now).await.map(drop)
            })
        });
        insert.await
    }

    /// The erasures of an account, the newest first.
    pub async fn erasures(&self, account: Option<&AccountId>, limit: u32) -> Result<Vec<Erasure>> {
        let newest = "$1 IS NULL OR account_id = $1 ORDER BY id DESC LIMIT $2";
        self.erasures_where(newest, account.map(AccountId::as_str), i64::from(limit)).await
    }

    /// One erasure.
    pub async fn erasure(&self, id: &str) -> Result<Option<Erasure>> {
        Ok(self.erasures_where("id = $1 LIMIT $2", Some(id), 1).await?.pop())
    }

    /// The erasure that is due longest.
    pub async fn due_erasure(&self, now: Timestamp) -> Result<Option<Erasure>> {
        let due = "phase <> 'done' AND $1 IS NULL AND next_at <= $2 ORDER BY next_at LIMIT 1";
        Ok(self.erasures_where(due, None, now.0).await?.pop())
    }

    /// When the next page of any erasure is due.
    pub async fn next_erasure_at(&self) -> Result<Option<Timestamp>> {
        let next: Option<i64> =
            query(sql!("SELECT min(next_at) FROM erasures WHERE phase <> 'done'")).fetch_one(&self.db).await?;
        Ok(next.map(Timestamp))
    }

    async fn erasures_where(&self, clause: &'static str, text: Option<&str>, number: i64) -> Result<Vec<Erasure>> {
        let of = |columns: &str| Sql::same(format!("{columns} FROM erasures WHERE {clause}"));
        let rows: Vec<Row> = query(of(erasures!())).bind(text).bind(number).fetch_all(&self.db).await?;
        let ends: Vec<(String, i64, Option<i64>)> =
            query(of("SELECT id, next_at, finished_at")).bind(text).bind(number).fetch_all(&self.db).await?;
        let mut ends: HashMap<_, Ends> = ends.into_iter().map(|(id, next, end)| (id, (next, end))).collect();
        let erasure = |row: Row| {
            let ends = ends.remove(&row.1).unwrap_or_default();
            erasure(row, ends)
        };
        rows.into_iter().map(erasure).collect()
    }

    /// Whom an erasure is about; none once nothing is looked for any more.
    ///
    /// # Errors
    /// The database's, and when it cannot be opened with the key ring.
    pub async fn subject_of(&self, erasure: &Erasure) -> Result<Option<Subject>> {
        let sealed: Option<String> = query(sql!("SELECT subject FROM erasures WHERE account_id = $1 AND id = $2"))
            .bind(erasure.account_id.as_str())
            .bind(erasure.id.as_str())
            .fetch_optional(&self.db)
            .await?;
        let Some(sealed) = sealed.filter(|sealed| !sealed.is_empty()) else { return Ok(None) };
        let opened =
            self.keys.open(&format!("erasures/{}/subject", erasure.id), &sealed).map_err(StoreError::decode)?;
        parse(opened.expose_secret()).map(Some)
    }

    /// Removes what is kept of these leads, and stores how far the job is, in one commit.
    pub async fn erase_leads(
        &self,
        before: &Erasure,
        found: &[EventId],
        after: Erasure,
        subject: &Subject,
        now: Timestamp,
    ) -> Result<Erased> {
        let calls = self.calls_about(&before.account_id, found, subject).await?;
        let (before, found) = (before.clone(), found.to_vec());
        let erase = self.db.write(move |tx| {
            Box::pin(async move {
                if !is_still(tx, &before).await? {
                    return Ok(Erased::Overtaken);
                }
                let mut after = after;
                if !found.is_empty() {
                    overwrite(tx, true).await?;
                    note_records(tx, &mut after, &found).await?;
                    remove_leads(tx, &mut after, &found, now).await?;
                    after.removed.calls += blank_calls(tx, &calls).await?;
                    overwrite(tx, false).await?;
                }
                keep(tx, &before, &after, false).await?;
                Ok(Erased::Done(Box::new(after)))
            })
        });
        erase.await
    }

    /// Removes what holds the person beside the leads, and forgets whom the erasure is about.
    pub async fn erase_elsewhere(&self, before: &Erasure, after: Erasure, subject: &Subject) -> Result<Erased> {
        let (before, subject) = (before.clone(), subject.clone());
        let erase = self.db.write(move |tx| {
            Box::pin(async move {
                if !is_still(tx, &before).await? {
                    return Ok(Erased::Overtaken);
                }
                let mut after = after;
                let found = find_elsewhere(tx, &before.account_id, &subject).await?;
                overwrite(tx, true).await?;
                found.remove(tx, &before.account_id, &mut after.removed).await?;
                overwrite(tx, false).await?;
                keep(tx, &before, &after, true).await?;
                Ok(Erased::Done(Box::new(after)))
            })
        });
        erase.await
    }

    /// Stores how far the job is.
    pub async fn go_on_erasing(&self, before: &Erasure, after: Erasure) -> Result<Erased> {
        let before = before.clone();
        let go_on = self.db.write(move |tx| {
            Box::pin(async move {
                if !is_still(tx, &before).await? {
                    return Ok(Erased::Overtaken);
                }
                keep(tx, &before, &after, false).await?;
                Ok(Erased::Done(Box::new(after)))
            })
        });
        go_on.await
    }
}

fn erasure(row: Row, (next_at, finished_at): Ends) -> Result<Erasure> {
    let (account, id, phase, hashes, at_hubspot, reason, made_by, created_at, looked_at, last, tally, records, tries) =
        row;
    Ok(Erasure {
        id: ErasureId::stored(id),
        account_id: AccountId::stored(account),
        phase: word(&phase)?,
        subject: parse(&hashes)?,
        reason,
        made_by,
        created_at: Timestamp(created_at),
        finished_at: finished_at.map(Timestamp),
        at_hubspot: at_hubspot != 0,
        removed: parse(&tally)?,
        records: parse(&records)?,
        looked_at: EventId::stored(looked_at),
        last: EventId::stored(last),
        tries: u32::try_from(tries).map_err(StoreError::decode)?,
        next_at: Timestamp(next_at),
    })
}

/// Lets SQLite write zeros over what is deleted, or only forget where it is, as it does otherwise: that is cheaper. Postgres
/// does it when it vacuums.
async fn overwrite(tx: &mut Conn, on: bool) -> Result<()> {
    if let Conn::Sqlite(_) = tx {
        let set = if on { "PRAGMA secure_delete = ON" } else { "PRAGMA secure_delete = OFF" };
        query(Sql::same(set.to_owned())).fetch_all::<i64>(tx).await?;
    }
    Ok(())
}

/// Whether nobody else did the page meanwhile; on Postgres nobody does until the transaction ends.
async fn is_still(tx: &mut Conn, before: &Erasure) -> Result<bool> {
    let still = query(sql!(
        "SELECT CAST(1 AS bigint) FROM erasures WHERE account_id = $1 AND id = $2 AND phase = $3 AND looked_at = $4 AND tries = $5
           AND records = $6" on(sqlite: "", postgres: " FOR UPDATE")
    ));
    let still = still
        .bind(before.account_id.as_str())
        .bind(before.id.as_str())
        .bind(model::word(&before.phase))
        .bind(before.looked_at.as_str())
        .bind(before.tries)
        .bind(super::json(&before.records));
    Ok(still.fetch_optional::<i64>(tx).await?.is_some())
}

async fn keep(tx: &mut Conn, before: &Erasure, after: &Erasure, forgets: bool) -> Result<()> {
    let keep = query(sql!(
        "UPDATE erasures SET phase = $3, looked_at = $4, tally = $5, records = $6, tries = $7, next_at = $8, finished_at = $9,
           subject = CASE WHEN $10 = 1 THEN '' ELSE subject END WHERE account_id = $1 AND id = $2"
    ));
    keep.bind(before.account_id.as_str())
        .bind(before.id.as_str())
        .bind(model::word(&after.phase))
        .bind(after.looked_at.as_str())
        .bind(super::json(&after.removed))
        .bind(super::json(&after.records))
        .bind(after.tries)
        .bind(after.next_at.0)
        .bind(after.finished_at.map(|at| at.0))
        .bind(i64::from(forgets))
        .execute(tx)
        .await
        .map(drop)
}
